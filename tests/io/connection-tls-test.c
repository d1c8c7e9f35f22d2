/* Connections over TLS, or over whatever the first byte says: the same frames and answers, and
 * peers that go away, are slow, or do not read.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "connection-fixture.h"
#include "tls-fixture.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static struct tls_context *server_tls, *client_tls;
static struct tls_session *peer;

static const struct connection_limits patient = {.frame_max = FRAME_MAX,
                                                 .output_max = OUTPUT_MAX,
                                                 .owed_max = OWED_MAX,
                                                 .idle_us = LONG_US,
                                                 .frame_us = LONG_US};

/* -- the peer */

static void begin(enum manner how, const struct connection_limits *limits)
{
    start_with(how, CONNECTION_DETECT, server_tls, limits);
    assert_int_equal(tls_session_new(client_tls, client, NULL, &peer), 0);
}

static void finish(void)
{
    tls_session_free(peer);
    peer = NULL;
    stop();
}

static void shake_hands(void)
{
    int result = 0;
    TURN_UNTIL(loop, (result = tls_session_handshake(peer)) != 0);
    if (result < 0)
        fail_msg("no handshake: %s", tls_session_error(peer));
    TURN_UNTIL(loop, opened == 1);
}

/* A handshake, and limits for what comes after it. */
static void begin_shaken(enum manner how, const struct connection_limits *limits)
{
    begin(how, limits);
    shake_hands();
}

static void say_sealed(const char *text)
{
    size_t len = strlen(text);
    ssize_t count = -EAGAIN;
    TURN_UNTIL(loop, (count = tls_session_write(peer, bytes_of(text))) != -EAGAIN);
    assert_int_equal(count, len);
}

/* What comes next: the count, or -errno. */
static ssize_t hear_some(char *data, size_t size)
{
    ssize_t count = -EAGAIN;
    TURN_UNTIL(loop, (count = tls_session_read(peer, data, size)) != -EAGAIN);
    return count;
}

static void hear(const char *text)
{
    char data[4096];
    size_t len = strlen(text), got = 0;
    while (got < len) {
        ssize_t count = hear_some(data + got, len - got);
        if (count <= 0)
            fail_msg("instead of \"%s\": %zd", text + got, count);
        got += (size_t)count;
    }
    data[got] = '\0';
    assert_string_equal(data, text);
}

static void hear_the_end(void)
{
    char data[1];
    assert_int_equal(hear_some(data, sizeof data), 0);
    peer_expect_end(loop, client);
}

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

/* -- time */

static const struct connection_limits hasty = {.frame_max = FRAME_MAX,
                                               .output_max = OUTPUT_MAX,
                                               .owed_max = OWED_MAX,
                                               .idle_us = 0,
                                               .frame_us = 3 * SHORT_US};

/* Sends `bytes` one at a time, each well within the time, until the connection has had enough. */
static void trickle(struct bytes bytes)
{
    for (size_t i = 0; i < bytes.len && connection != NULL && refusals[CONNECTION_SLOW] == 0; i++) {
        (void)send(client, bytes.data + i, 1, MSG_NOSIGNAL);
        (void)count_turns(loop, 2 * USEC_PER_MSEC);
    }
}

static void test_slow_sender_is_cut_off(void **state)
{
    (void)state;
    char text[500];
    memset(text, 'x', sizeof text);
    start_with(ECHO, CONNECTION_DETECT, server_tls, &hasty);
    say("in time\003");
    trickle((struct bytes){.data = text, .len = sizeof text});
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
    trickle((struct bytes){.data = (char *)hello, .len = sizeof hello});
    assert_int_equal(closed, 1);
    assert_int_equal(metrics.value[METRIC_CONNECTIONS_SLOW], 1);
    assert_int_equal(opened, 0);
    stop();

    start_with(ECHO, CONNECTION_TLS, server_tls, &hasty); /* not a byte */
    TURN_UNTIL(loop, closed == 1);
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
    (void)count_turns(loop, 4 * SHORT_US); /* without a byte there is no hurry */
    assert_int_equal(closed, 0);
    trickle((struct bytes){.data = record, .len = sizeof record});
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
        (void)count_turns(loop, SHORT_US);
        say("\0031");
        peer_expect(loop, client, "1.");
    }
    assert_int_equal(closed, 0);
    TURN_UNTIL(loop, refusals[CONNECTION_SLOW] == 1); /* the last one */
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
    (void)count_turns(loop, 5 * SHORT_US);
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
    limits.idle_us = SHORT_US;
    connection_set_limits(connection, &limits);
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
    (void)count_turns(loop, 20 * USEC_PER_MSEC);
    assert_true(connection_waiting(connection) > 0);
    struct connection_limits limits = hasty;
    limits.idle_us = SHORT_US;
    connection_set_limits(connection, &limits);
    connection_finish(connection);
    TURN_UNTIL(loop, closed == 1);
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

static int group_setup(void **state)
{
    tls_setup(state);
    server_tls = plain_server();
    client_tls = trusting_client();
    return setup(state);
}

static int group_teardown(void **state)
{
    tls_context_unref(server_tls);
    tls_context_unref(client_tls);
    teardown(state);
    return tls_teardown(state);
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
    return cmocka_run_group_tests_name("connection-tls", tests, group_setup, group_teardown);
}
