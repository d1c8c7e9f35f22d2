/* What the user sends: into the outbox and on the screen, and what becomes of it then.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "client/input.h"

/* Puts a message to a window's conversation, or, with a `userid`, a whisper in it, into the outbox
 * and shows it. False: it was not taken, which the user was told in `told_in`. */
bool posting_send(struct input *input, struct window *told_in, struct window *window,
                  struct bytes userid, struct bytes text);

/* Sends `lines` one by one to a window's conversation, as fast as the server takes them. */
void posting_paste(struct input *input, const struct window *window, struct bytes lines);

/* Takes lines of a pipe that were read, or that were pasted, as far as the outbox has room for
 * them. */
void posting_take_lines(struct input *input);

/* A courier_fn: what became of a message. `userdata` is the struct input. */
void posting_settled(void *userdata, const struct courier_report *report);

/* Tells how many messages of earlier runs were sent, if that was not told yet, and how many are
 * left to the next run. */
void posting_say_goodbye(struct input *input);
