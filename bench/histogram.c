/* Counting latencies.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/histogram.h"

#define STEP_BITS 6

static unsigned bucket_of(uint64_t value)
{
    unsigned bits, bucket;

    if (value < HISTOGRAM_STEPS)
        return (unsigned)value;
    bits = 63u - (unsigned)__builtin_clzll(value) - STEP_BITS;
    bucket = (bits + 1) * HISTOGRAM_STEPS + (unsigned)((value >> bits) - HISTOGRAM_STEPS);
    return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1;
}

/* The largest value that falls into `bucket`. */
static uint64_t bucket_top(unsigned bucket)
{
    unsigned bits;

    if (bucket < HISTOGRAM_STEPS)
        return bucket;
    bits = bucket / HISTOGRAM_STEPS - 1;
    return (((uint64_t)(bucket % HISTOGRAM_STEPS + HISTOGRAM_STEPS) + 1) << bits) - 1;
}

void histogram_add(struct histogram *histogram, uint64_t value)
{
    histogram->buckets[bucket_of(value)]++;
    histogram->count++;
}

uint64_t histogram_quantile(const struct histogram *histogram, double part)
{
    double wanted = part * (double)histogram->count;
    uint64_t seen = 0;

    if (histogram->count == 0)
        return 0;
    for (unsigned bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
        seen += histogram->buckets[bucket];
        if (seen > 0 && (double)seen >= wanted)
            return bucket_top(bucket);
    }
    return bucket_top(HISTOGRAM_BUCKETS - 1);
}
