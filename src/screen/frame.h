/* A picture: rows of cells, and where the cursor is. What is drawn outside of it is cut off.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "screen/cell.h"
#include "util/attributes.h"

/* A wide cell has the next one, of width 0, to itself. */
struct frame {
    unsigned rows, columns;
    struct cell *cells; /* row by row */
    unsigned cursor_row, cursor_column;
};

/* Makes it one of blanks. 0, or -ENOMEM: it is as it was. */
MUST_USE int frame_reset(struct frame *frame, unsigned rows, unsigned columns);
void frame_deinit(struct frame *frame);

struct cell *frame_row(const struct frame *frame, unsigned row);

/* Columns `first` to before `end` of a row. */
struct span {
    unsigned row, first, end;
};

/* Writes `text` as one line into the span, from its beginning; returns the span that is left. */
struct span frame_put(struct frame *frame, struct span span, struct bytes text, struct style style);
/* Copies `count` cells that were laid out already. */
void frame_put_cells(struct frame *frame, struct span span, const struct cell *cells,
                     unsigned count);
/* Blanks of that style. */
void frame_fill(struct frame *frame, struct span span, struct style style);
