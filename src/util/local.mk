# util: what everything else stands on.
noinst_LIBRARIES += src/util/libutil.a
src_util_libutil_a_SOURCES = \
	src/util/addr.c src/util/addr.h \
	src/util/attributes.h \
	src/util/buffer.c src/util/buffer.h \
	src/util/bytes.h \
	src/util/clock.c src/util/clock.h \
	src/util/cursor.c src/util/cursor.h \
	src/util/hash.c src/util/hash.h \
	src/util/list.h \
	src/util/log.c src/util/log.h \
	src/util/metrics.c src/util/metrics.h \
	src/util/new-file.c src/util/new-file.h \
	src/util/peercount.c src/util/peercount.h \
	src/util/rate.c src/util/rate.h \
	src/util/utf8.c src/util/utf8.h
src_util_libutil_a_CFLAGS = $(AM_CFLAGS) $(SYSTEMD_CFLAGS) $(SODIUM_CFLAGS)
UTIL_LIBS = src/util/libutil.a $(SYSTEMD_LIBS) $(SODIUM_LIBS) $(UNISTRING_LIBS)
