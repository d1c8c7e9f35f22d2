/* Where things are on the screen, from 1 by 1 up:
 *
 *     topic line                                  from 5 rows on
 *     lines of the window      | members          members from 60 columns on
 *     hint                                        if there is one, from 4 rows on
 *     status line                                 from 3 rows on
 *     the line being typed                        always; up to a third of the rows
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "screen/internal.h"

#define MEMBERS_FROM_COLUMNS 60
#define MEMBERS_COLUMNS_MAX  24
#define INPUT_ROWS_MAX       8

static unsigned members_columns(const struct screen *screen)
{
    const struct screen_window *window = screen_shown(screen);
    unsigned columns = screen->columns / 5;

    if (!screen->members_shown || !window || window->members.count == 0 ||
        screen->columns < MEMBERS_FROM_COLUMNS)
        return 0;
    return columns < MEMBERS_COLUMNS_MAX ? columns : MEMBERS_COLUMNS_MAX;
}

/* The last column of texts stays empty: a character that is wider than we think would wrap there,
 * or cover what stands beside it. */
static unsigned text_columns(const struct screen *screen)
{
    return screen->columns > 1 ? screen->columns - 1 : 1;
}

static unsigned input_height(const struct screen *screen)
{
    unsigned most = screen->rows / 3, wanted = input_rows(screen, text_columns(screen));

    if (most > INPUT_ROWS_MAX)
        most = INPUT_ROWS_MAX;
    if (most < 1)
        most = 1;
    return wanted < most ? wanted : most;
}

/* Takes `rows` away from the end of `left`, or none if it has not so many. */
static struct part take_bottom(struct part *left, unsigned rows)
{
    struct part part = {.columns = left->columns};

    if (rows <= left->rows) {
        left->rows -= rows;
        part.row = left->row + left->rows;
        part.rows = rows;
    }
    return part;
}

struct layout layout_of(const struct screen *screen)
{
    struct part left = {.rows = screen->rows, .columns = screen->columns};
    struct layout layout = {.input = take_bottom(&left, input_height(screen))};
    unsigned pane = members_columns(screen);

    layout.input.columns = text_columns(screen);
    layout.status = take_bottom(&left, screen->rows >= 3);
    layout.hint = take_bottom(&left, screen->rows >= 4 && screen->hint[0]);
    if (screen->rows >= 5) {
        layout.topic = (struct part){.rows = 1, .columns = screen->columns};
        left.row++;
        left.rows--;
    }
    layout.lines = layout.rule = layout.members = left;
    layout.lines.columns = text_columns(screen) - (pane > 0 ? pane + 1 : 0);
    layout.rule.column = layout.lines.columns + 1;
    layout.rule.columns = pane > 0;
    layout.members.column = layout.rule.column + layout.rule.columns;
    layout.members.columns = pane;
    return layout;
}
