/* The input thread's lines: what is typed, what is shown, and what is told of messages sent.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "client/input.h"

/* Takes the terminal over. 0 or -errno. */
MUST_USE int input_open_terminal(struct input *input);

/* Standard input is readable: takes its lines. */
void input_read(struct input *input);
/* Takes the lines of a pipe that were read, as far as the outbox has room for them: nobody would
 * type again what it has not. */
void input_take_lines(struct input *input);

/* Shows what waits in the mailbox. */
void input_show(struct input *input);

/* Tells how many messages of earlier runs were sent, if that was not told yet, and how many are
 * left to the next run. */
void input_say_goodbye(struct input *input);

/* A courier_fn: what became of a message. `userdata` is the struct input. */
void input_settled(void *userdata, const struct courier_report *report);

/* No more lines will come. `patient`: what is in the outbox is given its time, because nobody
 * waits at a terminal. Defined in input.c. */
void input_end(struct input *input, bool patient);
