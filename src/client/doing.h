/* Carrying out what is typed.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "client/input.h"

/* Where a line is not taken, the user is told why. */
void doing_line(struct input *input, struct bytes line);

/* True for a text of blanks alone, which nobody means to send. */
bool doing_is_blank(struct bytes text);
