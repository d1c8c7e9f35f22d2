/* The receiving side of many version 1 clients: each user listens on a port of his own and polls.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "bench/roster.h"
#include "io/loop.h"
#include "util/addr.h"
#include "util/bytes.h"

struct receivers;

struct receivers_config {
    const struct roster *roster; /* borrowed */
    struct addr polls;           /* of the server */
    struct addr listen;          /* where users listen and poll from; the port is not used */
    uint64_t interval_us;        /* between two polls of one user */
};

/* What one push connection of the user carried until its end. */
typedef void (*receivers_fn)(void *userdata, uint32_t user, struct bytes payload);

/* Everyone listens, nobody polls yet. 0 or -errno. */
MUST_USE int receivers_new(struct loop *loop, const struct receivers_config *config,
                           receivers_fn callback, void *userdata, struct receivers **ret);
void receivers_free(struct receivers *receivers);

/* From now on everyone polls, spread evenly over the interval. 0 or -ENOMEM. */
MUST_USE int receivers_start(struct receivers *receivers);

/* Polls sent so far. */
uint64_t receivers_polls(const struct receivers *receivers);
