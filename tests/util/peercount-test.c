/* Counts per address: both limits, what counts as one peer, and allocations that fail.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "util/peercount.h"

#include "../lib/exact.h"
#include "../lib/fault.h"
#include "util/hash.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct peercount *make(unsigned per_address, unsigned total)
{
    struct peercount *count;

    assert_int_equal(peercount_new(per_address, total, &count), 0);
    return count;
}

static struct addr host(const char *text)
{
    struct addr addr;

    assert_int_equal(addr_parse(text, &addr), 0);
    return addr;
}

static void limits_each_address(void **state)
{
    struct peercount *count = make(2, 100);
    struct addr a = host("192.0.2.1:1"), b = host("192.0.2.2:1"), a2 = host("192.0.2.1:2");

    assert_int_equal(peercount_take(count, &a), 0);
    assert_int_equal(peercount_take(count, &a2), 0); /* the port does not matter */
    assert_int_equal(peercount_take(count, &a), -EBUSY);
    assert_int_equal(peercount_take(count, &b), 0);
    assert_int_equal(peercount_total(count), 3);
    peercount_give(count, &a2);
    assert_int_equal(peercount_take(count, &a), 0);
    assert_int_equal(peercount_take(count, &a), -EBUSY);
    peercount_free(count);
}

static void limits_the_total_first(void **state)
{
    struct peercount *count = make(2, 2);
    struct addr a = host("192.0.2.1:1"), b = host("192.0.2.2:1");

    assert_int_equal(peercount_take(count, &a), 0);
    assert_int_equal(peercount_take(count, &a), 0);
    assert_int_equal(peercount_take(count, &a), -EAGAIN);
    assert_int_equal(peercount_take(count, &b), -EAGAIN);
    assert_int_equal(peercount_total(count), 2);
    peercount_give(count, &a);
    assert_int_equal(peercount_take(count, &b), 0);
    peercount_free(count);
}

static void limit_zero_admits_nobody(void **state)
{
    struct peercount *none = make(0, 5), *nothing = make(5, 0);
    struct addr a = host("192.0.2.1:1");

    assert_int_equal(peercount_take(none, &a), -EBUSY);
    assert_int_equal(peercount_take(nothing, &a), -EAGAIN);
    assert_int_equal(peercount_total(none), 0);
    peercount_free(none);
    peercount_free(nothing);
    peercount_free(NULL);
}

static void ipv6_counts_by_64(void **state)
{
    struct peercount *count = make(1, 100);
    struct addr a = host("[2001:db8:1:2::1]:1"), same = host("[2001:db8:1:2:ffff::9]:1"),
                next = host("[2001:db8:1:3::1]:1"), four = host("32.1.13.184:1");

    assert_int_equal(peercount_take(count, &a), 0);
    assert_int_equal(peercount_take(count, &same), -EBUSY);
    assert_int_equal(peercount_take(count, &next), 0);
    assert_int_equal(peercount_take(count, &four), 0); /* 2001:db8 in the other family */
    peercount_give(count, &same);
    assert_int_equal(peercount_take(count, &a), 0);
    peercount_free(count);
}

static void new_limits_take_nothing_away(void **state)
{
    struct peercount *count = make(3, 3);
    struct addr a = host("192.0.2.1:1");

    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(peercount_take(count, &a), 0);
    peercount_set_limits(count, 1, 10);
    assert_int_equal(peercount_total(count), 3);
    peercount_give(count, &a);
    peercount_give(count, &a);
    assert_int_equal(peercount_take(count, &a), -EBUSY);
    peercount_give(count, &a);
    assert_int_equal(peercount_take(count, &a), 0);
    peercount_set_limits(count, 10, 10);
    assert_int_equal(peercount_take(count, &a), 0);
    peercount_free(count);
}

static void many_peers_come_and_go(void **state)
{
    enum { PEERS = 2000 };
    static unsigned held[PEERS];
    struct peercount *count = make(3, 1000);
    uint64_t seed = 99;
    unsigned total = 0;

    for (unsigned round = 0; round < 100000; round++) {
        unsigned i = exact_random(&seed) % PEERS;
        struct addr addr = {.family = AF_INET, .ip = {10, 0, (uint8_t)(i >> 8), (uint8_t)i}};
        if (held[i] > 0 && exact_random(&seed) % 2) {
            peercount_give(count, &addr);
            held[i]--;
            total--;
        } else {
            int expected = total >= 1000 ? -EAGAIN : held[i] >= 3 ? -EBUSY : 0;
            assert_int_equal(peercount_take(count, &addr), expected);
            held[i] += expected == 0;
            total += expected == 0;
        }
        assert_int_equal(peercount_total(count), total);
    }
    peercount_free(count);
}

static void survives_without_memory(void **state)
{
    struct peercount *count = NULL;
    struct addr a = host("192.0.2.1:1");
    long failures = 0;

    fault_countdown = 0;
    assert_int_equal(peercount_new(1, 1, &count), -ENOMEM);
    assert_null(count);
    fault_countdown = -1;
    count = make(10, 10);
    for (int r = -ENOMEM; r == -ENOMEM; failures++) {
        fault_countdown = failures;
        r = peercount_take(count, &a);
        fault_countdown = -1;
        assert_int_equal(peercount_total(count), r == 0);
    }
    assert_true(failures > 1); /* the peer, the table, its buckets */
    assert_int_equal(peercount_take(count, &a), 0);
    peercount_free(count);
}

static int setup(void **state)
{
    hash_setup();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_each_address),          cmocka_unit_test(limits_the_total_first),
        cmocka_unit_test(limit_zero_admits_nobody),     cmocka_unit_test(ipv6_counts_by_64),
        cmocka_unit_test(new_limits_take_nothing_away), cmocka_unit_test(many_peers_come_and_go),
        cmocka_unit_test(survives_without_memory),
    };

    return cmocka_run_group_tests_name("util/peercount", tests, setup, NULL);
}
