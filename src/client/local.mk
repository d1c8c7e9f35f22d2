# client: multichat(1). May use util, proto, io (to listen), config and screen.
noinst_LIBRARIES += src/client/libclient.a
src_client_libclient_a_SOURCES = \
	src/client/account.c src/client/account.h \
	src/client/arriving.c src/client/arriving.h \
	src/client/asking.c src/client/asking.h \
	src/client/attachment.c src/client/attachment.h \
	src/client/client.c src/client/client.h \
	src/client/commands.c src/client/commands.h \
	src/client/completion.c src/client/completion.h \
	src/client/courier.c src/client/courier.h \
	src/client/crew.c src/client/crew.h \
	src/client/cursors.c src/client/cursors.h \
	src/client/device.c src/client/device.h \
	src/client/doing.c src/client/doing.h \
	src/client/echo.c src/client/echo.h \
	src/client/entry.c src/client/entry.h \
	src/client/exchange.c src/client/exchange.h \
	src/client/folder.c src/client/folder.h \
	src/client/hook.c src/client/hook.h \
	src/client/input.c src/client/input.h \
	src/client/known-servers.c src/client/known-servers.h \
	src/client/letter.c src/client/letter.h \
	src/client/listening.c src/client/listening.h \
	src/client/lines.c src/client/lines.h \
	src/client/link.c src/client/link.h \
	src/client/modes/asking.c src/client/modes/asking.h \
	src/client/modes/draining.c src/client/modes/draining.h \
	src/client/modes/errand.c src/client/modes/errand.h \
	src/client/modes/first-run.c src/client/modes/first-run.h \
	src/client/modes/history.c \
	src/client/modes/line.c \
	src/client/modes/modes.h \
	src/client/modes/passwd.c \
	src/client/modes/recv.c \
	src/client/modes/rooms.c \
	src/client/modes/send.c \
	src/client/modes/sending.c src/client/modes/sending.h \
	src/client/options.c src/client/options.h \
	src/client/mention.c src/client/mention.h \
	src/client/notebook.c src/client/notebook.h \
	src/client/notify.c src/client/notify.h \
	src/client/outbox.c src/client/outbox.h \
	src/client/output.c src/client/output.h \
	src/client/password.c src/client/password.h \
	src/client/poller.c src/client/poller.h \
	src/client/posting.c src/client/posting.h \
	src/client/printable.c src/client/printable.h \
	src/client/push-dialogue.c src/client/push-dialogue.h \
	src/client/pushes.c src/client/pushes.h \
	src/client/reach.c src/client/reach.h \
	src/client/receiver.c src/client/receiver.h \
	src/client/receiving.c src/client/receiving.h \
	src/client/server.c src/client/server.h \
	src/client/session-file.c src/client/session-file.h \
	src/client/session.c src/client/session.h \
	src/client/settings.c src/client/settings.h \
	src/client/shell.c src/client/shell.h \
	src/client/show.c src/client/show.h \
	src/client/terminal.h \
	src/client/trust.c src/client/trust.h \
	src/client/view.h src/client/view-line.c \
	src/client/when.c src/client/when.h \
	src/client/windows.c src/client/windows.h
if HAVE_READLINE
src_client_libclient_a_SOURCES += \
	src/client/screen-keys.c \
	src/client/terminal.c \
	src/client/terminal-keys.c src/client/terminal-keys.h \
	src/client/view-screen.c src/client/view-screen.h
else
src_client_libclient_a_SOURCES += src/client/terminal-none.c
endif
src_client_libclient_a_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS) $(READLINE_CFLAGS) $(SODIUM_CFLAGS)
CLIENT_LIBS = src/client/libclient.a $(SCREEN_LIBS) $(CONFIG_LIBS) $(IO_LIBS) $(JANSSON_LIBS) $(READLINE_LIBS)

bin_PROGRAMS += multichat
multichat_SOURCES = src/client/main.c
multichat_LDADD = $(CLIENT_LIBS)
