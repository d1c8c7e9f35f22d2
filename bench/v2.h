/* The clients of version 2 of a run, and the parts they are made of: each user's own connection
 * (link.c), on which he signs on, and writes or is attached if he does; and his listener with the
 * connections the server makes to it (push.c).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "bench/member.h"
#include "bench/wire.h"
#include "util/list.h"

struct v2;

enum link_state {
    LINK_NONE,
    LINK_OPENING,
    LINK_SIGNING_ON,
    LINK_UP,
};

/* A message that waits for its answer, kept to be said again on the next connection. */
struct pending {
    uint32_t tag;
    struct bytes frame; /* its own */
};

struct user {
    struct v2 *v2;
    uint32_t index;
    struct member member;
    /* link.c */
    struct stream *link;
    enum link_state link_state;
    bool by_password;    /* it is signing on so */
    bool refused;        /* for good: he is not tried again */
    struct list wanting; /* on v2->wanting while his link is to be made */
    uint64_t retry_us;   /* not before */
    uint64_t connects;
    struct pending *pending; /* a ring of options->window, for those who write */
    unsigned first, waiting;
    /* push.c */
    int fd;
    uint16_t port;
    struct loop_source listener;
    bool reachable; /* a poll was answered so, or he is attached */
    bool unreachable;
};

struct v2 {
    struct wire wire;
    struct loop *loop;
    const struct options *options;
    const struct roster *roster;
    struct wire_handler handler;
    struct tls_context *tls; /* NULL: plain */
    struct user *users;
    struct member *by_session;
    struct list wanting;
    struct list pushes;
    unsigned signing_on; /* users who do so by password just now */
    bool receiving;
    bool told_refusal;
    bool forgotten; /* a session has ended: what comes for it late is no fault */
    char run[17];   /* part of every message's key */
    int poll_fd;
    struct loop_source poll_source;
    struct loop_timer tick;
    bool all_signed_on;
    uint64_t receive_us; /* when they began to poll, at the interval of now */
    uint64_t polls_due;  /* of these polls: seen to */
    struct wire_counts counts;
};

static inline bool v2_user_writes(const struct user *user)
{
    return user->pending != NULL;
}

/* A frame for the user, from whichever connection. True if it is an entry of a conversation, which
 * is taken. */
bool v2_take_entry(struct user *user, const struct v2_frame *entry);
void v2_fail(struct v2 *v2, int error);

/* -- link.c ----------------------------------------------------------------------------------- */

/* Has the user's link made, soon, if there is something it is needed for. */
void link_want(struct user *user);
/* Makes those links whose time has come. */
void links_tick(struct v2 *v2);
/* From now on he receives over it. */
void link_attach(struct user *user);
/* The server does not know the session any more. */
void link_forget(struct user *user);
bool link_ready(const struct user *user);
MUST_USE int link_send(struct user *user, struct bytes recipient, struct bytes text, uint32_t tag);
void link_deinit(struct user *user);

/* -- push.c ----------------------------------------------------------------------------------- */

MUST_USE int push_listen(struct user *user);
/* A socket bound to the address from which users speak. The descriptor or -errno. */
MUST_USE int push_socket(const struct v2 *v2, int type);
void push_deinit(struct user *user);
void pushes_end(struct v2 *v2);
