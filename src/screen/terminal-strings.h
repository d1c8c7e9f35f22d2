/* What a type of terminal wants to be told with which bytes, out of terminfo(5).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "screen/cell.h"
#include "util/attributes.h"

/* Missing abilities are empty strings. */
struct terminal_strings {
    char *enter, *leave; /* the other screen */
    char *clear, *clear_to_end_of_row;
    char *hide_cursor, *show_cursor;
    char *ring;
    char *plain; /* none of these: */
    char *bold, *faint, *underlined, *reversed;
    char *colours[STYLE_COLOURS + 1];
    char *place_at;      /* with row and column in terminal_format() */
    char *scroll_region; /* with the first and the last row */
    char *scroll_up;     /* at the last row of the region */
};

/* NULL for `term`: as $TERM says. 0; -ENOTSUP if no such terminal is known or it is not fit for a
 * full screen; -ENOMEM. */
MUST_USE int terminal_strings_init(struct terminal_strings *strings, const char *term);
void terminal_strings_deinit(struct terminal_strings *strings);

/* `format` with two numbers; valid until the next call. */
const char *terminal_format(const char *format, unsigned first, unsigned second);
