/* Token buckets. What is missing to a full bucket is counted in units of a 60 000 000th of a token:
 * in one microsecond as many units come back as there are tokens in a minute, so nothing is
 * rounded.
 *
 * The table keeps the addresses whose bucket is not full: by address, and in a binary heap by the
 * time at which they will be full, the next one at the top. Every take lets go of a few that are
 * full again, so the table empties as fast as it fills.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "util/rate.h"

#include "util/hash.h"

#include <errno.h>
#include <stdlib.h>

#define UNITS_PER_TOKEN 60000000ULL

/* More than this is no limit that anybody would reach, and no sum of it overflows. */
#define TOKENS_MAX 1000000000ULL

/* Addresses that are let go with each one that takes. */
#define EXPIRED_PER_TAKE 2

static uint64_t at_most(uint64_t value, uint64_t max)
{
    return value < max ? value : max;
}

static uint64_t refill(const struct rate *rate)
{
    return at_most(rate->per_minute, TOKENS_MAX);
}

static uint64_t capacity(const struct rate *rate)
{
    return (rate->burst ? at_most(rate->burst, TOKENS_MAX) : 1) * UNITS_PER_TOKEN;
}

/* The time it takes for `units` to come back. */
static uint64_t refill_us(uint64_t units, const struct rate *rate)
{
    return (units + refill(rate) - 1) / refill(rate);
}

/* What is missing at `now_us`; a smaller burst than before makes no debts. */
static uint64_t missing_at(const struct bucket *bucket, const struct rate *rate, uint64_t now_us)
{
    uint64_t elapsed = now_us > bucket->updated_us ? now_us - bucket->updated_us : 0;
    uint64_t missing = at_most(bucket->missing, capacity(rate));

    return elapsed >= refill_us(missing, rate) ? 0 : missing - elapsed * refill(rate);
}

uint64_t bucket_wait(const struct bucket *bucket, const struct rate *rate, uint64_t now_us)
{
    uint64_t missing;

    if (rate->per_minute == 0)
        return 0;
    missing = missing_at(bucket, rate, now_us) + UNITS_PER_TOKEN;
    return missing <= capacity(rate) ? 0 : refill_us(missing - capacity(rate), rate);
}

uint64_t bucket_take(struct bucket *bucket, const struct rate *rate, uint64_t now_us)
{
    uint64_t wait = bucket_wait(bucket, rate, now_us);

    if (wait > 0 || rate->per_minute == 0)
        return wait;
    bucket->missing = missing_at(bucket, rate, now_us) + UNITS_PER_TOKEN;
    bucket->updated_us = now_us;
    return 0;
}

/* -- by address ------------------------------------------------------------------------------- */

struct entry {
    UT_hash_handle hh;
    struct peer_key key;
    unsigned place; /* in the heap */
    struct bucket bucket;
    uint64_t full_us; /* when its bucket will be full */
};

struct rate_table {
    struct entry *entries;
    unsigned size, count;
    struct entry *heap[];
};

int rate_table_new(unsigned size, struct rate_table **ret)
{
    struct rate_table *table = calloc(1, sizeof(*table) + size * sizeof(struct entry *));

    if (!table)
        return -ENOMEM;
    table->size = size;
    *ret = table;
    return 0;
}

static void heap_put(struct rate_table *table, struct entry *entry, unsigned place)
{
    table->heap[place] = entry;
    entry->place = place;
}

/* Puts `entry` to its place, at or above the free one. */
static void heap_rise(struct rate_table *table, struct entry *entry, unsigned place)
{
    while (place > 0) {
        unsigned above = (place - 1) / 2;
        if (table->heap[above]->full_us <= entry->full_us)
            break;
        heap_put(table, table->heap[above], place);
        place = above;
    }
    heap_put(table, entry, place);
}

/* The same, at or below it. */
static void heap_sink(struct rate_table *table, struct entry *entry, unsigned place)
{
    for (;;) {
        unsigned below = 2 * place + 1;
        if (below + 1 < table->count &&
            table->heap[below + 1]->full_us < table->heap[below]->full_us)
            below++;
        if (below >= table->count || table->heap[below]->full_us >= entry->full_us)
            break;
        heap_put(table, table->heap[below], place);
        place = below;
    }
    heap_put(table, entry, place);
}

/* Later than before, unless the rate is another one by now. */
static void heap_move(struct rate_table *table, struct entry *entry, uint64_t full_us)
{
    bool later = full_us >= entry->full_us;

    entry->full_us = full_us;
    if (later)
        heap_sink(table, entry, entry->place);
    else
        heap_rise(table, entry, entry->place);
}

/* Lets the address go that is full first. */
static void remove_first(struct rate_table *table)
{
    struct entry *first = table->heap[0];
    struct entry *last = table->heap[--table->count];

    if (table->count > 0)
        heap_sink(table, last, 0);
    HASH_DEL(table->entries, first);
    free(first);
}

void rate_table_free(struct rate_table *table)
{
    if (!table)
        return;
    while (table->count > 0)
        remove_first(table);
    free(table);
}

static void expire(struct rate_table *table, uint64_t now_us)
{
    for (int i = 0; i < EXPIRED_PER_TAKE; i++) {
        if (table->count == 0 || table->heap[0]->full_us > now_us)
            return;
        remove_first(table);
    }
}

static struct entry *find(const struct rate_table *table, const struct peer_key *key)
{
    struct entry *entry;

    HASH_FIND(hh, table->entries, key, sizeof(*key), entry);
    return entry;
}

static struct entry *add(struct rate_table *table, const struct peer_key *key)
{
    struct entry *entry = calloc(1, sizeof(*entry));

    if (!entry)
        return NULL;
    entry->key = *key;
    HASH_ADD(hh, table->entries, key, sizeof(entry->key), entry);
    if (!entry->hh.tbl) { /* how uthash tells that it had no memory */
        free(entry);
        return NULL;
    }
    if (table->count == table->size)
        remove_first(table);
    heap_rise(table, entry, table->count++);
    return entry;
}

uint64_t rate_table_wait(const struct rate_table *table, const struct rate *rate,
                         const struct addr *addr, uint64_t now_us)
{
    struct peer_key key = addr_peer_key(addr);
    const struct entry *entry = find(table, &key);

    return entry ? bucket_wait(&entry->bucket, rate, now_us) : 0;
}

uint64_t rate_table_take(struct rate_table *table, const struct rate *rate, const struct addr *addr,
                         uint64_t now_us)
{
    struct peer_key key = addr_peer_key(addr);
    struct entry *entry;
    uint64_t wait;

    if (rate->per_minute == 0)
        return 0;
    expire(table, now_us);
    entry = find(table, &key);
    if (!entry)
        entry = add(table, &key);
    if (!entry)
        return 0;
    wait = bucket_take(&entry->bucket, rate, now_us);
    if (wait > 0)
        return wait;
    heap_move(table, entry, now_us + refill_us(entry->bucket.missing, rate));
    return 0;
}
