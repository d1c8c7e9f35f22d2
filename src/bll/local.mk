# bll: the logic unit. No descriptor. May use util, proto, model, auth and dal.h.
noinst_LIBRARIES += src/bll/libbll.a
src_bll_libbll_a_SOURCES = \
	src/bll/account.c \
	src/bll/ask.c src/bll/ask.h \
	src/bll/await.c \
	src/bll/backlog.c src/bll/backlog.h \
	src/bll/bll.c src/bll/bll.h \
	src/bll/clients.c \
	src/bll/conversation.c \
	src/bll/cursors.c \
	src/bll/delivery.c \
	src/bll/device.c \
	src/bll/dial.c \
	src/bll/dispatch.c \
	src/bll/entry.c \
	src/bll/flow.c \
	src/bll/hello.c \
	src/bll/history.c \
	src/bll/internal.h \
	src/bll/link.c \
	src/bll/loading.c \
	src/bll/members.c src/bll/members.h \
	src/bll/membership.c \
	src/bll/names.c \
	src/bll/passwd.c \
	src/bll/presence.c \
	src/bll/push1.c \
	src/bll/rooms.c \
	src/bll/seek.c \
	src/bll/session.c src/bll/session.h \
	src/bll/signed-poll.c \
	src/bll/signon.c \
	src/bll/stream.c src/bll/stream.h \
	src/bll/unread.c \
	src/bll/verbs.c \
	src/bll/window.c src/bll/window.h \
	src/bll/write.c
src_bll_libbll_a_CFLAGS = $(AM_CFLAGS) $(SODIUM_CFLAGS)
BLL_LIBS = src/bll/libbll.a $(DAL_LIBS) $(AUTH_LIBS) $(PROTO_LIBS)
