/* Version 2 of the wire: the frames. Each verb is a row of one table that tells its fields in
 * order; the parser and the builder both walk along it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "proto/field.h"
#include "proto/frame.h"
#include "proto/v2.h"
#include "util/cursor.h"

#include <assert.h>
#include <errno.h>

enum kind {
    KIND_VERSION,      /* V2_VERSION, and nowhere in the struct */
    KIND_TEXT,         /* a struct bytes; the rule is an enum field */
    KIND_NUMBER,       /* a uint64_t; an enum field_number */
    KIND_HEX,          /* an array of bytes; an enum field_hex */
    KIND_CONVERSATION, /* a struct v2_conversation */
    KIND_ACKED,        /* the same, its name may be empty */
};

struct part {
    enum kind kind;
    unsigned rule;
    size_t offset; /* in struct v2_frame */
};

#define PARTS_MAX 6

struct shape {
    const char *verb;
    const char *missing; /* said when a field is missing, or there is one too many */
    size_t count;
    struct part parts[PARTS_MAX];
};

#define AT(member) offsetof(struct v2_frame, member)
#define PROTOCOL()                                                                                 \
    {                                                                                              \
        KIND_VERSION, 0, 0                                                                         \
    }
#define TEXT(rule, member)                                                                         \
    {                                                                                              \
        KIND_TEXT, FIELD_##rule, AT(member)                                                        \
    }
#define NUMBER(rule, member)                                                                       \
    {                                                                                              \
        KIND_NUMBER, NUMBER_##rule, AT(member)                                                     \
    }
#define HEX(rule, member)                                                                          \
    {                                                                                              \
        KIND_HEX, HEX_##rule, AT(member)                                                           \
    }
#define CONVERSATION(kind)                                                                         \
    {                                                                                              \
        KIND_##kind, 0, AT(conversation)                                                           \
    }

#define SHAPE(symbol, text, form, parts_count, ...)                                                \
    [V2_VERB_##symbol] = {text, "a field is missing; it is " form, parts_count, {__VA_ARGS__}}
#define BARE(symbol, text)                                                                         \
    [V2_VERB_##symbol] = {text, "nothing may follow this verb; it is " text, 0, {{0}}}

static const struct shape shapes[V2_VERB_COUNT] = {
    SHAPE(HELLO, "hello", "hello:2:<userid>:<password>:<device>", 4, PROTOCOL(),
          TEXT(USERID, userid), TEXT(PASSWORD, password), TEXT(DEVICE, device)),
    SHAPE(RESUME, "resume", "resume:<session>:<time ms>:<mac>", 3, TEXT(SESSION, session),
          NUMBER(TIME, time_ms), HEX(MAC, mac)),
    SHAPE(WELCOME, "welcome", "welcome:<session>:<key>:<time ms>:<poll seconds>:<display name>", 5,
          TEXT(SESSION, session), HEX(SESSION_KEY, session_key), NUMBER(TIME, time_ms),
          NUMBER(POLL_SECONDS, poll_seconds), TEXT(NAME, name)),
    SHAPE(SEND, "send", "send:<key>:<to>:<text>", 3, TEXT(KEY, key), TEXT(RECIPIENT, to),
          TEXT(TEXT, text)),
    SHAPE(SENT, "sent", "sent:<key>:<conversation>:<seq>:<time ms>", 4, TEXT(KEY, key),
          CONVERSATION(CONVERSATION), NUMBER(SEQ, seq), NUMBER(TIME, time_ms)),
    BARE(ATTACH, "attach"),
    BARE(ATTACHED, "attached"),
    BARE(DETACH, "detach"),
    BARE(DETACHED, "detached"),
    SHAPE(PUSH, "push", "push:<session>:<nonce>", 2, TEXT(SESSION, session), HEX(NONCE, nonce)),
    SHAPE(PROOF, "proof", "proof:<mac>", 1, HEX(MAC, mac)),
    SHAPE(MSG, "msg", "msg:<conversation>:<seq>:<time ms>:<from>:<display name>:<text>", 6,
          CONVERSATION(CONVERSATION), NUMBER(SEQ, seq), NUMBER(TIME, time_ms), TEXT(USERID, userid),
          TEXT(NAME, name), TEXT(TEXT, text)),
    SHAPE(ACK, "ack", "ack:<conversation>:<seq>", 2, CONVERSATION(ACKED), NUMBER(SEQ, seq)),
    SHAPE(PASSWD, "passwd", "passwd:<old>:<new>", 2, TEXT(PASSWORD, password),
          TEXT(NEW_PASSWORD, new_password)),
    BARE(PING, "ping"),
    BARE(PONG, "pong"),
    BARE(GOODBYE, "goodbye"),
    SHAPE(ERR, "err", "err:<code>:<key or verb>:<reason>", 3, TEXT(CODE, code),
          TEXT(KEY_OR_VERB, key), TEXT(REASON, text)),
};

const char *v2_verb_name(enum v2_verb verb)
{
    assert(verb < V2_VERB_COUNT);
    return shapes[verb].verb;
}

int v2_parse_verb(struct bytes frame)
{
    const char *end = frame.len > 0 ? memchr(frame.data, ':', frame.len) : NULL;
    struct bytes verb = {.data = frame.data, .len = end ? (size_t)(end - frame.data) : frame.len};

    for (int i = 0; i < V2_VERB_COUNT; i++)
        if (bytes_is(verb, shapes[i].verb))
            return i;
    return -EBADMSG;
}

static int parse_version(struct bytes value, const char **ret_reason)
{
    if (bytes_is(value, V2_VERSION))
        return 0;
    return field_refuse(-EPROTONOSUPPORT, "this server speaks version " V2_VERSION " alone",
                        ret_reason);
}

/* "<number>/<name>" */
static int parse_conversation(struct bytes value, bool may_be_nameless, struct v2_conversation *ret,
                              const char **ret_reason)
{
    struct reader reader;

    reader_init(&reader, value);
    struct bytes number = reader_field(&reader, '/');
    struct bytes name = reader_rest(&reader);
    int r = field_parse_number(NUMBER_CONVERSATION, number, &ret->id, ret_reason);
    if (r == 0 && !(may_be_nameless && name.len == 0))
        r = field_check(FIELD_CONVERSATION, name, ret_reason);
    ret->name = name;
    return r;
}

static int parse_part(const struct part *part, struct bytes value, struct v2_frame *frame,
                      const char **ret_reason)
{
    void *member = (char *)frame + part->offset;

    switch (part->kind) {
    case KIND_VERSION:
        return parse_version(value, ret_reason);
    case KIND_TEXT:
        memcpy(member, &value, sizeof(value));
        return field_check(part->rule, value, ret_reason);
    case KIND_NUMBER:
        return field_parse_number(part->rule, value, member, ret_reason);
    case KIND_HEX:
        return field_parse_hex(part->rule, value, member, ret_reason);
    case KIND_CONVERSATION:
    case KIND_ACKED:
        break;
    }
    return parse_conversation(value, part->kind == KIND_ACKED, member, ret_reason);
}

int v2_parse(struct bytes frame, struct v2_frame *ret, const char **ret_reason)
{
    struct v2_frame parsed;
    struct reader reader;
    int verb = v2_parse_verb(frame);

    if (verb < 0)
        return field_refuse(verb, "the verb is unknown", ret_reason);
    const struct shape *shape = &shapes[verb];
    size_t verb_len = strlen(shape->verb);
    if (shape->count == 0 && frame.len > verb_len)
        return field_refuse(-EBADMSG, shape->missing, ret_reason);

    parsed = (struct v2_frame){.verb = (enum v2_verb)verb};
    reader_init(&reader, frame);
    if (shape->count > 0)
        (void)reader_field(&reader, ':');
    for (size_t i = 0; i < shape->count; i++) {
        struct bytes value =
            i + 1 < shape->count ? reader_field(&reader, ':') : reader_rest(&reader);
        if (reader.error)
            return field_refuse(-EBADMSG, shape->missing, ret_reason);
        int r = parse_part(&shape->parts[i], value, &parsed, ret_reason);
        if (r < 0)
            return r;
    }
    *ret = parsed;
    return 0;
}

static int build_conversation(struct writer *writer, const struct v2_conversation *conversation,
                              bool may_be_nameless)
{
    int r = field_check_number(NUMBER_CONVERSATION, conversation->id, NULL);

    if (r == 0 && !(may_be_nameless && conversation->name.len == 0))
        r = field_check(FIELD_CONVERSATION, conversation->name, NULL);
    writer_u64(writer, conversation->id);
    writer_char(writer, '/');
    writer_bytes(writer, conversation->name);
    return r;
}

/* 0, or negative when the parser would refuse it. */
static int build_part(struct writer *writer, const struct part *part, const struct v2_frame *frame)
{
    const void *member = (const char *)frame + part->offset;
    struct bytes text;
    uint64_t number;

    switch (part->kind) {
    case KIND_VERSION:
        writer_text(writer, V2_VERSION);
        return 0;
    case KIND_TEXT:
        memcpy(&text, member, sizeof(text));
        writer_bytes(writer, text);
        return field_check(part->rule, text, NULL);
    case KIND_NUMBER:
        memcpy(&number, member, sizeof(number));
        writer_u64(writer, number);
        return field_check_number(part->rule, number, NULL);
    case KIND_HEX:
        field_write_hex(writer, part->rule, member);
        return 0;
    case KIND_CONVERSATION:
    case KIND_ACKED:
        break;
    }
    return build_conversation(writer, member, part->kind == KIND_ACKED);
}

long v2_build(const struct v2_frame *frame, char *out, size_t size)
{
    struct writer writer;

    if (frame->verb >= V2_VERB_COUNT)
        return -EINVAL;
    const struct shape *shape = &shapes[frame->verb];
    writer_init(&writer, out, size);
    writer_text(&writer, shape->verb);
    for (size_t i = 0; i < shape->count; i++) {
        writer_char(&writer, ':');
        if (build_part(&writer, &shape->parts[i], frame) < 0)
            return -EINVAL;
    }
    writer_char(&writer, FRAME_END);
    return writer.error ? writer.error : (long)writer.len;
}

static size_t part_max(const struct part *part, size_t text_len)
{
    switch (part->kind) {
    case KIND_VERSION:
        return strlen(V2_VERSION);
    case KIND_TEXT:
        return part->rule == FIELD_TEXT ? text_len : field_max(part->rule);
    case KIND_NUMBER:
        return field_number_max(part->rule);
    case KIND_HEX:
        return field_hex_max(part->rule);
    case KIND_CONVERSATION:
    case KIND_ACKED:
        break;
    }
    return field_number_max(NUMBER_CONVERSATION) + strlen("/") + field_max(FIELD_CONVERSATION);
}

size_t v2_frame_max(size_t text_len)
{
    size_t longest = 0;

    for (size_t verb = 0; verb < V2_VERB_COUNT; verb++) {
        size_t len = strlen(shapes[verb].verb) + 1;
        for (size_t i = 0; i < shapes[verb].count; i++)
            len += 1 + part_max(&shapes[verb].parts[i], text_len);
        longest = len > longest ? len : longest;
    }
    return longest;
}
