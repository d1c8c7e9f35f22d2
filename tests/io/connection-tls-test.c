/* Connections over TLS, or over whatever the first byte says: the same frames and answers, and
 * peers that go away, are slow, or do not read.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "sealed-peer.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void hang_up(void)
{
    close(client);
    client = -1;
}

/* -- which carrier */

static void test_first_byte_tells(void **state)
{
    (void)state;
    begin_shaken(ECHO, &patient);
    assert_true(secure);
    say_sealed("hello\003");
    hear("hello.");
    assert_int_equal(metrics.value[METRIC_TLS_HANDSHAKES], 1);
    assert_int_equal(metrics.value[METRIC_TLS_RESUMED], 0);
    finish();

    start_with(ECHO, CONNECTION_DETECT, server_tls, &patient);
    turn_some(loop);
    assert_int_equal(opened, 0);
    say("hello\003");
    peer_expect(loop, client, "hello.");
    assert_false(secure);
    assert_int_equal(metrics.value[METRIC_TLS_HANDSHAKES], 0);
    stop();
}

static void test_plain_connection_is_open_at_once(void **state)
{
    (void)state;
    start_with(ECHO, CONNECTION_PLAIN, NULL, &patient);
    assert_int_equal(opened, 0);
    assert_int_equal(loop_turn(loop, 0), 0);
    assert_int_equal(opened, 1);
    stop();
}

static void test_silent_peer_is_told_in_plain(void **state)
{
    (void)state;
    struct connection_limits limits = patient;
    limits.idle_us = SHORT_US;
    start_with(ECHO, CONNECTION_DETECT, server_tls, &limits);
    peer_expect(loop, client, "idle.");
    peer_expect_end(loop, client);
    assert_int_equal(opened, 0);
    stop();
}

static void test_other_bytes_where_tls_is_wanted(void **state)
{
    (void)state;
    static const char *const texts[] = {"wrmsg:a:b:%:c\003", "GET / HTTP/1.1\r\n\r\n",
                                        "\x16garbage behind the first byte"};
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        char scrap[100];
        start_with(ECHO, i < 2 ? CONNECTION_TLS : CONNECTION_DETECT, server_tls, &patient);
        say(texts[i]);
        (void)peer_read_all(loop, client, scrap, sizeof scrap);
        hang_up();
        TURN_UNTIL(loop, closed == 1);
        assert_int_equal(opened + frames, 0);
        assert_int_equal(metrics.value[METRIC_TLS_FAILED], 1);
        stop();
    }
}

/* It can tell its user why: the alert is not lost by closing. */
static void test_old_tls_is_refused_in_its_words(void **state)
{
    (void)state;
    int result = 0;
    SSL_CTX *old = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_max_proto_version(old, TLS1_2_VERSION);
    start_with(ECHO, CONNECTION_DETECT, server_tls, &patient);
    SSL *ssl = SSL_new(old);
    assert_int_equal(SSL_set_fd(ssl, client), 1);
    TURN_UNTIL(loop, SSL_get_error(ssl, result = SSL_connect(ssl)) == SSL_ERROR_SSL);
    assert_int_equal(ERR_GET_REASON(ERR_get_error()), SSL_R_TLSV1_ALERT_PROTOCOL_VERSION);
    assert_int_equal(metrics.value[METRIC_TLS_FAILED], 1);
    SSL_free(ssl);
    SSL_CTX_free(old);
    stop();
}

static void test_ticket_is_counted(void **state)
{
    (void)state;
    for (unsigned visit = 0; visit < 2; visit++) {
        start_with(ECHO, CONNECTION_TLS, server_tls, &patient);
        assert_int_equal(tls_session_new(client_tls, client, "localhost", &peer), 0);
        shake_hands();
        say_sealed("a\003");
        hear("a.");
        assert_int_equal(metrics.value[METRIC_TLS_RESUMED], visit);
        finish();
    }
}

/* -- frames */

static void test_handshake_and_frames_byte_by_byte(void **state)
{
    (void)state;
    int relay[2], result = 0;
    char byte;
    start_with(ECHO, CONNECTION_DETECT, server_tls, &patient);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, relay), 0);
    assert_int_equal(tls_session_new(client_tls, relay[0], NULL, &peer), 0);
    uint64_t end = clock_monotonic_us() + PATIENCE_US;
    while (frames < 2 && clock_monotonic_us() < end) {
        if (result == 0) {
            result = tls_session_handshake(peer);
            if (result == 1)
                assert_int_equal(tls_session_write(peer, bytes_of("one\003two\003")), 8);
        }
        if (recv(relay[1], &byte, 1, 0) == 1)
            assert_int_equal(send(client, &byte, 1, 0), 1);
        if (recv(client, &byte, 1, 0) == 1)
            assert_int_equal(send(relay[1], &byte, 1, 0), 1);
        assert_int_equal(loop_turn(loop, 0), 0);
    }
    assert_string_equal(seen, "one|two|");
    close(relay[0]);
    close(relay[1]);
    finish();
}

static void test_frames_in_any_records(void **state)
{
    (void)state;
    begin_shaken(ECHO, &patient);
    say_sealed("one\003two\003thr");
    say_sealed("ee");
    say_sealed("\003\003fo");
    hear("one.two.three..");
    say_sealed("ur\003");
    hear("four.");
    assert_string_equal(seen, "one|two|three||four|");
    finish();
}

/* What has been read ahead is taken when there is room, though no event tells of it, and without
 * turning idly meanwhile. */
static void test_frames_that_were_read_ahead(void **state)
{
    (void)state;
    enum { SENT = 300 };
    struct connection_limits limits = patient;
    limits.owed_max = 1;
    limits.frame_max = 40;
    begin_shaken(HOLD, &limits);
    for (int i = 0; i < SENT; i++)
        assert_int_equal(tls_session_write(peer, bytes_of("a frame of some length\003")), 23);
    TURN_UNTIL(loop, held_count == 1);
    assert_true(count_turns(loop, 20 * USEC_PER_MSEC) <= QUIET_TURNS);
    assert_true(connection_memory(connection) < 50000); /* the rest is in the kernel */
    for (unsigned answered = 0; answered < SENT; answered++) {
        TURN_UNTIL(loop, held_count > answered);
        reply_send(held[answered], bytes_of("."), false);
    }
    held_count = 0;
    assert_int_equal(frames, SENT);
    finish();
}

static void test_many_small_frames_in_a_burst(void **state)
{
    (void)state;
    enum { SENT = 2000 };
    static char got[4 * SENT];
    size_t total = 0;
    int sent = 0;
    begin_shaken(ECHO, &patient);
    while (total < sizeof got) {
        while (sent < SENT && tls_session_write(peer, bytes_of("abc\003")) == 4)
            sent++;
        ssize_t count = tls_session_read(peer, got + total, sizeof got - total);
        if (count > 0)
            total += (size_t)count;
        else
            assert_int_equal(loop_turn(loop, USEC_PER_MSEC), 0);
    }
    for (int i = 0; i < SENT; i++)
        assert_memory_equal(got + i * 4, "abc.", 4);
    finish();
}

/* A peer that pours without end leaves room for others: a bounded amount each turn. */
static void test_flood_leaves_turns_for_others(void **state)
{
    (void)state;
    char frame[500];
    memset(frame, 'x', sizeof frame);
    frame[sizeof frame - 1] = '\003';
    begin_shaken(ECHO, &patient);
    unsigned before = 0;
    for (int turn = 0; turn < 200; turn++) {
        while (tls_session_write(peer, (struct bytes){.data = frame, .len = sizeof frame}) > 0)
            continue;
        assert_int_equal(loop_turn(loop, 0), 0);
        assert_true(frames - before <= 2 * 16384 / sizeof frame + 2);
        before = frames;
        char scrap[65536];
        while (tls_session_read(peer, scrap, sizeof scrap) > 0)
            continue;
    }
    assert_true(frames > 0);
    finish();
}

/* Records that carry nothing but new keys, each of which wants one in return. */
static void test_new_keys_in_between(void **state)
{
    (void)state;
    char data[100] = "";
    int result = 0;
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(context);
    start_with(ECHO, CONNECTION_DETECT, server_tls, &patient);
    assert_int_equal(SSL_set_fd(ssl, client), 1);
    TURN_UNTIL(loop, (result = SSL_connect(ssl)) == 1);
    for (unsigned i = 1; i <= 100; i++) {
        for (int k = 0; k < 10; k++) {
            assert_int_equal(SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED), 1);
            assert_int_equal(SSL_do_handshake(ssl), 1);
        }
        assert_int_equal(SSL_write(ssl, "frame\003", 6), 6);
        TURN_UNTIL(loop, SSL_read(ssl, data, sizeof data) == 6);
        assert_memory_equal(data, "frame.", 6);
        assert_int_equal(frames, i);
    }
    SSL_free(ssl);
    SSL_CTX_free(context);
    stop();
}

/* -- output */

static void test_frames_nobody_asked_for(void **state)
{
    (void)state;
    begin(HOLD, &patient);
    connection_write(connection, bytes_of("early;"));
    assert_int_equal(connection_waiting(connection), 6);
    assert_true(connection_busy(connection));
    shake_hands();
    hear("early;");
    say_sealed("question\003");
    TURN_UNTIL(loop, held_count == 1);
    connection_write(connection, bytes_of("between;"));
    answer_held(0, false);
    held_count = 0;
    connection_write(connection, bytes_of("late;"));
    hear("between;0;late;");
    assert_int_equal(connection_waiting(connection), 0);
    connection_finish(connection);
    connection_write(connection, bytes_of("to nobody"));
    hear_the_end();
    finish();
}

/* A peer that does not read: the owner sees what waits, and is told when it has left. */
static void test_owner_is_told_when_output_has_drained(void **state)
{
    (void)state;
    static char got[65536];
    static char text[1000];
    size_t written = 0, received = 0;
    memset(text, 'm', sizeof text);
    begin_shaken(ECHO, &patient);
    while (connection_waiting(connection) <= 10 * OUTPUT_MAX) {
        connection_write(connection, (struct bytes){.data = text, .len = sizeof text});
        written += sizeof text;
        assert_int_equal(loop_turn(loop, 0), 0);
    }
    unsigned before = drained; /* as long as the kernel took it */
    assert_true(connection_memory(connection) > 10 * OUTPUT_MAX);
    assert_true(count_turns(loop, 20 * USEC_PER_MSEC) <= QUIET_TURNS);
    assert_int_equal(drained, before);
    while (received < written) {
        bool over_half = connection_waiting(connection) > OUTPUT_MAX / 2;
        if (over_half)
            assert_int_equal(drained, before);
        received += (size_t)hear_some(got, sizeof got);
    }
    TURN_UNTIL(loop, drained == before + 1);
    assert_int_equal(connection_waiting(connection), 0);
    finish();
}

static void test_slow_reader_stops_the_reading(void **state)
{
    (void)state;
    enum { SENT = 200 };
    static char got[65536];
    size_t total = 0;
    begin_shaken(HUGE, &patient);
    for (int i = 0; i < SENT; i++)
        say_sealed("f\003");
    assert_int_equal(tls_session_shutdown(peer), 0);
    unsigned before;
    do {
        before = frames;
        (void)count_turns(loop, 20 * USEC_PER_MSEC);
    } while (frames != before);
    assert_true(frames < SENT);
    assert_true(connection_waiting(connection) <= OUTPUT_MAX + HUGE_LEN);
    assert_true(count_turns(loop, 20 * USEC_PER_MSEC) <= QUIET_TURNS);
    for (ssize_t count = 1; count > 0; total += (size_t)count)
        count = hear_some(got, sizeof got);
    assert_int_equal(total, (size_t)SENT * HUGE_LEN);
    TURN_UNTIL(loop, closed == 1);
    finish();
}

/* -- ends */

static void test_peer_that_says_it_is_done_is_answered(void **state)
{
    (void)state;
    begin_shaken(HOLD, &patient);
    say_sealed("a\003b");
    assert_int_equal(tls_session_shutdown(peer), 0);
    TURN_UNTIL(loop, held_count == 2);
    assert_true(count_turns(loop, 20 * USEC_PER_MSEC) <= QUIET_TURNS);
    answer_held(0, false);
    answer_held(1, false);
    held_count = 0;
    hear("0;1;");
    hear_the_end();
    assert_string_equal(seen, "a|b/");
    assert_int_equal(closed, 1);
    finish();
}

/* Whoever cuts the line can make half a message look like a whole one, in plain. Not here. */
static void test_end_without_a_word_is_no_end_of_a_frame(void **state)
{
    (void)state;
    begin_shaken(ECHO, &patient);
    say_sealed("whole\003half");
    hang_up_sending();
    TURN_UNTIL(loop, closed == 1);
    assert_string_equal(seen, "whole|");
    finish();
}

static void test_peer_goes_in_the_middle_of_the_handshake(void **state)
{
    (void)state;
    void (*const ways[])(void) = {hang_up, hang_up_sending};
    for (size_t way = 0; way < 3; way++) {
        begin(ECHO, &patient);
        assert_int_equal(tls_session_handshake(peer), 0);
        turn_some(loop);
        if (way < ARRAY_SIZE(ways)) {
            ways[way]();
        } else {
            peer_reset(client);
            client = -1;
        }
        TURN_UNTIL(loop, closed == 1);
        assert_int_equal(opened, 0);
        assert_int_equal(metrics.value[METRIC_TLS_FAILED], 1);
        finish();
    }
}

static void test_reset_in_the_middle_of_a_frame(void **state)
{
    (void)state;
    begin_shaken(HOLD, &patient);
    say_sealed("owed\003ha");
    TURN_UNTIL(loop, held_count == 1);
    peer_reset(client);
    client = -1;
    answer_held(0, false);
    held_count = 0;
    TURN_UNTIL(loop, closed == 1);
    assert_int_equal(frames, 1);
    finish();
}

static void test_forged_record_ends_it(void **state)
{
    (void)state;
    static const char record[0x105] = {0x17, 3, 3, 1, 0};
    begin_shaken(ECHO, &patient);
    say_sealed("good\003");
    peer_send(loop, client, (struct bytes){.data = record, .len = sizeof record});
    TURN_UNTIL(loop, closed == 1);
    assert_string_equal(seen, "good|");
    finish();
}

static void test_suspending_is_finishing(void **state)
{
    (void)state;
    begin_shaken(HOLD, &patient);
    say_sealed("a\003b");
    TURN_UNTIL(loop, held_count == 1);
    connection_suspend(connection);
    turn_some(loop);
    assert_int_equal(closed, 0);
    answer_held(0, false);
    held_count = 0;
    hear("0;");
    hear_the_end();
    finish();
}

static void test_ending_in_the_middle_of_the_handshake(void **state)
{
    (void)state;
    void (*const ways[])(struct connection *) = {connection_finish, connection_suspend,
                                                 connection_close};
    for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
        begin(ECHO, &patient);
        connection_write(connection, bytes_of("never sent"));
        assert_int_equal(tls_session_handshake(peer), 0);
        turn_some(loop);
        ways[i](connection);
        assert_int_equal(closed, 1);
        finish();
    }
}

static void test_too_long_is_told(void **state)
{
    (void)state;
    char text[FRAME_MAX + 100];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    begin_shaken(ECHO, &patient);
    say_sealed(text);
    hear("too long.");
    hear_the_end();
    finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_byte_tells),
        cmocka_unit_test(test_plain_connection_is_open_at_once),
        cmocka_unit_test(test_silent_peer_is_told_in_plain),
        cmocka_unit_test(test_other_bytes_where_tls_is_wanted),
        cmocka_unit_test(test_old_tls_is_refused_in_its_words),
        cmocka_unit_test(test_ticket_is_counted),
        cmocka_unit_test(test_handshake_and_frames_byte_by_byte),
        cmocka_unit_test(test_frames_in_any_records),
        cmocka_unit_test(test_frames_that_were_read_ahead),
        cmocka_unit_test(test_many_small_frames_in_a_burst),
        cmocka_unit_test(test_flood_leaves_turns_for_others),
        cmocka_unit_test(test_new_keys_in_between),
        cmocka_unit_test(test_frames_nobody_asked_for),
        cmocka_unit_test(test_owner_is_told_when_output_has_drained),
        cmocka_unit_test(test_slow_reader_stops_the_reading),
        cmocka_unit_test(test_peer_that_says_it_is_done_is_answered),
        cmocka_unit_test(test_end_without_a_word_is_no_end_of_a_frame),
        cmocka_unit_test(test_peer_goes_in_the_middle_of_the_handshake),
        cmocka_unit_test(test_reset_in_the_middle_of_a_frame),
        cmocka_unit_test(test_forged_record_ends_it),
        cmocka_unit_test(test_suspending_is_finishing),
        cmocka_unit_test(test_ending_in_the_middle_of_the_handshake),
        cmocka_unit_test(test_too_long_is_told),
    };
    return cmocka_run_group_tests_name("connection-tls", tests, sealed_setup, sealed_teardown);
}
