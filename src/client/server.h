/* Finding the server: name look-up and the probe of its TCP port. Both may wait, as the threads of
 * the client may.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/addr.h"
#include "util/attributes.h"

/* Looks up `host`. Returns how many addresses (at least 1, at most `max`) were written to `ret`,
 * all with `port`, in the order of the system's preference; or -EHOSTUNREACH, and then
 * `ret_reason` says why in words (static). */
MUST_USE long server_resolve(const char *host, uint16_t port, struct addr *ret, size_t max,
                             const char **ret_reason);

/* Starts a non-blocking connection: the descriptor (connected, or being so) or -errno. */
MUST_USE int server_connect(const struct addr *addr);

/* Connects to `addr` and closes again. 0, -errno (-ETIMEDOUT after `timeout_us`), or -ECANCELED
 * when `wake_fd` became readable meanwhile. */
MUST_USE int server_probe(const struct addr *addr, int wake_fd, uint64_t timeout_us);
