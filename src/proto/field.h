/* What a field of the wire may hold, whatever its frame and version.
 *
 * One table for the texts, one for the numbers, one for the runs of hexadecimal digits, each with
 * the sentence that is said when a field is not as it should be. Parsers and builders ask the same
 * table, so that a builder never writes what the parser of the other side would read as something
 * else.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/attributes.h"
#include "util/bytes.h"
#include "util/cursor.h"

#include <stdint.h>

/* A text on one line without control characters or colon, unless something else is said. */
enum field {
    FIELD_USERID,
    FIELD_NAME, /* a display name */
    FIELD_PASSWORD,
    FIELD_NEW_PASSWORD,
    FIELD_V1_RECIPIENT,
    FIELD_RECIPIENT,
    FIELD_CONVERSATION, /* the name of one */
    FIELD_DEVICE,
    FIELD_SESSION,     /* letters, digits, '_', '-' */
    FIELD_KEY,         /* of a client; letters, digits, '.', '_', '-' */
    FIELD_KEY_OR_VERB, /* what an error is about; the same */
    FIELD_CODE,        /* of an error; the same */
    FIELD_KIND,        /* of a note; the same */
    FIELD_ROOM,        /* begins with '#' */
    FIELD_ROOM_OR_ALL, /* the same, or "*" */
    FIELD_TARGET,      /* of a history: a userid, a room or "*" */
    FIELD_PLACE,       /* in a list */
    FIELD_TOPIC,       /* may hold colons */
    FIELD_REASON,      /* anything but NUL and ETX */
    FIELD_TEXT,        /* the same, of any length */
};

enum field_number {
    NUMBER_CONVERSATION,
    NUMBER_SEQ,
    NUMBER_TIME,
    NUMBER_POLL_SECONDS,
    NUMBER_PORT, /* of a signed poll */
    NUMBER_ROOM, /* the small one */
    NUMBER_COUNT,
    NUMBER_FROM, /* where a history begins */
    NUMBER_MAX,  /* of entries of a history */
};

/* A run of bytes that is written as two hexadecimal digits each. */
enum field_hex {
    HEX_SESSION_KEY,
    HEX_NONCE,
    HEX_MAC,
};

/* The most bytes a field can take; SIZE_MAX for a text. */
size_t field_max(enum field field);
size_t field_number_max(enum field_number number);
size_t field_hex_max(enum field_hex hex);

/* `error`, and the reason in `ret_reason`, which may be NULL as in all functions here. */
MUST_USE int field_refuse(int error, const char *reason, const char **ret_reason);

/* 0, -EBADMSG (empty, no UTF-8, a character that it may not hold) or -EMSGSIZE, with the reason. */
MUST_USE int field_check(enum field field, struct bytes value, const char **ret_reason);

/* Decimal digits without sign or leading zero, within the number's range. 0 or -EBADMSG. */
MUST_USE int field_parse_number(enum field_number number, struct bytes value, uint64_t *ret,
                                const char **ret_reason);
/* 0 or -EBADMSG: out of the number's range. */
MUST_USE int field_check_number(enum field_number number, uint64_t value, const char **ret_reason);

/* Exactly as many digits as it has, in either case. 0 or -EBADMSG. */
MUST_USE int field_parse_hex(enum field_hex hex, struct bytes value, uint8_t *ret,
                             const char **ret_reason);
/* In lower case. */
void field_write_hex(struct writer *writer, enum field_hex hex, const uint8_t *value);
