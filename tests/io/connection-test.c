/* Connections: frames however they are cut, answers in order, limits, and peers that go away in
 * every state.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "support.h"

#include "io/connection.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define FRAME_MAX  1000
#define OUTPUT_MAX 4096
#define OWED_MAX   8
#define FRAMES_MAX 4096
#define LONG_US    (3600 * USEC_PER_SEC)
#define SHORT_US   (30 * USEC_PER_MSEC)

/* What the handler does with a frame. */
enum manner {
    ECHO,  /* answer "<frame>." at once */
    HOLD,  /* keep the reply for the test */
    HUGE,  /* answer at once with HUGE_LEN bytes */
    CLOSE, /* close the connection */
};
#define HUGE_LEN 100000

static struct loop *loop;
static struct metrics metrics;
static struct connection *connection; /* NULL once it is closed */
static int client = -1;
static struct addr client_addr;
static enum manner manner;
static unsigned frames;
static char seen[65536]; /* frames, each followed by '|' */
static struct reply *held[FRAMES_MAX];
static unsigned held_count;
static unsigned refusals[2];
static unsigned closed;
static char huge[HUGE_LEN];

static void on_frame(void *userdata, const struct addr *from, struct bytes frame,
                     struct reply *reply)
{
    char answer[FRAME_MAX + 2];
    assert_ptr_equal(userdata, &metrics);
    assert_true(addr_equal(from, &client_addr));
    assert_true(frame.len <= FRAME_MAX);
    assert_true(frames < FRAMES_MAX);
    frames++;
    if (strlen(seen) + frame.len + 2 < sizeof seen) {
        strncat(seen, frame.data, frame.len);
        strcat(seen, "|");
    }
    switch (manner) {
    case ECHO:
        memcpy(answer, frame.data, frame.len);
        answer[frame.len] = '.';
        reply_send(reply, (struct bytes){.data = answer, .len = frame.len + 1}, false);
        break;
    case HOLD:
        held[held_count++] = reply;
        break;
    case HUGE:
        reply_send(reply, (struct bytes){.data = huge, .len = sizeof huge}, false);
        break;
    case CLOSE:
        connection_close(connection);
        assert_null(connection);
        reply_send(reply, bytes_of("to nobody"), false);
        break;
    }
}

static void on_refuse(void *userdata, const struct addr *from, enum connection_refusal why,
                      struct reply *reply)
{
    assert_ptr_equal(userdata, &metrics);
    assert_true(addr_equal(from, &client_addr));
    refusals[why]++;
    reply_send(reply, bytes_of(why == CONNECTION_TOO_LONG ? "too long." : "idle."), true);
}

static void on_closed(void *userdata, struct connection *which, const struct addr *from)
{
    assert_ptr_equal(userdata, &metrics);
    assert_true(addr_equal(from, &client_addr));
    if (connection != NULL)
        assert_ptr_equal(which, connection);
    connection = NULL;
    closed++;
}

static const struct connection_handler handler = {
    .frame = on_frame, .refuse = on_refuse, .closed = on_closed, .userdata = &metrics};

/* A new pair of peer and connection, everything counted from 0. */
static void start(enum manner how, unsigned owed_max, uint64_t idle_us)
{
    const struct connection_limits limits = {
        .frame_max = FRAME_MAX, .output_max = OUTPUT_MAX, .owed_max = owed_max, .idle_us = idle_us};
    int server;
    manner = how;
    frames = held_count = closed = refusals[0] = refusals[1] = 0;
    seen[0] = '\0';
    metrics = (struct metrics){{0}};
    tcp_pair(&server, &client, &client_addr);
    assert_int_equal(
        connection_new(loop, server, &client_addr, &limits, &handler, &metrics, &connection), 0);
    assert_false(connection_busy(connection));
}

static void stop(void)
{
    if (connection != NULL)
        connection_close(connection);
    assert_int_equal(closed, 1);
    while (held_count > 0)
        reply_drop(held[--held_count], false);
    if (client >= 0)
        close(client);
    client = -1;
    turn_some(loop);
}

static int setup(void **state)
{
    (void)state;
    memset(huge, 'h', sizeof huge);
    return loop_new(&loop);
}

static int teardown(void **state)
{
    (void)state;
    loop_free(loop);
    return 0;
}

static void say(const char *text)
{
    peer_send(loop, client, bytes_of(text));
}

static void hang_up_sending(void)
{
    assert_int_equal(shutdown(client, SHUT_WR), 0);
}

/* Answers the held reply number `i` with "<i>;". */
static void answer_held(unsigned i, bool close)
{
    char text[16];
    snprintf(text, sizeof text, "%u;", i);
    reply_send(held[i], bytes_of(text), close);
}

/* -- frames */

static void test_frame_is_answered(void **state)
{
    (void)state;
    start(ECHO, OWED_MAX, LONG_US);
    say("hello\003");
    peer_expect(loop, client, "hello.");
    assert_int_equal(metrics.value[METRIC_FRAMES], 1);
    assert_false(connection_busy(connection));
    stop();
}

static void test_frames_byte_by_byte(void **state)
{
    (void)state;
    const char *text = "one\003two\003\003four\003";
    start(ECHO, OWED_MAX, LONG_US);
    for (const char *c = text; *c != '\0'; c++) {
        peer_send(loop, client, (struct bytes){.data = c, .len = 1});
        assert_int_equal(loop_turn(loop, PATIENCE_US), 0);
    }
    peer_expect(loop, client, "one.two..four.");
    assert_string_equal(seen, "one|two||four|");
    stop();
}

static void test_frames_cut_at_every_place(void **state)
{
    (void)state;
    const char *text = "one\003two\003\003four\003tail";
    size_t len = strlen(text);
    for (size_t cut = 0; cut <= len; cut++) {
        start(ECHO, OWED_MAX, LONG_US);
        peer_send(loop, client, (struct bytes){.data = text, .len = cut});
        turn_some(loop);
        peer_send(loop, client, (struct bytes){.data = text + cut, .len = len - cut});
        hang_up_sending();
        peer_expect(loop, client, "one.two..four.tail.");
        peer_expect_end(loop, client);
        TURN_UNTIL(loop, closed == 1);
        assert_string_equal(seen, "one|two||four|tail|");
        stop();
    }
}

static void test_last_frame_may_lack_its_etx(void **state)
{
    (void)state;
    start(ECHO, OWED_MAX, LONG_US);
    say("only");
    turn_some(loop);
    assert_int_equal(frames, 0);
    hang_up_sending();
    peer_expect(loop, client, "only.");
    peer_expect_end(loop, client);
    stop();
}

static void test_end_of_stream_alone_is_no_frame(void **state)
{
    (void)state;
    start(ECHO, OWED_MAX, LONG_US);
    say("a\003");
    peer_expect(loop, client, "a.");
    hang_up_sending();
    TURN_UNTIL(loop, closed == 1);
    assert_int_equal(frames, 1);
    peer_expect_end(loop, client);
    stop();
}

/* The original client: writes once, closes, reads nothing. */
static void test_peer_that_writes_and_closes(void **state)
{
    (void)state;
    start(ECHO, OWED_MAX, LONG_US);
    say("wrmsg:a:b:%:hello");
    close(client);
    client = -1;
    TURN_UNTIL(loop, closed == 1);
    assert_string_equal(seen, "wrmsg:a:b:%:hello|");
    stop();
}

static void test_longest_frame_passes(void **state)
{
    (void)state;
    char frame[FRAME_MAX + 2];
    memset(frame, 'x', FRAME_MAX);
    frame[FRAME_MAX] = '\003';
    frame[FRAME_MAX + 1] = '\0';
    start(ECHO, OWED_MAX, LONG_US);
    say(frame);
    TURN_UNTIL(loop, frames == 1);
    assert_int_equal(refusals[CONNECTION_TOO_LONG], 0);
    stop();
}

/* -- too long */

/* What the peer has still under way when it is refused must not cost it the answer. */
static void test_too_long_is_answered_and_the_answer_arrives(void **state)
{
    (void)state;
    static char text[100000];
    memset(text, 'x', sizeof text);
    text[0] = 'a';
    text[1] = '\003';
    start(HOLD, OWED_MAX, LONG_US);
    peer_send(loop, client, (struct bytes){.data = text, .len = sizeof text});
    TURN_UNTIL(loop, refusals[CONNECTION_TOO_LONG] == 1);
    turn_some(loop);
    assert_true(connection_busy(connection));
    answer_held(0, false);
    held_count = 0;
    peer_expect(loop, client, "0;too long.");
    peer_expect_end(loop, client);
    say("more");
    turn_some(loop);
    close(client);
    client = -1;
    TURN_UNTIL(loop, closed == 1);
    assert_int_equal(metrics.value[METRIC_FRAMES_TOO_LONG], 1);
    assert_int_equal(metrics.value[METRIC_FRAMES], 1);
    assert_int_equal(frames, 1);
    stop();
}

static void test_peer_that_never_stops_sending_is_cut_off(void **state)
{
    (void)state;
    static char text[65536];
    size_t sent = 0;
    ssize_t count = 0;
    memset(text, 'x', sizeof text);
    start(ECHO, OWED_MAX, LONG_US);
    while (closed == 0 && sent < 64 * 1024 * 1024) {
        count = send(client, text, sizeof text, MSG_NOSIGNAL);
        if (count > 0)
            sent += (size_t)count;
        assert_int_equal(loop_turn(loop, USEC_PER_MSEC), 0);
    }
    assert_int_equal(closed, 1);
    assert_int_equal(metrics.value[METRIC_FRAMES_TOO_LONG], 1);
    stop();
}

static void test_lingering_peer_that_never_closes_is_cut_off(void **state)
{
    (void)state;
    start(HOLD, OWED_MAX, LONG_US);
    say("goodbye\003");
    TURN_UNTIL(loop, held_count == 1);
    reply_drop(held[--held_count], true);
    peer_expect_end(loop, client);
    assert_int_equal(closed, 0);
    assert_false(connection_busy(connection));
    assert_true(count_turns(loop, 100 * USEC_PER_MSEC) <= QUIET_TURNS);
    TURN_UNTIL(loop, closed == 1);
    stop();
}

/* -- answers */

static void test_answers_leave_in_the_order_of_their_frames(void **state)
{
    (void)state;
    static const unsigned orders[][4] = {
        {0, 1, 2, 3}, {3, 2, 1, 0}, {1, 0, 3, 2}, {2, 3, 0, 1}, {1, 3, 2, 0}};
    for (size_t i = 0; i < ARRAY_SIZE(orders); i++) {
        start(HOLD, OWED_MAX, LONG_US);
        say("a\003b\003c\003d\003");
        TURN_UNTIL(loop, held_count == 4);
        assert_true(connection_busy(connection));
        for (int k = 0; k < 4; k++) {
            if (orders[i][k] == 2)
                reply_drop(held[2], false); /* one without an answer */
            else
                answer_held(orders[i][k], false);
            turn_some(loop);
        }
        held_count = 0;
        peer_expect(loop, client, "0;1;3;");
        assert_false(connection_busy(connection));
        stop();
    }
}

static void test_replies_outlive_their_connection(void **state)
{
    (void)state;
    start(HOLD, OWED_MAX, LONG_US);
    say("a\003b\003c\003");
    TURN_UNTIL(loop, held_count == 3);
    answer_held(1, false); /* ended, waiting for its turn */
    connection_close(connection);
    connection = NULL;
    answer_held(0, false);
    turn_some(loop);
    answer_held(2, true);
    held_count = 0;
    assert_int_equal(closed, 1);
    peer_expect_end(loop, client);
    stop();
}

static void test_a_closing_answer_is_the_last_one(void **state)
{
    (void)state;
    start(HOLD, OWED_MAX, LONG_US);
    say("a\003b\003c\003");
    TURN_UNTIL(loop, held_count == 3);
    answer_held(2, false);
    answer_held(1, true);
    say("d\003");
    turn_some(loop);
    assert_int_equal(frames, 3);
    answer_held(0, false);
    held_count = 0;
    peer_expect(loop, client, "0;1;");
    peer_expect_end(loop, client);
    assert_int_equal(frames, 3);
    stop();
}

static void test_frames_behind_a_closing_answer_are_not_handled(void **state)
{
    (void)state;
    start(HOLD, 1, LONG_US);
    say("goodbye\003b\003c");
    TURN_UNTIL(loop, held_count == 1);
    reply_send(held[--held_count], bytes_of("bye"), true);
    hang_up_sending();
    peer_expect(loop, client, "bye");
    peer_expect_end(loop, client);
    TURN_UNTIL(loop, closed == 1);
    assert_int_equal(frames, 1);
    stop();
}

static void test_handler_may_close_the_connection(void **state)
{
    (void)state;
    start(CLOSE, OWED_MAX, LONG_US);
    say("a\003b\003");
    TURN_UNTIL(loop, closed == 1);
    assert_int_equal(frames, 1);
    stop();
}

static void test_finish_gives_what_is_owed(void **state)
{
    (void)state;
    start(HOLD, 2, LONG_US);
    say("a\003b\003c\003");
    TURN_UNTIL(loop, held_count == 2);
    connection_finish(connection);
    say("d\003");
    answer_held(1, false);
    turn_some(loop);
    assert_true(connection_busy(connection));
    answer_held(0, false);
    held_count = 0;
    peer_expect(loop, client, "0;1;");
    peer_expect_end(loop, client);
    assert_int_equal(frames, 2);
    assert_false(connection_busy(connection));
    stop();
}

static void test_finish_of_an_idle_connection(void **state)
{
    (void)state;
    start(ECHO, OWED_MAX, LONG_US);
    connection_finish(connection);
    connection_finish(connection);
    peer_expect_end(loop, client);
    close(client);
    client = -1;
    TURN_UNTIL(loop, closed == 1);
    stop();
}

static void test_link_belongs_to_the_owner(void **state)
{
    (void)state;
    struct list connections = LIST_INIT(connections);
    start(ECHO, OWED_MAX, LONG_US);
    list_append(&connections, connection_link(connection));
    assert_ptr_equal(connection_from_link(connections.next), connection);
    close(client);
    client = -1;
    TURN_UNTIL(loop, closed == 1);
    assert_true(list_empty(&connections));
    stop();
}

/* -- limits */

static void test_no_more_is_read_while_too_many_answers_are_owed(void **state)
{
    (void)state;
    enum { SENT = 200 };
    start(HOLD, OWED_MAX, LONG_US);
    for (int i = 0; i < SENT; i++)
        say("frame\003");
    TURN_UNTIL(loop, held_count == OWED_MAX);
    assert_true(count_turns(loop, 50 * USEC_PER_MSEC) <= QUIET_TURNS);
    assert_int_equal(frames, OWED_MAX);
    for (unsigned answered = 0; answered < SENT; answered++) {
        TURN_UNTIL(loop, held_count > answered);
        assert_true(held_count <= answered + OWED_MAX);
        reply_send(held[answered], bytes_of("."), false);
    }
    held_count = 0;
    assert_int_equal(frames, SENT);
    stop();
}

/* Answers of 100,000 bytes to a peer that does not read: no more than the limit and one answer
 * waits, and once the peer reads it gets everything. */
static void test_slow_reader_stops_the_reading(void **state)
{
    (void)state;
    enum { SENT = 200 };
    start(HUGE, OWED_MAX, LONG_US);
    for (int i = 0; i < SENT; i++)
        say("f\003");
    hang_up_sending();
    unsigned before;
    do {
        before = frames;
        (void)count_turns(loop, 20 * USEC_PER_MSEC);
    } while (frames != before);
    assert_true(frames < SENT);
    assert_true(connection_busy(connection));
    assert_true(count_turns(loop, 50 * USEC_PER_MSEC) <= QUIET_TURNS);
    assert_int_equal(peer_read_all(loop, client, NULL, 0), (size_t)SENT * HUGE_LEN);
    assert_int_equal(frames, SENT);
    TURN_UNTIL(loop, closed == 1);
    stop();
}

static void test_many_small_frames_in_a_burst(void **state)
{
    (void)state;
    static char got[32768];
    start(ECHO, OWED_MAX, LONG_US);
    for (int i = 0; i < FRAMES_MAX; i++)
        peer_send(loop, client, bytes_of("abc\003"));
    hang_up_sending();
    assert_int_equal(peer_read_all(loop, client, got, sizeof got), FRAMES_MAX * 4);
    for (int i = 0; i < FRAMES_MAX; i++)
        assert_memory_equal(got + i * 4, "abc.", 4);
    stop();
}

/* -- time */

static void test_idle_connection_is_told_and_closed(void **state)
{
    (void)state;
    start(ECHO, OWED_MAX, SHORT_US);
    say("unfinished");
    peer_expect(loop, client, "idle.");
    peer_expect_end(loop, client);
    assert_int_equal(refusals[CONNECTION_IDLE], 1);
    assert_int_equal(metrics.value[METRIC_CONNECTIONS_TIMED_OUT], 1);
    assert_int_equal(frames, 0);
    stop();
}

/* A byte now and then is no sign of life. */
static void test_trickling_bytes_do_not_keep_a_connection(void **state)
{
    (void)state;
    start(ECHO, OWED_MAX, SHORT_US);
    for (int bytes = 0; refusals[CONNECTION_IDLE] == 0 && bytes < FRAME_MAX; bytes++) {
        (void)send(client, "x", 1, MSG_NOSIGNAL);
        (void)count_turns(loop, USEC_PER_MSEC);
    }
    assert_int_equal(refusals[CONNECTION_IDLE], 1);
    stop();
}

static void test_each_frame_gives_more_time(void **state)
{
    (void)state;
    start(ECHO, OWED_MAX, 4 * SHORT_US);
    for (int i = 0; i < 6; i++) {
        say("a\003");
        peer_expect(loop, client, "a.");
        (void)count_turns(loop, SHORT_US);
    }
    assert_int_equal(closed, 0);
    assert_int_equal(refusals[CONNECTION_IDLE], 0);
    stop();
}

static void test_no_time_runs_while_an_answer_is_owed(void **state)
{
    (void)state;
    uint64_t idle_us = 4 * SHORT_US;
    start(HOLD, OWED_MAX, idle_us);
    say("a\003");
    TURN_UNTIL(loop, held_count == 1);
    (void)count_turns(loop, idle_us + idle_us / 2);
    assert_int_equal(refusals[CONNECTION_IDLE], 0);
    uint64_t answered_at = clock_monotonic_us();
    assert_int_equal(loop_turn(loop, 0), 0);
    answer_held(0, false);
    held_count = 0;
    peer_expect(loop, client, "0;idle.");
    assert_true(clock_monotonic_us() - answered_at >= idle_us); /* it begins with the answer */
    peer_expect_end(loop, client);
    stop();
}

static void test_peer_that_never_reads_is_closed(void **state)
{
    (void)state;
    start(HUGE, OWED_MAX, SHORT_US);
    for (int i = 0; i < 200; i++)
        peer_send(loop, client, bytes_of("f\003"));
    TURN_UNTIL(loop, closed == 1);
    assert_int_equal(metrics.value[METRIC_CONNECTIONS_TIMED_OUT], 1);
    stop();
}

/* -- peers that go away */

static void test_peer_closes_while_an_answer_is_owed(void **state)
{
    (void)state;
    start(HOLD, OWED_MAX, LONG_US);
    say("a\003b");
    hang_up_sending();
    TURN_UNTIL(loop, held_count == 2);
    assert_true(count_turns(loop, 50 * USEC_PER_MSEC) <= QUIET_TURNS);
    assert_int_equal(closed, 0);
    answer_held(0, false);
    answer_held(1, false);
    held_count = 0;
    peer_expect(loop, client, "0;1;");
    peer_expect_end(loop, client);
    TURN_UNTIL(loop, closed == 1);
    stop();
}

/* Frames that had arrived before the reset are still handled, with nobody to answer. */
static void test_frames_before_a_reset_are_handled(void **state)
{
    (void)state;
    enum { SENT = 3000 };
    start(HOLD, 1, LONG_US);
    for (int i = 0; i < SENT; i++)
        peer_send(loop, client, bytes_of("ab\003"));
    hang_up_sending();
    TURN_UNTIL(loop, held_count == 1);
    peer_reset(client);
    client = -1;
    assert_true(count_turns(loop, 50 * USEC_PER_MSEC) <= QUIET_TURNS);
    for (unsigned i = 0; i < SENT; i++) {
        TURN_UNTIL(loop, held_count == i + 1);
        answer_held(i, false);
    }
    held_count = 0;
    TURN_UNTIL(loop, closed == 1);
    assert_int_equal(frames, SENT);
    stop();
}

static void test_half_a_frame_before_a_reset_is_none(void **state)
{
    (void)state;
    static const enum manner manners[] = {ECHO, HOLD};
    for (size_t i = 0; i < ARRAY_SIZE(manners); i++) {
        start(manners[i], OWED_MAX, LONG_US);
        say("whole\003ha");
        peer_reset(client);
        client = -1;
        TURN_UNTIL(loop, closed == 1);
        assert_string_equal(seen, "whole|");
        stop();
    }
}

static void prepare_nothing(void)
{
    start(HOLD, OWED_MAX, LONG_US);
}

static void prepare_part_of_a_frame(void)
{
    start(HOLD, OWED_MAX, LONG_US);
    say("part");
    turn_some(loop);
}

static void prepare_blocked_output(void)
{
    start(HUGE, OWED_MAX, LONG_US);
    for (int i = 0; i < 100; i++)
        say("f\003");
    TURN_UNTIL(loop, connection_busy(connection));
}

static void prepare_ending_with_blocked_output(void)
{
    prepare_blocked_output();
    connection_finish(connection);
    turn_some(loop);
}

static void prepare_lingering(void)
{
    start(HOLD, OWED_MAX, LONG_US);
    connection_finish(connection);
    peer_expect_end(loop, client);
}

static void test_reset_in_every_state(void **state)
{
    (void)state;
    static void (*const states[])(void) = {prepare_nothing, prepare_part_of_a_frame,
                                           prepare_blocked_output,
                                           prepare_ending_with_blocked_output, prepare_lingering};
    for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
        states[i]();
        assert_int_equal(closed, 0);
        peer_reset(client);
        client = -1;
        TURN_UNTIL(loop, closed == 1);
        stop();
    }
}

static void test_reset_while_an_answer_is_owed(void **state)
{
    (void)state;
    for (int finishing = 0; finishing < 2; finishing++) {
        start(HOLD, 1, LONG_US);
        say("a\003");
        TURN_UNTIL(loop, held_count == 1);
        if (finishing)
            connection_finish(connection);
        peer_reset(client);
        client = -1;
        assert_true(count_turns(loop, 50 * USEC_PER_MSEC) <= QUIET_TURNS);
        answer_held(0, false);
        held_count = 0;
        TURN_UNTIL(loop, closed == 1);
        stop();
    }
}

/* -- faults: the n-th allocation fails, for every n */

static long allocations_left = -1; /* -1: all succeed */

static bool allocation_fails(void)
{
    if (allocations_left < 0)
        return false;
    return allocations_left == 0 || allocations_left-- == 0;
}

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
    return allocation_fails() ? NULL : __real_malloc(size);
}

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size)
{
    return allocation_fails() ? NULL : __real_calloc(count, size);
}

void *__real_realloc(void *data, size_t size);
void *__wrap_realloc(void *data, size_t size);
void *__wrap_realloc(void *data, size_t size)
{
    return allocation_fails() ? NULL : __real_realloc(data, size);
}

static void test_connection_without_memory(void **state)
{
    (void)state;
    for (long n = 0;; n++) {
        start(HOLD, OWED_MAX, LONG_US);
        say("a\003b\003c");
        hang_up_sending();
        allocations_left = n;
        for (int i = 0; i < 4 && closed == 0; i++)
            assert_int_equal(loop_turn(loop, 0), 0);
        if (held_count == 3)
            answer_held(--held_count, false);
        while (held_count > 0)
            answer_held(--held_count, false);
        turn_some(loop);
        bool all_succeeded = allocations_left > 0;
        allocations_left = -1;
        TURN_UNTIL(loop, closed == 1);
        if (all_succeeded) {
            peer_expect(loop, client, "0;1;2;");
            stop();
            break;
        }
        stop();
    }
}

static void test_new_connection_without_memory(void **state)
{
    (void)state;
    const struct connection_limits limits = {.frame_max = 1, .owed_max = 1, .idle_us = LONG_US};
    int fds[2];
    tcp_pair(&fds[0], &fds[1], &client_addr);
    allocations_left = 0;
    int error =
        connection_new(loop, fds[0], &client_addr, &limits, &handler, &metrics, &connection);
    allocations_left = -1;
    assert_int_equal(error, -ENOMEM);
    close(fds[0]); /* still ours */
    close(fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frame_is_answered),
        cmocka_unit_test(test_frames_byte_by_byte),
        cmocka_unit_test(test_frames_cut_at_every_place),
        cmocka_unit_test(test_last_frame_may_lack_its_etx),
        cmocka_unit_test(test_end_of_stream_alone_is_no_frame),
        cmocka_unit_test(test_peer_that_writes_and_closes),
        cmocka_unit_test(test_longest_frame_passes),
        cmocka_unit_test(test_too_long_is_answered_and_the_answer_arrives),
        cmocka_unit_test(test_peer_that_never_stops_sending_is_cut_off),
        cmocka_unit_test(test_lingering_peer_that_never_closes_is_cut_off),
        cmocka_unit_test(test_answers_leave_in_the_order_of_their_frames),
        cmocka_unit_test(test_replies_outlive_their_connection),
        cmocka_unit_test(test_a_closing_answer_is_the_last_one),
        cmocka_unit_test(test_frames_behind_a_closing_answer_are_not_handled),
        cmocka_unit_test(test_handler_may_close_the_connection),
        cmocka_unit_test(test_finish_gives_what_is_owed),
        cmocka_unit_test(test_finish_of_an_idle_connection),
        cmocka_unit_test(test_link_belongs_to_the_owner),
        cmocka_unit_test(test_no_more_is_read_while_too_many_answers_are_owed),
        cmocka_unit_test(test_slow_reader_stops_the_reading),
        cmocka_unit_test(test_many_small_frames_in_a_burst),
        cmocka_unit_test(test_idle_connection_is_told_and_closed),
        cmocka_unit_test(test_trickling_bytes_do_not_keep_a_connection),
        cmocka_unit_test(test_each_frame_gives_more_time),
        cmocka_unit_test(test_no_time_runs_while_an_answer_is_owed),
        cmocka_unit_test(test_peer_that_never_reads_is_closed),
        cmocka_unit_test(test_peer_closes_while_an_answer_is_owed),
        cmocka_unit_test(test_frames_before_a_reset_are_handled),
        cmocka_unit_test(test_half_a_frame_before_a_reset_is_none),
        cmocka_unit_test(test_reset_in_every_state),
        cmocka_unit_test(test_reset_while_an_answer_is_owed),
        cmocka_unit_test(test_connection_without_memory),
        cmocka_unit_test(test_new_connection_without_memory),
    };
    return cmocka_run_group_tests_name("connection", tests, setup, teardown);
}
