/* The link that messages come over when the server cannot connect to us: signed on, attached, kept
 * alive, and given up when it is not wanted any more. The receiver thread's.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "client/link.h"
#include "client/session.h"

enum attachment_state {
    ATTACHMENT_DOWN,
    ATTACHMENT_SIGNING_ON,
    ATTACHMENT_ATTACHING, /* messages may come already */
    ATTACHMENT_ATTACHED,
    ATTACHMENT_DETACHING, /* and still */
    ATTACHMENT_LEAVING,   /* goodbye was said */
};

struct attachment {
    struct session *session;
    struct link link;
    enum attachment_state state;
    uint64_t next_try;   /* monotonic; when DOWN */
    uint64_t pause;      /* the last one between two tries */
    uint64_t next_ping;  /* monotonic */
    uint64_t deadline;   /* monotonic, of an answer that is owed to us; UINT64_MAX: none */
    unsigned failures;   /* in a row, though the server lives */
    unsigned recoveries; /* of the server, as far as they were acted upon */
    bool stalled;        /* there may be frames that wait for room in the mailbox */
};

/* 0 or -errno. */
MUST_USE int attachment_init(struct attachment *attachment, struct session *session);
void attachment_deinit(struct attachment *attachment);

struct pollfd attachment_pollfd(const struct attachment *attachment);
/* When to call attachment_turn() at the latest; UINT64_MAX: never. */
uint64_t attachment_due(const struct attachment *attachment);
/* Goes on, after poll(2). */
void attachment_turn(struct attachment *attachment, short revents, uint64_t now);

/* Sends an acknowledgement, if it is up. */
void attachment_acknowledge(struct attachment *attachment, const struct v2_frame *ack);

/* Says goodbye. */
void attachment_finish(struct attachment *attachment);
bool attachment_open(const struct attachment *attachment);
