# tests/client: the client, by its parts and by its dialogues.
if HAVE_CMOCKA
client_units = \
	tests/client/lines-test \
	tests/client/options-test \
	tests/client/outbox-test \
	tests/client/printable-test \
	tests/client/sender-test
check_PROGRAMS += $(client_units)
TESTS += $(client_units)

tests_client_lines_test_CFLAGS = $(UNIT_CFLAGS)
tests_client_lines_test_LDADD = $(CLIENT_LIBS) $(CMOCKA_LIBS)
tests_client_options_test_CFLAGS = $(UNIT_CFLAGS)
tests_client_options_test_LDADD = $(CLIENT_LIBS) $(CMOCKA_LIBS)
tests_client_outbox_test_CFLAGS = $(UNIT_CFLAGS)
tests_client_outbox_test_LDADD = $(CLIENT_LIBS) $(CMOCKA_LIBS)
# Every call by which the outbox changes the disk goes through the test, and what names it.
tests_client_outbox_test_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=openat,--wrap=mkdirat,--wrap=renameat,--wrap=unlinkat \
	-Wl,--wrap=write,--wrap=fsync,--wrap=flock \
	-Wl,--wrap=clock_real_us,--wrap=getrandom
tests_client_printable_test_CFLAGS = $(UNIT_CFLAGS)
tests_client_printable_test_LDADD = $(CLIENT_LIBS) $(CMOCKA_LIBS)
tests_client_sender_test_CFLAGS = $(UNIT_CFLAGS)
tests_client_sender_test_LDADD = $(CLIENT_LIBS) $(CMOCKA_LIBS)
endif

client_dialogues = \
	tests/client/test_client.py \
	tests/client/test_daemon.py \
	tests/client/test_terminal.py
TESTS += $(client_dialogues)
EXTRA_DIST += $(client_dialogues) \
	tests/client/fakeserver.py tests/client/harness.py tests/client/screen.py
