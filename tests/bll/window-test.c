/* What is under way on a stream, acknowledged in every order.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "bll/window.h"

#include "tests/lib/exact.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void add(struct window *window, uint64_t conversation, uint64_t seq, size_t bytes)
{
    assert_int_equal(window_add(window, conversation, seq, bytes), 0);
}

/* Acknowledges; checks how many messages leave and where the cursor comes to stand. */
static void acknowledge(struct window *window, uint64_t conversation, uint64_t seq,
                        unsigned messages, uint64_t cursor)
{
    assert_int_equal(window_acknowledge(window, conversation, &seq), messages);
    assert_int_equal(seq, cursor);
}

static void acknowledgements_are_cumulative(void **state)
{
    struct window window;

    window_init(&window);
    for (uint64_t seq = 1; seq <= 10; seq++)
        add(&window, 7, seq, 100);
    acknowledge(&window, 7, 0, 0, 0);
    acknowledge(&window, 7, 4, 4, 4);
    acknowledge(&window, 7, 4, 0, 4);
    acknowledge(&window, 7, 2, 0, 2);
    assert_int_equal(window.count, 6);
    assert_int_equal(window.bytes, 600);
    acknowledge(&window, 7, 1000, 6, 1000); /* beyond what was sent */
    assert_int_equal(window.count, 0);
    assert_int_equal(window.bytes, 0);
    window_deinit(&window);
}

static void conversations_do_not_wait_for_each_other(void **state)
{
    struct window window;

    window_init(&window);
    for (uint64_t seq = 1; seq <= 5; seq++) {
        add(&window, 1, seq, 10);
        add(&window, 2, seq, 20);
    }
    acknowledge(&window, 2, 5, 5, 5);
    assert_int_equal(window.bytes, 50);
    acknowledge(&window, 3, 5, 0, 5);
    acknowledge(&window, 1, 1, 1, 1);
    acknowledge(&window, 1, 5, 4, 5);
    assert_int_equal(window.used, 0);
    window_deinit(&window);
}

static void what_is_his_own_follows_what_was_before_it(void **state)
{
    struct window window;

    window_init(&window);
    add(&window, 1, 1, 10);
    add(&window, 1, 2, 0);
    add(&window, 1, 3, 0);
    add(&window, 1, 4, 10);
    add(&window, 2, 9, 10);
    add(&window, 1, 5, 0);
    acknowledge(&window, 1, 1, 1, 3);
    acknowledge(&window, 2, 9, 1, 9);
    acknowledge(&window, 1, 4, 1, 5);
    assert_int_equal(window.count, 0);
    window_deinit(&window);
}

/* One conversation is never acknowledged while another one flows. */
static void what_stays_behind_does_not_make_it_grow(void **state)
{
    struct window window;

    window_init(&window);
    add(&window, 1, 1, 10);
    for (uint64_t seq = 1; seq <= 100000; seq++) {
        add(&window, 2, seq, 10);
        acknowledge(&window, 2, seq, 1, seq);
    }
    assert_true(window.size <= 8);
    acknowledge(&window, 1, 1, 1, 1);
    window_deinit(&window);
}

static void an_empty_one_keeps_little(void **state)
{
    struct window window;

    window_init(&window);
    for (uint64_t seq = 1; seq <= 1000; seq++)
        add(&window, 1, seq, 10);
    acknowledge(&window, 1, 1000, 1000, 1000);
    assert_int_equal(window.size, 0);
    add(&window, 1, 1001, 10);
    acknowledge(&window, 1, 1001, 1, 1001);
    assert_int_equal(window.size, 8); /* what is needed again and again stays */
    window_deinit(&window);
}

static bool is_odd(const void *userdata, uint64_t conversation)
{
    return conversation % 2 == 1;
}

static void what_is_left_behind_is_forgotten(void **state)
{
    struct window window;

    window_init(&window);
    for (uint64_t seq = 1; seq <= 5; seq++) {
        add(&window, 2, seq, 20);
        add(&window, 1, seq, 10);
    }
    acknowledge(&window, 1, 1, 1, 1);
    window_prune(&window, is_odd, NULL);
    assert_int_equal(window.count, 4);
    assert_int_equal(window.bytes, 40);
    acknowledge(&window, 2, 5, 0, 5);
    acknowledge(&window, 1, 5, 4, 5);
    window_deinit(&window);
}

#define CONVERSATIONS 4

/* Against cursors alone: what is under way of a conversation is what was sent less what was
 * acknowledged. */
static void it_agrees_with_a_model(void **state)
{
    uint64_t sent[CONVERSATIONS + 1] = {0}, acked[CONVERSATIONS + 1] = {0}, seed = 4711;
    struct window window;

    window_init(&window);
    for (int step = 0; step < 200000; step++) {
        uint64_t id = 1 + exact_random(&seed) % CONVERSATIONS;
        unsigned under_way = 0;
        if (window.count < 64 && exact_random(&seed) % 3 > 0) {
            add(&window, id, ++sent[id], 5);
        } else {
            uint64_t seq = acked[id] + exact_random(&seed) % (sent[id] - acked[id] + 1);
            acknowledge(&window, id, seq, (unsigned)(seq - acked[id]), seq);
            acked[id] = seq;
        }
        for (int i = 1; i <= CONVERSATIONS; i++)
            under_way += (unsigned)(sent[i] - acked[i]);
        assert_int_equal(window.count, under_way);
        assert_int_equal(window.bytes, 5 * under_way);
        assert_true(window.size <= 256);
    }
    window_deinit(&window);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(acknowledgements_are_cumulative),
        cmocka_unit_test(conversations_do_not_wait_for_each_other),
        cmocka_unit_test(what_is_his_own_follows_what_was_before_it),
        cmocka_unit_test(what_stays_behind_does_not_make_it_grow),
        cmocka_unit_test(an_empty_one_keeps_little),
        cmocka_unit_test(what_is_left_behind_is_forgotten),
        cmocka_unit_test(it_agrees_with_a_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
