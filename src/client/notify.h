/* Telling the user outside of the terminal that something is for him: a command of his is run.
 *
 * One at a time, and not more than one a second: what comes meanwhile is not told so. Used by the
 * input thread.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "proto/v2.h"
#include "util/attributes.h"

#include <stdint.h>
#include <sys/types.h>

struct notify {
    char *command;    /* for sh(1); NULL: none */
    pid_t child;      /* 0: none runs */
    uint64_t next_at; /* monotonic; none is run before */
};

/* `command` "": nothing is run. 0 or -ENOMEM. */
MUST_USE int notify_init(struct notify *notify, const char *command);
/* A command that runs outlives us. Takes a zeroed struct. */
void notify_deinit(struct notify *notify);

/* Runs the command with an entry's environment (client/hook.h) and the beginning of its text as its
 * input. What goes wrong is not told: it is a courtesy. */
void notify_call(struct notify *notify, const struct v2_frame *entry);

/* Takes leave of a command that has ended. */
void notify_turn(struct notify *notify);
