/* A borrowed run of bytes: where it is and how long, never who owns it.
 *
 * Everything that comes from the wire travels as one of these; it is not terminated and may
 * contain NUL. Whoever keeps it longer than the call that handed it over copies it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct bytes {
    const char *data;
    size_t len;
};

/* For printf("%.*s", BYTES_ARG(b)). */
#define BYTES_ARG(b) (int)(b).len, (b).data

/* The bytes of a C string without its NUL. */
static inline struct bytes bytes_of(const char *text)
{
    return (struct bytes){.data = text, .len = strlen(text)};
}

static inline bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* True if `b` is exactly the C string `text`. */
static inline bool bytes_is(struct bytes b, const char *text)
{
    return bytes_equal(b, bytes_of(text));
}
