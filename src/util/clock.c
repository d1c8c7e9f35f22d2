/* The two clocks. Neither call can fail on Linux with a valid pointer, so failure is our own bug.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "util/clock.h"

#include <assert.h>
#include <time.h>

static struct timespec now(clockid_t clock)
{
    struct timespec ts;
    int r = clock_gettime(clock, &ts);

    assert(r == 0);
    (void)r;
    return ts;
}

uint64_t clock_monotonic_us(void)
{
    struct timespec ts = now(CLOCK_MONOTONIC);

    return (uint64_t)ts.tv_sec * USEC_PER_SEC + (uint64_t)ts.tv_nsec / 1000;
}

uint64_t clock_real_ms(void)
{
    struct timespec ts = now(CLOCK_REALTIME);

    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}
