# tests/proto: a program for each source file, for v1.c two; those of v1 and v2 test field.c too.
# manual-test tests the examples of the manual page.
if HAVE_CMOCKA
proto_tests = \
	tests/proto/error-test \
	tests/proto/frame-test \
	tests/proto/manual-test \
	tests/proto/v1-build-test \
	tests/proto/v1-test \
	tests/proto/v2-frame-test \
	tests/proto/v2-mac-test \
	tests/proto/v2-poll-test
check_PROGRAMS += $(proto_tests)
TESTS += $(proto_tests)
tests_proto_error_test_SOURCES = tests/proto/error-test.c
tests_proto_error_test_CFLAGS = $(UNIT_CFLAGS)
tests_proto_error_test_LDADD = $(PROTO_LIBS) $(CMOCKA_LIBS)
tests_proto_frame_test_SOURCES = tests/proto/frame-test.c
tests_proto_frame_test_CFLAGS = $(UNIT_CFLAGS)
tests_proto_frame_test_LDADD = $(PROTO_LIBS) $(CMOCKA_LIBS)
tests_proto_manual_test_SOURCES = tests/proto/manual-test.c
tests_proto_manual_test_CFLAGS = $(UNIT_CFLAGS)
tests_proto_manual_test_LDADD = $(PROTO_LIBS) $(CMOCKA_LIBS)
tests_proto_v1_build_test_SOURCES = tests/proto/v1-build-test.c
tests_proto_v1_build_test_CFLAGS = $(UNIT_CFLAGS)
tests_proto_v1_build_test_LDADD = $(PROTO_LIBS) $(CMOCKA_LIBS)
tests_proto_v1_test_SOURCES = tests/proto/v1-test.c
tests_proto_v1_test_CFLAGS = $(UNIT_CFLAGS)
tests_proto_v1_test_LDADD = $(PROTO_LIBS) $(CMOCKA_LIBS)
tests_proto_v2_frame_test_SOURCES = tests/proto/v2-frame-test.c
tests_proto_v2_frame_test_CFLAGS = $(UNIT_CFLAGS)
tests_proto_v2_frame_test_LDADD = $(PROTO_LIBS) $(CMOCKA_LIBS)
tests_proto_v2_mac_test_SOURCES = tests/proto/v2-mac-test.c
tests_proto_v2_mac_test_CFLAGS = $(UNIT_CFLAGS)
tests_proto_v2_mac_test_LDADD = $(PROTO_LIBS) $(CMOCKA_LIBS)
tests_proto_v2_poll_test_SOURCES = tests/proto/v2-poll-test.c
tests_proto_v2_poll_test_CFLAGS = $(UNIT_CFLAGS)
tests_proto_v2_poll_test_LDADD = $(PROTO_LIBS) $(CMOCKA_LIBS)
endif
