# bench: multichat-bench, load generator and checker. May use util, proto and io.
AM_CPPFLAGS += -I$(top_srcdir)
bin_PROGRAMS += multichat-bench
noinst_LIBRARIES += bench/libbench.a
bench_libbench_a_SOURCES = \
	bench/chooser.c bench/chooser.h \
	bench/histogram.c bench/histogram.h \
	bench/lane.c bench/lane.h \
	bench/link.c \
	bench/ledger.c bench/ledger.h \
	bench/member.c bench/member.h \
	bench/options.c bench/options.h \
	bench/process.c bench/process.h \
	bench/push.c \
	bench/receivers.c bench/receivers.h \
	bench/report.c bench/report.h \
	bench/roster.c bench/roster.h \
	bench/run.c bench/run.h \
	bench/sign-on.c bench/sign-on.h \
	bench/stream.c bench/stream.h \
	bench/v2.h \
	bench/wire.h \
	bench/wire-v1.c \
	bench/wire-v2.c
BENCH_LIBS = bench/libbench.a $(IO_LIBS)
multichat_bench_SOURCES = bench/main.c
multichat_bench_LDADD = $(BENCH_LIBS)
