# tests/conservation: nothing lost, nothing twice, in order, under load and through kills.
TESTS += tests/conservation/test_conservation.py
EXTRA_DIST += \
	tests/conservation/conservation.py \
	tests/conservation/test_conservation.py
