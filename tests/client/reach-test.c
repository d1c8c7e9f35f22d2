/* What polls and their answers tell: which answers count, when silence means something, and when to
 * attach and detach.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/reach.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define SECOND   1000000ULL
#define INTERVAL (3 * SECOND)
#define EPOCH    1700000000000ULL

static const uint8_t key[V2_KEY_LEN] = {1, 2, 3}, other_key[V2_KEY_LEN] = {9};

/* A poll of `time_ms` after the epoch. */
static void poll_at(struct reach *reach, uint64_t time_ms, uint64_t now)
{
    reach_polled(reach, EPOCH + time_ms, now);
}

/* True if the answer to the poll of `time_ms` counts; its state is checked. */
static bool answer(struct reach *reach, uint64_t time_ms, enum v2_state state,
                   const uint8_t by[V2_KEY_LEN])
{
    char datagram[V2_POLL_MAX];
    long len = v2_build_polled(bytes_of("session"), state, EPOCH + time_ms, by, datagram,
                               sizeof(datagram));
    enum v2_state told;

    assert_true(len > 0);
    if (!reach_answered(reach, (struct bytes){datagram, (size_t)len}, bytes_of("session"), key,
                        &told))
        return false;
    assert_int_equal(told, state);
    return true;
}

static void test_polls_and_answers(void **state)
{
    struct reach reach;
    uint64_t now = 100 * SECOND;

    reach_init(&reach);
    assert_int_equal(reach_due(&reach, INTERVAL), 0);
    for (int i = 0; i < 5; i++) {
        poll_at(&reach, 1000 + (uint64_t)i, now);
        assert_true(answer(&reach, 1000 + (uint64_t)i, V2_STATE_IDLE, key));
        assert_false(answer(&reach, 1000 + (uint64_t)i, V2_STATE_IDLE, key)); /* once is enough */
        assert_int_equal(reach_due(&reach, INTERVAL), now + INTERVAL);
        now += INTERVAL;
        assert_false(reach_silent(&reach, 1, now));
    }
}

static void test_answers_that_do_not_count(void **state)
{
    static const char *const nonsense[] = {"", "polled", "polled:session:idle",
                                           "polled:session:idle:00112233445566778899aabbccddeeff",
                                           "poll2:session:1:2:00112233445566778899aabbccddeeff"};
    struct reach reach;
    enum v2_state told;
    char datagram[V2_POLL_MAX];
    long len = v2_build_polled(bytes_of("another"), V2_STATE_IDLE, EPOCH + 1000, key, datagram,
                               sizeof(datagram));

    reach_init(&reach);
    assert_false(answer(&reach, 0, V2_STATE_IDLE, key)); /* nothing was asked */
    poll_at(&reach, 1000, SECOND);
    assert_false(answer(&reach, 1000, V2_STATE_IDLE, other_key));
    assert_false(answer(&reach, 1001, V2_STATE_IDLE, key));
    assert_false(answer(&reach, 0, V2_STATE_IDLE, key));
    assert_false(reach_answered(&reach, (struct bytes){datagram, (size_t)len}, bytes_of("session"),
                                key, &told));
    for (size_t i = 0; i < sizeof(nonsense) / sizeof(nonsense[0]); i++)
        assert_false(
            reach_answered(&reach, bytes_of(nonsense[i]), bytes_of("session"), key, &told));
    assert_true(answer(&reach, 1000, V2_STATE_IDLE, key));
}

static void test_late_answers_count_unless_a_newer_one_came(void **state)
{
    struct reach reach;

    reach_init(&reach);
    for (uint64_t i = 1; i <= 5; i++)
        poll_at(&reach, 1000 * i, i * SECOND);
    assert_true(answer(&reach, 3000, V2_STATE_IDLE, key));
    assert_true(reach_silent(&reach, 2, 6 * SECOND)); /* the last two */
    assert_false(reach_silent(&reach, 3, 6 * SECOND));
    assert_false(answer(&reach, 2000, V2_STATE_UNREACHABLE, key));
    assert_true(answer(&reach, 5000, V2_STATE_PUSHING, key));
    assert_false(reach_silent(&reach, 1, 60 * SECOND));
    assert_false(answer(&reach, 4000, V2_STATE_UNREACHABLE, key));
    for (uint64_t i = 0; i < REACH_POLLS; i++)
        poll_at(&reach, 10000 + i, (10 + i) * SECOND);
    poll_at(&reach, 20000, 20 * SECOND);
    assert_false(answer(&reach, 10000, V2_STATE_IDLE, key)); /* too old */
    assert_true(answer(&reach, 10001, V2_STATE_IDLE, key));
}

static void test_silence(void **state)
{
    struct reach reach;
    uint64_t now = SECOND;

    reach_init(&reach);
    for (unsigned polls = 1; polls <= REACH_SILENCE + 2; polls++) {
        poll_at(&reach, 1000 + polls, now);
        assert_false(reach_silent(&reach, polls, now)); /* the last may still be answered */
        assert_true(reach_silent(&reach, polls, now + REACH_AGAIN_US));
        assert_false(reach_silent(&reach, polls + 1, now + REACH_AGAIN_US));
        /* Again soon, but not for ever. */
        assert_int_equal(reach_due(&reach, INTERVAL),
                         now + (polls < REACH_SILENCE ? REACH_AGAIN_US : INTERVAL));
        now = reach_due(&reach, INTERVAL);
    }
    assert_true(answer(&reach, 1000 + REACH_SILENCE + 2, V2_STATE_IDLE, key));
    assert_false(reach_silent(&reach, 1, now));
}

/* A day of polls of which one in five is lost, and one in five answers. */
static void test_losing_one_in_five_is_no_silence(void **state)
{
    unsigned silences = 0, doubts = 0, polls = 0;
    struct reach reach;
    uint64_t now = SECOND;

    srand(4711);
    reach_init(&reach);
    while (now < 86400 * SECOND) {
        silences += reach_silent(&reach, REACH_SILENCE, now);
        doubts += reach_silent(&reach, REACH_DOUBT, now);
        poll_at(&reach, now / 1000, now);
        polls++;
        if (rand() % 5 != 0 && rand() % 5 != 0)
            assert_true(answer(&reach, now / 1000, V2_STATE_IDLE, key));
        now = reach_due(&reach, INTERVAL);
    }
    assert_true(polls > 30000);
    assert_true(doubts > 0); /* which cost a look, and change nothing */
    assert_true(silences < 20);
}

static void test_advice(void **state)
{
    struct reach reach;
    uint64_t now = SECOND;

    reach_init(&reach);
    assert_int_equal(reach_advise(&reach, V2_STATE_IDLE, false, now), REACH_DETACH);
    assert_int_equal(reach_advise(&reach, V2_STATE_UNREACHABLE, false, now), REACH_ATTACH);
    assert_int_equal(reach_advise(&reach, V2_STATE_UNKNOWN, false, now), REACH_SIGN_ON);
    /* A push that is announced has its time to come. */
    assert_int_equal(reach_advise(&reach, V2_STATE_PUSHING, false, now), REACH_STAY);
    now += REACH_PUSH_US - 1;
    assert_int_equal(reach_advise(&reach, V2_STATE_PUSHING, false, now), REACH_STAY);
    assert_int_equal(reach_advise(&reach, V2_STATE_PUSHING, false, now + 1), REACH_ATTACH);
    /* Where it has come, `pushing` can last. */
    assert_int_equal(reach_advise(&reach, V2_STATE_PUSHING, true, now + 1), REACH_STAY);
    now += 10 * REACH_PUSH_US;
    assert_int_equal(reach_advise(&reach, V2_STATE_PUSHING, true, now), REACH_STAY);
    assert_int_equal(reach_advise(&reach, V2_STATE_PUSHING, false, now), REACH_STAY);
    assert_int_equal(reach_advise(&reach, V2_STATE_IDLE, false, now), REACH_DETACH);
    now += REACH_PUSH_US; /* it counts from the next announcement on */
    assert_int_equal(reach_advise(&reach, V2_STATE_PUSHING, false, now), REACH_STAY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_polls_and_answers),
        cmocka_unit_test(test_answers_that_do_not_count),
        cmocka_unit_test(test_late_answers_count_unless_a_newer_one_came),
        cmocka_unit_test(test_silence),
        cmocka_unit_test(test_losing_one_in_five_is_no_silence),
        cmocka_unit_test(test_advice),
    };

    return cmocka_run_group_tests_name("reach", tests, NULL, NULL);
}
