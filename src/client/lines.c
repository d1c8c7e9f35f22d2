/* Reading by lines: see lines.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/lines.h"

#include <errno.h>
#include <unistd.h>

#define READ_SIZE 8192

void lines_init(struct lines *lines, size_t max)
{
    *lines = (struct lines){0};
    buffer_init(&lines->buffer, max + 1);
}

void lines_deinit(struct lines *lines)
{
    buffer_deinit(&lines->buffer);
}

/* The line handed out last is of no more interest. */
static void drop_taken(struct lines *lines)
{
    buffer_consume(&lines->buffer, lines->taken);
    lines->taken = 0;
}

int lines_read(struct lines *lines, int fd)
{
    char *space;
    long room;
    ssize_t n;

    drop_taken(lines);
    room = buffer_reserve(&lines->buffer, READ_SIZE, &space);
    if (room < 0)
        return room == -ENOBUFS ? 0 : (int)room; /* full: lines_next() makes room */
    n = read(fd, space, (size_t)room);
    if (n < 0)
        return errno == EINTR || errno == EAGAIN ? 0 : -errno;
    if (n == 0)
        lines->ended = true;
    buffer_commit(&lines->buffer, (size_t)n);
    return 0;
}

/* There is no newline in `held`, all of the buffer. */
static enum lines_result incomplete(struct lines *lines, struct bytes held, struct bytes *line)
{
    if (lines->skipping || held.len == lines->buffer.limit) {
        bool first = !lines->skipping;
        lines->skipping = true;
        buffer_consume(&lines->buffer, held.len);
        if (first)
            return LINES_TOO_LONG;
        return lines->ended ? LINES_END : LINES_NONE;
    }
    if (!lines->ended)
        return LINES_NONE;
    if (held.len == 0)
        return LINES_END;
    lines->taken = held.len;
    *line = held;
    return LINES_LINE;
}

enum lines_result lines_next(struct lines *lines, struct bytes *line)
{
    drop_taken(lines);
    for (;;) {
        struct bytes held = buffer_peek(&lines->buffer);
        const char *newline = held.len > 0 ? memchr(held.data, '\n', held.len) : NULL;
        size_t len;

        if (!newline)
            return incomplete(lines, held, line);
        len = (size_t)(newline - held.data);
        if (lines->skipping) {
            lines->skipping = false;
            buffer_consume(&lines->buffer, len + 1);
            continue;
        }
        lines->taken = len + 1;
        *line = (struct bytes){held.data, len};
        return LINES_LINE;
    }
}
