/* The clocks: monotonic, counting sleep, and of the calendar.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <stdint.h>

#define USEC_PER_MSEC 1000ULL
#define USEC_PER_SEC  1000000ULL

/* Microseconds since some point in the past; never goes back (CLOCK_MONOTONIC). */
uint64_t clock_monotonic_us(void);

/* How long poll(2) may wait at `now_us` for what is due at `due_us`, both of the clock above: in
 * milliseconds, rounded up; -1 (for ever) for UINT64_MAX. */
int clock_poll_ms(uint64_t due_us, uint64_t now_us);

/* Milliseconds since some point in the past, those while the machine slept included
 * (CLOCK_BOOTTIME). */
uint64_t clock_boot_ms(void);

/* Milliseconds and microseconds since the epoch (CLOCK_REALTIME). */
uint64_t clock_real_ms(void);
uint64_t clock_real_us(void);
