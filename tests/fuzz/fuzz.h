/* What the fuzz targets share. A target is libFuzzer's LLVMFuzzerTestOneInput(): it is given bytes,
 * lets the code under test loose on them, and stops the process where something is not as it must
 * be. It keeps nothing from one input to the next, so that an input alone repeats what it did.
 *
 * Linked with libFuzzer it searches (./quickstart fuzz), linked with replay.c it goes through what
 * is kept in corpus/ (make check).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/bytes.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Stops the process, whatever NDEBUG says. */
#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            (void)fprintf(stderr, "%s:%d: must hold: %s\n", __FILE__, __LINE__, #condition);       \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static inline struct bytes fuzz_bytes(const uint8_t *data, size_t size)
{
    return (struct bytes){.data = (const char *)data, .len = size};
}

/* Takes the first line off `rest`, without its newline; false when nothing is left. For targets
 * whose input is a list of steps. */
static inline bool fuzz_line(struct bytes *rest, struct bytes *ret)
{
    if (rest->len == 0)
        return false;
    const char *end = memchr(rest->data, '\n', rest->len);
    ret->data = rest->data;
    ret->len = end ? (size_t)(end - rest->data) : rest->len;
    size_t used = ret->len + (end ? 1 : 0);
    rest->data += used;
    rest->len -= used;
    return true;
}
