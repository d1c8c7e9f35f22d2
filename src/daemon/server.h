/* The daemon as a whole: builds the units up, joins them, runs the loop, takes them down.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "config/daemon-config.h"

struct server;

/* Takes over `config`, loaded from `config_file` (NULL: the default place; borrowed), in any case.
 * Opens sockets, starts threads. What goes wrong is logged. 0 or -errno. */
MUST_USE int server_new(struct daemon_config *config, const char *config_file, struct server **ret);

/* Serves until SIGTERM or SIGINT, then finishes what is under way. 0 or -errno. */
MUST_USE int server_run(struct server *server);

/* Takes NULL and half-built ones. */
void server_free(struct server *server);
