# Tests mirror src/; each folder says in its local.mk what it holds. Every program and script in
# TESTS speaks TAP, so each single case is counted.
TEST_EXTENSIONS = .py .sh
TAP_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) $(top_srcdir)/build-aux/tap-driver.sh
LOG_DRIVER = $(TAP_DRIVER)
SH_LOG_DRIVER = $(TAP_DRIVER)
PY_LOG_DRIVER = $(TAP_DRIVER)
# None takes anywhere near as long, but one that hangs has failed, with all that it started.
TEST_TIMEOUT = timeout --kill-after=20 900
LOG_COMPILER = $(TEST_TIMEOUT)
SH_LOG_COMPILER = $(TEST_TIMEOUT)
PY_LOG_COMPILER = $(TEST_TIMEOUT) $(SHELL) $(top_srcdir)/tests/lib/run-pytest
AM_TESTS_ENVIRONMENT = \
	CMOCKA_MESSAGE_OUTPUT=TAP; export CMOCKA_MESSAGE_OUTPUT; \
	MULTICHAT_SRCDIR='$(abs_top_srcdir)'; export MULTICHAT_SRCDIR; \
	MULTICHAT_BUILDDIR='$(abs_top_builddir)'; export MULTICHAT_BUILDDIR;
UNIT_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
# For programs that include tests/lib/fault.h.
FAULT_WRAPS = -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=reallocarray
EXTRA_DIST += tests/lib

# First what takes longest, so that with make -j nothing is left to wait for in the end.
include tests/dal/local.mk
include tests/util/local.mk
include tests/proto/local.mk
include tests/model/local.mk
include tests/auth/local.mk
include tests/bll/local.mk
include tests/io/local.mk
include tests/config/local.mk
include tests/daemon/local.mk
include tests/admin/local.mk
include tests/screen/local.mk
include tests/client/local.mk
include tests/conservation/local.mk
include tests/dialogue/local.mk
include tests/interop/local.mk
include tests/network/local.mk
include tests/bench/local.mk
include tests/boot/local.mk
include tests/fuzz/local.mk
include tests/tree/local.mk

# Every test but the one that boots a system, in which another build is installed (see
# tests/boot/boot-test.sh).
.PHONY: check-build
check-build:
	$(MAKE) $(AM_MAKEFLAGS) check TESTS='$(filter-out tests/boot/%,$(TESTS))'

# What has threads of its own, for a build with --enable-sanitizers=thread.
.PHONY: check-threads
check-threads:
	$(MAKE) $(AM_MAKEFLAGS) check \
		TESTS='$(filter tests/auth/% tests/client/% tests/dal/% tests/io/tls-%,$(TESTS))'
