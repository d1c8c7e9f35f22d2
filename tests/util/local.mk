# tests/util: nothing yet
