# tests/config: the loader, the daemon's keys, the service's files.
config_tests = \
	tests/config/test_agreement.py \
	tests/config/test_check.py \
	tests/config/test_units.py
TESTS += $(config_tests)
EXTRA_DIST += $(config_tests)

check_PROGRAMS += tests/config/print-keys
tests_config_print_keys_SOURCES = tests/config/print-keys.c
tests_config_print_keys_LDADD = $(CONFIG_LIBS)

if HAVE_CMOCKA
config_unit_tests = tests/config/config-table-test tests/config/daemon-config-test
check_PROGRAMS += $(config_unit_tests)
TESTS += $(config_unit_tests)
tests_config_config_table_test_SOURCES = tests/config/config-table-test.c
tests_config_config_table_test_CFLAGS = $(UNIT_CFLAGS)
tests_config_config_table_test_LDADD = $(CONFIG_LIBS) $(CMOCKA_LIBS)
tests_config_daemon_config_test_SOURCES = tests/config/daemon-config-test.c
tests_config_daemon_config_test_CFLAGS = $(UNIT_CFLAGS)
tests_config_daemon_config_test_LDADD = $(CONFIG_LIBS) $(CMOCKA_LIBS)
endif
