/* The full screen's own state, and its keys. Private to view-screen.c and screen-keys.c.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "client/input.h"
#include "screen/painter.h"

struct full_screen {
    struct view view;      /* first */
    struct screen *screen; /* of the windows; borrowed */
    struct painter *painter;
    bool open;           /* the terminal is ours, and not lent to somebody */
    bool older;          /* the user wants to see what is further up */
    bool warned;         /* that Ctrl-C ends the program when it is pressed again */
    bool passing;        /* the hint goes away with the next key */
    uint64_t pasted_for; /* the id of the window where that was */
    char *pasted;        /* lines that the user is asked about; NULL: none */
    char *words;         /* what the program has told last */
    char sought[200];    /* by /search */
};

static inline struct full_screen *full_screen_of(struct view *view)
{
    return (struct full_screen *)view;
}

/* Fills in what the terminal is to call. */
void full_screen_hooks(struct full_screen *full);

/* The row above the line being typed; "": none. */
void full_screen_set_hint(struct full_screen *full, const char *hint);

/* As interrupted() of view.h. */
bool full_screen_interrupted(struct view *view);
