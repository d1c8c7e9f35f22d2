/* What the parts of the screen share.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "screen/frame.h"
#include "screen/members.h"
#include "screen/screen.h"
#include "screen/scrollback.h"
#include "screen/wrap.h"
#include "util/attributes.h"

/* What is seen of a window: its end, or down to a line, of which the last `hidden` rows are not. */
struct view {
    bool moved; /* away from the end */
    size_t last;
    unsigned hidden;
};

struct screen_window {
    struct screen *screen;
    void *userdata;
    char *title, *topic;
    struct scrollback lines;
    struct members members;
    unsigned member_scroll;
    struct view view;
    struct entry *found; /* by the search that goes on */
    uint64_t read_ms;
    enum screen_activity activity;
    uint64_t activity_turn; /* when it was raised, in turns of the screen */
};

struct screen {
    unsigned rows, columns;
    struct screen_limits limits;
    struct screen_window **windows;
    size_t window_count, shown;
    size_t lines, bytes; /* of all windows */
    uint64_t turn;
    bool members_shown;
    char *who, *reached;
    size_t waiting;
    char *prompt, *input, *hint;
    size_t input_cursor;
    struct wrapper wrapper; /* for whoever lays out a line; too large for a stack */
};

/* -- layout.c: where things are. Rows and columns from 0; a part without room has no rows. */

struct part {
    unsigned row, rows, column, columns;
};

struct layout {
    struct part topic, lines, rule, members, hint, status, input;
};

struct layout layout_of(const struct screen *screen);

/* -- input.c: the line being typed. */

/* Rows it would like to have in `columns`. */
unsigned input_rows(const struct screen *screen, unsigned columns);
void input_draw(const struct screen *screen, struct frame *frame, struct part part);

/* -- line.c: a line of a window as rows. */

/* Rows of the line `index` in `columns`, with the date and the unread line above it. */
unsigned line_rows(struct screen_window *window, size_t index, unsigned columns);
/* Draws its rows from `skip` on into a part, down to its end. */
void line_draw(struct screen_window *window, size_t index, unsigned skip, struct frame *frame,
               struct part part);

/* -- view.c: scrolling. */

/* The line and the row of it that is the uppermost seen in a part; false: there are no lines. */
bool view_top(struct screen_window *window, const struct part *part, size_t *ret_index,
              unsigned *ret_row);
/* A line was put in at `index`, or taken away from there. */
void view_added(struct screen_window *window, size_t index);
void view_removed(struct screen_window *window, size_t index);
/* The line at `from` is at `to` now. */
void view_moved(struct screen_window *window, size_t from, size_t to);

/* -- draw.c */

/* Draws all of it. 0 or -ENOMEM. */
MUST_USE int screen_draw(struct screen *screen, struct frame *frame);
