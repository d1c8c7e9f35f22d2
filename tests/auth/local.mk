# tests/auth: password hashes and their pool.
if HAVE_CMOCKA
auth_tests = \
	tests/auth/password-test \
	tests/auth/password-pool-test
check_PROGRAMS += $(auth_tests)
TESTS += $(auth_tests)
endif

tests_auth_password_test_SOURCES = tests/auth/password-test.c
tests_auth_password_test_CFLAGS = $(UNIT_CFLAGS)
tests_auth_password_test_LDADD = $(AUTH_LIBS) $(CMOCKA_LIBS)

# What is freed is looked at.
tests_auth_password_pool_test_SOURCES = tests/auth/password-pool-test.c
tests_auth_password_pool_test_CFLAGS = $(UNIT_CFLAGS)
tests_auth_password_pool_test_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=free
tests_auth_password_pool_test_LDADD = $(AUTH_LIBS) $(CMOCKA_LIBS)
