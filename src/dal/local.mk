# dal: the storage unit. Its public header is dal.h alone. May use util and model.
SQL_FILES = \
	sql/mysql/0001-initial.sql \
	sql/mysql/0002-bulk.sql \
	sql/mysql/0003-rooms.sql \
	sql/sqlite/0001-initial.sql \
	sql/sqlite/0002-bulk.sql \
	sql/sqlite/0003-rooms.sql

noinst_LIBRARIES += src/dal/libdal.a
src_dal_libdal_a_SOURCES = \
	src/dal/account.c \
	src/dal/check.c \
	src/dal/dal.c src/dal/dal.h src/dal/dal-private.h \
	src/dal/devices.c \
	src/dal/driver.h \
	src/dal/history.c \
	src/dal/export.c \
	src/dal/import.c \
	src/dal/import-check.c src/dal/import-check.h \
	src/dal/log-ids.h \
	src/dal/members.c \
	src/dal/messages.c \
	src/dal/names.c \
	src/dal/notices.c \
	src/dal/provision.c \
	src/dal/prune.c \
	src/dal/request.c src/dal/request.h \
	src/dal/room-orders.c \
	src/dal/rooms.c \
	src/dal/schema.c src/dal/schema.h \
	src/dal/state.c \
	src/dal/statements.c src/dal/statements.h \
	src/dal/thread.c \
	src/dal/transfer.c src/dal/transfer.h \
	src/dal/users.c \
	src/dal/writer.c
nodist_src_dal_libdal_a_SOURCES = src/dal/migrations.c
if HAVE_SQLITE
src_dal_libdal_a_SOURCES += src/dal/driver-sqlite.c
endif
if HAVE_MYSQL
src_dal_libdal_a_SOURCES += src/dal/driver-mysql.c
endif
src_dal_libdal_a_CFLAGS = $(AM_CFLAGS) $(SQLITE_CFLAGS) $(MYSQL_CFLAGS)
DAL_LIBS = src/dal/libdal.a $(MODEL_LIBS) $(SQLITE_LIBS) $(MYSQL_LIBS)

# The migrations are part of the program.
src/dal/migrations.c: $(SQL_FILES) src/dal/migrations.awk
	$(AM_V_GEN)$(MKDIR_P) src/dal && cd $(srcdir) && \
	LC_ALL=C $(AWK) -f src/dal/migrations.awk $(SQL_FILES) \
		> '$(abs_builddir)/$@.new' && cd '$(abs_builddir)' && mv $@.new $@
BUILT_SOURCES += src/dal/migrations.c
CLEANFILES += src/dal/migrations.c
EXTRA_DIST += $(SQL_FILES) src/dal/migrations.awk
