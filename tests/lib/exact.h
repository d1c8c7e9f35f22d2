/* Input for unit tests in a block of exactly its size, so that the address sanitizer sees a read
 * of one byte too many.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/bytes.h"

#include <stdint.h>
#include <stdlib.h>

/* A copy of `len` bytes; exact_free() gives it back. */
static inline struct bytes exact_copy(const void *data, size_t len)
{
    char *copy = malloc(len);

    if (!copy && len > 0)
        abort();
    if (len > 0)
        memcpy(copy, data, len);
    return (struct bytes){.data = copy, .len = len};
}

static inline void exact_free(struct bytes bytes)
{
    free((void *)(uintptr_t)bytes.data);
}

/* The bytes of a string literal, which may hold NUL. */
#define LITERAL(text) ((struct bytes){.data = (text), .len = sizeof(text) - 1})

/* A small generator with a seed, so that a failure happens again (xorshift64*). */
static inline uint32_t exact_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return (uint32_t)(*state * 0x2545f4914f6cdd1dULL >> 32);
}
