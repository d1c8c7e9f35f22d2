/* Version 2 of the wire: the frames. The parser and the builder both walk along the shapes of the
 * verbs.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "proto/field.h"
#include "proto/frame.h"
#include "proto/v2-shape.h"
#include "proto/v2-word.h"
#include "util/cursor.h"

#include <assert.h>
#include <errno.h>

_Static_assert(sizeof(enum v2_access) == sizeof(unsigned) &&
                   sizeof(enum v2_standing) == sizeof(unsigned) &&
                   sizeof(enum v2_presence) == sizeof(unsigned) &&
                   sizeof(enum v2_by) == sizeof(unsigned),
               "words are copied as unsigned numbers");

const char *v2_verb_name(enum v2_verb verb)
{
    assert(verb < V2_VERB_COUNT);
    return v2_shapes[verb].verb;
}

int v2_parse_verb(struct bytes frame)
{
    const char *end = frame.len > 0 ? memchr(frame.data, ':', frame.len) : NULL;
    struct bytes verb = {.data = frame.data, .len = end ? (size_t)(end - frame.data) : frame.len};

    for (int i = 0; i < V2_VERB_COUNT; i++)
        if (bytes_is(verb, v2_shapes[i].verb))
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

/* "<number>/<name>", or, where there may be none, V2_NO_ROOM. */
static int parse_conversation(enum part_conversation rule, struct bytes value,
                              struct v2_conversation *ret, const char **ret_reason)
{
    struct reader reader;

    if (rule == CONVERSATION_OR_NONE && bytes_is(value, V2_NO_ROOM)) {
        *ret = (struct v2_conversation){0};
        return 0;
    }
    reader_init(&reader, value);
    struct bytes number = reader_field(&reader, '/');
    struct bytes name = reader_rest(&reader);
    int r = field_parse_number(NUMBER_CONVERSATION, number, &ret->id, ret_reason);
    if (r == 0 && !(rule == CONVERSATION_NAMELESS && name.len == 0))
        r = field_check(FIELD_CONVERSATION, name, ret_reason);
    ret->name = name;
    return r;
}

static int check_text(const struct part *part, struct bytes value, const char **ret_reason)
{
    if (part->need == NEED_FIELD && value.len == 0)
        return 0;
    return field_check(part->rule, value, ret_reason);
}

/* What stands within a past: not another one, so this goes no deeper. */
static int check_entry(struct bytes value, const char **ret_reason)
{
    struct v2_frame entry;

    if (!v2_is_entry(v2_parse_verb(value)))
        return field_refuse(-EBADMSG, "what is past is a msg, a whisper or a note", ret_reason);
    return v2_parse(value, &entry, ret_reason);
}

static int parse_word(const struct part *part, struct bytes value, void *member,
                      const char **ret_reason)
{
    unsigned word = 0;
    int r = word_parse(part->rule, value, &word, ret_reason);

    memcpy(member, &word, sizeof(word));
    return r;
}

static int parse_part(const struct part *part, struct bytes value, struct v2_frame *frame,
                      const char **ret_reason)
{
    void *member = (char *)frame + part->offset;

    switch (part->kind) {
    case PART_VERSION:
        return parse_version(value, ret_reason);
    case PART_TEXT:
        memcpy(member, &value, sizeof(value));
        return check_text(part, value, ret_reason);
    case PART_NUMBER:
        return field_parse_number(part->rule, value, member, ret_reason);
    case PART_WORD:
        return parse_word(part, value, member, ret_reason);
    case PART_HEX:
        return field_parse_hex(part->rule, value, member, ret_reason);
    case PART_FRAME:
        memcpy(member, &value, sizeof(value));
        return check_entry(value, ret_reason);
    case PART_CONVERSATION:
        break;
    }
    return parse_conversation(part->rule, value, member, ret_reason);
}

/* True if nothing but `rest` follows the verb and `taken` fields, so that no colon ends what is
 * next. */
static bool is_last(const struct shape *shape, size_t taken, struct bytes rest)
{
    return taken == shape->count || (shape->parts[taken].need == NEED_OPTIONAL &&
                                     !(rest.len > 0 && memchr(rest.data, ':', rest.len)));
}

int v2_parse(struct bytes frame, struct v2_frame *ret, const char **ret_reason)
{
    struct v2_frame parsed;
    struct reader reader;
    int verb = v2_parse_verb(frame);

    if (verb < 0)
        return field_refuse(verb, "the verb is unknown", ret_reason);
    const struct shape *shape = &v2_shapes[verb];
    size_t verb_len = strlen(shape->verb);
    if (shape->count == 0 && frame.len > verb_len)
        return field_refuse(-EBADMSG, shape->missing, ret_reason);

    parsed = (struct v2_frame){.verb = (enum v2_verb)verb};
    reader_init(&reader, frame);
    bool last = is_last(shape, 0, frame);
    if (!last)
        (void)reader_field(&reader, ':');
    for (size_t i = 0; !last; i++) {
        last = is_last(shape, i + 1, reader.rest);
        struct bytes value = last ? reader_rest(&reader) : reader_field(&reader, ':');
        if (reader.error)
            return field_refuse(-EBADMSG, shape->missing, ret_reason);
        int r = parse_part(&shape->parts[i], value, &parsed, ret_reason);
        if (r < 0)
            return r;
    }
    *ret = parsed;
    return 0;
}

static int build_conversation(enum part_conversation rule, struct writer *writer,
                              const struct v2_conversation *conversation)
{
    if (rule == CONVERSATION_OR_NONE && conversation->id == 0) {
        writer_text(writer, V2_NO_ROOM);
        return 0;
    }
    int r = field_check_number(NUMBER_CONVERSATION, conversation->id, NULL);
    if (r == 0 && !(rule == CONVERSATION_NAMELESS && conversation->name.len == 0))
        r = field_check(FIELD_CONVERSATION, conversation->name, NULL);
    writer_u64(writer, conversation->id);
    writer_char(writer, '/');
    writer_bytes(writer, conversation->name);
    return r;
}

static int build_word(const struct part *part, struct writer *writer, const void *member)
{
    unsigned value;

    memcpy(&value, member, sizeof(value));
    const char *word = word_of(part->rule, value);
    if (!word)
        return -EINVAL;
    writer_text(writer, word);
    return 0;
}

/* 0, or negative when the parser would refuse it. */
static int build_part(struct writer *writer, const struct part *part, const struct v2_frame *frame)
{
    const void *member = (const char *)frame + part->offset;
    struct bytes text;
    uint64_t number;

    switch (part->kind) {
    case PART_VERSION:
        writer_text(writer, V2_VERSION);
        return 0;
    case PART_TEXT:
    case PART_FRAME:
        memcpy(&text, member, sizeof(text));
        writer_bytes(writer, text);
        return part->kind == PART_FRAME ? check_entry(text, NULL) : check_text(part, text, NULL);
    case PART_NUMBER:
        memcpy(&number, member, sizeof(number));
        writer_u64(writer, number);
        return field_check_number(part->rule, number, NULL);
    case PART_WORD:
        return build_word(part, writer, member);
    case PART_HEX:
        field_write_hex(writer, part->rule, member);
        return 0;
    case PART_CONVERSATION:
        break;
    }
    return build_conversation(part->rule, writer, member);
}

/* True if the part is left out, with the colon before it. */
static bool is_left_out(const struct part *part, const struct v2_frame *frame)
{
    struct bytes text;

    if (part->need != NEED_OPTIONAL)
        return false;
    memcpy(&text, (const char *)frame + part->offset, sizeof(text));
    return text.len == 0;
}

long v2_build(const struct v2_frame *frame, char *out, size_t size)
{
    struct writer writer;

    if (frame->verb >= V2_VERB_COUNT)
        return -EINVAL;
    const struct shape *shape = &v2_shapes[frame->verb];
    writer_init(&writer, out, size);
    writer_text(&writer, shape->verb);
    for (size_t i = 0; i < shape->count; i++) {
        if (is_left_out(&shape->parts[i], frame))
            break;
        writer_char(&writer, ':');
        if (build_part(&writer, &shape->parts[i], frame) < 0)
            return -EINVAL;
    }
    writer_char(&writer, FRAME_END);
    return writer.error ? writer.error : (long)writer.len;
}

long v2_build_past(const struct v2_frame *inner, char *out, size_t size)
{
    struct writer writer;

    if (!v2_is_entry((int)inner->verb))
        return -EINVAL;
    writer_init(&writer, out, size);
    writer_text(&writer, v2_shapes[V2_VERB_PAST].verb);
    writer_char(&writer, ':');
    if (writer.error)
        return writer.error;
    long len = v2_build(inner, out + writer.len, size - writer.len);
    return len < 0 ? len : (long)writer.len + len;
}

static size_t shape_max(const struct shape *shape, size_t text_len);

/* Of the frames that can stand within another one. */
static size_t entry_max(size_t text_len)
{
    size_t longest = 0;

    for (int verb = 0; verb < V2_VERB_COUNT; verb++) {
        size_t len = v2_is_entry(verb) ? shape_max(&v2_shapes[verb], text_len) : 0;
        longest = len > longest ? len : longest;
    }
    return longest;
}

static size_t part_max(const struct part *part, size_t text_len)
{
    switch (part->kind) {
    case PART_VERSION:
        return strlen(V2_VERSION);
    case PART_TEXT:
        return part->rule == FIELD_TEXT ? text_len : field_max(part->rule);
    case PART_NUMBER:
        return field_number_max(part->rule);
    case PART_WORD:
        return word_max(part->rule);
    case PART_HEX:
        return field_hex_max(part->rule);
    case PART_FRAME:
        return entry_max(text_len);
    case PART_CONVERSATION:
        break;
    }
    return field_number_max(NUMBER_CONVERSATION) + strlen("/") + field_max(FIELD_CONVERSATION);
}

/* Without its ETX. */
static size_t shape_max(const struct shape *shape, size_t text_len)
{
    size_t len = strlen(shape->verb);

    for (size_t i = 0; i < shape->count; i++)
        len += strlen(":") + part_max(&shape->parts[i], text_len);
    return len;
}

size_t v2_frame_max(size_t text_len)
{
    size_t longest = 0;

    for (size_t verb = 0; verb < V2_VERB_COUNT; verb++) {
        size_t len = shape_max(&v2_shapes[verb], text_len);
        longest = len > longest ? len : longest;
    }
    return longest + 1;
}
