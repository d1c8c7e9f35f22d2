# tests/dialogue: nothing yet
