/* The screen on a terminal: see painter.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "screen/painter.h"

#include "screen/internal.h"
#include "screen/terminal-strings.h"
#include "util/buffer.h"

#include <errno.h>
#include <stdlib.h>

#define OUTPUT_MAX ((size_t)64 << 20)

struct painter {
    struct terminal_strings strings;
    bool colours;
    painter_write_fn write;
    void *userdata;

    bool begun;
    bool known; /* `now` is what the terminal shows */
    struct frame now, next;

    struct buffer output;
    int problem; /* the first one since the output was empty */
    /* Where the terminal's cursor is and how it writes; a row beyond the last: not known. */
    unsigned row, column;
    struct style style;
    bool style_known;
    bool hidden; /* the cursor is not seen while something is painted */
};

int painter_new(const struct painter_options *options, struct painter **ret_painter)
{
    struct painter *painter = calloc(1, sizeof(*painter));
    int r;

    if (!painter)
        return -ENOMEM;
    r = terminal_strings_init(&painter->strings, options->term);
    if (r < 0) {
        free(painter);
        return r;
    }
    painter->colours = options->colours;
    painter->write = options->write;
    painter->userdata = options->userdata;
    buffer_init(&painter->output, OUTPUT_MAX);
    *ret_painter = painter;
    return 0;
}

void painter_free(struct painter *painter)
{
    if (!painter)
        return;
    terminal_strings_deinit(&painter->strings);
    frame_deinit(&painter->now);
    frame_deinit(&painter->next);
    buffer_deinit(&painter->output);
    free(painter);
}

static void emit_bytes(struct painter *painter, struct bytes bytes)
{
    if (painter->problem == 0)
        painter->problem = buffer_append(&painter->output, bytes);
}

static void emit(struct painter *painter, const char *string)
{
    emit_bytes(painter, bytes_of(string));
}

/* Writes what was emitted. */
static int flush(struct painter *painter)
{
    struct bytes output = buffer_peek(&painter->output);
    int r = painter->problem;

    if (r == 0 && output.len > 0)
        r = painter->write(painter->userdata, output);
    buffer_consume(&painter->output, output.len);
    painter->problem = 0;
    if (r < 0)
        painter_forget(painter);
    return r;
}

static void hide_cursor(struct painter *painter)
{
    if (!painter->hidden)
        emit(painter, painter->strings.hide_cursor);
    painter->hidden = true;
}

static void show_cursor(struct painter *painter)
{
    if (painter->hidden)
        emit(painter, painter->strings.show_cursor);
    painter->hidden = false;
}

static void lose_cursor(struct painter *painter)
{
    painter->row = SCREEN_SIDE_MAX;
}

static void place_at(struct painter *painter, unsigned row, unsigned column)
{
    if (painter->row == row && painter->column == column)
        return;
    emit(painter, terminal_format(painter->strings.place_at, row, column));
    painter->row = row;
    painter->column = column;
}

static void set_style(struct painter *painter, struct style style)
{
    const struct terminal_strings *strings = &painter->strings;
    const struct {
        enum style_flag flag;
        const char *string;
    } table[] = {
        {STYLE_BOLD, strings->bold},
        {STYLE_FAINT, strings->faint},
        {STYLE_UNDERLINED, strings->underlined},
        {STYLE_REVERSED, strings->reversed},
    };

    if (!painter->colours)
        style.colour = 0;
    if (painter->style_known && painter->style.colour == style.colour &&
        painter->style.flags == style.flags)
        return;
    emit(painter, strings->plain);
    for (size_t i = 0; i < ARRAY_SIZE(table); i++)
        if (style.flags & table[i].flag)
            emit(painter, table[i].string);
    emit(painter, strings->colours[style.colour]);
    painter->style = style;
    painter->style_known = true;
}

void painter_forget(struct painter *painter)
{
    painter->known = painter->style_known = false;
    lose_cursor(painter);
}

int painter_begin(struct painter *painter)
{
    painter->begun = true;
    painter_forget(painter);
    emit(painter, painter->strings.enter);
    return flush(painter);
}

int painter_end(struct painter *painter)
{
    if (!painter->begun)
        return 0;
    painter->begun = false;
    set_style(painter, (struct style){0});
    /* Where there is no other screen, the shell goes on below. */
    if (!painter->strings.leave[0])
        emit(painter, painter->strings.clear);
    show_cursor(painter);
    emit(painter, painter->strings.leave);
    return flush(painter);
}

/* Writes a cell. One whose width is not sure has its columns cleared before, and the cursor's place
 * is not relied on after it. */
static void write_cell(struct painter *painter, unsigned row, unsigned column,
                       const struct cell *cell)
{
    static const char blanks[] = "  ";
    const unsigned columns = painter->next.columns;

    hide_cursor(painter);
    place_at(painter, row, column);
    set_style(painter, cell->style);
    if (cell->sure) {
        emit_bytes(painter, (struct bytes){cell->text, cell->len});
    } else if (column + 1 == columns) {
        /* Should it be wider, it would not stay in this row. */
        emit(painter, "?");
    } else {
        emit_bytes(painter, (struct bytes){blanks, cell->width});
        lose_cursor(painter);
        place_at(painter, row, column);
        emit_bytes(painter, (struct bytes){cell->text, cell->len});
        lose_cursor(painter);
        return;
    }
    painter->column += cell->width;
    /* At the end of a row terminals wait, wrap or stay. */
    if (painter->column >= columns)
        lose_cursor(painter);
}

static bool is_plain_blank(const struct cell *cell)
{
    return cell_is_blank(cell) && cell->style.flags == 0;
}

/* From where on a row is blank to its end. */
static unsigned blank_from(const struct frame *frame, unsigned row)
{
    unsigned column = frame->columns;

    while (column > 0 && is_plain_blank(&frame_row(frame, row)[column - 1]))
        column--;
    return column;
}

static void paint_row(struct painter *painter, unsigned row)
{
    const struct cell *next = frame_row(&painter->next, row), *now = frame_row(&painter->now, row);
    unsigned end = painter->next.columns, blank = end;
    bool again = false; /* what was written before may have run into this cell */

    if (painter->strings.clear_to_end_of_row[0])
        blank = blank_from(&painter->next, row);
    for (unsigned column = 0; column < blank;
         column += next[column].width ? next[column].width : 1) {
        bool differs = !cell_same(&next[column], &now[column]);

        if (differs || again)
            write_cell(painter, row, column, &next[column]);
        again = (differs || again) && !next[column].sure;
    }
    if (blank < end && (again || blank_from(&painter->now, row) > blank)) {
        hide_cursor(painter);
        place_at(painter, row, blank);
        set_style(painter, (struct style){0});
        emit(painter, painter->strings.clear_to_end_of_row);
    }
}

/* Rows of `part` that would be right if what is there was moved up by `shift`. */
static unsigned right_if_moved(const struct painter *painter, const struct part *part,
                               unsigned shift)
{
    unsigned right = 0;

    for (unsigned row = part->row; row + shift < part->row + part->rows; row++) {
        const struct cell *next = frame_row(&painter->next, row) + part->column;
        const struct cell *now = frame_row(&painter->now, row + shift) + part->column;
        unsigned column = 0;

        while (column < part->columns && cell_same(&next[column], &now[column]))
            column++;
        right += column == part->columns;
    }
    return right;
}

static unsigned best_shift(const struct painter *painter, const struct part *part)
{
    unsigned best = 0, most = right_if_moved(painter, part, 0) + part->rows / 4;

    for (unsigned shift = 1; shift < part->rows; shift++) {
        unsigned right = right_if_moved(painter, part, shift);

        if (right > most) {
            best = shift;
            most = right;
        }
    }
    return best;
}

/* New lines have come in below: has the terminal move up what is there. */
static void scroll(struct painter *painter, const struct part *part)
{
    const struct terminal_strings *strings = &painter->strings;
    struct frame *now = &painter->now;
    unsigned last = part->row + part->rows - 1, shift;

    if (part->rows < 2 || !strings->scroll_region[0] || !strings->scroll_up[0])
        return;
    shift = best_shift(painter, part);
    if (shift == 0)
        return;
    hide_cursor(painter);
    set_style(painter, (struct style){0});
    emit(painter, terminal_format(strings->scroll_region, part->row, last));
    lose_cursor(painter);
    place_at(painter, last, 0);
    for (unsigned i = 0; i < shift; i++)
        emit(painter, strings->scroll_up);
    emit(painter, terminal_format(strings->scroll_region, 0, now->rows - 1));
    lose_cursor(painter);
    memmove(frame_row(now, part->row), frame_row(now, part->row + shift),
            (size_t)(part->rows - shift) * now->columns * sizeof(struct cell));
    for (unsigned row = last + 1 - shift; row <= last; row++)
        frame_fill(now, (struct span){row, 0, now->columns}, (struct style){0});
}

/* Clears the terminal, so that it is known what is there. */
static int start_anew(struct painter *painter)
{
    int r = frame_reset(&painter->now, painter->next.rows, painter->next.columns);

    if (r < 0)
        return r;
    hide_cursor(painter);
    set_style(painter, (struct style){0});
    emit(painter, painter->strings.clear);
    lose_cursor(painter);
    painter->known = true;
    return 0;
}

static void swap_frames(struct painter *painter)
{
    struct frame painted = painter->next;

    painter->next = painter->now;
    painter->now = painted;
}

int painter_paint(struct painter *painter, struct screen *screen)
{
    struct layout layout;
    int r;

    if (!painter->begun)
        return 0;
    r = screen_draw(screen, &painter->next);
    if (r < 0)
        return r;
    layout = layout_of(screen);
    if (!painter->known || painter->now.rows != painter->next.rows ||
        painter->now.columns != painter->next.columns) {
        r = start_anew(painter);
        if (r < 0)
            return r;
    } else {
        scroll(painter, &layout.lines);
    }
    for (unsigned row = 0; row < painter->next.rows; row++)
        paint_row(painter, row);
    place_at(painter, painter->next.cursor_row, painter->next.cursor_column);
    show_cursor(painter);
    swap_frames(painter);
    return flush(painter);
}

int painter_ring(struct painter *painter)
{
    emit(painter, painter->strings.ring);
    return flush(painter);
}
