# tests/io: nothing yet
