/* Version 1 of the wire: parsers and builders. What a field may hold is told by proto/field.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "proto/v1.h"

#include "proto/field.h"
#include "proto/frame.h"
#include "util/cursor.h"
#include "util/utf8.h"

#include <assert.h>
#include <errno.h>

static struct bytes strip_end(struct bytes datagram)
{
    while (datagram.len > 0) {
        char last = datagram.data[datagram.len - 1];
        if (last != '\0' && last != FRAME_END && last != '\r' && last != '\n')
            break;
        datagram.len--;
    }
    return datagram;
}

int v1_parse_poll(struct bytes datagram, struct v1_poll *ret, const char **ret_reason)
{
    struct reader reader;
    struct v1_poll poll;
    uint64_t port;

    if (datagram.len > V1_POLL_MAX)
        return field_refuse(-EBADMSG, "the poll is too long; it may have at most 512 bytes",
                            ret_reason);
    reader_init(&reader, strip_end(datagram));
    struct bytes verb = reader_field(&reader, ':');
    poll.userid = reader_field(&reader, ':');
    poll.password = reader_field(&reader, ':');
    struct bytes port_text = reader_rest(&reader);
    if (reader.error || !bytes_is(verb, "poll"))
        return field_refuse(-EBADMSG, "this is no poll; a poll is poll:<userid>:<password>:<port>",
                            ret_reason);
    if (field_check(FIELD_USERID, poll.userid, ret_reason) < 0 ||
        field_check(FIELD_PASSWORD, poll.password, ret_reason) < 0)
        return -EBADMSG;
    if (port_text.len == 0)
        return field_refuse(
            -EBADMSG, "the port is empty; it must be a decimal number from 1 to 65535", ret_reason);
    if (bytes_to_u64(port_text, UINT16_MAX, &port) < 0 || port == 0)
        return field_refuse(-EBADMSG, "the port is not a decimal number from 1 to 65535",
                            ret_reason);
    poll.port = (uint16_t)port;
    *ret = poll;
    return 0;
}
_Static_assert(V1_POLL_MAX == 512, "the sentence names it");

static bool starts_with(struct bytes bytes, const char *start)
{
    size_t len = strlen(start);

    return bytes.len >= len && memcmp(bytes.data, start, len) == 0;
}

int v1_parse_verb(struct bytes frame, const char **ret_reason)
{
    if (starts_with(frame, "wrmsg:"))
        return V1_VERB_WRITE;
    if (bytes_is(frame, "goodbye"))
        return V1_VERB_GOODBYE;
    if (frame.len == 0)
        return field_refuse(-EBADMSG, "the frame is empty; allowed are wrmsg:... and goodbye",
                            ret_reason);
    if (starts_with(frame, "poll:"))
        return field_refuse(-EBADMSG, "a poll is sent as a datagram to the poll port, not here",
                            ret_reason);
    return field_refuse(-EBADMSG, "the verb is unknown; allowed are wrmsg:... and goodbye",
                        ret_reason);
}

int v1_parse_write(struct bytes frame, struct v1_write *ret, const char **ret_reason)
{
    struct reader reader;
    struct v1_write write;
    int r;

    reader_init(&reader, frame);
    struct bytes verb = reader_field(&reader, ':');
    write.userid = reader_field(&reader, ':');
    write.password = reader_field(&reader, ':');
    write.recipient = reader_field(&reader, ':');
    write.text = reader_rest(&reader);
    if (reader.error || !bytes_is(verb, "wrmsg"))
        return field_refuse(
            -EBADMSG, "a field is missing; a write is wrmsg:<userid>:<password>:<userto>:<text>",
            ret_reason);
    if ((r = field_check(FIELD_USERID, write.userid, ret_reason)) < 0 ||
        (r = field_check(FIELD_PASSWORD, write.password, ret_reason)) < 0 ||
        (r = field_check(FIELD_V1_RECIPIENT, write.recipient, ret_reason)) < 0 ||
        (r = field_check(FIELD_TEXT, write.text, ret_reason)) < 0)
        return r;
    *ret = write;
    return 0;
}

int v1_parse_push(struct bytes data, struct v1_push *ret)
{
    struct reader reader;
    struct v1_push push;

    if (data.len > V1_PUSH_MAX)
        return -EBADMSG;
    reader_init(&reader, data);
    struct bytes verb = reader_field(&reader, ':');
    struct bytes time = reader_field(&reader, ':');
    push.name = reader_field(&reader, ':');
    push.userid = reader_field(&reader, ':');
    push.text = reader_rest(&reader);
    if (reader.error || !bytes_is(verb, "newmsg") ||
        bytes_to_u64(time, UINT64_MAX, &push.time_s) < 0 ||
        field_check(FIELD_NAME, push.name, NULL) < 0 ||
        field_check(FIELD_USERID, push.userid, NULL) < 0 ||
        field_check(FIELD_TEXT, push.text, NULL) < 0)
        return -EBADMSG;
    *ret = push;
    return 0;
}

int v1_parse_answer(struct bytes frame, struct bytes *ret_code, struct bytes *ret_reason)
{
    struct reader reader;

    if (bytes_is(frame, "ack"))
        return 1;
    reader_init(&reader, frame);
    struct bytes verb = reader_field(&reader, ':');
    struct bytes code = reader_field(&reader, ':');
    struct bytes reason = reader_rest(&reader);
    if (reader.error || !bytes_is(verb, "err") || field_check(FIELD_CODE, code, NULL) < 0 ||
        field_check(FIELD_TEXT, reason, NULL) < 0)
        return -EBADMSG;
    *ret_code = code;
    *ret_reason = reason;
    return 0;
}

static long built(const struct writer *writer)
{
    return writer->error ? writer->error : (long)writer->len;
}

static void write_field(struct writer *writer, struct bytes field)
{
    writer_bytes(writer, field);
    writer_char(writer, ':');
}

long v1_build_poll(const struct v1_poll *poll, char *out, size_t size)
{
    struct writer writer;

    if (field_check(FIELD_USERID, poll->userid, NULL) < 0 ||
        field_check(FIELD_PASSWORD, poll->password, NULL) < 0 || poll->port == 0)
        return -EINVAL;
    writer_init(&writer, out, size);
    writer_text(&writer, "poll:");
    write_field(&writer, poll->userid);
    write_field(&writer, poll->password);
    writer_u64(&writer, poll->port);
    return built(&writer);
}

long v1_build_write(const struct v1_write *write, char *out, size_t size)
{
    struct writer writer;

    if (field_check(FIELD_USERID, write->userid, NULL) < 0 ||
        field_check(FIELD_PASSWORD, write->password, NULL) < 0 ||
        field_check(FIELD_V1_RECIPIENT, write->recipient, NULL) < 0 ||
        field_check(FIELD_TEXT, write->text, NULL) < 0)
        return -EINVAL;
    writer_init(&writer, out, size);
    writer_text(&writer, "wrmsg:");
    write_field(&writer, write->userid);
    write_field(&writer, write->password);
    write_field(&writer, write->recipient);
    writer_bytes(&writer, write->text);
    writer_char(&writer, FRAME_END);
    return built(&writer);
}

long v1_build_ack(char *out, size_t size)
{
    struct writer writer;

    writer_init(&writer, out, size);
    writer_text(&writer, "ack");
    writer_char(&writer, FRAME_END);
    return built(&writer);
}

long v1_build_error(struct bytes code, struct bytes reason, char *out, size_t size)
{
    struct writer writer;

    if (field_check(FIELD_CODE, code, NULL) < 0 || field_check(FIELD_TEXT, reason, NULL) < 0)
        return -EINVAL;
    writer_init(&writer, out, size);
    writer_text(&writer, "err:");
    write_field(&writer, code);
    writer_bytes(&writer, reason);
    writer_char(&writer, FRAME_END);
    return built(&writer);
}

long v1_build_push(const struct v1_push *push, size_t offset, char *out, size_t size,
                   size_t *ret_next)
{
    struct writer writer;

    assert(offset <= push->text.len);
    if (size < V1_PUSH_MAX)
        return -ENOBUFS;
    writer_init(&writer, out, V1_PUSH_MAX);
    writer_text(&writer, "newmsg:");
    writer_u64(&writer, push->time_s);
    writer_char(&writer, ':');
    write_field(&writer, push->name);
    write_field(&writer, push->userid);
    if (writer.error)
        return writer.error;

    struct bytes rest = {.data = push->text.data, .len = push->text.len - offset};
    if (rest.len > 0)
        rest.data += offset;
    size_t part = utf8_prefix(rest, V1_PUSH_MAX - writer.len);
    /* A part without text would be followed by another one for ever. */
    if (part == 0 && rest.len > 0)
        return -ENOBUFS;
    writer_bytes(&writer, (struct bytes){.data = rest.data, .len = part});
    *ret_next = offset + part;
    return built(&writer);
}

uint16_t v1_swap_port(uint16_t port)
{
    return (uint16_t)(port << 8 | port >> 8);
}
