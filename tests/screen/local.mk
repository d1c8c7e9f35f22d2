# tests/screen: what the full-screen client shows, by its parts and on terminals.
if HAVE_CMOCKA
screen_units = \
	tests/screen/cell-test \
	tests/screen/screen-test \
	tests/screen/spelling-test \
	tests/screen/wrap-test
check_PROGRAMS += $(screen_units)
TESTS += $(screen_units)
tests_screen_cell_test_CFLAGS = $(UNIT_CFLAGS)
tests_screen_cell_test_LDADD = $(SCREEN_LIBS) $(CMOCKA_LIBS)
tests_screen_screen_test_CFLAGS = $(UNIT_CFLAGS)
tests_screen_screen_test_LDADD = $(SCREEN_LIBS) $(CMOCKA_LIBS)
tests_screen_spelling_test_CFLAGS = $(UNIT_CFLAGS)
tests_screen_spelling_test_LDADD = $(SCREEN_LIBS) $(CMOCKA_LIBS)
tests_screen_wrap_test_CFLAGS = $(UNIT_CFLAGS)
tests_screen_wrap_test_LDADD = $(SCREEN_LIBS) $(CMOCKA_LIBS)
endif

check_PROGRAMS += tests/screen/driver
tests_screen_driver_SOURCES = tests/screen/driver.c
tests_screen_driver_LDADD = $(SCREEN_LIBS)
TESTS += tests/screen/test_painter.py
EXTRA_DIST += tests/screen/test_painter.py
