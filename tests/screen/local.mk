# tests/screen: what the full-screen client shows, by its parts and on terminals.
if HAVE_CMOCKA
screen_units = \
	tests/screen/cell-test \
	tests/screen/spelling-test
check_PROGRAMS += $(screen_units)
TESTS += $(screen_units)
tests_screen_cell_test_CFLAGS = $(UNIT_CFLAGS)
tests_screen_cell_test_LDADD = $(SCREEN_LIBS) $(CMOCKA_LIBS)
tests_screen_spelling_test_CFLAGS = $(UNIT_CFLAGS)
tests_screen_spelling_test_LDADD = $(SCREEN_LIBS) $(CMOCKA_LIBS)
endif
