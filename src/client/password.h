/* Where the password comes from: a descriptor, a file, a command, or the terminal. Never the
 * command line or the environment, which others can see.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "client/account.h"
#include "client/settings.h"
#include "util/attributes.h"

#define PASSWORD_FD_NONE (-1)

/* The first of these that is set: `password_fd` (unless PASSWORD_FD_NONE), password_file,
 * password_command; else a prompt at the controlling terminal, without echo. The first line
 * counts. `stop_fd` (a signalfd) ends the prompt when it becomes readable. On success `ret` holds
 * the password, which the caller wipes. 0; -ECANCELED; or another -errno with the reason in words
 * (freed by the caller, NULL only when memory is out). `ret_warning` is NULL, or a warning for the
 * user, freed by the caller. */
MUST_USE int password_get(const struct settings *settings, int password_fd, int stop_fd,
                          char ret[V2_PASSWORD_MAX + 1], char **ret_warning, char **ret_error);

/* The same for a new password: from `password_fd` (unless PASSWORD_FD_NONE), `file` (unless NULL),
 * or a prompt that asks twice. */
MUST_USE int password_get_new(const char *file, int password_fd, int stop_fd,
                              char ret[V2_PASSWORD_MAX + 1], char **ret_warning, char **ret_error);

/* Gets the password as password_get() does and gives it to the account. When it cannot be had, the
 * account is refused, which tells the user; -ECANCELED is told to nobody. 0 or -errno. */
MUST_USE int password_supply(struct account *account, int password_fd, int stop_fd);

/* Does so at the start, if there is no session, or if it comes from a descriptor: what stands
 * behind it there is not read before. As above. */
MUST_USE int password_prepare(struct account *account, int password_fd, int stop_fd);
