/* What `multichatctl top` shows: a picture made of the daemon's answers.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ctl/ctl.h"

#include <stdio.h>

#define TOP_TITLE_LINES 7 /* above the clients, the line of their titles included */

/* Prints `status` and `clients`, as the daemon answered; for people. */
void top_print(FILE *stream, const json_t *status, const json_t *clients);
