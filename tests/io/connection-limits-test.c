/* The limits of connections, plain and over TLS: time for a frame, memory, and what the owner is
 * told to judge by.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "sealed-peer.h"
#include "test-clock.h"

#include <sys/socket.h>

/* -- time, which passes when the test says so */

static const struct connection_limits hasty = {.frame_max = FRAME_MAX,
                                               .output_max = OUTPUT_MAX,
                                               .owed_max = OWED_MAX,
                                               .idle_us = 0,
                                               .frame_us = 10 * USEC_PER_SEC};

/* Sends `bytes`, one a second, until the connection has had enough: how many it took. */
static size_t trickle(struct bytes bytes)
{
    size_t sent = 0;
    while (sent < bytes.len && connection != NULL && refusals[CONNECTION_SLOW] == 0) {
        (void)send(client, bytes.data + sent++, 1, MSG_NOSIGNAL);
        pass_seconds(loop, 1);
    }
    return sent;
}

static void test_slow_sender_is_cut_off(void **state)
{
    (void)state;
    char text[500];
    memset(text, 'x', sizeof text);
    start_with(ECHO, CONNECTION_DETECT, server_tls, &hasty);
    say("in time\003");
    assert_in_range(trickle((struct bytes){.data = text, .len = sizeof text}), 9, 11);
    peer_expect(loop, client, "in time.slow.");
    peer_expect_end(loop, client);
    assert_int_equal(metrics.value[METRIC_CONNECTIONS_SLOW], 1);
    assert_int_equal(metrics.value[METRIC_CONNECTIONS_TIMED_OUT], 0);
    stop();
}

static void test_slow_handshake_is_cut_off(void **state)
{
    (void)state;
    unsigned char hello[600] = {0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3};
    start_with(ECHO, CONNECTION_DETECT, server_tls, &hasty);
    assert_in_range(trickle((struct bytes){.data = (char *)hello, .len = sizeof hello}), 9, 11);
    assert_int_equal(closed, 1);
    assert_int_equal(metrics.value[METRIC_CONNECTIONS_SLOW], 1);
    assert_int_equal(opened, 0);
    stop();

    start_with(ECHO, CONNECTION_TLS, server_tls, &hasty); /* not a byte */
    pass_seconds(loop, 9);
    assert_int_equal(closed, 0);
    pass_seconds(loop, 2);
    assert_int_equal(closed, 1);
    assert_int_equal(metrics.value[METRIC_CONNECTIONS_SLOW], 1);
    stop();
}

/* Records are whole or nothing: a slow one counts from its first byte, though no byte of a frame
 * can be seen. */
static void test_slow_record_is_cut_off(void **state)
{
    (void)state;
    static const char record[400] = {0x17, 3, 3, 1, 0x7f};
    begin_shaken(ECHO, &hasty);
    pass_seconds(loop, 3600); /* without a byte there is no hurry */
    assert_int_equal(closed, 0);
    /* OpenSSL shows nothing of a record's head that is just complete, which begins the time anew.
     */
    assert_in_range(trickle((struct bytes){.data = record, .len = sizeof record}), 9, 16);
    assert_int_equal(refusals[CONNECTION_SLOW], 1);
    hear("slow.");
    hear_the_end();
    finish();
}

static void test_each_frame_has_its_own_time(void **state)
{
    (void)state;
    start_with(ECHO, CONNECTION_PLAIN, NULL, &hasty);
    say("1");
    for (int i = 0; i < 6; i++) {
        pass_seconds(loop, 6);
        say("\0031");
        peer_expect(loop, client, "1.");
    }
    assert_int_equal(closed, 0);
    pass_seconds(loop, 11);
    assert_int_equal(refusals[CONNECTION_SLOW], 1); /* the last one */
    stop();
}

/* Its frame waits because we do not read. */
static void test_no_frame_is_slow_while_we_do_not_read(void **state)
{
    (void)state;
    struct connection_limits limits = hasty;
    limits.owed_max = 1;
    start_with(HOLD, CONNECTION_PLAIN, NULL, &limits);
    say("a\003b");
    TURN_UNTIL(loop, held_count == 1);
    pass_seconds(loop, 3600);
    answer_held(0, false);
    say("b\003");
    TURN_UNTIL(loop, held_count == 2);
    answer_held(1, false);
    held_count = 0;
    assert_string_equal(seen, "a|bb|");
    peer_expect(loop, client, "0;1;");
    stop();
}

static void test_other_limits(void **state)
{
    (void)state;
    char frame[FRAME_MAX];
    struct connection_limits limits = hasty;
    memset(frame, 'x', sizeof frame);
    frame[sizeof frame - 2] = '\003';
    frame[sizeof frame - 1] = '\0';
    limits.frame_max = 10;
    begin_shaken(HOLD, &limits);
    limits.frame_max = FRAME_MAX;
    connection_set_limits(connection, &limits);
    say_sealed(frame);
    TURN_UNTIL(loop, frames == 1 || closed == 1);
    assert_int_equal(frames, 1);
    reply_drop(held[--held_count], false);
    limits.frame_max = 10;
    limits.idle_us = 5 * USEC_PER_SEC;
    connection_set_limits(connection, &limits);
    pass_seconds(loop, 4);
    assert_int_equal(refusals[CONNECTION_IDLE], 0);
    pass_seconds(loop, 2);
    hear("idle.");
    hear_the_end();
    finish();
}

/* Who may stay for ever, but does not take what is left for him. */
static void test_end_has_an_end(void **state)
{
    (void)state;
    start_with(HUGE, CONNECTION_PLAIN, NULL, &hasty);
    for (int i = 0; i < 200; i++)
        peer_send(loop, client, bytes_of("f\003"));
    TURN_UNTIL(loop, connection_waiting(connection) > 0);
    pass_seconds(loop, 3600);
    assert_int_equal(closed, 0);
    connection_finish(connection);
    turn_some(loop);
    assert_int_equal(closed, 0);
    pass_seconds(loop, 11);
    assert_int_equal(closed, 1);
    stop();
}

/* -- what it costs */

static void test_memory_is_told(void **state)
{
    (void)state;
    start_with(ECHO, CONNECTION_PLAIN, NULL, &patient);
    turn_some(loop);
    size_t plain = connection_memory(connection);
    assert_true(plain < 2000);
    say("half");
    turn_some(loop);
    assert_true(connection_memory(connection) > plain);
    say("\003");
    peer_expect(loop, client, "half.");
    assert_int_equal(connection_memory(connection), plain);
    stop();

    begin(ECHO, &patient);
    assert_int_equal(tls_session_handshake(peer), 0);
    turn_some(loop);
    size_t shaking = connection_memory(connection);
    shake_hands();
    size_t sealed = connection_memory(connection);
    assert_true(shaking > sealed);
    assert_true(sealed > plain + 5000 && sealed < 30000);
    say_sealed("a\003");
    hear("a.");
    assert_int_equal(connection_memory(connection), sealed);
    finish();
}

static void test_kept_answers_are_counted(void **state)
{
    (void)state;
    static char text[10000];
    start_with(HOLD, CONNECTION_PLAIN, NULL, &patient);
    say("a\003b\003");
    TURN_UNTIL(loop, held_count == 2);
    size_t before = connection_memory(connection);
    reply_send(held[1], (struct bytes){.data = text, .len = sizeof text}, false);
    assert_true(connection_memory(connection) >= before + sizeof text);
    reply_drop(held[0], false);
    held_count = 0;
    connection_finish(connection);
    assert_int_equal(peer_read_all(loop, client, NULL, 0), sizeof text);
    assert_true(connection_memory(connection) < before);
    stop();
}

static void test_use_is_told(void **state)
{
    (void)state;
    start_with(HOLD, CONNECTION_PLAIN, NULL, &patient);
    turn_some(loop);
    uint64_t opened_us = connection_used_us(connection);
    (void)count_turns(loop, USEC_PER_MSEC);
    say("ha");
    turn_some(loop);
    assert_int_equal(connection_used_us(connection), opened_us);
    say("lf\003");
    TURN_UNTIL(loop, held_count == 1);
    uint64_t frame_us = connection_used_us(connection);
    assert_true(frame_us > opened_us);
    (void)count_turns(loop, USEC_PER_MSEC);
    answer_held(0, false);
    held_count = 0;
    peer_expect(loop, client, "0;");
    assert_true(connection_used_us(connection) > frame_us);
    stop();
}

static void test_owner_finds_what_it_left(void **state)
{
    (void)state;
    int something;
    start_with(ECHO, CONNECTION_PLAIN, NULL, &patient);
    assert_null(connection_context(connection));
    connection_set_context(connection, &something);
    assert_ptr_equal(connection_context(connection), &something);
    stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slow_sender_is_cut_off),
        cmocka_unit_test(test_slow_handshake_is_cut_off),
        cmocka_unit_test(test_slow_record_is_cut_off),
        cmocka_unit_test(test_each_frame_has_its_own_time),
        cmocka_unit_test(test_no_frame_is_slow_while_we_do_not_read),
        cmocka_unit_test(test_other_limits),
        cmocka_unit_test(test_end_has_an_end),
        cmocka_unit_test(test_memory_is_told),
        cmocka_unit_test(test_kept_answers_are_counted),
        cmocka_unit_test(test_use_is_told),
        cmocka_unit_test(test_owner_finds_what_it_left),
    };
    return cmocka_run_group_tests_name("connection-limits", tests, sealed_setup, sealed_teardown);
}
