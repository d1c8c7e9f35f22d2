/* What arrives: where it belongs, whom it concerns, what it changes; and that it is shown.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "client/input.h"

/* Shows what waits in the mailbox. */
void arriving_show(struct input *input);

/* Shows a frame out of the history of a window. */
void arriving_show_past(struct input *input, struct window *window, const struct v2_frame *frame);

/* The user is called so; a member of a window is. */
void arriving_name_self(struct input *input, struct bytes name);
void arriving_rename(struct window *window, struct bytes userid, struct bytes name);

/* What comes from that userid is not shown. */
bool arriving_ignores(const struct input *input, struct bytes userid);
