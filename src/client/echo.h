/* What the user has written to himself: the server sends that back, as nothing else that came from
 * this device, and it is not shown a second time.
 *
 * Used by the input thread alone. Bounded: what was sent long ago is forgotten.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/bytes.h"

#include <stdbool.h>
#include <stddef.h>

#define ECHO_MAX 64 /* messages remembered */

struct echo {
    struct {
        char *text; /* NULL: free */
        size_t len;
    } sent[ECHO_MAX];
    size_t next; /* the oldest, overwritten next */
};

/* `text` was sent and shown. Without memory it is forgotten. */
void echo_remember(struct echo *echo, struct bytes text);

/* True if `text`, which came from the user's own userid, is one of them; each is known once. */
bool echo_recognise(struct echo *echo, struct bytes text);

/* Harmless on a zeroed struct. */
void echo_deinit(struct echo *echo);
