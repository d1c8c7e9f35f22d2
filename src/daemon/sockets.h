/* The sockets the daemon serves: those systemd hands over, known by their names, and for each role
 * it hands over none for, the one the configuration names.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "config/daemon-config.h"
#include "daemon/descriptor-store.h"

#define SOCKETS_MAX 16 /* of one role */

enum socket_role {
    SOCKET_POLLS,   /* UDP */
    SOCKET_WRITES,  /* TCP, listening */
    SOCKET_CONTROL, /* unix stream, listening */
    SOCKET_ROLES,
};

struct sockets {
    int fds[SOCKET_ROLES][SOCKETS_MAX]; /* -1 once taken */
    unsigned count[SOCKET_ROLES];
    struct kept_connections kept; /* connections of the daemon before this one */
    char *control_path;           /* bound here, hence removed here; else NULL */
    char *ready_file;             /* written here, hence removed here; else NULL */
    char *addresses;              /* a line for each socket: "polls 127.0.0.1:9001" */
};

/* Adopts or binds them all; logs why where it cannot. 0 or -errno; sockets_deinit() in both cases.
 */
MUST_USE int sockets_init(struct sockets *sockets, const struct daemon_config *config);

/* Closes what was not taken, removes what was made in the file system. */
void sockets_deinit(struct sockets *sockets);

/* Hands over socket `index` of a role: the descriptor is the caller's now. */
int sockets_take(struct sockets *sockets, enum socket_role role, unsigned index);

/* Writes the addresses to listen.ready_file, whole or not at all. 0 or -errno, logged. */
MUST_USE int sockets_announce(struct sockets *sockets, const struct daemon_config *config);
