/* Version 2 of the wire, the signed poll and its answer: byte for byte, limits, signatures, hostile
 * datagrams, and that an answer is never longer than what it answers.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "proto/v2.h"

#include "../lib/exact.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define TIME   1763700000123
#define DIGITS "000102030405060708090a0b0c0d0eff"
#define X64    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static const struct bytes session = LITERAL("7-Zk3_q");
static uint8_t key[V2_KEY_LEN]; /* 00 01 02 … 1f */

static const struct {
    uint16_t port;
    const char *datagram;
} polls[] = {
    {10001, "poll2:7-Zk3_q:1763700000123:10001:5696483454c2b2611541c798388402f8"},
    {0, "poll2:7-Zk3_q:1763700000123:0:77582ff7b4011cb8012a325f074f5482"},
};

/* By state, each the answer to one of these polls. */
static const char *const answers[V2_STATE_COUNT] = {
    [V2_STATE_IDLE] = "polled:7-Zk3_q:idle:31a97a0ee05e0e2b2b59cbaadbe26f0b",
    [V2_STATE_PUSHING] = "polled:7-Zk3_q:pushing:bc7ff4e7c39d21c070f7fcab03a98529",
    [V2_STATE_UNREACHABLE] = "polled:7-Zk3_q:unreachable:d3ec002687ab706be1e8d29cc857f654",
    [V2_STATE_UNKNOWN] = "polled:7-Zk3_q:unknown:afe6d7836358270b7dcb63bc37636a6a",
};

static int setup(void **state)
{
    for (size_t i = 0; i < sizeof(key); i++)
        key[i] = (uint8_t)i;
    return 0;
}

static void builds_and_reads_polls(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(polls); i++) {
        struct bytes datagram = exact_copy(polls[i].datagram, strlen(polls[i].datagram));
        struct v2_poll poll;
        char out[V2_POLL_MAX];
        long len = v2_build_poll(session, TIME, polls[i].port, key, out, sizeof(out));
        assert_int_equal(len, datagram.len);
        assert_memory_equal(out, datagram.data, datagram.len);
        for (size_t size = 0; size < datagram.len; size++)
            assert_int_equal(v2_build_poll(session, TIME, polls[i].port, key, out, size), -ENOBUFS);

        assert_int_equal(v2_parse_poll(datagram, &poll, NULL), 0);
        assert_true(bytes_equal(poll.session, session));
        assert_int_equal(poll.time_ms, TIME);
        assert_int_equal(poll.port, polls[i].port);
        assert_int_equal(poll.signed_part.len, datagram.len - 33);
        assert_ptr_equal(poll.signed_part.data, datagram.data);
        assert_true(v2_poll_verify(&poll, key));
        exact_free(datagram);
    }
}

static void builds_and_reads_answers(void **state)
{
    for (int i = 0; i < V2_STATE_COUNT; i++) {
        struct bytes datagram = exact_copy(answers[i], strlen(answers[i]));
        struct v2_polled polled;
        char out[V2_POLL_MAX];
        assert_int_equal(v2_build_polled(session, (enum v2_state)i, TIME, key, out, sizeof(out)),
                         datagram.len);
        assert_memory_equal(out, datagram.data, datagram.len);
        for (size_t size = 0; size < datagram.len; size++)
            assert_int_equal(v2_build_polled(session, (enum v2_state)i, TIME, key, out, size),
                             -ENOBUFS);

        assert_int_equal(v2_parse_polled(datagram, &polled), 0);
        assert_true(bytes_equal(polled.session, session));
        assert_int_equal(polled.state, i);
        assert_true(v2_polled_verify(&polled, TIME, key));
        assert_false(v2_polled_verify(&polled, TIME + 1, key));
        exact_free(datagram);
    }
}

/* An answer to another state, session or poll does not pass for this one. */
static void no_answer_passes_for_another(void **state)
{
    struct v2_polled polled;

    for (int i = 0; i < V2_STATE_COUNT; i++) {
        assert_int_equal(v2_parse_polled(bytes_of(answers[i]), &polled), 0);
        polled.state = (enum v2_state)((i + 1) % V2_STATE_COUNT);
        assert_false(v2_polled_verify(&polled, TIME, key));
    }
    polled.session = bytes_of("7-Zk3_r");
    assert_false(v2_polled_verify(&polled, TIME, key));
}

static void every_altered_byte_is_noticed(void **state)
{
    char text[128];

    for (size_t i = 0; i < strlen(polls[0].datagram); i++) {
        for (int byte = 0; byte < 256; byte++) {
            struct v2_poll poll;
            size_t len = strlen(polls[0].datagram);
            memcpy(text, polls[0].datagram, len);
            if (text[i] == (char)byte)
                continue;
            text[i] = (char)byte;
            struct bytes datagram = exact_copy(text, len);
            bool upper = i >= len - 32 && byte >= 'A' && byte <= 'F' &&
                         polls[0].datagram[i] == byte - 'A' + 'a';
            bool passed = v2_parse_poll(datagram, &poll, NULL) == 0 && v2_poll_verify(&poll, key);
            assert_int_equal(passed, upper);
            exact_free(datagram);
        }
    }
}

static void another_key_does_not_verify(void **state)
{
    uint8_t other[V2_KEY_LEN];
    struct v2_poll poll;

    memcpy(other, key, sizeof(key));
    other[31] ^= 1;
    assert_int_equal(v2_parse_poll(bytes_of(polls[0].datagram), &poll, NULL), 0);
    assert_false(v2_poll_verify(&poll, other));
}

static void says_what_is_wrong_with_a_poll(void **state)
{
    static const struct {
        struct bytes datagram;
        const char *word;
    } cases[] = {
        {{0}, "this is no poll"},
        {LITERAL(""), "this is no poll"},
        {LITERAL("poll:alice:secret:10001"), "this is no poll"},
        {LITERAL("poll2:s:1:0"), "this is no poll"},
        {LITERAL("poll3:s:1:0:" DIGITS), "this is no poll"},
        {LITERAL("poll2::1:0:" DIGITS), "the session is empty"},
        {LITERAL("poll2:a.b:1:0:" DIGITS), "the session may hold"},
        {LITERAL("poll2:" X64 "x:1:0:" DIGITS), "the session is too long"},
        {LITERAL("poll2:s:x:0:" DIGITS), "the time is not"},
        {LITERAL("poll2:s:01:0:" DIGITS), "the time is not"},
        {LITERAL("poll2:s:1:1023:" DIGITS), "the port is not"},
        {LITERAL("poll2:s:1:00:" DIGITS), "the port is not"},
        {LITERAL("poll2:s:1:65536:" DIGITS), "the port is not"},
        {LITERAL("poll2:s:1::" DIGITS), "the port is not"},
        {LITERAL("poll2:s:1:0:"), "the MAC is not"},
        {LITERAL("poll2:s:1:0:" DIGITS "\n"), "the MAC is not"},
        {LITERAL("poll2:s:1:0:" DIGITS "\003"), "the MAC is not"},
        {LITERAL("poll2:s:1:0:" DIGITS ":"), "the MAC is not"},
        {LITERAL("poll2:" X64 X64 X64 X64), "too long"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct v2_poll poll;
        const char *reason = "";
        struct bytes datagram = exact_copy(cases[i].datagram.data, cases[i].datagram.len);
        assert_int_equal(v2_parse_poll(datagram, &poll, &reason), -EBADMSG);
        if (!strstr(reason, cases[i].word))
            fail_msg("%.*s: %s", BYTES_ARG(datagram), reason);
        exact_free(datagram);
    }
}

static void takes_polls_at_their_limits(void **state)
{
    static const char *const cases[] = {
        "poll2:" X64 ":9223372036854775807:65535:" DIGITS,
        "poll2:s:0:1024:" DIGITS,
        "poll2:s:1:0:" DIGITS,
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct v2_poll poll;
        assert_int_equal(v2_parse_poll(bytes_of(cases[i]), &poll, NULL), 0);
    }
}

static void refuses_what_is_no_answer(void **state)
{
    static const struct bytes cases[] = {
        {0},
        LITERAL("polled:s:idle"),
        LITERAL("poll2:s:idle:" DIGITS),
        LITERAL("polled::idle:" DIGITS),
        LITERAL("polled:s:IDLE:" DIGITS),
        LITERAL("polled:s::" DIGITS),
        LITERAL("polled:s:idle:" DIGITS "0"),
        LITERAL("polled:s:idle:" DIGITS "\n"),
        LITERAL("polled:" X64 "x:idle:" DIGITS),
        LITERAL("polled:" X64 X64 X64 X64),
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct v2_polled polled;
        struct bytes datagram = exact_copy(cases[i].data, cases[i].len);
        assert_int_equal(v2_parse_polled(datagram, &polled), -EBADMSG);
        exact_free(datagram);
    }
}

static void builds_nothing_that_would_be_refused(void **state)
{
    char out[V2_POLL_MAX];

    assert_int_equal(v2_build_poll(bytes_of(""), TIME, 0, key, out, sizeof(out)), -EINVAL);
    assert_int_equal(v2_build_poll(bytes_of("a:b"), TIME, 0, key, out, sizeof(out)), -EINVAL);
    assert_int_equal(v2_build_poll(bytes_of(X64 "x"), TIME, 0, key, out, sizeof(out)), -EINVAL);
    assert_int_equal(v2_build_poll(session, TIME, 1023, key, out, sizeof(out)), -EINVAL);
    assert_int_equal(v2_build_poll(session, UINT64_MAX, 0, key, out, sizeof(out)), -EINVAL);
    assert_int_equal(v2_build_polled(bytes_of("a.b"), V2_STATE_IDLE, TIME, key, out, sizeof(out)),
                     -EINVAL);
    assert_int_equal(v2_build_polled(session, V2_STATE_COUNT, TIME, key, out, sizeof(out)),
                     -EINVAL);
}

/* Whatever poll is read: an answer is no longer than it, or there is none. */
static void answers_are_never_longer_than_polls(void **state)
{
    static const uint16_t ports[] = {0, 1024, 10001};
    char name[V2_SESSION_MAX], poll[V2_POLL_MAX], answer[V2_POLL_MAX];

    memset(name, 's', sizeof(name));
    for (size_t len = 1; len <= sizeof(name); len++) {
        struct bytes any = {.data = name, .len = len};
        for (uint64_t time = 1; time < INT64_MAX / 10; time *= 10) {
            for (size_t i = 0; i < ARRAY_SIZE(ports); i++) {
                long asked = v2_build_poll(any, time, ports[i], key, poll, sizeof(poll));
                assert_in_range(asked, 1, V2_POLL_MAX);
                for (int s = 0; s < V2_STATE_COUNT; s++) {
                    long said =
                        v2_build_polled(any, (enum v2_state)s, time, key, answer, sizeof(answer));
                    assert_true(said <= asked);
                    if (time >= 1000000000000) /* any clock that is near to right */
                        assert_true(said > 0);
                }
            }
        }
    }
    assert_int_equal(v2_build_polled(session, V2_STATE_UNREACHABLE, 1, key, answer, sizeof(answer)),
                     -EINVAL);
}

static void damage_is_survived(void **state)
{
    uint64_t seed = 20261121;
    char text[V2_POLL_MAX];

    for (int i = 0; i < 20000; i++) {
        const char *whole = i % 2 ? polls[0].datagram : answers[i / 2 % V2_STATE_COUNT];
        size_t len = strlen(whole) - exact_random(&seed) % 3;
        struct v2_polled polled;
        struct v2_poll poll;
        memcpy(text, whole, len);
        text[exact_random(&seed) % len] = (char)exact_random(&seed);
        struct bytes datagram = exact_copy(text, len);
        if (v2_parse_poll(datagram, &poll, NULL) == 0)
            (void)v2_poll_verify(&poll, key);
        if (v2_parse_polled(datagram, &polled) == 0)
            (void)v2_polled_verify(&polled, TIME, key);
        exact_free(datagram);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(builds_and_reads_polls),
        cmocka_unit_test(builds_and_reads_answers),
        cmocka_unit_test(no_answer_passes_for_another),
        cmocka_unit_test(every_altered_byte_is_noticed),
        cmocka_unit_test(another_key_does_not_verify),
        cmocka_unit_test(says_what_is_wrong_with_a_poll),
        cmocka_unit_test(takes_polls_at_their_limits),
        cmocka_unit_test(refuses_what_is_no_answer),
        cmocka_unit_test(builds_nothing_that_would_be_refused),
        cmocka_unit_test(answers_are_never_longer_than_polls),
        cmocka_unit_test(damage_is_survived),
    };

    return cmocka_run_group_tests_name("proto/v2-poll", tests, setup, NULL);
}
