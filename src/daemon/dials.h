/* Connections that the daemon makes to where devices listen: within limits, until the peer has
 * proven himself; what comes of each is told to the logic unit.
 *
 * A dial is made by dials_dial(), takes a place among those that may be under way at a time, and
 * gives it back when the peer has proven himself or the connection is over.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "bll/bll.h"
#include "io/dialer.h"
#include "util/list.h"
#include "util/peercount.h"

struct connections;
struct dial;

struct dials {
    struct connections *connections;
    struct bll *bll; /* set once it is there */
    struct dialer *dialer;
    struct peercount *places;
    struct list under_way;
};

/* `loop` and `connections`, which need not be initialised yet, are borrowed. 0 or -errno;
 * dials_deinit() in both cases. */
MUST_USE int dials_init(struct dials *dials, struct loop *loop, const struct dialer_limits *limits,
                        struct connections *connections);

/* After connections_deinit(), before bll_free(): what is under way has failed. Harmless on a zeroed
 * struct. */
void dials_deinit(struct dials *dials);

void dials_set_limits(struct dials *dials, const struct dialer_limits *limits);

/* As struct bll_outlet has it. */
MUST_USE int dials_dial(struct dials *dials, const struct addr *to, bool secure, void *token);

/* Those whose peer has not proven himself yet. */
unsigned dials_active(const struct dials *dials);

/* -- from its connection ------------------------------------------------------------------------
 */

/* It can be written to, and `link` is made for it. */
void dial_opened(struct dial *dial, struct bll_link *link);
/* Its peer has proven himself, or it is closed, and failed if it never opened. Frees it. */
void dial_over(struct dial *dial);
