/* The screen on a terminal: what has changed since it was last painted is written, and no more.
 *
 * Built on terminfo alone: it reads no keyboard, handles no signal, and leaves the modes of the
 * terminal (echo, line by line) to who reads it. It always writes UTF-8.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "screen/screen.h"
#include "util/attributes.h"
#include "util/bytes.h"

#include <stdbool.h>

struct painter;

/* Writes all of `bytes` to the terminal. 0 or -errno, which painter_paint() and the like return. */
typedef int (*painter_write_fn)(void *userdata, struct bytes bytes);

struct painter_options {
    const char *term; /* the terminal's type; NULL: as $TERM says */
    bool colours;     /* false: NO_COLOR is set; bold, faint, underlined and reversed stay */
    painter_write_fn write;
    void *userdata;
};

/* Nothing is written yet. 0; -ENOTSUP if such a terminal is not known or cannot place its cursor:
 * line mode will have to do; -ENOMEM. */
MUST_USE int painter_new(const struct painter_options *options, struct painter **ret_painter);
/* Nothing is written. */
void painter_free(struct painter *painter);

/* Takes the terminal: the other screen, where there is one, so that what was there before comes
 * back. The next painting paints everything. */
MUST_USE int painter_begin(struct painter *painter);
/* Gives it back as it was. Harmless when it has not begun. */
MUST_USE int painter_end(struct painter *painter);

/* Brings the terminal up to date. */
MUST_USE int painter_paint(struct painter *painter, struct screen *screen);
/* The bell. */
MUST_USE int painter_ring(struct painter *painter);

/* What is on the terminal is not known any more: the next painting paints everything (Ctrl-L, after
 * another program, after a change of size). */
void painter_forget(struct painter *painter);
