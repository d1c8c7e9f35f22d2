/* The reading and the writing cursor. Neither ever touches a byte outside the run it was given.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "util/cursor.h"

#include <errno.h>

static const struct bytes nothing = {.data = "", .len = 0};

void reader_init(struct reader *reader, struct bytes input)
{
    *reader = (struct reader){.rest = input.data ? input : nothing};
}

struct bytes reader_field(struct reader *reader, char separator)
{
    if (reader->error)
        return nothing;
    const char *end =
        reader->rest.len > 0 ? memchr(reader->rest.data, separator, reader->rest.len) : NULL;
    if (!end) {
        reader->error = -EBADMSG;
        return nothing;
    }
    struct bytes field = {.data = reader->rest.data, .len = (size_t)(end - reader->rest.data)};
    reader->rest.data += field.len + 1;
    reader->rest.len -= field.len + 1;
    return field;
}

struct bytes reader_rest(struct reader *reader)
{
    if (reader->error)
        return nothing;
    struct bytes rest = reader->rest;
    reader->rest.data += rest.len;
    reader->rest.len = 0;
    return rest;
}

int bytes_to_u64(struct bytes field, uint64_t max, uint64_t *ret)
{
    uint64_t number = 0;

    if (field.len == 0)
        return -EBADMSG;
    for (size_t i = 0; i < field.len; i++)
        if (field.data[i] < '0' || field.data[i] > '9')
            return -EBADMSG;
    for (size_t i = 0; i < field.len; i++) {
        unsigned digit = (unsigned)(field.data[i] - '0');
        if (digit > max || number > (max - digit) / 10)
            return -ERANGE;
        number = number * 10 + digit;
    }
    *ret = number;
    return 0;
}

void writer_init(struct writer *writer, char *data, size_t size)
{
    *writer = (struct writer){.data = data, .size = size};
}

void writer_bytes(struct writer *writer, struct bytes bytes)
{
    if (writer->error || bytes.len == 0)
        return;
    if (bytes.len > writer->size - writer->len) {
        writer->error = -ENOBUFS;
        return;
    }
    memcpy(writer->data + writer->len, bytes.data, bytes.len);
    writer->len += bytes.len;
}

void writer_text(struct writer *writer, const char *text)
{
    writer_bytes(writer, bytes_of(text));
}

void writer_char(struct writer *writer, char c)
{
    writer_bytes(writer, (struct bytes){.data = &c, .len = 1});
}

void writer_u64(struct writer *writer, uint64_t number)
{
    char digits[20]; /* of UINT64_MAX */
    size_t start = sizeof(digits);

    do {
        digits[--start] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    writer_bytes(writer, (struct bytes){.data = digits + start, .len = sizeof(digits) - start});
}
