/* The tables of what fields may hold, and the checks that read them. The sentences are whole ones:
 * they are shown to whoever wrote the client.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "proto/field.h"

#include "proto/frame.h"
#include "proto/v1.h"
#include "proto/v2.h"
#include "util/utf8.h"

#include <errno.h>
#include <sodium.h>

#define QUOTED(x)  #x
#define IN_TEXT(x) QUOTED(x)

enum chars {
    CHARS_LINE,  /* UTF-8 without control characters and colon */
    CHARS_TOKEN, /* A-Z a-z 0-9 _ - */
    CHARS_KEY,   /* the same and '.' */
    CHARS_TEXT,  /* UTF-8 without NUL and ETX */
};

/* Beside letters and digits. */
static const char token_marks[] = "_-";
static const char key_marks[] = "._-";

#define OF_LENGTH(what, limit, wanted)                                                             \
    .max = (limit), .empty = "the " what " is empty; it must " wanted,                             \
    .too_long = "the " what " is too long; it may have 1 to " IN_TEXT(limit) " bytes",             \
    .no_utf8 = "the " what " is not valid UTF-8"
#define BYTES(limit)      "have 1 to " IN_TEXT(limit) " bytes"
#define LINE(what, limit) LINE_OF(what, limit, BYTES(limit))
#define IN_LINE(what, limit, wanted)                                                               \
    .chars = CHARS_LINE, OF_LENGTH(what, limit, wanted),                                           \
    .refused = "the " what " holds a control character; none is allowed in it",                    \
    .colon = "the " what " holds a colon; none is allowed in it"
#define LINE_OF(what, limit, wanted)                                                               \
    {                                                                                              \
        IN_LINE(what, limit, wanted)                                                               \
    }
#define ROOM(marks, wanted)                                                                        \
    {                                                                                              \
        IN_LINE("room", V2_ROOM_MAX, wanted),                                                      \
            .first = (marks), .begins = "the room does not begin with '#'; it must " wanted        \
    }
#define TOKEN(what, limit)                                                                         \
    {                                                                                              \
        .chars = CHARS_TOKEN, OF_LENGTH(what, limit, BYTES(limit)),                                \
        .refused = "the " what " may hold letters, digits, '_' and '-' alone"                      \
    }
#define KEY(what, limit)                                                                           \
    {                                                                                              \
        .chars = CHARS_KEY, OF_LENGTH(what, limit, BYTES(limit)),                                  \
        .refused = "the " what " may hold letters, digits, '.', '_' and '-' alone"                 \
    }
#define TEXT(what)                                                                                 \
    {                                                                                              \
        .chars = CHARS_TEXT, .max = SIZE_MAX,                                                      \
        .empty = "the " what " is empty; it must have at least one byte",                          \
        .no_utf8 = "the " what " is not valid UTF-8",                                              \
        .refused = "the " what " holds a NUL or ETX byte; all others are allowed in it"            \
    }

static const struct {
    enum chars chars;
    size_t max;
    const char *empty;
    const char *too_long;
    const char *no_utf8;
    const char *refused; /* it holds what it may not hold */
    const char *colon;
    const char *first; /* if not NULL: one of these characters stands first */
    const char *begins;
} fields[] = {
    [FIELD_USERID] = LINE("userid", V1_USERID_MAX),
    [FIELD_NAME] = LINE("display name", V2_NAME_MAX),
    [FIELD_PASSWORD] = LINE("password", V1_PASSWORD_MAX),
    [FIELD_NEW_PASSWORD] = LINE("new password", V2_PASSWORD_MAX),
    [FIELD_V1_RECIPIENT] = LINE_OF("recipient", V1_RECIPIENT_MAX, "be a userid, #room, % or *"),
    [FIELD_RECIPIENT] =
        LINE_OF("recipient", V2_RECIPIENT_MAX, "be a userid, #room, #room/userid or *"),
    [FIELD_CONVERSATION] = LINE("name of the conversation", V2_RECIPIENT_MAX),
    [FIELD_DEVICE] = LINE("device", V2_DEVICE_MAX),
    [FIELD_SESSION] = TOKEN("session", V2_SESSION_MAX),
    [FIELD_KEY] = KEY("key", V2_CKEY_MAX),
    [FIELD_KEY_OR_VERB] = KEY("key or verb", V2_CKEY_MAX),
    [FIELD_CODE] = KEY("code", 32),
    [FIELD_KIND] = KEY("kind", 32),
    [FIELD_ROOM] = ROOM("#", "be #name or #number"),
    [FIELD_ROOM_OR_ALL] = ROOM("#*", "be #name, #number or *"),
    [FIELD_TARGET] = LINE_OF("target", V2_ROOM_MAX, "be a userid, #room or *"),
    [FIELD_PLACE] = LINE("place", V2_PLACE_MAX),
    [FIELD_TOPIC] = {.chars = CHARS_LINE,
                     OF_LENGTH("topic", V2_TOPIC_MAX, BYTES(V2_TOPIC_MAX)),
                     .refused = "the topic holds a control character; none is allowed in it"},
    [FIELD_REASON] = {.chars = CHARS_TEXT,
                      OF_LENGTH("reason", V2_REASON_MAX, BYTES(V2_REASON_MAX)),
                      .refused = "the reason holds a NUL or ETX byte"},
    [FIELD_TEXT] = TEXT("text"),
};
_Static_assert(V1_USERID_MAX == V2_USERID_MAX && V1_PASSWORD_MAX == V2_PASSWORD_MAX,
               "both versions share these fields");

/* Numbers end where those of the storage engines do. */
static const struct {
    uint64_t min;
    uint64_t max;
    const char *refused;
} numbers[] = {
    [NUMBER_CONVERSATION] = {1, INT64_MAX,
                             "a conversation is <number>/<name>, the number decimal and from 1"},
    [NUMBER_SEQ] = {1, INT64_MAX, "the sequence number is not a decimal number from 1"},
    [NUMBER_TIME] = {0, INT64_MAX,
                     "the time is not a decimal number of milliseconds since the epoch"},
    [NUMBER_POLL_SECONDS] = {1, 86400, "the poll interval is not a decimal number from 1 to 86400"},
    [NUMBER_PORT] = {0, UINT16_MAX, "the port is not 0 or a decimal number from 1024 to 65535"},
    [NUMBER_ROOM] = {1, INT64_MAX, "the room's number is not a decimal number from 1"},
    [NUMBER_COUNT] = {0, INT64_MAX, "the count is not a decimal number"},
    [NUMBER_FROM] = {0, INT64_MAX, "the beginning is not a decimal number"},
    [NUMBER_MAX] = {1, V2_PAST_PAGE, "the most is not a decimal number from 1 to 200"},
};
#define LEAST_PORT 1024 /* of those that are none */
_Static_assert(V2_PAST_PAGE == 200, "the sentence names it");

static const struct {
    size_t len; /* in bytes */
    const char *refused;
} hexes[] = {
    [HEX_SESSION_KEY] = {V2_KEY_LEN, "the session's key is not 64 hexadecimal digits"},
    [HEX_NONCE] = {V2_NONCE_LEN, "the nonce is not 32 hexadecimal digits"},
    [HEX_MAC] = {V2_MAC_LEN, "the MAC is not 32 hexadecimal digits"},
};
_Static_assert(V2_KEY_LEN == 32 && V2_NONCE_LEN == 16 && V2_MAC_LEN == 16, "the sentences say so");

size_t field_max(enum field field)
{
    return fields[field].max;
}

size_t field_number_max(enum field_number number)
{
    size_t digits = 1;

    for (uint64_t rest = numbers[number].max; rest >= 10; rest /= 10)
        digits++;
    return digits;
}

size_t field_hex_max(enum field_hex hex)
{
    return 2 * hexes[hex].len;
}

int field_refuse(int error, const char *reason, const char **ret_reason)
{
    if (ret_reason)
        *ret_reason = reason;
    return error;
}

static bool holds_byte(struct bytes bytes, char byte)
{
    return bytes.len > 0 && memchr(bytes.data, byte, bytes.len);
}

/* True if `text`, which is valid UTF-8, holds a control character: U+0000 to U+001F, U+007F, or
 * U+0080 to U+009F, which is 0xc2 and a byte from 0x80 to 0x9f. */
static bool holds_control(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        if (byte < 0x20 || byte == 0x7f)
            return true;
        if (byte == 0xc2 && (unsigned char)text.data[i + 1] < 0xa0)
            return true;
    }
    return false;
}

static bool is_letter_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
}

/* True if all of `value` is letters, digits, and what is among `marks`. */
static bool holds_only(struct bytes value, const char *marks)
{
    for (size_t i = 0; i < value.len; i++) {
        char c = value.data[i];
        if (!is_letter_or_digit(c) && (c == '\0' || !strchr(marks, c)))
            return false;
    }
    return true;
}

static bool holds_refused(enum chars chars, struct bytes value)
{
    switch (chars) {
    case CHARS_LINE:
        return holds_control(value);
    case CHARS_TOKEN:
        return !holds_only(value, token_marks);
    case CHARS_KEY:
        return !holds_only(value, key_marks);
    case CHARS_TEXT:
        break;
    }
    return holds_byte(value, '\0') || holds_byte(value, FRAME_END);
}

int field_check(enum field field, struct bytes value, const char **ret_reason)
{
    if (value.len == 0)
        return field_refuse(-EBADMSG, fields[field].empty, ret_reason);
    if (value.len > fields[field].max)
        return field_refuse(-EMSGSIZE, fields[field].too_long, ret_reason);
    if (!utf8_valid(value))
        return field_refuse(-EBADMSG, fields[field].no_utf8, ret_reason);
    if (holds_refused(fields[field].chars, value))
        return field_refuse(-EBADMSG, fields[field].refused, ret_reason);
    if (fields[field].colon && holds_byte(value, ':'))
        return field_refuse(-EBADMSG, fields[field].colon, ret_reason);
    if (fields[field].first && !strchr(fields[field].first, value.data[0]))
        return field_refuse(-EBADMSG, fields[field].begins, ret_reason);
    return 0;
}

int field_check_number(enum field_number number, uint64_t value, const char **ret_reason)
{
    bool refused = value < numbers[number].min || value > numbers[number].max ||
                   (number == NUMBER_PORT && value != 0 && value < LEAST_PORT);

    return refused ? field_refuse(-EBADMSG, numbers[number].refused, ret_reason) : 0;
}

int field_parse_number(enum field_number number, struct bytes value, uint64_t *ret,
                       const char **ret_reason)
{
    uint64_t parsed;

    /* One number has one form, so that what is signed is what was sent. */
    if ((value.len > 1 && value.data[0] == '0') || bytes_to_u64(value, UINT64_MAX, &parsed) < 0)
        return field_refuse(-EBADMSG, numbers[number].refused, ret_reason);
    int r = field_check_number(number, parsed, ret_reason);
    if (r == 0)
        *ret = parsed;
    return r;
}

int field_parse_hex(enum field_hex hex, struct bytes value, uint8_t *ret, const char **ret_reason)
{
    uint8_t bytes[V2_KEY_LEN];
    size_t len;

    if (value.len != 2 * hexes[hex].len ||
        sodium_hex2bin(bytes, sizeof(bytes), value.data, value.len, NULL, &len, NULL) != 0 ||
        len != hexes[hex].len)
        return field_refuse(-EBADMSG, hexes[hex].refused, ret_reason);
    memcpy(ret, bytes, len);
    sodium_memzero(bytes, sizeof(bytes));
    return 0;
}

void field_write_hex(struct writer *writer, enum field_hex hex, const uint8_t *value)
{
    char digits[2 * V2_KEY_LEN + 1];

    sodium_bin2hex(digits, sizeof(digits), value, hexes[hex].len);
    writer_bytes(writer, (struct bytes){.data = digits, .len = 2 * hexes[hex].len});
    sodium_memzero(digits, sizeof(digits));
}
