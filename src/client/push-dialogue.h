/* What is said on a connection that somebody made to us: the server names our session and a nonce,
 * we prove that we have its key, and then messages come. A pure state machine: frames in, and what
 * is to be done about each out.
 *
 * Who it is that speaks was judged by the certificate before (client/trust.h).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "proto/v2.h"
#include "util/attributes.h"
#include "util/bytes.h"

#include <stdbool.h>

struct push_dialogue {
    bool proven; /* we have answered */
};

enum push_verdict {
    PUSH_PROVE,   /* `ret` is the proof to be sent */
    PUSH_MESSAGE, /* `ret` is a message */
    PUSH_ERROR,   /* `ret` is an err, of which the user may have to know */
    PUSH_NOTHING, /* nothing is to be done */
    PUSH_BREAK,   /* not the server, or not what it may say: close */
};

/* Takes a frame. `session` and `key` are what we are signed on with. `ret` points into the frame
 * and, for PROVE, is complete. */
MUST_USE enum push_verdict push_dialogue_take(struct push_dialogue *dialogue, struct bytes frame,
                                              struct bytes session, const uint8_t key[V2_KEY_LEN],
                                              struct v2_frame *ret);
