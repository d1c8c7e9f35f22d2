# ctl: multichatctl. May use util, proto, config, admin, dal.h, auth and model.
noinst_LIBRARIES += src/ctl/libctl.a
src_ctl_libctl_a_SOURCES = \
	src/ctl/ask.c src/ctl/ask.h \
	src/ctl/command-line.c \
	src/ctl/command-table.c \
	src/ctl/control-client.c \
	src/ctl/ctl.h \
	src/ctl/database.c src/ctl/database.h \
	src/ctl/db-copy.c \
	src/ctl/db-init.c \
	src/ctl/export.c \
	src/ctl/import.c \
	src/ctl/live.c \
	src/ctl/mysql-init.c \
	src/ctl/print.c src/ctl/print.h \
	src/ctl/room.c \
	src/ctl/run.c \
	src/ctl/secret.c src/ctl/secret.h \
	src/ctl/session.c src/ctl/session.h \
	src/ctl/status.c \
	src/ctl/storage-host.c \
	src/ctl/terminal.c src/ctl/terminal.h \
	src/ctl/top.c src/ctl/top.h \
	src/ctl/top-picture.c \
	src/ctl/user-batch.c \
	src/ctl/user.c \
	src/ctl/whole.c src/ctl/whole.h
src_ctl_libctl_a_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS) $(SODIUM_CFLAGS) $(TERMINFO_CFLAGS)
CTL_LIBS = src/ctl/libctl.a $(ADMIN_LIBS) $(CONFIG_LIBS) $(TERMINFO_LIBS)

sbin_PROGRAMS += multichatctl
multichatctl_SOURCES = src/ctl/main.c
multichatctl_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
multichatctl_LDADD = $(CTL_LIBS)
