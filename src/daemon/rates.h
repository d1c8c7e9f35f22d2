/* How much is done a second: what the counters have gone up by in the last few seconds.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/metrics.h"

#include <jansson.h>

#define RATES_SECONDS 5 /* that are looked back on */

struct rates {
    struct rates_sample {
        uint64_t at_us;
        struct metrics metrics;
    } samples[RATES_SECONDS + 1]; /* a ring, once it is full */
    unsigned next, count;
};

/* To be called about once a second; `now_us` is monotonic. */
void rates_take(struct rates *rates, const struct metrics *metrics, uint64_t now_us);

/* An object of numbers a second, all 0 before there are two samples. NULL: no memory. */
json_t *rates_to_json(const struct rates *rates);
