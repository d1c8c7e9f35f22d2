/* What the commands on the database share.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ctl/session.h"

/* Ends a command that brought the schema up: says from where to where; `answer` is taken over.
 * EXIT_OK. */
int conclude_schema(const struct ctl *ctl, const struct dal_status *status, json_t *answer);

/* Says what has to be set in the configuration, keys with dots and their values. */
void show_settings(json_t *settings);

/* `path` as the configuration takes it, absolute, to be freed by the caller. EXIT_OK, or another
 * exit code after having said why. */
MUST_USE int make_absolute(const struct ctl *ctl, const char *path, char **ret);

/* Adds to `settings` the keys of storage.mysql that have to become what `config` says, and
 * `secret_file` for the file of the password. Paths are absolute. */
void note_settings(const struct ctl *ctl, const struct dal_config *config, const char *secret_file,
                   json_t *settings);

/* Makes database, user and password file on a MySQL or MariaDB server, and the tables; fills
 * `ret_status`, and `settings` with the keys of the configuration that have to be set, and to
 * what. */
MUST_USE int init_mysql(struct ctl *ctl, json_t *settings, struct dal_status *ret_status);
