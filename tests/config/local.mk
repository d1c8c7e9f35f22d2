# tests/config: the loader, the daemon's keys, the service's files.
if HAVE_CMOCKA
check_PROGRAMS += tests/config/config-table-test
TESTS += tests/config/config-table-test
tests_config_config_table_test_SOURCES = tests/config/config-table-test.c
tests_config_config_table_test_CFLAGS = $(UNIT_CFLAGS)
tests_config_config_table_test_LDADD = $(CONFIG_LIBS) $(CMOCKA_LIBS)
endif
