/* Passwords: from the terminal, a file or a descriptor, never from the command line.
 *
 * Each function that takes `ctl` returns EXIT_OK with a string to be given to secret_free(), or
 * another exit code after having said why. They see to the length and to NUL; what else a user's
 * password may be is said by model/name.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ctl/ctl.h"

/* As the options say; without any, asked for twice on the terminal. `userid` is shown. */
MUST_USE int secret_obtain(const struct ctl *ctl, const char *userid, char **ret);

/* True if it would be asked for, and there is a terminal to do so. */
bool secret_is_typed(const struct ctl *ctl);

/* The password for a database server: the first line of a file, by the daemon's rules. */
MUST_USE int secret_for_server(const struct ctl *ctl, const char *path, char **ret);

/* Wipes and frees; takes NULL. */
void secret_free(char *secret);

/* 192 random bits as SECRET_TEXT_LEN letters and digits without any that a shell, SQL or
 * configuration file would take for its own. */
#define SECRET_TEXT_LEN 32
void secret_random(char ret[SECRET_TEXT_LEN + 1]);
