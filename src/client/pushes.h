/* Connections that others made to us: the server's, which brings messages, and those of strangers,
 * who get nothing and are dropped without a word.
 *
 * Who connects has a short time to show the server's certificate and to name our session. There
 * are few places for those who have not: hosts that the server's name stands for are given
 * precedence over others, and among equals the oldest gives way. The receiver thread's.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "client/push-dialogue.h"
#include "client/session.h"
#include "io/channel.h"

#define PUSHES_MAX        16
#define PUSHES_PROVEN_MAX 2 /* the newest are kept: one, and another that takes over from it */

struct push {
    struct channel channel; /* closed: free */
    struct push_dialogue dialogue;
    uint64_t number;   /* once it is proven: how many there had been */
    uint64_t deadline; /* monotonic */
    bool of_server;    /* from one of its hosts, as far as its name tells */
    bool stalled;      /* there may be frames that wait for room in the mailbox */
};

struct pushes {
    struct session *session;
    uint64_t proven; /* how many there have been */
    struct push all[PUSHES_MAX];
};

void pushes_init(struct pushes *pushes, struct session *session);
/* Closes all. */
void pushes_deinit(struct pushes *pushes);

/* Takes what waits at the listening socket `fd`. */
void pushes_accept(struct pushes *pushes, int fd, uint64_t now);

/* Fills in what to poll for. */
void pushes_pollfds(const struct pushes *pushes, struct pollfd fds[PUSHES_MAX]);
/* When to call pushes_turn() at the latest; UINT64_MAX: never. */
uint64_t pushes_due(const struct pushes *pushes);
/* Goes on with all, after poll(2). */
void pushes_turn(struct pushes *pushes, const struct pollfd fds[PUSHES_MAX], uint64_t now);

/* Sends an acknowledgement over the newest that is proven. False: there is none. */
bool pushes_acknowledge(struct pushes *pushes, const struct v2_frame *ack);

/* Closes strangers, and ends the output of the others. False: all are closed. */
void pushes_finish(struct pushes *pushes);
bool pushes_open(const struct pushes *pushes);
