# tests/proto: nothing yet
