/* A connection of a client of version 2 on the loop: frames in, frames out, plain or by TLS.
 *
 * What is said gathers and leaves at the end of the turn. A callback may close its stream; what a
 * closed stream would have told is never told.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "io/channel.h"
#include "io/loop.h"
#include "proto/v2.h"
#include "util/addr.h"

struct stream;

struct stream_handler {
    void (*opened)(void *userdata);
    /* `frame` has been parsed, and is valid during the call. */
    void (*frame)(void *userdata, const struct v2_frame *frame);
    /* All that has come so far has been told. */
    void (*paused)(void *userdata);
    /* It is over, and closed: `reason` in words. */
    void (*ended)(void *userdata, const char *reason);
    void *userdata;
};

/* Connects to `server` from the address `from`. `tls` (referred to): NULL for plain. 0 or -errno.
 */
MUST_USE int stream_connect(struct loop *loop, const struct addr *server, const struct addr *from,
                            struct tls_context *tls, const struct stream_handler *handler,
                            struct stream **ret);
/* Takes over a connected socket on success. */
MUST_USE int stream_adopt(struct loop *loop, int fd, struct tls_context *tls,
                          const struct stream_handler *handler, struct stream **ret);

/* Closes at once; freed when the turn is over. Takes NULL. */
void stream_close(struct stream *stream);

/* 0, -ENOBUFS, -ENOMEM or -EINVAL (no frame that may be said). */
MUST_USE int stream_say(struct stream *stream, const struct v2_frame *frame);
/* Bytes of frames built before. */
MUST_USE int stream_say_bytes(struct stream *stream, struct bytes frames);

/* Bytes that are said and have not left. */
size_t stream_waiting(const struct stream *stream);
