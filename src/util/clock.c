/* The clocks. No call can fail on Linux with a valid pointer, so failure is our own bug.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "util/clock.h"

#include <assert.h>
#include <limits.h>
#include <time.h>

static struct timespec now(clockid_t clock)
{
    struct timespec ts;
    int r = clock_gettime(clock, &ts);

    assert(r == 0);
    (void)r;
    return ts;
}

static uint64_t now_us(clockid_t clock)
{
    struct timespec ts = now(clock);

    return (uint64_t)ts.tv_sec * USEC_PER_SEC + (uint64_t)ts.tv_nsec / 1000;
}

uint64_t clock_monotonic_us(void)
{
    return now_us(CLOCK_MONOTONIC);
}

int clock_poll_ms(uint64_t due_us, uint64_t now_us)
{
    uint64_t ms;

    if (due_us == UINT64_MAX)
        return -1;
    if (due_us <= now_us)
        return 0;
    ms = (due_us - now_us - 1) / USEC_PER_MSEC + 1;
    return ms > INT_MAX ? INT_MAX : (int)ms;
}

uint64_t clock_boot_ms(void)
{
    return now_us(CLOCK_BOOTTIME) / USEC_PER_MSEC;
}

uint64_t clock_real_ms(void)
{
    return now_us(CLOCK_REALTIME) / USEC_PER_MSEC;
}

uint64_t clock_real_us(void)
{
    return now_us(CLOCK_REALTIME);
}
