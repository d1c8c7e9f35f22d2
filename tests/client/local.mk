# tests/client: the client, by its parts and by its dialogues.
if HAVE_CMOCKA
client_units = \
	tests/client/account-test \
	tests/client/commands-test \
	tests/client/courier-test \
	tests/client/cursors-test \
	tests/client/device-test \
	tests/client/exchange-test \
	tests/client/lines-test \
	tests/client/link-test \
	tests/client/options-test \
	tests/client/notebook-test \
	tests/client/outbox-test \
	tests/client/printable-test \
	tests/client/push-dialogue-test \
	tests/client/reach-test \
	tests/client/trust-test \
	tests/client/windows-test
check_PROGRAMS += $(client_units)
TESTS += $(client_units)

# For programs that include disk-faults.h.
DISK_FAULT_WRAPS = \
	-Wl,--wrap=openat,--wrap=mkdirat,--wrap=renameat,--wrap=unlinkat \
	-Wl,--wrap=write,--wrap=fsync,--wrap=fdatasync,--wrap=flock
tests_client_account_test_CFLAGS = $(UNIT_CFLAGS)
tests_client_account_test_LDADD = $(CLIENT_LIBS) $(CMOCKA_LIBS)
tests_client_courier_test_SOURCES = tests/client/courier-test.c \
	tests/client/home.h tests/client/link-peer.h \
	tests/io/support.c tests/io/support.h
tests_client_courier_test_CFLAGS = $(UNIT_CFLAGS)
tests_client_courier_test_LDADD = $(CLIENT_LIBS) $(CMOCKA_LIBS)
tests_client_cursors_test_CFLAGS = $(UNIT_CFLAGS)
tests_client_cursors_test_LDADD = $(CLIENT_LIBS) $(CMOCKA_LIBS)
tests_client_cursors_test_LDFLAGS = $(AM_LDFLAGS) $(DISK_FAULT_WRAPS)
tests_client_device_test_CFLAGS = $(UNIT_CFLAGS)
tests_client_device_test_LDADD = $(CLIENT_LIBS) $(CMOCKA_LIBS)
tests_client_device_test_LDFLAGS = $(AM_LDFLAGS) $(DISK_FAULT_WRAPS)
tests_client_exchange_test_SOURCES = tests/client/exchange-test.c \
	tests/client/home.h tests/client/link-peer.h \
	tests/io/support.c tests/io/support.h
tests_client_exchange_test_CFLAGS = $(UNIT_CFLAGS)
tests_client_exchange_test_LDADD = $(CLIENT_LIBS) $(CMOCKA_LIBS)
tests_client_exchange_test_LDFLAGS = $(AM_LDFLAGS) $(FAULT_WRAPS)
tests_client_lines_test_CFLAGS = $(UNIT_CFLAGS)
tests_client_lines_test_LDADD = $(CLIENT_LIBS) $(CMOCKA_LIBS)
tests_client_link_test_SOURCES = tests/client/link-test.c \
	tests/client/home.h tests/client/link-peer.h \
	tests/io/support.c tests/io/support.h
tests_client_link_test_CFLAGS = $(UNIT_CFLAGS)
tests_client_link_test_LDADD = $(CLIENT_LIBS) $(CMOCKA_LIBS)
tests_client_options_test_CFLAGS = $(UNIT_CFLAGS)
tests_client_options_test_LDADD = $(CLIENT_LIBS) $(CMOCKA_LIBS)
tests_client_outbox_test_CFLAGS = $(UNIT_CFLAGS)
tests_client_outbox_test_LDADD = $(CLIENT_LIBS) $(CMOCKA_LIBS)
tests_client_outbox_test_LDFLAGS = $(AM_LDFLAGS) $(DISK_FAULT_WRAPS) \
	-Wl,--wrap=clock_real_us,--wrap=getrandom
tests_client_printable_test_CFLAGS = $(UNIT_CFLAGS)
tests_client_printable_test_LDADD = $(CLIENT_LIBS) $(CMOCKA_LIBS)
tests_client_push_dialogue_test_CFLAGS = $(UNIT_CFLAGS)
tests_client_push_dialogue_test_LDADD = $(CLIENT_LIBS) $(CMOCKA_LIBS)
tests_client_reach_test_CFLAGS = $(UNIT_CFLAGS)
tests_client_reach_test_LDADD = $(CLIENT_LIBS) $(CMOCKA_LIBS)
tests_client_commands_test_CFLAGS = $(UNIT_CFLAGS)
tests_client_commands_test_LDADD = $(CLIENT_LIBS) $(CMOCKA_LIBS)
tests_client_notebook_test_CFLAGS = $(UNIT_CFLAGS)
tests_client_notebook_test_LDADD = $(CLIENT_LIBS) $(CMOCKA_LIBS)
tests_client_windows_test_CFLAGS = $(UNIT_CFLAGS)
tests_client_windows_test_LDADD = $(CLIENT_LIBS) $(CMOCKA_LIBS)
tests_client_trust_test_CFLAGS = $(UNIT_CFLAGS)
tests_client_trust_test_LDADD = $(CLIENT_LIBS) $(CMOCKA_LIBS)
endif

client_dialogues = \
	tests/client/test_asking.py \
	tests/client/test_client.py \
	tests/client/test_completion.py \
	tests/client/test_daemon.py \
	tests/client/test_first_run.py \
	tests/client/test_picture.py \
	tests/client/test_recv.py \
	tests/client/test_rooms.py \
	tests/client/test_screen.py \
	tests/client/test_screen_line.py \
	tests/client/test_signon.py \
	tests/client/test_terminal.py \
	tests/client/test_trust.py
TESTS += $(client_dialogues)
EXTRA_DIST += $(client_dialogues) \
	tests/client/disk-faults.h tests/client/fakeserver.py \
	tests/client/harness.py tests/client/home.h tests/client/link-peer.h \
	tests/client/wire.py
