# tests/dal: nothing yet
