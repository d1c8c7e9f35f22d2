/* Signing on: before a run everyone gets a message from himself. Afterwards the server knows the
 * password and the device of each, and what is measured is not the computing of slow hashes.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "bench/lane.h"
#include "bench/roster.h"

struct sign_on;

/* True if a frame was sent by this unit. */
static inline bool sign_on_is_tag(uint32_t tag)
{
    return tag & 0x80000000u;
}

/* `roster` is borrowed. 0 or -ENOMEM. */
MUST_USE int sign_on_new(const struct roster *roster, struct sign_on **ret);
void sign_on_free(struct sign_on *sign_on);

/* Sends as many as the lane takes of those that were not sent yet. 0 or -errno. */
MUST_USE int sign_on_send(struct sign_on *sign_on, struct lane *lane);

/* Those that were refused, as busy perhaps, or lost, are to be sent again. */
void sign_on_again(struct sign_on *sign_on);

void sign_on_answered(struct sign_on *sign_on, uint32_t tag, bool stored);

/* Something came for `user`; false if it was not his sign-on. */
bool sign_on_received(struct sign_on *sign_on, uint32_t user, struct bytes text);

/* Users whose message has not come yet. */
size_t sign_on_missing(const struct sign_on *sign_on);
