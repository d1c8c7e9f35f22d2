/* The line being typed, in as many rows as it needs and gets; the cursor is always seen.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "screen/internal.h"

struct place {
    unsigned row, column;
};

/* Puts cells one after the other, over the ends of rows. */
struct typing {
    struct place next;
    unsigned columns;
    unsigned first_row;  /* rows above this one are not seen */
    struct frame *frame; /* NULL: only the places are wanted */
    struct part part;
};

static void put_cell(struct typing *typing, struct cell *cell)
{
    struct place *next = &typing->next;

    if (cell->width > typing->columns)
        *cell = (struct cell){.text = "?", .len = 1, .width = 1, .sure = true};
    if (next->column + cell->width > typing->columns)
        *next = (struct place){.row = next->row + 1};
    if (cell->spelt)
        cell->style.flags |= STYLE_REVERSED;
    if (typing->frame && next->row >= typing->first_row &&
        next->row < typing->first_row + typing->part.rows) {
        const struct cell pair[] = {*cell, {.style = cell->style}};
        unsigned column = typing->part.column + next->column;

        frame_put_cells(typing->frame,
                        (struct span){typing->part.row + next->row - typing->first_row, column,
                                      typing->part.column + typing->columns},
                        pair, cell->width);
    }
    next->column += cell->width;
    /* The cursor has to have a place behind the last cell. */
    if (next->column == typing->columns)
        *next = (struct place){.row = next->row + 1};
}

static void put_prompt(struct typing *typing, const char *prompt)
{
    struct cell_reader reader;
    struct cell cell;

    cell_reader_init(&reader, bytes_of(prompt), CELLS_LINE);
    while (cell_next(&reader, &cell)) {
        cell.style.flags = STYLE_BOLD;
        put_cell(typing, &cell);
    }
}

/* Lays out everything, or until more than `enough` rows are full. Returns where the cursor is. */
static struct place put_all(struct typing *typing, const struct screen *screen, unsigned enough)
{
    struct bytes text = bytes_of(screen->input);
    struct cell_reader reader;
    struct cell cell;
    struct place cursor;
    bool seen = false;

    put_prompt(typing, screen->prompt);
    cursor = typing->next;
    cell_reader_init(&reader, text, CELLS_LINE);
    while (typing->next.row < enough) {
        bool between = reader.spelling_at == reader.spelling_len;

        if (!seen && between && (size_t)(reader.rest.data - text.data) >= screen->input_cursor) {
            cursor = typing->next;
            seen = true;
        }
        if (!cell_next(&reader, &cell))
            break;
        put_cell(typing, &cell);
    }
    return seen ? cursor : typing->next;
}

unsigned input_rows(const struct screen *screen, unsigned columns)
{
    struct typing typing = {.columns = columns};

    put_all(&typing, screen, SCREEN_SIDE_MAX);
    return typing.next.row + 1;
}

void input_draw(const struct screen *screen, struct frame *frame, struct part part)
{
    struct typing typing = {.columns = part.columns};
    struct place cursor;

    if (part.rows == 0)
        return;
    cursor = put_all(&typing, screen, UINT32_MAX);
    typing = (struct typing){.columns = part.columns, .frame = frame, .part = part};
    if (cursor.row >= part.rows)
        typing.first_row = cursor.row - part.rows + 1;
    put_all(&typing, screen, typing.first_row + part.rows);
    frame->cursor_row = part.row + cursor.row - typing.first_row;
    frame->cursor_column = part.column + cursor.column;
}
