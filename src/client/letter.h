/* What the client lets its user send: told at once, instead of after a round trip.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/bytes.h"

/* NULL if `recipient` has the shape of one (a userid, #room, #room/userid for a whisper, or
 * * for everyone), else why not, in words. Whether it exists the server knows. */
const char *letter_recipient_refusal(struct bytes recipient);

/* NULL if `text` can be sent, else why not: it is not empty, at most CLIENT_TEXT_MAX bytes of
 * UTF-8, and has neither NUL nor ETX. */
const char *letter_text_refusal(struct bytes text);
