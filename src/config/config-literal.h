/* Numbers as they are written in a file. Private to this folder.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <stdbool.h>

#define CONFIG_LITERAL_MAX 64

/* Looks in `file` for the whole number that is assigned to `name` on `line`, and that libconfig
 * made `value` of. True, with `text` as it is written, if it is not that number: libconfig 1.5 cuts
 * a number that is too large to the bits that fit, without a word. */
bool config_literal_was_cut(const char *file, unsigned line, const char *name, long long value,
                            char text[CONFIG_LITERAL_MAX]);
