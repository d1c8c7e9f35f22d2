# tests/daemon: the daemon as a service: its sockets, its signals, its control socket.
daemon_tests = \
	tests/daemon/test_connections.py \
	tests/daemon/test_control.py \
	tests/daemon/test_descriptor_store.py \
	tests/daemon/test_identity.py \
	tests/daemon/test_retention.py \
	tests/daemon/test_service.py \
	tests/daemon/test_sockets.py \
	tests/daemon/test_streams.py \
	tests/daemon/test_tls.py
TESTS += $(daemon_tests)
EXTRA_DIST += $(daemon_tests) tests/daemon/conftest.py

if HAVE_CMOCKA
daemon_unit_tests = \
	tests/daemon/control-peer-test \
	tests/daemon/secret-test \
	tests/daemon/settings-test
check_PROGRAMS += $(daemon_unit_tests)
TESTS += $(daemon_unit_tests)
tests_daemon_control_peer_test_SOURCES = tests/daemon/control-peer-test.c
tests_daemon_control_peer_test_CFLAGS = $(UNIT_CFLAGS)
tests_daemon_control_peer_test_LDADD = src/daemon/libdaemon.a $(CMOCKA_LIBS)
tests_daemon_secret_test_SOURCES = tests/daemon/secret-test.c
tests_daemon_secret_test_CFLAGS = $(UNIT_CFLAGS)
tests_daemon_secret_test_LDADD = src/daemon/libdaemon.a $(CONFIG_LIBS) $(CMOCKA_LIBS)
tests_daemon_settings_test_SOURCES = tests/daemon/settings-test.c
tests_daemon_settings_test_CFLAGS = $(UNIT_CFLAGS)
tests_daemon_settings_test_LDADD = src/daemon/libdaemon.a $(PROTO_LIBS) $(CONFIG_LIBS) \
	$(CMOCKA_LIBS)
endif
