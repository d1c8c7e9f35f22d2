# tests/auth: nothing yet
