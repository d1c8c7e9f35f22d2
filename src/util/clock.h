/* The clocks: monotonic, counting sleep, and of the calendar.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <stdint.h>

#define USEC_PER_MSEC 1000ULL
#define USEC_PER_SEC  1000000ULL

/* Microseconds since some point in the past; never goes back (CLOCK_MONOTONIC). */
uint64_t clock_monotonic_us(void);

/* Milliseconds since some point in the past, those while the machine slept included
 * (CLOCK_BOOTTIME). */
uint64_t clock_boot_ms(void);

/* Milliseconds and microseconds since the epoch (CLOCK_REALTIME). */
uint64_t clock_real_ms(void);
uint64_t clock_real_us(void);
