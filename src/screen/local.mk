# screen: the full-screen client's picture, and its way to a terminal. May use util.
noinst_LIBRARIES += src/screen/libscreen.a
src_screen_libscreen_a_SOURCES = \
	src/screen/cell.c src/screen/cell.h \
	src/screen/spelling.c src/screen/spelling.h
src_screen_libscreen_a_CFLAGS = $(AM_CFLAGS) $(TERMINFO_CFLAGS)
SCREEN_LIBS = src/screen/libscreen.a $(UTIL_LIBS) $(TERMINFO_LIBS)
