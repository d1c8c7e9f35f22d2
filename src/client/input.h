/* The input thread, which is main's: reads what is typed, shows what arrives, sends, and asks the
 * server. Only it touches the terminal, standard input and output, the outbox, the courier and the
 * exchange.
 *
 * It sleeps in one poll(2) over all of them, so that nothing it does waits for something else. The
 * loop is here; what a typed line means is in doing.c and asking.c, what becomes of messages that
 * are sent in posting.c, of those that arrive in arriving.c, and how all that looks is the view's
 * (view.h).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "client/courier.h"
#include "client/echo.h"
#include "client/exchange.h"
#include "client/lines.h"
#include "client/notebook.h"
#include "client/notify.h"
#include "client/options.h"
#include "client/session.h"
#include "client/view.h"
#include "client/windows.h"

struct input {
    const struct invocation *invocation;
    struct session *session;
    struct account *account;
    struct outbox *outbox;
    struct courier courier;
    struct exchange *exchange;
    struct list asked; /* asking.c's: what is to be done when answers come */
    struct view *view;
    struct windows windows;
    struct notify notify;
    struct echo echo;
    struct lines lines;      /* where there is no terminal */
    char *pasted;            /* lines that are to be sent as the server takes them; NULL: none */
    size_t pasted_at;        /* so far they were */
    uint64_t pasted_for;     /* the id of the window they go to */
    struct notebook read;    /* when what was last seen of each window was said */
    struct notebook ignored; /* userids */
    char *name;              /* the user's display name, as far as it is known; NULL */
    char room[V2_RECIPIENT_MAX + 1]; /* doing.c's: a room's name, completed */
    int folder;                      /* of those two; -1: there is none */
    int stop_fd;
    bool terminal;    /* somebody sits there */
    bool full_screen; /* and has windows to look at */

    bool ended;            /* no more lines will come */
    bool lines_wait;       /* in `lines`, for room in the outbox */
    bool stop;             /* the loop ends */
    bool unshown;          /* standard output is of no more use */
    bool unshowable;       /* a message waits for memory or the disk, not for another thread */
    bool unkept;           /* what is shown cannot be written down, and the user knows */
    bool begun;            /* the rooms of the user were asked for */
    uint64_t give_up_at;   /* monotonic; once ended: when to leave messages in the outbox */
    uint64_t linger_until; /* once ended and all was sent; 0 before that */
    uint64_t adopt_at;     /* when to look for what other processes left behind */

    unsigned recoveries;     /* of the server, as far as they were acted upon */
    enum courier_event last; /* of a message that was not handed over */
    bool troubled;           /* the server answers and cannot store, and the user knows */
    bool limit_told;         /* the user knows that there is a limit of rate */
    unsigned refused;        /* messages and lines */
    unsigned kept_sent;      /* of earlier runs, stored now and not yet told */
    bool shut_out;           /* see account_refusal() */
};

/* Everything in place; `outbox` is borrowed, and a terminal is taken over. 0 or -errno. */
MUST_USE int input_init(struct input *input, const struct invocation *invocation,
                        struct session *session, struct account *account, struct outbox *outbox,
                        int stop_fd);
void input_deinit(struct input *input);

/* Runs until the user, a signal or the end of input ends it; returns an enum exit_code. */
int input_run(struct input *input);

/* -- for its parts ---------------------------------------------------------------------------- */

/* No more lines will come. `patient`: what is in the outbox is given its time, because nobody
 * waits at a terminal. */
void input_end(struct input *input, bool patient);

/* Tells the user something in a window (NULL: where he looks). */
void input_tell(struct input *input, struct window *window, const char *format, ...)
    PRINTF_LIKE(3, 4);
/* The same, of something that was not done; it counts for the exit status. */
void input_refuse(struct input *input, struct window *window, const char *format, ...)
    PRINTF_LIKE(3, 4);
/* Lines that were asked for; `lines` is not made printable. */
void input_print(struct input *input, const char *lines);

/* Looks at another window from now on. */
void input_switch(struct input *input, struct window *window);
void input_close_window(struct input *input, struct window *window);

/* Something is about to be shown in a window: looks up what an earlier run has shown there. */
void input_know(struct input *input, struct window *window);
/* The user has seen what is in the window that he looks at. */
void input_mark_read(struct input *input);
