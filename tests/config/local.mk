# tests/config: nothing yet
