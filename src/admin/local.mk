# admin: the administrative verbs. May use util, model, auth, dal.h and config.
noinst_LIBRARIES += src/admin/libadmin.a
src_admin_libadmin_a_SOURCES = \
	src/admin/admin.c src/admin/admin.h \
	src/admin/arguments.c \
	src/admin/batch.c \
	src/admin/devices.c \
	src/admin/live.c \
	src/admin/notices.c \
	src/admin/request.h \
	src/admin/room-changes.c \
	src/admin/rooms.c \
	src/admin/settings.c src/admin/settings.h \
	src/admin/storage.c \
	src/admin/users.c
src_admin_libadmin_a_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
ADMIN_LIBS = src/admin/libadmin.a $(DAL_LIBS) $(AUTH_LIBS) $(JANSSON_LIBS)
