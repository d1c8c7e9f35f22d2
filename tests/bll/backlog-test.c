/* What waits in storage for somebody who was away: pages of several conversations, mixed by time,
 * none of which drives the others out.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "fixture.h"

#include "util/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* A page that is read for one must not drive out the page of another for ever. */
static void conversations_that_wait_in_storage_take_turns(void **state)
{
    static const char *const recipients[] = {"bob", "#tea", "*"};
    struct fixture *fixture = *state;
    int next[ARRAY_SIZE(recipients)] = {0};

    fixture->config.tail_max = 0;
    assert_int_equal(bll_reconfigure(fixture->bll, &fixture->config), 0);
    fixture_add_room(fixture, "#tea");
    fixture_join(fixture, "#tea", "alice");
    fixture_join(fixture, "#tea", "bob");
    for (int i = 0; i < 70; i++) { /* several pages each */
        for (int to = 0; to < (int)ARRAY_SIZE(recipients); to++) {
            char text[32];
            snprintf(text, sizeof(text), "%d %d", to, i);
            assert_string_equal(send_text(fixture, "alice", recipients[to], text), "ack");
        }
    }
    present(fixture, "bob", 10002);
    for (int i = 0; i < 70 * (int)ARRAY_SIZE(recipients); i++) {
        int to, number;
        WAIT_FOR(fixture, fixture->push_count > 0);
        assert_int_equal(
            sscanf(strrchr(fixture->pushes[0].payload, ':') + 1, "%d %d", &to, &number), 2);
        assert_int_equal(number, next[to]++);
        end_push(fixture, BLL_PUSH_DELIVERED);
    }
    expect_no_push(fixture);
}

static void wait_for_the_next_millisecond(void)
{
    for (uint64_t begun = clock_real_ms(); clock_real_ms() <= begun;)
        ;
}

/* Somebody who was away gets what was written to him, his rooms and everyone in the order of time.
 */
static void what_waits_in_storage_is_mixed_by_time(void **state)
{
    static const char *const recipients[] = {"bob", "#tea", "*"};
    struct fixture *fixture = *state;
    char text[32];

    fixture_add_room(fixture, "#tea");
    fixture_join(fixture, "#tea", "alice");
    fixture_join(fixture, "#tea", "bob");
    for (int i = 0; i < 120; i++) {
        snprintf(text, sizeof(text), "number %d", i);
        assert_string_equal(send_text(fixture, "alice", recipients[i * 7 % 10 % 3], text), "ack");
        wait_for_the_next_millisecond();
    }
    present(fixture, "bob", 10002);
    for (int i = 0; i < 120; i++) {
        snprintf(text, sizeof(text), "number %d", i);
        expect_delivery(fixture, 10002, text);
    }
    expect_no_push(fixture);
}

/* More conversations than a device has pages for: all of them arrive, each in its order. */
#define ROOMS 12
#define EACH  40

static void many_conversations_that_wait_all_arrive(void **state)
{
    struct fixture *fixture = *state;
    int next[ROOMS] = {0};
    char room[16], text[32];

    for (int r = 0; r < ROOMS; r++) {
        snprintf(room, sizeof(room), "#room%d", r);
        fixture_add_room(fixture, room);
        fixture_join(fixture, room, "alice");
        fixture_join(fixture, room, "bob");
        for (int i = 0; i < EACH; i++) {
            snprintf(text, sizeof(text), "%d %d", r, i);
            assert_string_equal(send_text(fixture, "alice", room, text), "ack");
        }
    }
    present(fixture, "bob", 10002);
    for (int i = 0; i < ROOMS * EACH; i++) {
        int r, number;
        WAIT_FOR(fixture, fixture->push_count > 0);
        assert_int_equal(sscanf(strrchr(fixture->pushes[0].payload, ':') + 1, "%d %d", &r, &number),
                         2);
        assert_int_equal(number, next[r]++);
        end_push(fixture, BLL_PUSH_DELIVERED);
    }
    expect_no_push(fixture);
}

static uint64_t recent_bytes(const struct fixture *fixture)
{
    struct bll_status status;

    bll_status(fixture->bll, &status);
    return status.tail_bytes;
}

/* Somebody who takes nothing costs no memory for long, and loses nothing. */
static void recent_messages_leave_the_memory_and_come_from_storage(void **state)
{
    struct fixture *fixture = *state;

    present(fixture, "bob", 10002);
    for (int i = 0; i < 5; i++)
        assert_string_equal(send_text(fixture, "alice", "bob", "text"), "ack");
    end_push(fixture, BLL_PUSH_FAILED);
    assert_true(recent_bytes(fixture) > 0);
    for (int i = 0; i < 6; i++) { /* he goes on polling */
        fixture->now_us += 2 * USEC_PER_SEC;
        poll_from(fixture, "bob", "pw-bob", "127.0.0.1:40000", 10002);
        bll_tick(fixture->bll);
    }
    assert_int_equal(recent_bytes(fixture), 0);
    for (int i = 0; i < 5; i++)
        expect_delivery(fixture, 10002, "text");
    expect_no_push(fixture);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(conversations_that_wait_in_storage_take_turns),
        CASE(what_waits_in_storage_is_mixed_by_time),
        CASE(many_conversations_that_wait_all_arrive),
        CASE(recent_messages_leave_the_memory_and_come_from_storage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
