# tests/tree: nothing yet
