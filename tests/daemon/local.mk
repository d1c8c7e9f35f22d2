# tests/daemon: the daemon as a service: its sockets, its signals, its control socket.
daemon_tests = \
	tests/daemon/test_control.py \
	tests/daemon/test_service.py \
	tests/daemon/test_sockets.py
TESTS += $(daemon_tests)
EXTRA_DIST += $(daemon_tests)
