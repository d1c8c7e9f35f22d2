/* What the program does when it is set up: one function for each mode. Each runs on main's thread
 * and returns an enum exit_code.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "client/options.h"

/* `stop_fd` is a signalfd of the signals that end the program (and at a
 * terminal of those that concern it), all of which are blocked. */
int run_line(const struct invocation *invocation, int stop_fd);
int run_send(const struct invocation *invocation, int stop_fd);
int run_recv(const struct invocation *invocation, int stop_fd);
int run_passwd(const struct invocation *invocation, int stop_fd);
int run_rooms(const struct invocation *invocation, int stop_fd);
int run_who(const struct invocation *invocation, int stop_fd);
int run_history(const struct invocation *invocation, int stop_fd);
int run_unread(const struct invocation *invocation, int stop_fd);
int run_join(const struct invocation *invocation, int stop_fd);
int run_part(const struct invocation *invocation, int stop_fd);
