/* Commands of the user's own, run by sh(1).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/attributes.h"

#include <sys/types.h>

#define SHELL_NULL    (-1) /* in the place of a descriptor: /dev/null */
#define SHELL_INHERIT (-2) /* the same as this program's */

/* Starts `command` with these as its standard input and output; all signals are as they are by
 * themselves, whatever this program blocks or ignores. `environment` NULL: this program's. 0, and
 * the child is the caller's to wait for; or -errno. */
MUST_USE int shell_start(const char *command, int in, int out, char *const environment[],
                         pid_t *ret);
