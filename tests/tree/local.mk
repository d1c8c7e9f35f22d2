# tests/tree: what the tree itself has to be like.
tree_tests = \
	tests/tree/test_layers.py \
	tests/tree/test_lists.py \
	tests/tree/test_manuals.py \
	tests/tree/test_style.py
TESTS += $(tree_tests)
EXTRA_DIST += $(tree_tests) tests/tree/tree.py
