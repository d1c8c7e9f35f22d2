/* Carrying out what is typed.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "client/input.h"

/* True if the line was dealt with; false if it is to be corrected, and the user knows why. */
bool doing_line(struct input *input, struct bytes line);

/* True for a text of blanks alone, which nobody means to send. */
bool doing_is_blank(struct bytes text);
