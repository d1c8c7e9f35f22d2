/* The clocks: units, and that the monotonic one never goes back.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "util/clock.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>

#include <cmocka.h>

static void monotonic_never_goes_back(void **state)
{
    uint64_t last = clock_monotonic_us();

    for (unsigned i = 0; i < 100000; i++) {
        uint64_t now = clock_monotonic_us();
        assert_true(now >= last);
        last = now;
    }
}

static void units_are_as_stated(void **state)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    uint64_t now = clock_monotonic_us();
    assert_true(now / USEC_PER_SEC - (uint64_t)ts.tv_sec <= 60);
    clock_gettime(CLOCK_BOOTTIME, &ts);
    assert_true(clock_boot_ms() / 1000 - (uint64_t)ts.tv_sec <= 60);
    clock_gettime(CLOCK_REALTIME, &ts);
    uint64_t real = clock_real_ms();
    assert_in_range(real / 1000, (uint64_t)ts.tv_sec - 60, (uint64_t)ts.tv_sec + 60);
    real = clock_real_us();
    assert_in_range(real / USEC_PER_SEC, (uint64_t)ts.tv_sec - 60, (uint64_t)ts.tv_sec + 60);
}

static void time_to_wait(void **state)
{
    assert_int_equal(clock_poll_ms(UINT64_MAX, 5), -1);
    assert_int_equal(clock_poll_ms(5, 5), 0);
    assert_int_equal(clock_poll_ms(4, 5), 0);
    assert_int_equal(clock_poll_ms(6, 5), 1);
    assert_int_equal(clock_poll_ms(1005, 5), 1);
    assert_int_equal(clock_poll_ms(1006, 5), 2);
    assert_int_equal(clock_poll_ms(UINT64_MAX - 1, 5), INT_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(monotonic_never_goes_back),
        cmocka_unit_test(units_are_as_stated),
        cmocka_unit_test(time_to_wait),
    };

    return cmocka_run_group_tests_name("util/clock", tests, NULL, NULL);
}
