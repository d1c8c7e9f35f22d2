# tests/conservation: nothing lost, nothing twice, in order, under load and through kills.
TESTS += \
	tests/conservation/test_conservation.py \
	tests/conservation/test_version2.py
EXTRA_DIST += \
	tests/conservation/conservation.py \
	tests/conservation/faulty_path.py \
	tests/conservation/test_conservation.py \
	tests/conservation/test_version2.py \
	tests/conservation/version2.py
