/* What a stream has sent and its receiver has not acknowledged yet.
 *
 * Acknowledgements are cumulative for a conversation, and conversations are acknowledged in any
 * order; so each message that is under way has an entry, in the order in which they were sent.
 * A message that the receiver needs not be sent (it is his own) has one too when it comes after one
 * that is under way: it counts as acknowledged when all before it are.
 *
 * It grows as it is needed, and gives back what was needed for many once they have left.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/attributes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct window_entry {
    uint64_t conversation; /* 0: acknowledged */
    uint64_t seq;
    size_t bytes; /* 0: his own, not sent */
};

struct window {
    struct window_entry *entries; /* a ring; `size` is a power of two, or 0 */
    unsigned size, first, used;   /* entries from `first` on, those acknowledged among them */
    unsigned count;               /* of them, what is under way */
    size_t bytes;                 /* of them */
};

void window_init(struct window *window);
void window_deinit(struct window *window);

/* Adds message number `seq`, later than all of its conversation in it. 0, or -ENOMEM. */
MUST_USE int window_add(struct window *window, uint64_t conversation, uint64_t seq, size_t bytes);

/* The receiver has acknowledged the conversation up to `*seq`: those leave the window, and those of
 * his own that follow them directly; `*seq` then is the number of the last of these. Returns how
 * many messages that were sent have left. */
unsigned window_acknowledge(struct window *window, uint64_t conversation, uint64_t *seq);

/* Forgets what is under way of conversations for which `kept` does not hold. */
void window_prune(struct window *window, bool (*kept)(const void *userdata, uint64_t conversation),
                  const void *userdata);
