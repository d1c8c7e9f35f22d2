/* Which names, topics and passwords are allowed.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/bytes.h"

#include <stdint.h>

#define NAME_MAX_BYTES     64
#define TOPIC_MAX_BYTES    300
#define PASSWORD_MAX_BYTES 128

/* NULL if `name` may be a userid or display name, else why not, in words. Refused: empty, over
 * NAME_MAX_BYTES, no UTF-8, control and format characters (bidi overrides, zero-width ones), white
 * space, and any of ":#*%/". */
const char *name_refusal(struct bytes name);

/* The same for the name of a new room, without its '#'. Refused, too: what folds to digits alone,
 * as rooms are named by their numbers. */
const char *room_name_refusal(struct bytes name);

/* The number in "#12", of a room that is named by it; digits of any width. 0: it is none. */
uint64_t room_number(struct bytes room);

/* NULL if `topic` may be one, else why not: at most TOPIC_MAX_BYTES bytes of UTF-8 without control
 * characters. Empty is none. */
const char *topic_refusal(struct bytes topic);

/* NULL if `password` may be one, else why not: 1 to PASSWORD_MAX_BYTES bytes of UTF-8 without
 * control characters and without ':', which the wire cannot carry in it. */
const char *password_refusal(struct bytes password);
