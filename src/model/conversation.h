/* A conversation: everyone, a room, or a user's inbox. It is a log of messages.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "model/name.h"

#include <stdbool.h>
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
    uint64_t number;               /* of a room: 1, 2, 3 …, never given again; else 0 */
};

/* A user's membership: he receives what comes after `since`. */
struct membership {
    struct conversation_record conversation;
    uint64_t since;
    bool is_operator; /* of a room */
};

enum room_access {
    ROOM_OPEN,
    ROOM_CLOSED, /* who wants to join has to be invited */
};

/* What somebody is to a room; each is more than those before it. */
enum room_standing {
    STANDING_NONE,
    STANDING_INVITED,
    STANDING_MEMBER,
    STANDING_OPERATOR,
};

/* What the store knows of a room, as one user sees it. */
struct room_record {
    struct conversation_record conversation;
    enum room_access access;
    char topic[TOPIC_MAX_BYTES + 1];
    uint64_t members;
    uint64_t made_by;            /* user id; 0: the administrator, or not known */
    uint64_t made_ms;            /* 0: not known */
    enum room_standing standing; /* of that user; NONE for the administrator */
};
