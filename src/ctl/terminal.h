/* A terminal whose screen is taken for a picture, painted in place, and given back as it was.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/attributes.h"

#include <stdbool.h>
#include <termios.h>

struct terminal {
    struct termios before;
    bool begun;
    bool has_keys; /* standard input is a terminal, too */
};

/* True if standard output is a terminal that can be painted on. Before anything else. */
bool terminal_usable(void);

/* Takes the screen, the other one where the terminal has two; keys come at once and unseen. */
void terminal_begin(struct terminal *terminal);
/* Harmless if it has not begun. */
void terminal_end(struct terminal *terminal);

/* Lines and columns as they are now. */
void terminal_size(unsigned *ret_height, unsigned *ret_width);

/* Paints the lines of `text` in the place of what was there, as much of them as there is room for;
 * line number `title`, counted from 0, is set off from the others. */
void terminal_paint(const char *text, unsigned title);
