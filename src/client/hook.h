/* A command of the user's that is run for an entry of a log. Its environment tells of the entry, in
 * variables called after the members of the entry's JSON: MULTICHAT_KIND, MULTICHAT_FROM …; of what
 * the entry has not, there is none. The text is not among them: it may be longer than an
 * environment.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "proto/v2.h"
#include "util/attributes.h"

#include <stdbool.h>
#include <sys/types.h>

/* As shell_start(). `again`: the entry may have been shown before. */
MUST_USE int hook_start(const char *command, const struct v2_frame *entry, bool again, int in,
                        int out, pid_t *ret);
