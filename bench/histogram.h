/* Latencies counted in buckets whose width grows with the value: 64 buckets for each power of two,
 * hence within two per cent.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <stdint.h>

#define HISTOGRAM_STEPS   64 /* buckets in each power of two */
#define HISTOGRAM_BUCKETS (HISTOGRAM_STEPS * 36)

struct histogram {
    uint64_t count;
    uint32_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *histogram, uint64_t value);

/* The value that a share `part` (0 … 1) of all does not exceed; 0 if there is none. */
uint64_t histogram_quantile(const struct histogram *histogram, double part);
