# tests/dal: one suite over every real engine, and the scripted driver for what engines rarely do.
EXTRA_DIST += tests/dal/storage-mariadb-test.sh tests/dal/outage-mariadb-test.sh
if HAVE_CMOCKA
check_PROGRAMS += tests/dal/storage-test tests/dal/outage-test
tests_dal_storage_test_SOURCES = tests/dal/storage-test.c tests/dal/harness.c tests/dal/harness.h
tests_dal_storage_test_CFLAGS = $(UNIT_CFLAGS)
tests_dal_storage_test_LDADD = $(DAL_LIBS) $(CMOCKA_LIBS)
tests_dal_outage_test_SOURCES = tests/dal/outage-test.c tests/dal/harness.c tests/dal/harness.h
tests_dal_outage_test_CFLAGS = $(UNIT_CFLAGS)
tests_dal_outage_test_LDADD = $(DAL_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/dal/writer-test
tests_dal_writer_test_SOURCES = tests/dal/writer-test.c tests/dal/harness.c tests/dal/harness.h \
	tests/dal/driver-fake.c tests/dal/driver-fake.h
tests_dal_writer_test_CFLAGS = $(UNIT_CFLAGS)
tests_dal_writer_test_LDADD = $(DAL_LIBS) $(CMOCKA_LIBS)
TESTS += tests/dal/writer-test
if HAVE_SQLITE
check_PROGRAMS += tests/dal/fault-test
tests_dal_fault_test_SOURCES = tests/dal/fault-test.c tests/dal/harness.c tests/dal/harness.h \
	tests/dal/driver-faulty.c tests/dal/driver-faulty.h
tests_dal_fault_test_CFLAGS = $(UNIT_CFLAGS)
tests_dal_fault_test_LDADD = $(DAL_LIBS) $(CMOCKA_LIBS)
TESTS += tests/dal/storage-test tests/dal/outage-test tests/dal/fault-test
endif
if HAVE_MYSQL
TESTS += tests/dal/storage-mariadb-test.sh tests/dal/outage-mariadb-test.sh
endif
endif
