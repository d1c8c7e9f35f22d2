# auth: password hashes and the threads that compute them. May use util.
noinst_LIBRARIES += src/auth/libauth.a
src_auth_libauth_a_SOURCES = \
	src/auth/password.c src/auth/password.h \
	src/auth/password-pool.c src/auth/password-pool.h
src_auth_libauth_a_CFLAGS = $(AM_CFLAGS) $(SODIUM_CFLAGS)
AUTH_LIBS = src/auth/libauth.a $(UTIL_LIBS)
