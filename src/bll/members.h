/* Finding the room a member asks something about.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "bll/ask.h"

struct room_ask {
    struct ask ask; /* first */
    void (*found)(struct room_ask *room, uint64_t conversation, const char *name);
};

/* Finds the room, "#name" or "#number", or everyone's conversation, "*", of which who asks has to
 * be a member, now or later; else the ask is refused. */
void room_find(struct room_ask *room, struct bytes name,
               void (*found)(struct room_ask *room, uint64_t conversation, const char *name));

/* What storage did not do with a room is refused. */
void room_refuse(struct ask *ask, enum dal_outcome outcome, const struct dal_room_result *result);
