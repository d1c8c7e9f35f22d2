/* What leaves the logic unit: answers and messages go to their connections, pushes of version 1 to
 * the pusher, wishes for a connection to the dials.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "bll/bll.h"
#include "daemon/dials.h"
#include "io/loop.h"
#include "io/pusher.h"
#include "util/list.h"

struct outlet {
    struct loop *loop;
    struct pusher *pusher;
    struct dials *dials;
    struct bll *bll; /* set once it is there; nothing leaves it before */
    struct loop_deferred turn_end;
    struct list pushes; /* those under way */
};

/* All are borrowed. */
void outlet_init(struct outlet *outlet, struct loop *loop, struct pusher *pusher,
                 struct dials *dials);

/* Tells the logic unit that the pushes still under way have failed. After pusher_free(), before
 * bll_free(). */
void outlet_abandon(struct outlet *outlet);

/* Before the loop is freed. Harmless on a zeroed struct. */
void outlet_deinit(struct outlet *outlet);

/* The logic unit's view of it. */
struct bll_outlet outlet_interface(struct outlet *outlet);
