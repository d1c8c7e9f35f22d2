# tests/client: nothing yet
