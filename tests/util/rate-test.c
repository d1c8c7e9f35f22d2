/* Rate limits: what a bucket gives and when, addresses that keep apart, a table that is full, and
 * allocations that fail.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "util/rate.h"

#include "../lib/exact.h"
#include "../lib/fault.h"
#include "util/clock.h"
#include "util/hash.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define START_US (1000 * USEC_PER_SEC)

static struct addr host(const char *text)
{
    struct addr addr;

    assert_int_equal(addr_parse(text, &addr), 0);
    return addr;
}

static struct addr numbered(unsigned i)
{
    return (struct addr){
        .family = AF_INET,
        .ip = {10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i},
    };
}

static struct rate_table *make(unsigned size)
{
    struct rate_table *table;

    assert_int_equal(rate_table_new(size, &table), 0);
    return table;
}

static void begins_full_and_refills_at_its_rate(void **state)
{
    const struct rate rate = {.per_minute = 60, .burst = 3};
    struct bucket bucket = {0};

    for (int i = 0; i < 3; i++)
        assert_int_equal(bucket_take(&bucket, &rate, START_US), 0);
    assert_int_equal(bucket_take(&bucket, &rate, START_US), USEC_PER_SEC);
    assert_int_equal(bucket_take(&bucket, &rate, START_US + 999999), 1);
    assert_int_equal(bucket_take(&bucket, &rate, START_US + USEC_PER_SEC), 0);
    assert_int_equal(bucket_take(&bucket, &rate, START_US + USEC_PER_SEC), USEC_PER_SEC);
    /* However long it is left alone, it holds no more than its burst. */
    for (int i = 0; i < 3; i++)
        assert_int_equal(bucket_take(&bucket, &rate, UINT64_MAX - 1), 0);
    assert_true(bucket_take(&bucket, &rate, UINT64_MAX - 1) > 0);
}

static void asking_takes_nothing(void **state)
{
    const struct rate rate = {.per_minute = 1, .burst = 1};
    struct bucket bucket = {0};

    assert_int_equal(bucket_wait(&bucket, &rate, START_US), 0);
    assert_int_equal(bucket_wait(&bucket, &rate, START_US), 0);
    assert_int_equal(bucket_take(&bucket, &rate, START_US), 0);
    assert_int_equal(bucket_wait(&bucket, &rate, START_US), 60 * USEC_PER_SEC);
    assert_int_equal(bucket_wait(&bucket, &rate, START_US), 60 * USEC_PER_SEC);
    assert_int_equal(bucket_wait(&bucket, &rate, START_US + 60 * USEC_PER_SEC), 0);
}

/* A rate that no number of microseconds divides evenly gives what it says, not a token less. */
static void nothing_is_rounded_away(void **state)
{
    const struct rate rate = {.per_minute = 7, .burst = 1};
    struct bucket bucket = {0};
    uint64_t now = START_US;
    unsigned taken = 0;

    for (; now < START_US + 600 * USEC_PER_SEC; now += 1009)
        taken += bucket_take(&bucket, &rate, now) == 0;
    assert_in_range(taken, 70, 71);
}

static void a_rate_of_zero_is_no_limit(void **state)
{
    const struct rate none = {.per_minute = 0, .burst = 1}, some = {.per_minute = 1, .burst = 0};
    struct rate_table *table = make(4);
    struct bucket bucket = {0};
    struct addr a = host("192.0.2.1:1");

    for (int i = 0; i < 100; i++) {
        assert_int_equal(bucket_take(&bucket, &none, START_US), 0);
        assert_int_equal(rate_table_take(table, &none, &a, START_US), 0);
    }
    assert_int_equal(bucket_take(&bucket, &some, START_US), 0); /* a burst of 0 is one of 1 */
    assert_true(bucket_take(&bucket, &some, START_US) > 0);
    rate_table_free(table);
}

static void another_rate_holds_from_then_on(void **state)
{
    const struct rate wide = {.per_minute = 60, .burst = 100}, narrow = {.per_minute = 60, 2};
    struct bucket bucket = {0};

    for (int i = 0; i < 100; i++)
        assert_int_equal(bucket_take(&bucket, &wide, START_US), 0);
    assert_int_equal(bucket_wait(&bucket, &narrow, START_US), USEC_PER_SEC);
    assert_int_equal(bucket_take(&bucket, &narrow, START_US + USEC_PER_SEC), 0);
}

static void the_largest_numbers_are_no_limit_and_do_no_harm(void **state)
{
    const struct rate rate = {.per_minute = UINT64_MAX, .burst = UINT64_MAX};
    struct bucket bucket = {0};

    for (int i = 0; i < 1000; i++)
        assert_int_equal(bucket_take(&bucket, &rate, (uint64_t)i), 0);
}

/* Where the clock stands behind the last time, nothing comes back and nothing breaks. */
static void time_that_does_not_move_gives_nothing(void **state)
{
    const struct rate rate = {.per_minute = 60, .burst = 1};
    struct bucket bucket = {0};

    assert_int_equal(bucket_take(&bucket, &rate, START_US), 0);
    assert_int_equal(bucket_take(&bucket, &rate, START_US - 5), USEC_PER_SEC);
}

static void addresses_keep_apart(void **state)
{
    const struct rate rate = {.per_minute = 1, .burst = 1};
    struct rate_table *table = make(100);
    struct addr a = host("192.0.2.1:1"), a2 = host("192.0.2.1:2"), b = host("192.0.2.2:1"),
                c = host("[2001:db8::1]:1"), c2 = host("[2001:db8::ffff:1]:1"),
                d = host("[2001:db8:0:1::1]:1");

    assert_int_equal(rate_table_wait(table, &rate, &a, START_US), 0);
    assert_int_equal(rate_table_take(table, &rate, &a, START_US), 0);
    assert_int_equal(rate_table_take(table, &rate, &a2, START_US), 60 * USEC_PER_SEC);
    assert_int_equal(rate_table_wait(table, &rate, &a2, START_US), 60 * USEC_PER_SEC);
    assert_int_equal(rate_table_take(table, &rate, &b, START_US), 0);
    assert_int_equal(rate_table_take(table, &rate, &c, START_US), 0);
    assert_int_equal(rate_table_take(table, &rate, &c2, START_US), 60 * USEC_PER_SEC);
    assert_int_equal(rate_table_take(table, &rate, &d, START_US), 0);
    assert_int_equal(rate_table_take(table, &rate, &a, START_US + 60 * USEC_PER_SEC), 0);
    rate_table_free(table);
    rate_table_free(NULL);
}

/* Those who have spent little give way to newcomers; who has spent much does not. */
static void a_full_table_keeps_who_has_spent_most(void **state)
{
    const struct rate rate = {.per_minute = 60, .burst = 10};
    struct rate_table *table = make(8);
    struct addr spender = host("192.0.2.1:1");

    for (int i = 0; i < 10; i++)
        assert_int_equal(rate_table_take(table, &rate, &spender, START_US), 0);
    for (unsigned i = 0; i < 1000; i++) {
        struct addr other = numbered(i);
        assert_int_equal(rate_table_take(table, &rate, &other, START_US), 0);
    }
    assert_int_equal(rate_table_take(table, &rate, &spender, START_US), USEC_PER_SEC);
    rate_table_free(table);
}

/* The table does what a bucket for each address would do, as long as it has room for all. */
static void the_table_agrees_with_single_buckets(void **state)
{
    enum { PEERS = 300 };
    const struct rate rate = {.per_minute = 600, .burst = 5};
    struct rate_table *table = make(PEERS);
    static struct bucket buckets[PEERS];
    uint64_t now = START_US, seed = 7;

    for (unsigned round = 0; round < 200000; round++) {
        unsigned i = exact_random(&seed) % PEERS;
        struct addr addr = numbered(i);
        now += exact_random(&seed) % 2000;
        assert_int_equal(rate_table_wait(table, &rate, &addr, now),
                         bucket_wait(&buckets[i], &rate, now));
        assert_int_equal(rate_table_take(table, &rate, &addr, now),
                         bucket_take(&buckets[i], &rate, now));
    }
    rate_table_free(table);
}

static void without_memory_nobody_is_refused(void **state)
{
    const struct rate rate = {.per_minute = 1, .burst = 1};
    struct rate_table *table = NULL;
    struct addr a = host("192.0.2.1:1");

    fault_countdown = 0;
    assert_int_equal(rate_table_new(4, &table), -ENOMEM);
    assert_null(table);
    fault_countdown = -1;
    table = make(4);
    for (long n = 0; n < 3; n++) { /* the entry, the hash table, its buckets */
        fault_countdown = n;
        assert_int_equal(rate_table_take(table, &rate, &a, START_US), 0);
        assert_int_equal(fault_countdown, -1);
        assert_int_equal(rate_table_wait(table, &rate, &a, START_US), 0);
    }
    assert_int_equal(rate_table_take(table, &rate, &a, START_US), 0);
    assert_true(rate_table_take(table, &rate, &a, START_US) > 0);
    rate_table_free(table);
}

static int setup(void **state)
{
    hash_setup();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(begins_full_and_refills_at_its_rate),
        cmocka_unit_test(asking_takes_nothing),
        cmocka_unit_test(nothing_is_rounded_away),
        cmocka_unit_test(a_rate_of_zero_is_no_limit),
        cmocka_unit_test(another_rate_holds_from_then_on),
        cmocka_unit_test(the_largest_numbers_are_no_limit_and_do_no_harm),
        cmocka_unit_test(time_that_does_not_move_gives_nothing),
        cmocka_unit_test(addresses_keep_apart),
        cmocka_unit_test(a_full_table_keeps_who_has_spent_most),
        cmocka_unit_test(the_table_agrees_with_single_buckets),
        cmocka_unit_test(without_memory_nobody_is_refused),
    };

    return cmocka_run_group_tests_name("util/rate", tests, setup, NULL);
}
