# proto: the wire, as pure functions on bytes. May use util.
noinst_LIBRARIES += src/proto/libproto.a
src_proto_libproto_a_SOURCES = \
	src/proto/error.c src/proto/error.h \
	src/proto/field.c src/proto/field.h \
	src/proto/frame.c src/proto/frame.h \
	src/proto/v1.c src/proto/v1.h \
	src/proto/v2-frame.c \
	src/proto/v2-mac.c \
	src/proto/v2-poll.c \
	src/proto/v2-shape.c src/proto/v2-shape.h \
	src/proto/v2-word.c src/proto/v2-word.h \
	src/proto/v2.h
src_proto_libproto_a_CFLAGS = $(AM_CFLAGS) $(SODIUM_CFLAGS)
PROTO_LIBS = src/proto/libproto.a $(UTIL_LIBS)
