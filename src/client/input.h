/* The input thread of line mode, which is main's: reads lines, shows what arrives, sends what was
 * typed. Only it touches the terminal, standard input and output, the outbox and the courier.
 *
 * It sleeps in one poll(2) over all of them, so that nothing it does waits for something else.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "client/courier.h"
#include "client/echo.h"
#include "client/lines.h"
#include "client/options.h"
#include "client/session.h"

struct input {
    const struct invocation *invocation;
    struct session *session;
    struct account *account;
    struct outbox *outbox;
    struct courier courier;
    struct echo echo;
    struct lines lines; /* where there is no terminal */
    int stop_fd;
    bool terminal; /* lines are edited */
    char to[V2_RECIPIENT_MAX + 1];

    bool ended;            /* no more lines will come */
    bool lines_wait;       /* in `lines`, for room in the outbox */
    bool stop;             /* the loop ends */
    bool unshown;          /* standard output is of no more use */
    bool unshowable;       /* a message waits for memory or the disk, not for another thread */
    bool unkept;           /* what is shown cannot be written down, and the user knows */
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
