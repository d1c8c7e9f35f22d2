# tests/model: one program for each source file.
if HAVE_CMOCKA
model_tests = \
	tests/model/message-test \
	tests/model/name-test
check_PROGRAMS += $(model_tests)
TESTS += $(model_tests)
tests_model_message_test_SOURCES = tests/model/message-test.c
tests_model_message_test_CFLAGS = $(UNIT_CFLAGS)
tests_model_message_test_LDFLAGS = $(AM_LDFLAGS) $(FAULT_WRAPS)
tests_model_message_test_LDADD = $(MODEL_LIBS) $(CMOCKA_LIBS)
tests_model_name_test_SOURCES = tests/model/name-test.c
tests_model_name_test_CFLAGS = $(UNIT_CFLAGS)
tests_model_name_test_LDADD = $(MODEL_LIBS) $(CMOCKA_LIBS)
endif
