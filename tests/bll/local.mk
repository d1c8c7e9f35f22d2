# tests/bll: nothing yet
