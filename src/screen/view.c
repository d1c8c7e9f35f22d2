/* Scrolling. Only the lines near to what is seen are laid out, so the length of a scroll-back costs
 * nothing.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "screen/internal.h"
#include "util/utf8.h"

#include <errno.h>
#include <stdlib.h>

void view_added(struct screen_window *window, size_t index)
{
    if (window->view.moved && index <= window->view.last)
        window->view.last++;
}

void view_removed(struct screen_window *window, size_t index)
{
    struct view *view = &window->view;

    if (!view->moved || index > view->last)
        return;
    if (index == view->last)
        view->hidden = 0;
    if (view->last > 0)
        view->last--;
    if (window->lines.count == 0)
        *view = (struct view){.moved = false};
}

void view_moved(struct screen_window *window, size_t from, size_t to)
{
    struct view *view = &window->view;

    if (!view->moved || from == to)
        return;
    if (from == view->last) /* another line has come into its place */
        view->hidden = 0;
    else if (from < view->last && to >= view->last)
        view->last--;
    else if (from > view->last && to <= view->last)
        view->last++;
}

/* Where the view ends, made fit for this width: the width may be another than when it was moved. */
static struct view view_end(struct screen_window *window, unsigned columns)
{
    struct view end = window->view;
    unsigned rows;

    if (!end.moved)
        return (struct view){.last = window->lines.count - 1};
    rows = line_rows(window, end.last, columns);
    if (end.hidden >= rows)
        end.hidden = rows - 1;
    return end;
}

/* Rows from the beginning of the first line to the end of the view, but no more counted than
 * `enough`. Tells which line it came to, and how many of its rows are above that. */
static unsigned rows_above(struct screen_window *window, const struct part *part, struct view end,
                           unsigned enough, size_t *ret_index, unsigned *ret_row)
{
    size_t index = end.last;
    unsigned rows = line_rows(window, index, part->columns) - end.hidden;

    while (rows < enough && index > 0)
        rows += line_rows(window, --index, part->columns);
    *ret_index = index;
    *ret_row = rows > enough ? rows - enough : 0;
    return rows < enough ? rows : enough;
}

static bool has_view(const struct screen_window *window, const struct part *part)
{
    return window && window->lines.count > 0 && part->rows > 0 && part->columns > 0;
}

bool view_top(struct screen_window *window, const struct part *part, size_t *ret_index,
              unsigned *ret_row)
{
    if (!has_view(window, part))
        return false;
    rows_above(window, part, view_end(window, part->columns), part->rows, ret_index, ret_row);
    return true;
}

static void move_up(struct screen_window *window, const struct part *part, unsigned rows)
{
    struct view end = view_end(window, part->columns);
    size_t index;
    unsigned row, above;

    /* What would be seen afterwards has to be there. */
    above = rows_above(window, part, end, rows + part->rows, &index, &row);
    if (above <= part->rows)
        return;
    if (rows > above - part->rows)
        rows = above - part->rows;
    end.hidden += rows;
    for (unsigned of_last; end.hidden >= (of_last = line_rows(window, end.last, part->columns));
         end.last--)
        end.hidden -= of_last;
    end.moved = true;
    window->view = end;
}

static void move_down(struct screen_window *window, const struct part *part, unsigned rows)
{
    struct view end = view_end(window, part->columns);

    while (end.moved && rows > end.hidden) {
        rows -= end.hidden;
        if (end.last + 1 == window->lines.count) {
            end = (struct view){.moved = false};
        } else {
            end.last++;
            end.hidden = line_rows(window, end.last, part->columns);
        }
    }
    if (end.moved)
        end.hidden -= rows;
    if (end.last + 1 == window->lines.count && end.hidden == 0)
        end.moved = false;
    window->view = end;
}

void screen_scroll(struct screen *screen, int rows)
{
    struct screen_window *window = screen_shown(screen);
    struct part part = layout_of(screen).lines;

    if (!has_view(window, &part))
        return;
    if (rows < 0)
        move_up(window, &part, 0U - (unsigned)rows);
    else
        move_down(window, &part, (unsigned)rows);
}

void screen_scroll_pages(struct screen *screen, int pages)
{
    unsigned rows = layout_of(screen).lines.rows;

    screen_scroll(screen, pages * (rows > 3 ? (int)rows - 2 : 1));
}

void screen_scroll_top(struct screen *screen)
{
    struct screen_window *window = screen_shown(screen);
    struct part part = layout_of(screen).lines;
    struct view end = {.moved = true};
    unsigned rows = 0;

    if (!has_view(window, &part))
        return;
    for (; end.last < window->lines.count; end.last++) {
        rows += line_rows(window, end.last, part.columns);
        if (rows >= part.rows) {
            end.hidden = rows - part.rows;
            window->view = end;
            return;
        }
    }
}

void screen_scroll_end(struct screen *screen)
{
    struct screen_window *window = screen_shown(screen);

    if (!window)
        return;
    window->view = (struct view){.moved = false};
    if (window->found)
        window->found->found = false;
    window->found = NULL;
}

bool screen_at_top(const struct screen *screen)
{
    struct screen_window *window = screen_shown(screen);
    struct part part = layout_of(screen).lines;
    size_t index;
    unsigned row;

    return !view_top(window, &part, &index, &row) || (index == 0 && row == 0);
}

bool screen_at_end(const struct screen *screen)
{
    const struct screen_window *window = screen_shown(screen);

    return !window || !window->view.moved;
}

/* 1 if name or text of the line holds the folded `wanted`. */
static int holds(const struct entry *entry, const char *wanted)
{
    char *folded;
    int found,
        r = utf8_fold((struct bytes){entry->bytes, entry->name_len + entry->text_len}, &folded);

    if (r < 0)
        return r == -EILSEQ ? 0 : r; /* what is no text holds none */
    found = strstr(folded, wanted) != NULL;
    free(folded);
    return found;
}

/* Shows a line with some of what follows below it. */
static void show_found(struct screen_window *window, const struct part *part, size_t index)
{
    if (window->found)
        window->found->found = false;
    window->found = scrollback_at(&window->lines, index);
    window->found->found = true;
    window->view = (struct view){.moved = false};
    if (index + part->rows / 2 + 1 < window->lines.count) {
        window->view = (struct view){.moved = true, .last = index};
        move_down(window, part, part->rows / 2);
    }
}

int screen_search(struct screen *screen, struct bytes text, bool again)
{
    struct screen_window *window = screen_shown(screen);
    struct part part = layout_of(screen).lines;
    char *wanted;
    size_t index;
    int r;

    if (!has_view(window, &part))
        return 0;
    r = utf8_fold(text, &wanted);
    if (r < 0)
        return r;
    index = again && window->found ? scrollback_index(&window->lines, window->found)
                                   : window->lines.count;
    while (r == 0 && index > 0)
        r = holds(scrollback_at(&window->lines, --index), wanted);
    if (r > 0)
        show_found(window, &part, index);
    free(wanted);
    return r;
}
