/* A link: a connection to the server's write port that is signed on. It connects, speaks TLS,
 * judges whom it speaks to, resumes the account's session or says hello, and then carries frames.
 *
 * A state machine that never waits: its owner polls its descriptor, calls link_turn() when that is
 * ready or its time has come, and does other things meanwhile. Used by one thread; several threads
 * have links of the same account.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "client/account.h"
#include "io/channel.h"
#include "proto/v2.h"
#include "util/addr.h"
#include "util/attributes.h"
#include "util/clock.h"

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

enum link_state {
    LINK_CLOSED,
    LINK_ASKING,     /* the account, whether connecting is of use; waits for its answer */
    LINK_CONNECTING, /* TCP and TLS */
    LINK_HELD,       /* connected; another link says hello */
    LINK_RESUMING,   /* resume was said */
    LINK_GREETING,   /* hello was said */
    LINK_UP,         /* signed on */
};

enum link_event {
    LINK_WAITING,   /* for its descriptor, or its time */
    LINK_SIGNED_ON, /* once: frames may be written */
    LINK_FRAME,     /* one came; its parts are valid until the next call */
    LINK_REFUSED,   /* nobody gets in, and the user knows: account_refusal(). Closed */
    LINK_BROKEN,    /* no connection (any more): `reason`. Closed */
};

struct link {
    struct account *account;
    enum link_state state;
    struct channel channel;
    struct account_waiter waiter;
    struct account_session session; /* what it resumes, or, once it is UP, is signed on with */
    struct addr server;
    uint64_t deadline; /* monotonic, µs; of the state */
    bool time_told;    /* by the server, which refused ours */
    char code[32];     /* BROKEN: the server's, if it said why it does not take us in now; or "" */
    char reason[512];  /* BROKEN: in words, not made printable */
    uint64_t pause_us; /* BROKEN: so long the server wants no other try; 0: it said nothing */
};

/* 0 or -errno. The account is borrowed. */
MUST_USE int link_init(struct link *link, struct account *account);
/* Closes it. */
void link_deinit(struct link *link);

/* Starts, when it is closed. What goes wrong shows in link_turn(). */
void link_open(struct link *link, const struct addr *server);
/* Closes at once; harmless when it is closed. */
void link_close(struct link *link);

/* For poll(2); fd -1 when there is nothing to poll for. */
struct pollfd link_pollfd(const struct link *link);
/* When to call link_turn() at the latest; UINT64_MAX: never. */
uint64_t link_due(const struct link *link);

/* Goes on; to be called again, with `revents` 0, until it says LINK_WAITING. `ret` is set for
 * LINK_FRAME. */
MUST_USE enum link_event link_turn(struct link *link, short revents, uint64_t now,
                                   struct v2_frame *ret);

/* Queues a frame, once it is UP, and sends it as far as that goes. 0; -ENOBUFS when too much
 * waits; -EINVAL when it is not one of the protocol; -ENOMEM. What breaks the connection shows in
 * link_turn(). */
MUST_USE int link_write(struct link *link, const struct v2_frame *frame);

/* True for the code of an err that is said of who has signed on, whatever he asks or sends: the
 * link is of no more use. */
bool link_is_refused(struct bytes code);

#define LINK_PAUSE_MAX_US (600 * USEC_PER_SEC)

/* How long the reason of an err:limited says to wait, in microseconds, 0 for none; whatever it
 * says, at most LINK_PAUSE_MAX_US. */
uint64_t link_reason_pause(struct bytes reason);
