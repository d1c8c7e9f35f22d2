/* Sending one message after the other over TCP: wrmsg…ETX out, ack or err back.
 *
 * A state machine that never waits: its owner polls its descriptor, calls sender_turn() when it is
 * ready or its deadline has come, and so can do other things meanwhile. The connection is kept
 * until sender_close(), so that messages that follow one another share it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/addr.h"
#include "util/attributes.h"
#include "util/buffer.h"
#include "util/bytes.h"

#include <poll.h>
#include <stdint.h>

enum sender_state {
    SENDER_IDLE, /* nothing to send; connected or not */
    SENDER_CONNECTING,
    SENDER_WRITING,  /* the answer may come before all is written */
    SENDER_AWAITING, /* for the answer */
};

enum sender_outcome {
    SENDER_PENDING, /* not over yet */
    SENDER_STORED,  /* ack */
    SENDER_REFUSED, /* err: `code` and `reason` */
    SENDER_FAILED,  /* the server could not be reached: `reason` */
    SENDER_UNKNOWN, /* the connection broke after the message was sent: `reason` */
};

struct sender {
    enum sender_state state;
    int fd; /* -1: not connected */
    struct addr peer;
    uint64_t deadline; /* monotonic, µs; for the state */
    char *out;         /* the frame, wiped before it is freed: it holds a password */
    size_t out_len, written;
    struct buffer in;
    size_t scanned;   /* bytes of `in` without an ETX */
    char code[32];    /* of the last refusal */
    char reason[256]; /* of the last refusal or failure, in words; not made printable */
};

void sender_init(struct sender *sender);
void sender_deinit(struct sender *sender);

/* Closes the connection and forgets the message under way. */
void sender_close(struct sender *sender);

/* Begins to send `frame` (a wrmsg with its ETX; copied) to `server`. Only when idle. 0 or -errno
 * (`reason` says it in words). */
MUST_USE int sender_start(struct sender *sender, const struct addr *server, struct bytes frame,
                          uint64_t now);

/* What to poll for; fd -1 when there is nothing. */
struct pollfd sender_pollfd(const struct sender *sender);
/* When to call sender_turn() at the latest; UINT64_MAX: never. */
uint64_t sender_due(const struct sender *sender);

/* Goes on with the message under way. After any outcome but PENDING the sender is idle, and after
 * FAILED and UNKNOWN it is not connected. */
MUST_USE enum sender_outcome sender_turn(struct sender *sender, short revents, uint64_t now);
