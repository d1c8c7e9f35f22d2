/* Version 1 pushes: a connection out for each message.
 *
 * A push connects without blocking, writes its payload, shuts down its side, and waits for the
 * peer to close. It counts as delivered only if the peer closed in order after that; everything
 * else can be tried again.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "io/loop.h"
#include "util/addr.h"
#include "util/bytes.h"
#include "util/metrics.h"

struct pusher;

struct pusher_limits {
    unsigned total;       /* pushes under way */
    unsigned per_address; /* of them to one host */
    uint64_t connect_us;  /* time for the connection to be made */
    uint64_t deliver_us;  /* time from then until the peer has closed */
};

enum push_result {
    PUSH_DELIVERED,
    PUSH_REFUSED, /* nobody listens there (ECONNREFUSED) */
    PUSH_FAILED,  /* unreachable, reset, timed out */
};

typedef void (*push_done_fn)(void *userdata, enum push_result result);

MUST_USE int pusher_new(struct loop *loop, const struct pusher_limits *limits,
                        struct metrics *metrics, struct pusher **ret);
/* Ends what is under way without calling back. Takes NULL. */
void pusher_free(struct pusher *pusher);
void pusher_set_limits(struct pusher *pusher, const struct pusher_limits *limits);

/* Copies `payload`. The callback runs later, never before the call has returned, exactly once.
 * 0; -EAGAIN when `total` pushes are under way, -EBUSY when `per_address` are (the callback is not
 * called); -EMFILE and the like. */
MUST_USE int pusher_push(struct pusher *pusher, const struct addr *to, struct bytes payload,
                         push_done_fn callback, void *userdata);

/* Pushes under way. */
unsigned pusher_active(const struct pusher *pusher);
