/* What export and import share: the tables, and the connection they have to themselves.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "dal/dal.h"
#include "dal/driver.h"

/* A table as the statements have it: the fields are the columns, in this order. */
struct transfer_table {
    struct dal_table_shape shape;
    enum sql_id read, insert_one, insert_many;
    unsigned derived; /* columns behind the fields that an insert has besides */
};

#define TRANSFER_MANY 64 /* rows of an insert_many */

/* The most columns an insert has. */
#define TRANSFER_COLUMNS_MAX 12

const struct transfer_table *transfer_table(enum dal_table table);

/* Connects in `role` and sees that the schema is this program's; brings it up if `migrate`. As a
 * SQL_LOADER: and that nobody else is connected. 0 or, with words, -errno as of dal_export(). */
MUST_USE int transfer_open(const struct dal_config *config, enum sql_role role, bool migrate,
                           struct sql_connection **ret, char **ret_error);

/* Closes what is in the variable; for CLEANUP(). */
void transfer_close(struct sql_connection **connection);

/* Puts words into `*ret_error`, in the place of those before, and returns `error`. */
int transfer_say(char **ret_error, int error, const char *format, ...) PRINTF_LIKE(3, 4);
