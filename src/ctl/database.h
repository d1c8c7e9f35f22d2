/* What the commands on the database share.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ctl/session.h"

/* Ends a command that brought the schema up: says from where to where; `answer` is taken over.
 * EXIT_OK. */
int conclude_schema(const struct ctl *ctl, const struct dal_status *status, json_t *answer);

/* Makes database, user and password file on a MySQL or MariaDB server, and the tables; fills
 * `ret_status`, and `settings` with the keys of the configuration that have to be set, and to
 * what. */
MUST_USE int init_mysql(struct ctl *ctl, json_t *settings, struct dal_status *ret_status);
