# tests/dal: one suite over every real engine, SQLite with faults, and the scripted driver that knows
# what it will be asked.
EXTRA_DIST += \
	tests/dal/history-mariadb-test.sh \
	tests/dal/messages-mariadb-test.sh \
	tests/dal/outage-mariadb-test.sh \
	tests/dal/rooms-mariadb-test.sh \
	tests/dal/storage-mariadb-test.sh
if HAVE_CMOCKA
dal_harness = tests/dal/harness.c tests/dal/harness.h
check_PROGRAMS += \
	tests/dal/history-test \
	tests/dal/messages-test \
	tests/dal/outage-test \
	tests/dal/rooms-test \
	tests/dal/storage-test \
	tests/dal/writer-test
TESTS += tests/dal/writer-test
tests_dal_history_test_SOURCES = tests/dal/history-test.c $(dal_harness)
tests_dal_history_test_CFLAGS = $(UNIT_CFLAGS)
tests_dal_history_test_LDADD = $(DAL_LIBS) $(CMOCKA_LIBS)
tests_dal_messages_test_SOURCES = tests/dal/messages-test.c $(dal_harness)
tests_dal_messages_test_CFLAGS = $(UNIT_CFLAGS)
tests_dal_messages_test_LDADD = $(DAL_LIBS) $(CMOCKA_LIBS)
tests_dal_outage_test_SOURCES = tests/dal/outage-test.c $(dal_harness)
tests_dal_outage_test_CFLAGS = $(UNIT_CFLAGS)
tests_dal_outage_test_LDADD = $(DAL_LIBS) $(CMOCKA_LIBS)
tests_dal_rooms_test_SOURCES = tests/dal/rooms-test.c $(dal_harness)
tests_dal_rooms_test_CFLAGS = $(UNIT_CFLAGS)
tests_dal_rooms_test_LDADD = $(DAL_LIBS) $(CMOCKA_LIBS)
tests_dal_storage_test_SOURCES = tests/dal/storage-test.c $(dal_harness)
tests_dal_storage_test_CFLAGS = $(UNIT_CFLAGS)
tests_dal_storage_test_LDADD = $(DAL_LIBS) $(CMOCKA_LIBS)
tests_dal_writer_test_SOURCES = tests/dal/writer-test.c $(dal_harness) \
	tests/dal/driver-fake.c tests/dal/driver-fake.h
tests_dal_writer_test_CFLAGS = $(UNIT_CFLAGS)
tests_dal_writer_test_LDADD = $(DAL_LIBS) $(CMOCKA_LIBS)
if HAVE_SQLITE
check_PROGRAMS += \
	tests/dal/fault-test \
	tests/dal/room-fault-test \
	tests/dal/transfer-test
dal_faulty = $(dal_harness) tests/dal/driver-faulty.c tests/dal/driver-faulty.h
tests_dal_fault_test_SOURCES = tests/dal/fault-test.c $(dal_faulty)
tests_dal_fault_test_CFLAGS = $(UNIT_CFLAGS)
tests_dal_fault_test_LDADD = $(DAL_LIBS) $(CMOCKA_LIBS)
tests_dal_room_fault_test_SOURCES = tests/dal/room-fault-test.c $(dal_faulty)
tests_dal_room_fault_test_CFLAGS = $(UNIT_CFLAGS)
tests_dal_room_fault_test_LDADD = $(DAL_LIBS) $(CMOCKA_LIBS)
tests_dal_transfer_test_SOURCES = tests/dal/transfer-test.c $(dal_harness)
tests_dal_transfer_test_CFLAGS = $(UNIT_CFLAGS)
tests_dal_transfer_test_LDFLAGS = $(AM_LDFLAGS) $(FAULT_WRAPS)
tests_dal_transfer_test_LDADD = $(DAL_LIBS) $(CMOCKA_LIBS)
TESTS += \
	tests/dal/fault-test \
	tests/dal/history-test \
	tests/dal/messages-test \
	tests/dal/outage-test \
	tests/dal/room-fault-test \
	tests/dal/rooms-test \
	tests/dal/storage-test \
	tests/dal/transfer-test
endif
if HAVE_MYSQL
TESTS += \
	tests/dal/history-mariadb-test.sh \
	tests/dal/messages-mariadb-test.sh \
	tests/dal/outage-mariadb-test.sh \
	tests/dal/rooms-mariadb-test.sh \
	tests/dal/storage-mariadb-test.sh
endif
endif
