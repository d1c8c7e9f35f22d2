/* Outgoing connections (io/connecting.h), within limits.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "io/loop.h"
#include "util/addr.h"

#include <stdint.h>

struct dialer;

struct dialer_limits {
    unsigned total;       /* connections being made */
    unsigned per_address; /* of them to one host */
    uint64_t connect_us;  /* time for each */
};

enum dial_result {
    DIAL_CONNECTED,
    DIAL_REFUSED, /* nobody listens there (ECONNREFUSED) */
    DIAL_FAILED,  /* unreachable, timed out */
};

/* `fd` is the callee's with DIAL_CONNECTED, else -1. */
typedef void (*dial_done_fn)(void *userdata, enum dial_result result, int fd);

MUST_USE int dialer_new(struct loop *loop, const struct dialer_limits *limits, struct dialer **ret);
/* Ends what is under way without calling back. Takes NULL. */
void dialer_free(struct dialer *dialer);
void dialer_set_limits(struct dialer *dialer, const struct dialer_limits *limits);

/* Starts to connect. The callback runs later, never before the call has returned, exactly once. 0;
 * -EAGAIN when `total` are being made, -EBUSY when `per_address` are, -EACCES for a port that is
 * never connected to, -EADDRNOTAVAIL, -EMFILE and the like: the callback is not called. */
MUST_USE int dialer_dial(struct dialer *dialer, const struct addr *to, dial_done_fn callback,
                         void *userdata);

/* Connections being made. */
unsigned dialer_active(const struct dialer *dialer);
