/* How the input thread presents what it has to tell: line by line (view-line.c) or on a full screen
 * (view-screen.c). What is told, and when, is not decided here.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "client/terminal.h"
#include "client/windows.h"
#include "proto/v2.h"
#include "util/attributes.h"

#include <stdbool.h>

struct input;
struct view;

/* What goes with a message, whisper or note that is shown; a set. */
enum view_how {
    VIEW_OWN = 1,     /* the user wrote it */
    VIEW_AGAIN = 2,   /* it may have been shown before */
    VIEW_PAST = 4,    /* out of the history */
    VIEW_CALL = 8,    /* it names the user, or is for him alone */
    VIEW_WAITING = 16 /* it is in the outbox, and `key` is its name there */
};

enum view_tone {
    VIEW_INFO,
    VIEW_ERROR, /* something was not done */
};

/* What became of a message that was shown with VIEW_WAITING. */
struct view_settled {
    struct bytes key;
    bool stored; /* else it was refused */
    bool whisper;
    uint64_t conversation, seq; /* stored: where */
    uint64_t time_ms;
};

/* Functions that may be NULL are marked. */
struct view_class {
    /* Takes the terminal over, if there is one. 0; -ENOTSUP: it is not fit for that; -errno. */
    int (*open)(struct view *view);
    /* Gives it back; harmless when it is not taken. From then on nothing but tell() is called. */
    void (*close)(struct view *view);

    /* Standard input is readable. */
    void (*read)(struct view *view);
    /* The end of a turn of the loop. NULL: nothing to do. */
    void (*finish)(struct view *view);
    /* Lets somebody else have the terminal for a while. Its size has changed. */
    void (*pause)(struct view *view);
    void (*resume)(struct view *view);
    void (*resized)(struct view *view);
    /* SIGINT: true if that was of use, false if it is to end the program. NULL: it is. */
    bool (*interrupted)(struct view *view);

    /* Shows a frame in its window. 0, or -errno: it is not there as a whole, and `ret_touched`
     * says whether a part of it may be. */
    int (*show)(struct view *view, struct window *window, const struct v2_frame *frame,
                unsigned how, bool *ret_touched);
    /* A line of the program's own, not made printable. */
    void (*tell)(struct view *view, struct window *window, enum view_tone tone, const char *text);
    /* Lines that were asked for, made printable. */
    void (*print)(struct view *view, struct window *window, const char *lines);

    /* NULL: own messages look the same whatever becomes of them. */
    void (*settled)(struct view *view, const struct view_settled *settled);
    /* Another window is the current one. */
    void (*switched)(struct view *view);
    /* Rings: something is for the user himself. */
    void (*ring)(struct view *view);
    /* The user wants a window empty; finds text upwards ("": further up). NULL: there is nothing to
     * be emptied, nor searched. */
    void (*clear)(struct view *view, struct window *window);
    void (*search)(struct view *view, struct bytes text);
};

struct view {
    const struct view_class *class;
    struct input *input; /* borrowed */
    struct terminal_hooks hooks;
};

/* Line mode, at a terminal or not; and the full screen. NULL without memory. */
MUST_USE struct view *view_line_new(struct input *input);
MUST_USE struct view *view_screen_new(struct input *input);
/* Closes it, too. Takes NULL. */
void view_free(struct view *view);
