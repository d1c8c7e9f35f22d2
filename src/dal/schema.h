/* The schema: which version the database has, and the migrations that bring it up to date. They
 * are made from the files in sql/ when the program is built.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "dal/driver.h"

struct migration {
    int version;                   /* 1, 2, 3 …; 0 ends the table */
    const char *const *statements; /* ends with NULL */
};

extern const struct migration migrations_sqlite[], migrations_mysql[];

/* The newest version this program knows. */
int schema_known(enum sql_dialect dialect);

struct schema_versions {
    int before; /* what was found */
    int now;
};

/* Finds the version out and, if `migrate`, brings it up to date, under a lock, so that any number
 * of processes may do so at once. SQL_OK: the database can be used. SQL_FAILED otherwise, or
 * another status; then `connection->error` says why. `ret` is written as far as it is known. */
enum sql_status schema_prepare(struct sql_connection *connection, bool migrate,
                               struct schema_versions *ret);
