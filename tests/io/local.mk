# tests/io: the I/O unit over real sockets on loopback.
if HAVE_CMOCKA
io_tests = \
	tests/io/loop-test \
	tests/io/udp-port-test \
	tests/io/listener-test \
	tests/io/channel-test \
	tests/io/connection-test \
	tests/io/connection-end-test \
	tests/io/connection-limits-test \
	tests/io/connection-tls-test \
	tests/io/suspend-test \
	tests/io/dialer-test \
	tests/io/pusher-test \
	tests/io/tls-test \
	tests/io/tls-files-test \
	tests/io/tls-tickets-test
check_PROGRAMS += $(io_tests)
TESTS += $(io_tests)
endif
IO_TEST_SUPPORT = tests/io/support.c tests/io/support.h
IO_TEST_LIBS = $(IO_LIBS) $(CMOCKA_LIBS)

tests_io_loop_test_SOURCES = tests/io/loop-test.c $(IO_TEST_SUPPORT)
tests_io_loop_test_CFLAGS = $(UNIT_CFLAGS)
tests_io_loop_test_LDADD = $(IO_TEST_LIBS)

# A system without IPv6, and answers that cannot be sent, are played by the test's own calls.
tests_io_udp_port_test_SOURCES = tests/io/udp-port-test.c $(IO_TEST_SUPPORT)
tests_io_udp_port_test_CFLAGS = $(UNIT_CFLAGS)
tests_io_udp_port_test_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=socket -Wl,--wrap=sendmmsg
tests_io_udp_port_test_LDADD = $(IO_TEST_LIBS)

tests_io_listener_test_SOURCES = tests/io/listener-test.c $(IO_TEST_SUPPORT)
tests_io_listener_test_CFLAGS = $(UNIT_CFLAGS)
tests_io_listener_test_LDADD = $(IO_TEST_LIBS)

tests_io_channel_test_SOURCES = tests/io/channel-test.c $(IO_TEST_SUPPORT)
tests_io_channel_test_CFLAGS = $(UNIT_CFLAGS)
tests_io_channel_test_LDADD = $(IO_TEST_LIBS)

CONNECTION_TEST_SUPPORT = tests/io/connection-fixture.c tests/io/connection-fixture.h \
	$(IO_TEST_SUPPORT)
tests_io_connection_test_SOURCES = tests/io/connection-test.c $(CONNECTION_TEST_SUPPORT)
tests_io_connection_test_CFLAGS = $(UNIT_CFLAGS)
tests_io_connection_test_LDADD = $(IO_TEST_LIBS)

# Time passes when a test says so.
TEST_CLOCK = tests/io/test-clock.c tests/io/test-clock.h
WITH_TEST_CLOCK = -Wl,--wrap=clock_monotonic_us

# The allocator fails when a test says so.
tests_io_connection_end_test_SOURCES = tests/io/connection-end-test.c $(TEST_CLOCK) \
	$(CONNECTION_TEST_SUPPORT)
tests_io_connection_end_test_CFLAGS = $(UNIT_CFLAGS)
tests_io_connection_end_test_LDFLAGS = $(AM_LDFLAGS) $(WITH_TEST_CLOCK) $(FAULT_WRAPS)
tests_io_connection_end_test_LDADD = $(IO_TEST_LIBS)

# Sockets, connecting and the allocator fail when a test says so.
tests_io_dialer_test_SOURCES = tests/io/dialer-test.c $(IO_TEST_SUPPORT)
tests_io_dialer_test_CFLAGS = $(UNIT_CFLAGS)
tests_io_dialer_test_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=socket -Wl,--wrap=connect $(FAULT_WRAPS)
tests_io_dialer_test_LDADD = $(IO_TEST_LIBS)

# Sockets, connecting, sending and the allocator fail when a test says so.
tests_io_pusher_test_SOURCES = tests/io/pusher-test.c $(IO_TEST_SUPPORT)
tests_io_pusher_test_CFLAGS = $(UNIT_CFLAGS)
tests_io_pusher_test_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=socket -Wl,--wrap=connect -Wl,--wrap=send -Wl,--wrap=ioctl \
	$(FAULT_WRAPS)
tests_io_pusher_test_LDADD = $(IO_TEST_LIBS)

TLS_TEST_SUPPORT = tests/io/tls-fixture.c tests/io/tls-fixture.h tests/io/pki.c tests/io/pki.h \
	$(IO_TEST_SUPPORT)
TLS_TEST_CFLAGS = $(UNIT_CFLAGS) $(OPENSSL_CFLAGS)
tests_io_suspend_test_SOURCES = tests/io/suspend-test.c $(TLS_TEST_SUPPORT)
tests_io_suspend_test_CFLAGS = $(TLS_TEST_CFLAGS)
tests_io_suspend_test_LDADD = $(IO_TEST_LIBS)

SEALED_TEST_SUPPORT = tests/io/sealed-peer.c tests/io/sealed-peer.h \
	tests/io/connection-fixture.c tests/io/connection-fixture.h $(TLS_TEST_SUPPORT)
tests_io_connection_limits_test_SOURCES = tests/io/connection-limits-test.c $(TEST_CLOCK) \
	$(SEALED_TEST_SUPPORT)
tests_io_connection_limits_test_CFLAGS = $(TLS_TEST_CFLAGS)
tests_io_connection_limits_test_LDFLAGS = $(AM_LDFLAGS) $(WITH_TEST_CLOCK)
tests_io_connection_limits_test_LDADD = $(IO_TEST_LIBS)

tests_io_connection_tls_test_SOURCES = tests/io/connection-tls-test.c $(SEALED_TEST_SUPPORT)
tests_io_connection_tls_test_CFLAGS = $(TLS_TEST_CFLAGS)
tests_io_connection_tls_test_LDADD = $(IO_TEST_LIBS)

tests_io_tls_test_SOURCES = tests/io/tls-test.c $(TLS_TEST_SUPPORT)
tests_io_tls_test_CFLAGS = $(TLS_TEST_CFLAGS)
tests_io_tls_test_LDFLAGS = $(AM_LDFLAGS) $(FAULT_WRAPS)
tests_io_tls_test_LDADD = $(IO_TEST_LIBS)

tests_io_tls_tickets_test_SOURCES = tests/io/tls-tickets-test.c $(TLS_TEST_SUPPORT)
tests_io_tls_tickets_test_CFLAGS = $(TLS_TEST_CFLAGS)
tests_io_tls_tickets_test_LDADD = $(IO_TEST_LIBS)

tests_io_tls_files_test_SOURCES = tests/io/tls-files-test.c $(TLS_TEST_SUPPORT)
tests_io_tls_files_test_CFLAGS = $(TLS_TEST_CFLAGS)
tests_io_tls_files_test_LDADD = $(IO_TEST_LIBS)
