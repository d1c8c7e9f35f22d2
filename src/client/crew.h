/* The two threads beside the one that runs main(): poller and receiver. With the input thread,
 * which is main's, they are the three threads of the client.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "client/session.h"

struct crew {
    struct session session;
    pthread_t poller, receiver;
};

/* Starts them, with every signal blocked, so that only the input thread sees any. `settings` and
 * `receiving` are borrowed; `chatty`: the user is told of changes that concern him little. 0 or
 * -errno, and then nothing runs. */
MUST_USE int crew_start(struct crew *crew, const struct settings *settings,
                        struct receiving *receiving, bool chatty);

/* Stops and joins them, and frees the session. */
void crew_end(struct crew *crew);
