# tests/interop: a client written from multichat-protocol(7) alone, against the real programs.
TESTS += tests/interop/test_interop.py
EXTRA_DIST += \
	tests/interop/client.py \
	tests/interop/conftest.py \
	tests/interop/test_interop.py
