/* Connections: frames however they are cut, answers in order, and limits.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "connection-fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

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
        assert_string_equal(seen, "one|two||four|tail/");
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
    assert_string_equal(seen, "only/");
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
    assert_string_equal(seen, "wrmsg:a:b:%:hello/");
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

static void test_what_is_told_waits_for_the_answers_owed_by_then(void **state)
{
    (void)state;
    start(HOLD, OWED_MAX, LONG_US);
    connection_tell(connection, bytes_of("at once;"));
    peer_expect(loop, client, "at once;");
    say("a\003b\003");
    TURN_UNTIL(loop, held_count == 2);
    connection_tell(connection, bytes_of("between;"));
    say("c\003");
    TURN_UNTIL(loop, held_count == 3);
    answer_held(2, false);
    answer_held(1, false);
    connection_write(connection, bytes_of("first;"));
    answer_held(0, false);
    held_count = 0;
    peer_expect(loop, client, "first;0;1;between;2;");
    stop();
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
        cmocka_unit_test(test_what_is_told_waits_for_the_answers_owed_by_then),
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
    };
    return cmocka_run_group_tests_name("connection", tests, setup, teardown);
}
