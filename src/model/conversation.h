/* A conversation: everyone, a room, or a user's inbox. It is a log of messages.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "model/name.h"

#include <stdint.h>

enum conversation_kind {
    CONVERSATION_EVERYONE, /* name "*" */
    CONVERSATION_ROOM,     /* name "#…" */
    CONVERSATION_INBOX,    /* name of the user it belongs to */
};

/* What the store knows of a conversation. */
struct conversation_record {
    uint64_t id;
    enum conversation_kind kind;
    char name[NAME_MAX_BYTES + 2]; /* "*", "#room" or a userid, NUL-terminated */
    uint64_t end;                  /* seq of its last message, 0 if it has none */
};

/* A user's membership: he receives what comes after `since`. */
struct membership {
    struct conversation_record conversation;
    uint64_t since;
};
