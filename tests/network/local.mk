# tests/network: what crosses a network: hosts in namespaces of their own (tests/lib/netns.py).
network_tests = \
	tests/network/test_capture.py \
	tests/network/test_impostor.py \
	tests/network/test_nat.py \
	tests/network/test_polls.py \
	tests/network/test_scripts.py \
	tests/network/test_slow.py
TESTS += $(network_tests)
EXTRA_DIST += $(network_tests) tests/network/conftest.py tests/network/slow.py
