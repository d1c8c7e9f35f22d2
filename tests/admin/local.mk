# tests/admin: nothing yet
