# daemon: multichatd. May use everything but client, ctl and bench.
noinst_LIBRARIES += src/daemon/libdaemon.a
src_daemon_libdaemon_a_SOURCES = \
	src/daemon/certificate.c src/daemon/certificate.h \
	src/daemon/connections.c src/daemon/connections.h \
	src/daemon/dials.c src/daemon/dials.h \
	src/daemon/descriptor-store.c src/daemon/descriptor-store.h \
	src/daemon/control.c src/daemon/control.h \
	src/daemon/control-peer.c src/daemon/control-peer.h \
	src/daemon/identity.c src/daemon/identity.h \
	src/daemon/messages.h \
	src/daemon/outlet.c src/daemon/outlet.h \
	src/daemon/rates.c src/daemon/rates.h \
	src/daemon/report.c src/daemon/report.h \
	src/daemon/retention.c src/daemon/retention.h \
	src/daemon/secret.c src/daemon/secret.h \
	src/daemon/server.c src/daemon/server.h \
	src/daemon/service.c src/daemon/service.h \
	src/daemon/settings.c src/daemon/settings.h \
	src/daemon/signals.c src/daemon/signals.h \
	src/daemon/sockets.c src/daemon/sockets.h
src_daemon_libdaemon_a_CFLAGS = $(AM_CFLAGS) $(SYSTEMD_CFLAGS) $(JANSSON_CFLAGS) $(SODIUM_CFLAGS)
DAEMON_LIBS = src/daemon/libdaemon.a $(ADMIN_LIBS) $(BLL_LIBS) $(IO_LIBS) $(CONFIG_LIBS)

sbin_PROGRAMS += multichatd
multichatd_SOURCES = src/daemon/main.c
multichatd_LDADD = $(DAEMON_LIBS)
