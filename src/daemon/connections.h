/* The connections of writers: accepted within limits, their frames handed to the logic unit.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "bll/bll.h"
#include "daemon/sockets.h"
#include "io/connection.h"
#include "io/listener.h"

struct connections {
    struct loop *loop;
    struct bll *bll;
    struct metrics *metrics;
    struct connection_limits limits; /* of connections accepted from now on */
    struct peercount *peers;
    struct listener *listeners[SOCKETS_MAX];
    unsigned listener_count;
    struct list open;
    unsigned suspended_count; /* given to the descriptor store */
};

/* `loop`, `bll` and `metrics` are borrowed. Takes the sockets for writes over from `sockets`.
 * 0 or -errno; connections_deinit() in both cases. */
MUST_USE int connections_init(struct connections *connections, struct loop *loop, struct bll *bll,
                              struct metrics *metrics, const struct daemon_config *config,
                              struct sockets *sockets);

/* Closes what is still open, which is freed at the end of the turn: connections_free() then.
 * Harmless on a zeroed struct. */
void connections_deinit(struct connections *connections);
void connections_free(struct connections *connections);

/* New limits hold for connections accepted from now on. */
void connections_set_limits(struct connections *connections, const struct daemon_config *config);

/* Accepts no more and takes no more frames. Once its answers have left, each connection goes to the
 * service manager's descriptor store, where there is one, and is closed otherwise. */
void connections_finish(struct connections *connections);

/* Connections that are open. */
unsigned connections_count(const struct connections *connections);
