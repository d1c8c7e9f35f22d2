# tests/bench: the load generator's books; a checker has to find each kind of fault.
if HAVE_CMOCKA
check_PROGRAMS += tests/bench/ledger-test
TESTS += tests/bench/ledger-test
tests_bench_ledger_test_SOURCES = tests/bench/ledger-test.c
tests_bench_ledger_test_CFLAGS = $(UNIT_CFLAGS)
tests_bench_ledger_test_LDADD = $(BENCH_LIBS) $(CMOCKA_LIBS)
endif
bench_scripts = tests/bench/test_bench.py tests/bench/test_bench_v2.py
TESTS += $(bench_scripts)
EXTRA_DIST += $(bench_scripts) tests/bench/conftest.py tests/bench/crowd.py \
	tests/bench/harness.py
