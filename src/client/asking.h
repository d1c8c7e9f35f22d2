/* What the user, or the screen, asks the server for, and what is done with its answers. Answers are
 * told in the window that asked, if it is still there.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "client/input.h"

/* Forgets what is still asked; the exchange has ended. */
void asking_end(struct input *input);

/* The full screen begins: asks for the rooms of the user, each of which gets a window. */
void asking_begin(struct input *input);

/* A window is looked at: asks for what it does not have, the members and the history of the day. */
void asking_enter(struct input *input, struct window *window);
/* Asks for the page of history before what is shown. */
void asking_older(struct input *input, struct window *window);

/* Asks how a room stands. */
void asking_look(struct input *input, struct window *window);
/* Enters a room, and looks at it. */
void asking_join(struct input *input, struct bytes room);
/* Leaves a room, and closes its window. */
void asking_part(struct input *input, struct bytes room);

/* Anything else that is answered by `done` or `named`; `done` is told then. `command` is the name
 * of the command that asks. */
void asking_change(struct input *input, const struct v2_frame *request, const char *command,
                   const char *done);

/* Lists, which are printed: the rooms of the server; the members of a room or of everyone ("*"),
 * one on a line if `each`. */
void asking_list(struct input *input);
void asking_names(struct input *input, struct bytes room, bool each);

/* A part of the history of a window, which is printed: `request` has all but verb and target. */
void asking_history(struct input *input, struct window *window, const struct v2_frame *request);
