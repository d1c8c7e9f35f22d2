/* Sockets as this unit wants them: close-on-exec and non-blocking from birth.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/addr.h"
#include "util/attributes.h"

/* Makes a socket of `type` (SOCK_STREAM or SOCK_DGRAM) and binds it to `addr`. [::] serves IPv4
 * too, and is taken for 0.0.0.0 where the system has no IPv6. The descriptor or -errno. */
MUST_USE int socket_bind(const struct addr *addr, int type);

/* What became of a connection that poll(2) says is over with connecting: 0, or -errno. */
MUST_USE int socket_connected(int fd);
