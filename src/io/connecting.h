/* One outgoing TCP connection while it is being made: connect(2) without waiting, with a time
 * limit.
 *
 * A connection to ourselves counts as refused: connecting to a port of our own host where nobody
 * listens can, when the kernel happens to choose that same port for our end, connect a socket to
 * itself (TCP's simultaneous open).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "io/loop.h"
#include "util/addr.h"

#define CONNECTING_PORT_MIN 1024 /* ports below are never connected to */

/* `result` is the descriptor, the callee's now, or -errno: -ECONNREFUSED when nobody listens there,
 * -ETIMEDOUT, -ENETUNREACH … The struct may be freed. */
typedef void (*connecting_fn)(void *userdata, int result);

/* Embedded in its owner, who does not touch it. */
struct connecting {
    struct loop *loop;
    struct loop_source source;
    struct loop_timer timer;
    struct addr to;
    int fd;
    int error; /* what connect(2) said at once of the peer, to be told later */
    connecting_fn callback;
    void *userdata;
};

/* Starts. The callback runs later, never before the call has returned, exactly once. 0, or, the
 * callback not being called, -EACCES for a port that is never connected to, or -errno for what this
 * host lacks (-EADDRNOTAVAIL, -EMFILE …): there is no use in another try now. */
MUST_USE int connecting_start(struct connecting *connecting, struct loop *loop,
                              const struct addr *to, uint64_t timeout_us, connecting_fn callback,
                              void *userdata);

/* Gives it up, without calling back. Only while it is under way. */
void connecting_cancel(struct connecting *connecting);
