/* Knowing when nothing waits any more: `recv` without --follow ends then. The server is asked what
 * this device has not acknowledged, and asked again when that much has been dealt with, until it is
 * nothing.
 *
 * A state machine that never waits, driven like the courier it speaks by.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "client/courier.h"
#include "client/exchange.h"
#include "client/session.h"
#include "util/attributes.h"

struct draining {
    struct session *session; /* borrowed */
    struct exchange *exchange;
    struct courier courier;
    uint64_t handled; /* entries that were shown or passed over, in all */
    uint64_t counted; /* that wait, as far as the answer has come */
    uint64_t goal;    /* of `handled`, at which to ask again */
    uint64_t ask_at;  /* monotonic, µs; UINT64_MAX while an answer is to come */
    uint64_t pause;
    int code; /* enum exit_code, or -1 while something waits */
};

/* 0 or -errno. Without anything before, it asks at its first turn. */
MUST_USE int draining_init(struct draining *draining, struct session *session);
void draining_deinit(struct draining *draining);

struct pollfd draining_pollfd(const struct draining *draining);
uint64_t draining_due(const struct draining *draining);
void draining_turn(struct draining *draining, short revents, uint64_t now);

/* An entry was shown or passed over. */
void draining_handled(struct draining *draining);
