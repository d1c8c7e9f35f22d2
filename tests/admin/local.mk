# tests/admin: the verb table on real storage, and multichatctl as it is run.
if HAVE_CMOCKA
if HAVE_SQLITE
check_PROGRAMS += tests/admin/admin-test
TESTS += tests/admin/admin-test
tests_admin_admin_test_SOURCES = tests/admin/admin-test.c \
	tests/admin/fixture.c tests/admin/fixture.h
tests_admin_admin_test_CFLAGS = $(UNIT_CFLAGS) $(JANSSON_CFLAGS)
# What is freed is looked at.
tests_admin_admin_test_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=free
tests_admin_admin_test_LDADD = $(ADMIN_LIBS) $(CMOCKA_LIBS)
endif
endif
admin_scripts = tests/admin/test_db_init.py tests/admin/test_export.py \
	tests/admin/test_multichatctl.py tests/admin/test_live.py tests/admin/test_rooms.py \
	tests/admin/test_top.py
dist_check_SCRIPTS += $(admin_scripts)
TESTS += $(admin_scripts)
EXTRA_DIST += tests/admin/conftest.py
