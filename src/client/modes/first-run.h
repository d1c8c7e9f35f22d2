/* The first run at a terminal, when nothing says yet where the server is: asks for it, for the
 * userid and the password, and whether the server that is found is the one that is meant, signs on,
 * and writes the configuration.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "client/options.h"
#include "util/attributes.h"

#include <stdbool.h>

/* True if there is somebody to be asked, and need to. */
bool first_run_wanted(const struct invocation *invocation);

/* Puts the answers into the settings. EXIT_DONE: signed on, and written down as far as possible; or
 * another exit code when the user gave up. */
MUST_USE int first_run(struct invocation *invocation, int stop_fd);
