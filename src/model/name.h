/* Which names and passwords are allowed.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/bytes.h"

#define NAME_MAX_BYTES     64
#define PASSWORD_MAX_BYTES 128

/* NULL if `name` may be a userid, display name or room name (without its '#'), else why not, in
 * words. Refused: empty, over NAME_MAX_BYTES, no UTF-8, control and format characters (bidi
 * overrides, zero-width ones), white space, and any of ":#*%/". */
const char *name_refusal(struct bytes name);

/* NULL if `password` may be one, else why not: 1 to PASSWORD_MAX_BYTES bytes of UTF-8 without
 * control characters and without ':', which the wire cannot carry in it. */
const char *password_refusal(struct bytes password);
