# tests/util: one program for each source file.
if HAVE_CMOCKA
util_tests = \
	tests/util/addr-test \
	tests/util/buffer-test \
	tests/util/clock-test \
	tests/util/cursor-test \
	tests/util/hash-test \
	tests/util/list-test \
	tests/util/log-test \
	tests/util/metrics-test \
	tests/util/new-file-test \
	tests/util/peercount-test \
	tests/util/rate-test \
	tests/util/utf8-test
check_PROGRAMS += $(util_tests)
TESTS += $(util_tests)
tests_util_addr_test_SOURCES = tests/util/addr-test.c
tests_util_addr_test_CFLAGS = $(UNIT_CFLAGS)
tests_util_addr_test_LDADD = $(UTIL_LIBS) $(CMOCKA_LIBS)
tests_util_buffer_test_SOURCES = tests/util/buffer-test.c
tests_util_buffer_test_CFLAGS = $(UNIT_CFLAGS)
tests_util_buffer_test_LDFLAGS = $(AM_LDFLAGS) $(FAULT_WRAPS) -Wl,--wrap=free
tests_util_buffer_test_LDADD = $(UTIL_LIBS) $(CMOCKA_LIBS)
tests_util_clock_test_SOURCES = tests/util/clock-test.c
tests_util_clock_test_CFLAGS = $(UNIT_CFLAGS)
tests_util_clock_test_LDADD = $(UTIL_LIBS) $(CMOCKA_LIBS)
tests_util_cursor_test_SOURCES = tests/util/cursor-test.c
tests_util_cursor_test_CFLAGS = $(UNIT_CFLAGS)
tests_util_cursor_test_LDADD = $(UTIL_LIBS) $(CMOCKA_LIBS)
tests_util_hash_test_SOURCES = tests/util/hash-test.c
tests_util_hash_test_CFLAGS = $(UNIT_CFLAGS)
tests_util_hash_test_LDADD = $(UTIL_LIBS) $(CMOCKA_LIBS)
tests_util_list_test_SOURCES = tests/util/list-test.c
tests_util_list_test_CFLAGS = $(UNIT_CFLAGS)
tests_util_list_test_LDADD = $(UTIL_LIBS) $(CMOCKA_LIBS)
tests_util_log_test_SOURCES = tests/util/log-test.c
tests_util_log_test_CFLAGS = $(UNIT_CFLAGS)
tests_util_log_test_LDADD = $(UTIL_LIBS) $(CMOCKA_LIBS)
tests_util_metrics_test_SOURCES = tests/util/metrics-test.c
tests_util_metrics_test_CFLAGS = $(UNIT_CFLAGS)
tests_util_metrics_test_LDADD = $(UTIL_LIBS) $(CMOCKA_LIBS)
tests_util_new_file_test_SOURCES = tests/util/new-file-test.c
tests_util_new_file_test_CFLAGS = $(UNIT_CFLAGS)
tests_util_new_file_test_LDADD = $(UTIL_LIBS) $(CMOCKA_LIBS)
tests_util_peercount_test_SOURCES = tests/util/peercount-test.c
tests_util_peercount_test_CFLAGS = $(UNIT_CFLAGS)
tests_util_peercount_test_LDFLAGS = $(AM_LDFLAGS) $(FAULT_WRAPS)
tests_util_peercount_test_LDADD = $(UTIL_LIBS) $(CMOCKA_LIBS)
tests_util_rate_test_SOURCES = tests/util/rate-test.c
tests_util_rate_test_CFLAGS = $(UNIT_CFLAGS)
tests_util_rate_test_LDFLAGS = $(AM_LDFLAGS) $(FAULT_WRAPS)
tests_util_rate_test_LDADD = $(UTIL_LIBS) $(CMOCKA_LIBS)
tests_util_utf8_test_SOURCES = tests/util/utf8-test.c
tests_util_utf8_test_CFLAGS = $(UNIT_CFLAGS)
tests_util_utf8_test_LDFLAGS = $(AM_LDFLAGS) $(FAULT_WRAPS)
tests_util_utf8_test_LDADD = $(UTIL_LIBS) $(CMOCKA_LIBS)
endif
