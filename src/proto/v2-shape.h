/* Version 2 of the wire: which fields each verb has, in their order, what each may hold, and where
 * it goes in a struct v2_frame. One table, along which the parser and the builder walk.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "proto/v2.h"

enum part_kind {
    PART_VERSION,      /* V2_VERSION, and nowhere in the struct */
    PART_TEXT,         /* a struct bytes; the rule is an enum field */
    PART_NUMBER,       /* a uint64_t; an enum field_number */
    PART_WORD,         /* an enum; an enum word */
    PART_HEX,          /* an array of bytes; an enum field_hex */
    PART_CONVERSATION, /* a struct v2_conversation; an enum part_conversation */
    PART_FRAME,        /* a struct bytes: a message's frame */
};

enum part_conversation {
    CONVERSATION_NAMED,
    CONVERSATION_NAMELESS, /* its name may be empty */
    CONVERSATION_OR_NONE,  /* V2_NO_ROOM stands for none, whose id is 0 */
};
#define V2_NO_ROOM "-"

enum part_need {
    NEED_FULL,     /* it has at least one byte */
    NEED_FIELD,    /* it may be empty */
    NEED_OPTIONAL, /* the last one: it and the colon before it may be left out, for empty */
};

struct part {
    enum part_kind kind;
    enum part_need need;
    unsigned rule;
    size_t offset; /* in struct v2_frame */
};

#define PARTS_MAX 8

struct shape {
    const char *verb;
    const char *missing; /* said when a field is missing, or there is one too many */
    size_t count;
    struct part parts[PARTS_MAX];
};

extern const struct shape v2_shapes[V2_VERB_COUNT];

/* True if a frame with that verb is one that can be a past one. */
bool v2_is_entry(int verb);
