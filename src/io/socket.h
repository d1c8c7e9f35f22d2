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

/* The error that waits on the socket (SO_ERROR), which is taken from it: 0 or -errno. */
MUST_USE int socket_error(int fd);

/* Has a TCP socket send what is written at once: this unit writes whole answers, once a turn, and
 * nothing is won by waiting for more. And has the kernel find out within two minutes that a silent
 * peer is not there any more: who is attached may be silent for ever. */
void socket_tune(int fd);
