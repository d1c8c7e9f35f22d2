/* The socket the server connects to: bound where the server's address asks for it, and again when
 * that has changed. The receiver thread's.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "client/session.h"

struct listener {
    struct session *session;
    int fd;             /* -1: not (yet) */
    struct addr wanted; /* what it was bound for */
    uint64_t next_bind; /* monotonic */
    bool failure_told;
};

void listening_init(struct listener *listener, struct session *session);
void listening_deinit(struct listener *listener);

/* Sees to it that it is bound, as far as that is possible. */
void listening_keep(struct listener *listener, uint64_t now);
/* When to call listening_keep() at the latest; UINT64_MAX: never. */
uint64_t listening_due(const struct listener *listener);
