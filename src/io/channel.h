/* Frames over a connected socket, plain or by TLS in the client's role, whoever connected.
 *
 * A state machine that never waits: its owner polls its descriptor and calls channel_turn() when
 * that is ready. Used by one thread.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "io/tls.h"
#include "util/attributes.h"
#include "util/buffer.h"
#include "util/bytes.h"

#include <poll.h>
#include <stdbool.h>

#define CHANNEL_FRAME_MAX  (80 << 10) /* bytes of a frame that is taken, without its ETX */
#define CHANNEL_OUTPUT_MAX (256 << 10)

enum channel_event {
    CHANNEL_WAITING, /* for its descriptor */
    CHANNEL_OPEN,    /* once: connected, and with TLS the handshake done; nothing was said yet */
    CHANNEL_FRAME,   /* one came */
    CHANNEL_CLOSED,  /* the other side has ended it, in order */
    CHANNEL_BROKEN,  /* `reason`, which is set for CLOSED too */
};

struct channel {
    int fd;                  /* -1: closed */
    struct tls_session *tls; /* NULL: plain */
    struct buffer in, out;
    size_t scanned;    /* bytes of `in` without an ETX */
    size_t taken;      /* bytes of the frame handed out last, to be dropped */
    short read_events; /* to be polled for before reading goes on */
    short write_events;
    bool connecting, open, finishing, finished;
    bool distrusted;  /* BROKEN: by a certificate that was refused */
    int error;        /* of a write, told by channel_turn() */
    char reason[256]; /* in words, not made printable */
};

/* Makes it closed. */
void channel_init(struct channel *channel);

/* Takes over `fd`, a non-blocking socket that is connected or being connected. `tls` (a client
 * context, referred to) and `host` as for tls_session_new(); NULL: plain. 0 or -errno, and then
 * `fd` is the caller's. */
MUST_USE int channel_open(struct channel *channel, int fd, struct tls_context *tls,
                          const char *host);
/* Closes at once; harmless when it is closed. `reason` stays. */
void channel_close(struct channel *channel);

struct pollfd channel_pollfd(const struct channel *channel);

/* Goes on; to be called again, with `revents` 0, until it says CHANNEL_WAITING, or later, when
 * there is room for more: what has been read stays. `ret_frame` is set for CHANNEL_FRAME (without
 * its ETX) and valid until the next call. After CLOSED and BROKEN it is closed. */
MUST_USE enum channel_event channel_turn(struct channel *channel, short revents,
                                         struct bytes *ret_frame);

/* Queues whole frames and sends them as far as that goes. 0; -ENOBUFS when too much waits; -ENOMEM.
 * What breaks the connection shows in channel_turn(). */
MUST_USE int channel_write(struct channel *channel, struct bytes frames);

/* Ends the output in order once it is sent; what comes is still taken. */
void channel_finish(struct channel *channel);
