/* A TCP (or unix) socket that accepts, within limits.
 *
 * When descriptors run out it stops accepting for a moment instead of spinning; what is over a
 * limit is accepted and closed at once, so that the backlog stays free.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "io/loop.h"
#include "util/addr.h"
#include "util/metrics.h"
#include "util/peercount.h"

struct listener;

/* The callback owns `fd` (non-blocking, close-on-exec). For a TCP listener with `peers` set,
 * `from` has been counted there and the callback's owner gives it back when the connection ends.
 * `from` has family 0 for a unix socket. */
typedef void (*listener_accept_fn)(void *userdata, int fd, const struct addr *from);

/* Takes over `fd`, a listening socket, on success. `peers` (borrowed) may be NULL for no limits.
 * 0 or -errno. */
MUST_USE int listener_new(struct loop *loop, int fd, struct peercount *peers,
                          struct metrics *metrics, listener_accept_fn callback, void *userdata,
                          struct listener **ret);
void listener_free(struct listener *listener);

/* Makes, binds and listens: the descriptor or -errno. */
MUST_USE int listener_bind(const struct addr *addr);
/* The same for a unix socket with `mode`; a stale socket file is replaced, a live one is
 * -EADDRINUSE. */
MUST_USE int listener_bind_unix(const char *path, unsigned mode);
