/* Telling the user outside of the terminal that something is for him: a command of his is run.
 *
 * One at a time, and not more than one a second: what comes meanwhile is not told so. Used by the
 * input thread.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/bytes.h"

#include <stdint.h>
#include <sys/types.h>

struct notify {
    const char *command; /* for sh(1); "": none; borrowed */
    pid_t child;         /* 0: none runs */
    uint64_t next_at;    /* monotonic; none is run before */
};

/* What the command is told, in its environment. */
struct notify_call {
    struct bytes userid, name; /* MULTICHAT_FROM, MULTICHAT_NAME */
    const char *place;         /* MULTICHAT_PLACE: "*", a #room, or a userid */
    struct bytes text;         /* MULTICHAT_TEXT: its beginning, controls as blanks */
};

void notify_init(struct notify *notify, const char *command);
void notify_deinit(struct notify *notify);

/* Runs the command. What goes wrong is not told: it is a courtesy. */
void notify_call(struct notify *notify, const struct notify_call *call);

/* Takes leave of a command that has ended. */
void notify_turn(struct notify *notify);
