/* The file known_servers: which certificate is whose, as it was seen first.
 *
 *     # lines of the user's own
 *     chat.example.org:9002 SHA256:AB:CD:…
 *
 * It is for people to read and to edit: what is not understood is left as it is, and what is added
 * goes to its end. Processes that add at the same time wait for one another, and who reads sees
 * the file before or after, never in between. The first line of a server counts.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/attributes.h"

#define KNOWN_SERVERS_NAME    "known_servers"
#define KNOWN_SERVER_TEXT_MAX 128

struct known_server {
    unsigned line;                           /* of the file, from 1 */
    char fingerprint[KNOWN_SERVER_TEXT_MAX]; /* as it stands there, cut if need be; "" for none */
};

/* What the file in `folder` says about `server` ("HOST:PORT"): 1 and `ret` is set, 0 if nothing,
 * or -errno. */
MUST_USE int known_servers_find(int folder, const char *server, struct known_server *ret);

/* Adds a line, unless there is one of that server by now: 0, or 1 and `ret` is set as above, or
 * -errno. */
MUST_USE int known_servers_learn(int folder, const char *server, const char *fingerprint,
                                 struct known_server *ret);
