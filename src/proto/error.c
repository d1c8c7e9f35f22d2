/* Error codes and their meanings, out of the one table.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "proto/error.h"

#include <assert.h>

static const struct {
    const char *code;
    const char *help;
} table[PROTO_ERROR_COUNT] = {
#define X(symbol, code, help) [PROTO_ERROR_##symbol] = {code, help},
    PROTO_ERROR_TABLE(X)
#undef X
};

const char *proto_error_code(enum proto_error error)
{
    assert(error < PROTO_ERROR_COUNT);
    return table[error].code;
}

const char *proto_error_help(enum proto_error error)
{
    assert(error < PROTO_ERROR_COUNT);
    return table[error].help;
}

int proto_error_from_code(struct bytes code)
{
    for (int i = 0; i < PROTO_ERROR_COUNT; i++)
        if (bytes_is(code, table[i].code))
            return i;
    return -1;
}
