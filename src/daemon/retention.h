/* Retention: what is old, or too much of a conversation, is deleted a little at a time.
 *
 * About once a second one small step is asked of storage, unless that has enough to do; nobody
 * waits for it noticeably, and however much there is to delete, it is as gentle as for little. When
 * all conversations have been looked at, there is a rest.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "config/daemon-config.h"
#include "io/loop.h"
#include "util/metrics.h"

struct retention {
    struct loop *loop;
    struct metrics *metrics;
    struct loop_timer timer;
    uint64_t days, messages; /* 0: any age, any number */
    unsigned queue_loaded;   /* requests: with so many, storage has enough to do */
    uint64_t after;          /* where the next step begins */
    uint64_t deleted;        /* since the last rest */
    bool stepping;           /* a step is under way */
    bool restart;            /* it is one of a round that was given up */
};

/* Deletes nothing before retention_configure(). `loop` and `metrics` are borrowed. */
void retention_init(struct retention *retention, struct loop *loop, struct metrics *metrics);

/* Begins anew with what the configuration says. dal_open() comes first. 0 or -ENOMEM. */
MUST_USE int retention_configure(struct retention *retention, const struct daemon_config *config);

/* No step follows; dal_close() ends the one under way. Harmless on a zeroed struct. */
void retention_stop(struct retention *retention);
