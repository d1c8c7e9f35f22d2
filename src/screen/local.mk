# screen: the full-screen client's picture, and its way to a terminal. May use util.
noinst_LIBRARIES += src/screen/libscreen.a
src_screen_libscreen_a_SOURCES = \
	src/screen/cell.c src/screen/cell.h \
	src/screen/draw.c \
	src/screen/frame.c src/screen/frame.h \
	src/screen/input.c \
	src/screen/internal.h \
	src/screen/layout.c \
	src/screen/line.c \
	src/screen/members.c src/screen/members.h \
	src/screen/painter.c src/screen/painter.h \
	src/screen/screen.c src/screen/screen.h \
	src/screen/scrollback.c src/screen/scrollback.h \
	src/screen/spelling.c src/screen/spelling.h \
	src/screen/terminal-strings.c src/screen/terminal-strings.h \
	src/screen/view.c \
	src/screen/window.c \
	src/screen/wrap.c src/screen/wrap.h
src_screen_libscreen_a_CFLAGS = $(AM_CFLAGS) $(TERMINFO_CFLAGS)
SCREEN_LIBS = src/screen/libscreen.a $(UTIL_LIBS) $(TERMINFO_LIBS)
