/* A connection over which frames are written, several at a time, answered in order; made again by
 * itself whenever it is lost.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "io/loop.h"
#include "proto/v1.h"
#include "util/addr.h"

struct channel;

enum channel_answer {
    CHANNEL_ACK,
    CHANNEL_REFUSED, /* err: nothing was stored */
    CHANNEL_UNKNOWN, /* the connection was lost first, or the server does not know */
};

struct channel_handler {
    /* The answer to the frame that was sent with `tag`. */
    void (*answered)(void *userdata, uint32_t tag, enum channel_answer answer);
    /* There is room for a frame, or room again. */
    void (*ready)(void *userdata, struct channel *channel);
    void *userdata;
};

/* At most `window` frames wait for their answers. Connects at once, and again 100 ms after the
 * connection was lost or refused. 0 or -errno. */
MUST_USE int channel_new(struct loop *loop, const struct addr *server, const struct addr *from,
                         unsigned window, const struct channel_handler *handler,
                         struct channel **ret);
void channel_free(struct channel *channel);

/* True if a frame can be sent now. */
bool channel_ready(const struct channel *channel);

/* Sends a frame; channel_ready() must hold. 0 or -ENOBUFS, -ENOMEM (nothing was sent). */
MUST_USE int channel_send(struct channel *channel, const struct v1_write *write, uint32_t tag);

/* Connections made so far. */
uint64_t channel_connects(const struct channel *channel);
