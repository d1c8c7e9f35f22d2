/* Reading a descriptor by lines, bounded, as they come.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/attributes.h"
#include "util/buffer.h"
#include "util/bytes.h"

#include <stdbool.h>

struct lines {
    struct buffer buffer;
    size_t taken;  /* bytes of the line handed out last, to be dropped */
    bool skipping; /* within a line that was too long */
    bool ended;
};

enum lines_result {
    LINES_NONE,     /* no whole line yet */
    LINES_LINE,     /* `line` is one, without its newline; valid until the next call */
    LINES_TOO_LONG, /* one longer than `max` was dropped */
    LINES_END,      /* nothing more will come */
};

/* Lines of at most `max` bytes are taken. */
void lines_init(struct lines *lines, size_t max);
void lines_deinit(struct lines *lines);

/* Reads once from `fd`; a last line without newline counts. 0 or -errno (-EAGAIN is none). */
MUST_USE int lines_read(struct lines *lines, int fd);

/* The next line of what was read. */
MUST_USE enum lines_result lines_next(struct lines *lines, struct bytes *line);
