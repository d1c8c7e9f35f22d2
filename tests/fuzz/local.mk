# tests/fuzz: fuzz targets, one program each. Built as usual they replay what is kept in corpus/;
# built with --enable-fuzzing (clang) they are linked with libFuzzer: ./quickstart fuzz.
fuzz_programs = \
	tests/fuzz/admin-fuzz \
	tests/fuzz/channel-fuzz \
	tests/fuzz/config-fuzz \
	tests/fuzz/connection-fuzz \
	tests/fuzz/conversation-fuzz \
	tests/fuzz/frame-fuzz \
	tests/fuzz/ladder-fuzz \
	tests/fuzz/push-fuzz \
	tests/fuzz/reach-fuzz \
	tests/fuzz/receive-fuzz \
	tests/fuzz/screen-fuzz \
	tests/fuzz/state-fuzz \
	tests/fuzz/v1-fuzz \
	tests/fuzz/v2-fuzz
check_PROGRAMS += $(fuzz_programs)
EXTRA_DIST += tests/fuzz/corpus tests/fuzz/dictionaries

if FUZZING
fuzz_main = tests/fuzz/fuzz.h
FUZZING_FLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
else
TESTS += $(fuzz_programs)
fuzz_main = tests/fuzz/fuzz.h tests/fuzz/replay.c
FUZZING_FLAGS = $(AM_LDFLAGS)
endif

.PHONY: fuzz-programs
fuzz-programs: $(fuzz_programs)

memory_store = tests/fuzz/memory-store.c tests/fuzz/memory-store.h \
	tests/fuzz/memory-tables.c tests/fuzz/memory-tables.h
tls_pair = tests/fuzz/tls-pair.c tests/fuzz/tls-pair.h
logic = tests/fuzz/logic.c tests/fuzz/logic.h \
	tests/fuzz/logic-outlet.c tests/fuzz/logic-outlet.h $(memory_store)
logic_libs = src/bll/libbll.a $(MODEL_LIBS) $(AUTH_LIBS) $(PROTO_LIBS)

tests_fuzz_admin_fuzz_SOURCES = tests/fuzz/admin-fuzz.c $(memory_store) $(fuzz_main)
tests_fuzz_admin_fuzz_LDFLAGS = $(FUZZING_FLAGS)
tests_fuzz_admin_fuzz_LDADD = src/admin/libadmin.a $(MODEL_LIBS) $(AUTH_LIBS) $(JANSSON_LIBS)
tests_fuzz_channel_fuzz_SOURCES = tests/fuzz/channel-fuzz.c $(tls_pair) $(fuzz_main)
tests_fuzz_channel_fuzz_LDFLAGS = $(FUZZING_FLAGS)
tests_fuzz_channel_fuzz_LDADD = $(IO_LIBS)
tests_fuzz_config_fuzz_SOURCES = tests/fuzz/config-fuzz.c $(fuzz_main)
tests_fuzz_config_fuzz_LDFLAGS = $(FUZZING_FLAGS)
tests_fuzz_config_fuzz_LDADD = $(CLIENT_LIBS)
tests_fuzz_connection_fuzz_SOURCES = tests/fuzz/connection-fuzz.c $(tls_pair) $(fuzz_main)
tests_fuzz_connection_fuzz_LDFLAGS = $(FUZZING_FLAGS)
tests_fuzz_connection_fuzz_LDADD = $(IO_LIBS)
tests_fuzz_conversation_fuzz_SOURCES = tests/fuzz/conversation-fuzz.c $(logic) $(fuzz_main)
tests_fuzz_conversation_fuzz_LDFLAGS = $(FUZZING_FLAGS)
tests_fuzz_conversation_fuzz_LDADD = $(logic_libs)
tests_fuzz_frame_fuzz_SOURCES = tests/fuzz/frame-fuzz.c $(fuzz_main)
tests_fuzz_frame_fuzz_LDFLAGS = $(FUZZING_FLAGS)
tests_fuzz_frame_fuzz_LDADD = $(PROTO_LIBS)
tests_fuzz_ladder_fuzz_SOURCES = tests/fuzz/ladder-fuzz.c $(logic) $(fuzz_main)
tests_fuzz_ladder_fuzz_LDFLAGS = $(FUZZING_FLAGS)
tests_fuzz_ladder_fuzz_LDADD = $(logic_libs)
tests_fuzz_push_fuzz_SOURCES = tests/fuzz/push-fuzz.c $(logic) $(fuzz_main)
tests_fuzz_push_fuzz_LDFLAGS = $(FUZZING_FLAGS)
tests_fuzz_push_fuzz_LDADD = $(logic_libs)
tests_fuzz_reach_fuzz_SOURCES = tests/fuzz/reach-fuzz.c $(fuzz_main)
tests_fuzz_reach_fuzz_LDFLAGS = $(FUZZING_FLAGS)
tests_fuzz_reach_fuzz_LDADD = $(CLIENT_LIBS)
tests_fuzz_receive_fuzz_SOURCES = tests/fuzz/receive-fuzz.c $(fuzz_main)
tests_fuzz_receive_fuzz_LDFLAGS = $(FUZZING_FLAGS)
tests_fuzz_receive_fuzz_LDADD = $(CLIENT_LIBS)
tests_fuzz_screen_fuzz_SOURCES = tests/fuzz/screen-fuzz.c $(fuzz_main)
tests_fuzz_screen_fuzz_LDFLAGS = $(FUZZING_FLAGS)
tests_fuzz_screen_fuzz_LDADD = $(SCREEN_LIBS)
tests_fuzz_state_fuzz_SOURCES = tests/fuzz/state-fuzz.c $(fuzz_main)
tests_fuzz_state_fuzz_LDFLAGS = $(FUZZING_FLAGS)
tests_fuzz_state_fuzz_LDADD = $(CLIENT_LIBS)
tests_fuzz_v1_fuzz_SOURCES = tests/fuzz/v1-fuzz.c $(fuzz_main)
tests_fuzz_v1_fuzz_LDFLAGS = $(FUZZING_FLAGS)
tests_fuzz_v1_fuzz_LDADD = $(PROTO_LIBS)
tests_fuzz_v2_fuzz_SOURCES = tests/fuzz/v2-fuzz.c $(fuzz_main)
tests_fuzz_v2_fuzz_LDFLAGS = $(FUZZING_FLAGS)
tests_fuzz_v2_fuzz_LDADD = $(PROTO_LIBS)
