# bll over a real store, with an outlet that writes down what comes out.
if HAVE_CMOCKA
if HAVE_SQLITE
bll_tests = \
	tests/bll/await-test \
	tests/bll/backlog-test \
	tests/bll/conservation-test \
	tests/bll/delivery-test \
	tests/bll/device-test \
	tests/bll/dial-test \
	tests/bll/fault-test \
	tests/bll/hello-test \
	tests/bll/history-test \
	tests/bll/link-test \
	tests/bll/names-test \
	tests/bll/passwd-test \
	tests/bll/rooms-test \
	tests/bll/send-test \
	tests/bll/session-test \
	tests/bll/signed-poll-test \
	tests/bll/signon-test \
	tests/bll/stream-fault-test \
	tests/bll/stream-test \
	tests/bll/whisper-test \
	tests/bll/window-test
check_PROGRAMS += $(bll_tests)
TESTS += $(bll_tests)

bll_fixture = tests/bll/fixture.c tests/bll/fixture.h
bll_receiver = $(bll_fixture) tests/bll/receiver.c tests/bll/receiver.h
tests_bll_await_test_SOURCES = tests/bll/await-test.c $(bll_receiver)
tests_bll_await_test_CFLAGS = $(UNIT_CFLAGS)
tests_bll_await_test_LDADD = $(BLL_LIBS) $(CMOCKA_LIBS)
tests_bll_history_test_SOURCES = tests/bll/history-test.c $(bll_receiver)
tests_bll_history_test_CFLAGS = $(UNIT_CFLAGS)
tests_bll_history_test_LDADD = $(BLL_LIBS) $(CMOCKA_LIBS)
tests_bll_names_test_SOURCES = tests/bll/names-test.c $(bll_receiver)
tests_bll_names_test_CFLAGS = $(UNIT_CFLAGS)
tests_bll_names_test_LDADD = $(BLL_LIBS) $(CMOCKA_LIBS)
tests_bll_rooms_test_SOURCES = tests/bll/rooms-test.c $(bll_receiver)
tests_bll_rooms_test_CFLAGS = $(UNIT_CFLAGS)
tests_bll_rooms_test_LDADD = $(BLL_LIBS) $(CMOCKA_LIBS)
tests_bll_whisper_test_SOURCES = tests/bll/whisper-test.c $(bll_receiver)
tests_bll_whisper_test_CFLAGS = $(UNIT_CFLAGS)
tests_bll_whisper_test_LDADD = $(BLL_LIBS) $(CMOCKA_LIBS)
tests_bll_backlog_test_SOURCES = tests/bll/backlog-test.c $(bll_fixture)
tests_bll_backlog_test_CFLAGS = $(UNIT_CFLAGS)
tests_bll_backlog_test_LDADD = $(BLL_LIBS) $(CMOCKA_LIBS)
tests_bll_conservation_test_SOURCES = tests/bll/conservation-test.c $(bll_receiver)
tests_bll_conservation_test_CFLAGS = $(UNIT_CFLAGS)
tests_bll_conservation_test_LDADD = $(BLL_LIBS) $(CMOCKA_LIBS)
tests_bll_delivery_test_SOURCES = tests/bll/delivery-test.c $(bll_fixture)
tests_bll_delivery_test_CFLAGS = $(UNIT_CFLAGS)
tests_bll_delivery_test_LDADD = $(BLL_LIBS) $(CMOCKA_LIBS)
tests_bll_device_test_SOURCES = tests/bll/device-test.c $(bll_fixture)
tests_bll_device_test_CFLAGS = $(UNIT_CFLAGS)
tests_bll_device_test_LDADD = $(BLL_LIBS) $(CMOCKA_LIBS)
tests_bll_dial_test_SOURCES = tests/bll/dial-test.c $(bll_receiver)
tests_bll_dial_test_CFLAGS = $(UNIT_CFLAGS)
tests_bll_dial_test_LDADD = $(BLL_LIBS) $(CMOCKA_LIBS)
tests_bll_fault_test_SOURCES = tests/bll/fault-test.c $(bll_fixture) \
	tests/dal/driver-faulty.c tests/dal/driver-faulty.h
tests_bll_fault_test_CFLAGS = $(UNIT_CFLAGS)
tests_bll_fault_test_LDFLAGS = $(AM_LDFLAGS) $(FAULT_WRAPS)
tests_bll_fault_test_LDADD = $(BLL_LIBS) $(CMOCKA_LIBS)
tests_bll_hello_test_SOURCES = tests/bll/hello-test.c $(bll_fixture)
tests_bll_hello_test_CFLAGS = $(UNIT_CFLAGS)
tests_bll_hello_test_LDADD = $(BLL_LIBS) $(CMOCKA_LIBS)
tests_bll_link_test_SOURCES = tests/bll/link-test.c $(bll_fixture)
tests_bll_link_test_CFLAGS = $(UNIT_CFLAGS)
tests_bll_link_test_LDADD = $(BLL_LIBS) $(CMOCKA_LIBS)
tests_bll_passwd_test_SOURCES = tests/bll/passwd-test.c $(bll_fixture)
tests_bll_passwd_test_CFLAGS = $(UNIT_CFLAGS)
tests_bll_passwd_test_LDADD = $(BLL_LIBS) $(CMOCKA_LIBS)
tests_bll_send_test_SOURCES = tests/bll/send-test.c $(bll_fixture)
tests_bll_send_test_CFLAGS = $(UNIT_CFLAGS)
tests_bll_send_test_LDADD = $(BLL_LIBS) $(CMOCKA_LIBS)
tests_bll_session_test_SOURCES = tests/bll/session-test.c
tests_bll_session_test_CFLAGS = $(UNIT_CFLAGS)
tests_bll_session_test_LDADD = $(BLL_LIBS) $(CMOCKA_LIBS)
tests_bll_signon_test_SOURCES = tests/bll/signon-test.c $(bll_fixture)
tests_bll_signon_test_CFLAGS = $(UNIT_CFLAGS)
tests_bll_signon_test_LDADD = $(BLL_LIBS) $(CMOCKA_LIBS)
tests_bll_signed_poll_test_SOURCES = tests/bll/signed-poll-test.c $(bll_receiver) \
	tests/lib/fault.h
tests_bll_signed_poll_test_CFLAGS = $(UNIT_CFLAGS)
tests_bll_signed_poll_test_LDFLAGS = $(AM_LDFLAGS) $(FAULT_WRAPS)
tests_bll_signed_poll_test_LDADD = $(BLL_LIBS) $(CMOCKA_LIBS)
tests_bll_stream_fault_test_SOURCES = tests/bll/stream-fault-test.c $(bll_receiver) \
	tests/lib/fault.h
tests_bll_stream_fault_test_CFLAGS = $(UNIT_CFLAGS)
tests_bll_stream_fault_test_LDFLAGS = $(AM_LDFLAGS) $(FAULT_WRAPS)
tests_bll_stream_fault_test_LDADD = $(BLL_LIBS) $(CMOCKA_LIBS)
tests_bll_stream_test_SOURCES = tests/bll/stream-test.c $(bll_receiver)
tests_bll_stream_test_CFLAGS = $(UNIT_CFLAGS)
tests_bll_stream_test_LDADD = $(BLL_LIBS) $(CMOCKA_LIBS)
tests_bll_window_test_SOURCES = tests/bll/window-test.c
tests_bll_window_test_CFLAGS = $(UNIT_CFLAGS)
tests_bll_window_test_LDADD = src/bll/libbll.a $(CMOCKA_LIBS)
endif
endif
