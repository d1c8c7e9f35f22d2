/* A connection over which frames are written, several at a time, answered in order; made again by
 * itself whenever it is lost.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "io/loop.h"
#include "proto/v1.h"
#include "util/addr.h"

struct lane;

enum lane_answer {
    LANE_ACK,
    LANE_REFUSED, /* err: nothing was stored */
    LANE_UNKNOWN, /* the connection was lost first, or the server does not know */
};

struct lane_handler {
    /* The answer to the frame that was sent with `tag`. */
    void (*answered)(void *userdata, uint32_t tag, enum lane_answer answer);
    /* There is room for a frame, or room again. */
    void (*ready)(void *userdata, struct lane *lane);
    void *userdata;
};

/* At most `window` frames wait for their answers. Connects at once, and again 100 ms after the
 * connection was lost or refused. 0 or -errno. */
MUST_USE int lane_new(struct loop *loop, const struct addr *server, const struct addr *from,
                      unsigned window, const struct lane_handler *handler, struct lane **ret);
void lane_free(struct lane *lane);

/* True if a frame can be sent now. */
bool lane_ready(const struct lane *lane);

/* Sends a frame; lane_ready() must hold. 0 or -ENOBUFS, -ENOMEM (nothing was sent). */
MUST_USE int lane_send(struct lane *lane, const struct v1_write *write, uint32_t tag);

/* Connections made so far. */
uint64_t lane_connects(const struct lane *lane);
