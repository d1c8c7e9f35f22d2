# tests/model: nothing yet
