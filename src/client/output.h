/* Writing to standard output and standard error without being stuck there.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/attributes.h"
#include "util/bytes.h"

#include <stdbool.h>

/* Writes all of `bytes` to `fd`, which may be in blocking mode, and returns when the system has
 * taken it. 0; -ECANCELED when it would have to wait and `stop_fd` is readable; -errno.
 * `*ret_touched` (NULL: of no interest) is set once a part is written, and left alone before. */
MUST_USE int output_write(int fd, struct bytes bytes, int stop_fd, bool *ret_touched);

/* A line of the program's own on standard error: "multichat: TEXT", made printable. */
void output_notice(const char *text);
