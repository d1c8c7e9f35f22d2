/* Version 2 of the wire: the words of which a field is one, such as the standing of a member.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/attributes.h"
#include "util/bytes.h"

/* Which words; each leads to a value of an enum of proto/v2.h. */
enum word {
    WORD_ACCESS,
    WORD_STANDING,
    WORD_MEMBER_STANDING, /* of these a member's */
    WORD_PRESENCE,
    WORD_BY,
    WORD_NOTE,
};

/* Bytes of the longest. */
size_t word_max(enum word word);

/* The word of a value; NULL if it has none. */
const char *word_of(enum word word, unsigned value);

/* 0, or -EBADMSG with the reason (may be NULL). */
MUST_USE int word_parse(enum word word, struct bytes text, unsigned *ret, const char **ret_reason);
