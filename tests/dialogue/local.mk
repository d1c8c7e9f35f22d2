# tests/dialogue: the real programs over real sockets, on every engine.
TESTS += \
	tests/dialogue/test_client.py \
	tests/dialogue/test_delivery.py \
	tests/dialogue/test_faults.py \
	tests/dialogue/test_history.py \
	tests/dialogue/test_limits.py \
	tests/dialogue/test_modes.py \
	tests/dialogue/test_names.py \
	tests/dialogue/test_rooms.py \
	tests/dialogue/test_wire.py
EXTRA_DIST += \
	tests/dialogue/conftest.py \
	tests/dialogue/test_client.py \
	tests/dialogue/test_delivery.py \
	tests/dialogue/test_faults.py \
	tests/dialogue/test_history.py \
	tests/dialogue/test_limits.py \
	tests/dialogue/test_modes.py \
	tests/dialogue/test_names.py \
	tests/dialogue/test_rooms.py \
	tests/dialogue/test_wire.py
