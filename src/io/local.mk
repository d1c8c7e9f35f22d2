# io: the I/O unit: loop, ports, connections, pushes, TLS. May use util and proto.
noinst_LIBRARIES += src/io/libio.a
src_io_libio_a_SOURCES = \
	src/io/carrier.c src/io/carrier.h \
	src/io/channel.c src/io/channel.h \
	src/io/connecting.c src/io/connecting.h \
	src/io/connection.c src/io/connection.h \
	src/io/connection-private.h \
	src/io/dialer.c src/io/dialer.h \
	src/io/listener.c src/io/listener.h \
	src/io/loop.c src/io/loop.h \
	src/io/pusher.c src/io/pusher.h \
	src/io/reply.c \
	src/io/socket.c src/io/socket.h \
	src/io/tls.h src/io/tls-private.h \
	src/io/tls-context.c \
	src/io/tls-make.c \
	src/io/tls-pem.c \
	src/io/tls-session.c \
	src/io/tls-tickets.c \
	src/io/tls-words.c \
	src/io/udp-port.c src/io/udp-port.h
src_io_libio_a_CFLAGS = $(AM_CFLAGS) $(OPENSSL_CFLAGS)
IO_LIBS = src/io/libio.a $(PROTO_LIBS) $(OPENSSL_LIBS)
