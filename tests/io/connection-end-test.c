/* How connections end: in time, by peers that go away in every state, and for want of memory.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "connection-fixture.h"
#include "test-clock.h"

#include "tests/lib/fault.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* -- time, which passes when the test says so */

#define IDLE_SECONDS 10
#define IDLE_US      (IDLE_SECONDS * USEC_PER_SEC)

static void test_idle_connection_is_told_and_closed(void **state)
{
    (void)state;
    start(ECHO, OWED_MAX, IDLE_US);
    say("unfinished");
    pass_seconds(loop, IDLE_SECONDS - 1);
    assert_int_equal(refusals[CONNECTION_IDLE], 0);
    pass_seconds(loop, 1);
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
    start(ECHO, OWED_MAX, IDLE_US);
    for (int second = 0; second < IDLE_SECONDS; second++) {
        assert_int_equal(refusals[CONNECTION_IDLE], 0);
        say("x");
        pass_seconds(loop, 1);
    }
    assert_int_equal(refusals[CONNECTION_IDLE], 1);
    stop();
}

static void test_each_frame_gives_more_time(void **state)
{
    (void)state;
    start(ECHO, OWED_MAX, IDLE_US);
    for (int i = 0; i < 6; i++) {
        say("a\003");
        peer_expect(loop, client, "a.");
        pass_seconds(loop, IDLE_SECONDS / 2);
    }
    assert_int_equal(closed, 0);
    assert_int_equal(refusals[CONNECTION_IDLE], 0);
    stop();
}

static void test_no_time_runs_while_an_answer_is_owed(void **state)
{
    (void)state;
    start(HOLD, OWED_MAX, IDLE_US);
    say("a\003");
    TURN_UNTIL(loop, held_count == 1);
    pass_seconds(loop, 3600);
    assert_int_equal(refusals[CONNECTION_IDLE], 0);
    answer_held(0, false);
    held_count = 0;
    pass_seconds(loop, IDLE_SECONDS - 1); /* it begins with the answer */
    assert_int_equal(refusals[CONNECTION_IDLE], 0);
    pass_seconds(loop, 1);
    peer_expect(loop, client, "0;idle.");
    peer_expect_end(loop, client);
    stop();
}

static void test_peer_that_never_reads_is_closed(void **state)
{
    (void)state;
    start(HUGE, OWED_MAX, IDLE_US);
    for (int i = 0; i < 200; i++)
        peer_send(loop, client, bytes_of("f\003"));
    pass_seconds(loop, IDLE_SECONDS);
    assert_int_equal(metrics.value[METRIC_CONNECTIONS_TIMED_OUT], 1);
    pass_seconds(loop, IDLE_SECONDS);
    assert_int_equal(closed, 1);
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
    static char text[3 * SENT];
    for (int i = 0; i < SENT; i++)
        memcpy(text + 3 * i, "ab\003", 3);
    start(HOLD, 1, LONG_US);
    peer_send(loop, client, (struct bytes){.data = text, .len = sizeof text});
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

static void test_connection_without_memory(void **state)
{
    (void)state;
    for (long n = 0;; n++) {
        start(HOLD, OWED_MAX, LONG_US);
        say("a\003b\003c");
        hang_up_sending();
        fault_countdown = n;
        for (int i = 0; i < 4 && closed == 0; i++)
            assert_int_equal(loop_turn(loop, 0), 0);
        if (held_count == 3)
            answer_held(--held_count, false);
        while (held_count > 0)
            answer_held(--held_count, false);
        turn_some(loop);
        bool all_succeeded = fault_countdown >= 0;
        fault_countdown = -1;
        TURN_UNTIL(loop, closed == 1);
        if (all_succeeded) {
            peer_expect(loop, client, "0;1;2;");
            stop();
            break;
        }
        stop();
    }
}

/* The owner may be in the middle of something: it is not told during its own call. */
static void test_want_of_memory_is_told_later(void **state)
{
    (void)state;
    enum { WRITING, ANSWERING, TELLING, WAYS };
    for (int way = 0; way < WAYS; way++) {
        start(HOLD, OWED_MAX, LONG_US);
        say("a\003b\003");
        TURN_UNTIL(loop, held_count == 2);
        fault_countdown = 0;
        if (way == ANSWERING)
            answer_held(1, false);
        else if (way == TELLING)
            connection_tell(connection, bytes_of("lost;"));
        else
            connection_write(connection, bytes_of("lost;"));
        fault_countdown = -1;
        assert_int_equal(closed, 0);
        connection_write(connection, bytes_of("not sent without it;"));
        answer_held(0, false);
        if (way != ANSWERING)
            answer_held(1, false);
        held_count = 0;
        assert_int_equal(loop_turn(loop, 0), 0);
        assert_int_equal(closed, 1);
        peer_expect_end(loop, client);
        stop();
    }
}

static void test_new_connection_without_memory(void **state)
{
    (void)state;
    const struct connection_limits limits = {.frame_max = 1, .owed_max = 1, .idle_us = LONG_US};
    int fds[2];
    tcp_pair(&fds[0], &fds[1], &client_addr);
    fault_countdown = 0;
    int error = connection_new(loop, fds[0], &client_addr, CONNECTION_PLAIN, NULL, &limits,
                               &handler, &metrics, &connection);
    fault_countdown = -1;
    assert_int_equal(error, -ENOMEM);
    close(fds[0]); /* still ours */
    close(fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
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
        cmocka_unit_test(test_want_of_memory_is_told_later),
        cmocka_unit_test(test_new_connection_without_memory),
    };
    return cmocka_run_group_tests_name("connection", tests, setup, teardown);
}
