/* Rate limits: token buckets, alone or one per address.
 *
 * A bucket begins full, with `burst` tokens, and refills at its rate. It is 16 bytes and needs no
 * timer. The table by address is bounded; an address whose bucket is full again costs nothing, and
 * when the table is full the address that is nearest to full gives way.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/addr.h"
#include "util/attributes.h"

#include <stdint.h>

struct rate {
    uint64_t per_minute; /* 0: no limit */
    uint64_t burst;      /* 0 counts as 1 */
};

/* Zeroed: full. */
struct bucket {
    uint64_t updated_us;
    uint64_t missing; /* tokens that are missing to a full one, times 60 000 000 */
};

/* Takes a token at `now_us`. 0, or the microseconds after which there will be one; then none is
 * taken. */
MUST_USE uint64_t bucket_take(struct bucket *bucket, const struct rate *rate, uint64_t now_us);

/* The same question without taking one. */
MUST_USE uint64_t bucket_wait(const struct bucket *bucket, const struct rate *rate,
                              uint64_t now_us);

struct rate_table;

/* For at most `size` (> 0) addresses at a time (an IPv6 host counts as its /64). 0 or -ENOMEM. */
MUST_USE int rate_table_new(unsigned size, struct rate_table **ret);
void rate_table_free(struct rate_table *table); /* takes NULL */

/* As bucket_take() and bucket_wait() for the address's bucket. Without memory: 0. */
MUST_USE uint64_t rate_table_take(struct rate_table *table, const struct rate *rate,
                                  const struct addr *addr, uint64_t now_us);
MUST_USE uint64_t rate_table_wait(const struct rate_table *table, const struct rate *rate,
                                  const struct addr *addr, uint64_t now_us);
