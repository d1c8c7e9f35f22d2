/* The growable byte queue. Frames and requests carry passwords, so memory is wiped before it is
 * given back. The bytes held are data[start..end); they are moved to the front only
 * when the room behind them is needed, so a byte is moved seldom.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "util/buffer.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define SMALLEST_ALLOCATION 256

void buffer_init(struct buffer *buffer, size_t limit)
{
    *buffer = (struct buffer){.limit = limit};
}

static void wipe_and_free(struct buffer *buffer)
{
    if (buffer->data)
        explicit_bzero(buffer->data, buffer->allocated);
    free(buffer->data);
}

void buffer_deinit(struct buffer *buffer)
{
    wipe_and_free(buffer);
    buffer_init(buffer, buffer->limit);
}

void buffer_set_limit(struct buffer *buffer, size_t limit)
{
    size_t held = buffer_len(buffer);

    buffer->limit = limit > held ? limit : held;
}

struct bytes buffer_peek(const struct buffer *buffer)
{
    if (!buffer->data)
        return (struct bytes){.data = "", .len = 0};
    return (struct bytes){.data = buffer->data + buffer->start, .len = buffer_len(buffer)};
}

size_t buffer_len(const struct buffer *buffer)
{
    return buffer->end - buffer->start;
}

/* Makes room for `want` bytes at the end, which the limit is known to allow. */
static int make_room(struct buffer *buffer, size_t want)
{
    size_t len = buffer_len(buffer);

    if (buffer->allocated - buffer->end >= want)
        return 0;
    if (len > 0 && buffer->start > 0)
        memmove(buffer->data, buffer->data + buffer->start, len);
    buffer->start = 0;
    buffer->end = len;
    if (buffer->allocated - len >= want)
        return 0;

    size_t size = buffer->allocated > buffer->limit / 2 ? buffer->limit : 2 * buffer->allocated;
    if (size < SMALLEST_ALLOCATION)
        size = SMALLEST_ALLOCATION;
    if (size < len + want)
        size = len + want;
    if (size > buffer->limit)
        size = buffer->limit;
    char *data = malloc(size);
    if (!data)
        return -ENOMEM;
    if (len > 0)
        memcpy(data, buffer->data, len);
    wipe_and_free(buffer);
    buffer->data = data;
    buffer->allocated = size;
    return 0;
}

int buffer_append(struct buffer *buffer, struct bytes bytes)
{
    if (bytes.len == 0)
        return 0;
    if (bytes.len > buffer->limit - buffer_len(buffer))
        return -ENOBUFS;
    int r = make_room(buffer, bytes.len);
    if (r < 0)
        return r;
    memcpy(buffer->data + buffer->end, bytes.data, bytes.len);
    buffer->end += bytes.len;
    return 0;
}

long buffer_reserve(struct buffer *buffer, size_t want, char **ret_space)
{
    size_t allowed = buffer->limit - buffer_len(buffer);

    assert(want > 0);
    if (allowed == 0)
        return -ENOBUFS;
    if (want > allowed)
        want = allowed;
    int r = make_room(buffer, want);
    if (r < 0)
        return r;
    *ret_space = buffer->data + buffer->end;
    return (long)want;
}

void buffer_commit(struct buffer *buffer, size_t written)
{
    assert(written <= buffer->allocated - buffer->end);
    buffer->end += written;
    /* A read that brought nothing must not leave an idle peer with memory. */
    if (buffer_len(buffer) == 0)
        buffer_deinit(buffer);
}

void buffer_consume(struct buffer *buffer, size_t count)
{
    assert(count <= buffer_len(buffer));
    buffer->start += count;
    if (buffer_len(buffer) == 0)
        buffer_deinit(buffer);
}
