/* What Tab could put where the cursor is: commands, rooms, and people, as their place in the line
 * asks for.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "client/terminal.h"
#include "client/windows.h"

/* The words that could stand there, in their order; none where memory is out. */
void completion_find(const struct windows *windows, struct bytes line, size_t cursor,
                     struct terminal_words *ret);
