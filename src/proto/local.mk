# proto: the wire, as pure functions on bytes. May use util.
noinst_LIBRARIES += src/proto/libproto.a
src_proto_libproto_a_SOURCES = \
	src/proto/error.c src/proto/error.h \
	src/proto/frame.c src/proto/frame.h \
	src/proto/v1.c src/proto/v1.h
PROTO_LIBS = src/proto/libproto.a $(UTIL_LIBS)
