# tests/boot: nothing yet
