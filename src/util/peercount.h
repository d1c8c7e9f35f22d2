/* How many of something each address holds, with a limit per address and one in total.
 *
 * Addresses are compared without the port; an IPv6 host counts as its /64. An address that holds
 * nothing costs nothing.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/addr.h"
#include "util/attributes.h"

struct peercount;

/* 0 or -ENOMEM. Frees with peercount_free(), which takes NULL. */
MUST_USE int peercount_new(unsigned per_address, unsigned total, struct peercount **ret);
void peercount_free(struct peercount *count);

/* New limits hold from the next peercount_take() on; nothing that is held is taken away. */
void peercount_set_limits(struct peercount *count, unsigned per_address, unsigned total);

/* One more for `addr`: 0, -EAGAIN when the total is reached, -EBUSY when the address has its
 * share, -ENOMEM. */
MUST_USE int peercount_take(struct peercount *count, const struct addr *addr);

/* One less for `addr`, which must hold one. */
void peercount_give(struct peercount *count, const struct addr *addr);

unsigned peercount_total(const struct peercount *count);
