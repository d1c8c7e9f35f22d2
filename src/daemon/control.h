/* The control sockets: one JSON request a line in, one answer a line out, for those who may
 * administer.
 *
 * A connection has one request under way at a time and is not read meanwhile, so its memory is
 * bounded by one line each way; how many connections there may be is bounded, too.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "admin/admin.h"
#include "daemon/sockets.h"
#include "io/listener.h"

#define CONTROL_CONNECTIONS_MAX 32

struct control {
    struct loop *loop;
    struct admin *admin;
    struct metrics *metrics; /* of listeners alone: those of writers are told apart */
    gid_t group;
    struct listener *listeners[SOCKETS_MAX];
    unsigned listener_count;
    struct list connections;
    unsigned connection_count;
};

/* `loop` and `admin` are borrowed. Takes the control sockets over from `sockets`. 0 or -errno;
 * control_deinit() in both cases. */
MUST_USE int control_init(struct control *control, struct loop *loop, struct admin *admin,
                          struct sockets *sockets);

/* Accepts no more. */
void control_stop(struct control *control);

/* After admin_free(), so that no answer is under way; what was answered last has been sent as far
 * as the peer took it. Harmless on a zeroed struct. */
void control_deinit(struct control *control);
