/* A picture: see frame.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "screen/frame.h"

#include <errno.h>
#include <stdlib.h>

static struct cell blank_of(struct style style)
{
    return (struct cell){.text = " ", .len = 1, .width = 1, .sure = true, .style = style};
}

int frame_reset(struct frame *frame, unsigned rows, unsigned columns)
{
    if (rows != frame->rows || columns != frame->columns || !frame->cells) {
        struct cell *cells = calloc((size_t)rows * columns, sizeof(*cells));

        if (!cells)
            return -ENOMEM;
        free(frame->cells);
        *frame = (struct frame){.rows = rows, .columns = columns, .cells = cells};
    }
    for (unsigned row = 0; row < rows; row++)
        frame_fill(frame, (struct span){row, 0, columns}, (struct style){0});
    frame->cursor_row = frame->cursor_column = 0;
    return 0;
}

void frame_deinit(struct frame *frame)
{
    free(frame->cells);
    *frame = (struct frame){.cells = NULL};
}

struct cell *frame_row(const struct frame *frame, unsigned row)
{
    return frame->cells + (size_t)row * frame->columns;
}

static bool cut(const struct frame *frame, struct span *span)
{
    if (span->end > frame->columns)
        span->end = frame->columns;
    return span->row < frame->rows && span->first < span->end;
}

struct span frame_put(struct frame *frame, struct span span, struct bytes text, struct style style)
{
    struct cell_reader reader;
    struct cell cell;

    cell_reader_init(&reader, text, CELLS_LINE);
    while (cut(frame, &span) && cell_next(&reader, &cell)) {
        struct cell *at = frame_row(frame, span.row) + span.first;

        if (cell.width > span.end - span.first)
            cell = blank_of(style);
        cell.style = style;
        if (cell.spelt)
            cell.style.flags ^= STYLE_REVERSED;
        at[0] = cell;
        if (cell.width == 2)
            at[1] = (struct cell){.style = cell.style};
        span.first += cell.width;
    }
    return span;
}

void frame_put_cells(struct frame *frame, struct span span, const struct cell *cells,
                     unsigned count)
{
    if (!cut(frame, &span))
        return;
    if (count > span.end - span.first)
        count = span.end - span.first;
    memcpy(frame_row(frame, span.row) + span.first, cells, count * sizeof(*cells));
}

void frame_fill(struct frame *frame, struct span span, struct style style)
{
    if (!cut(frame, &span))
        return;
    for (unsigned i = span.first; i < span.end; i++)
        frame_row(frame, span.row)[i] = blank_of(style);
}
