/* The service manager's descriptor store: where open connections outlive a restart.
 *
 * A connection is kept under a name of its own as one or two descriptors: its socket, and where a
 * frame had been read in part, a memory file with those bytes. What systemd hands back under such a
 * name at the next start is taken out of the store again.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/attributes.h"
#include "util/bytes.h"

#include <stdbool.h>

#define KEPT_NAME_MAX 64

/* A connection that came back. */
struct kept_connection {
    char name[KEPT_NAME_MAX];
    int socket; /* -1 if it did not come along, or once it is taken */
    int input;  /* memory file, or -1 */
};

struct kept_connections {
    struct kept_connection *items;
    unsigned count;
};

/* True if a service manager listens that may have a store. */
bool descriptor_store_usable(void);

/* Gives the store a connection; `number` makes its name. The descriptor stays the caller's. 0 or
 * -errno. */
MUST_USE int descriptor_store_keep(unsigned number, int socket, struct bytes input);

/* True if `name` is one descriptor_store_keep() gives. */
bool descriptor_store_knows(const char *name);

/* Adds a descriptor that systemd handed over under such a name, and owns it then. 0 or -ENOMEM. */
MUST_USE int kept_connections_add(struct kept_connections *kept, const char *name, int fd);

/* Takes everything out of the store. */
void kept_connections_forget(const struct kept_connections *kept);

/* The bytes of a frame that had been read, at most `max` of them; `*ret` is freed by the caller.
 * Their number, or -errno. */
MUST_USE long kept_connection_input(const struct kept_connection *kept, size_t max, char **ret);

/* Closes what was not taken. */
void kept_connections_deinit(struct kept_connections *kept);
