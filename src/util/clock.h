/* The two clocks.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <stdint.h>

#define USEC_PER_MSEC 1000ULL
#define USEC_PER_SEC  1000000ULL

/* Microseconds since some point in the past; never goes back (CLOCK_MONOTONIC). */
uint64_t clock_monotonic_us(void);

/* Milliseconds and microseconds since the epoch (CLOCK_REALTIME). */
uint64_t clock_real_ms(void);
uint64_t clock_real_us(void);
