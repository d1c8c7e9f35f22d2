/* What a database engine has to provide: the private table of functions behind which SQLite, MySQL
 * and the tests' scripted driver look the same. Every query is written once, in statements.c, and
 * run through it by its number; texts that differ between engines differ there.
 *
 * A connection belongs to one thread; only interrupt() may be called from another one.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "dal/dal.h"
#include "dal/statements.h"
#include "util/bytes.h"

#include <stddef.h>
#include <stdint.h>

/* How a statement ended. After any of these but SQL_OK the transaction has to be rolled back. */
enum sql_status {
    SQL_OK,
    SQL_DUPLICATE, /* a unique constraint forbids it */
    SQL_NO_PARENT, /* a foreign key refers to a row that is not there */
    SQL_REFUSED,   /* the data is not acceptable for another reason: too long, not UTF-8 */
    SQL_RETRY,     /* deadlock or lock time-out: the same again may succeed */
    SQL_LOST,      /* the connection is gone; from commit(): whether it took effect is not known */
    SQL_FAILED,    /* anything else: disk full, table missing, out of memory */
};

enum sql_role {
    SQL_READER,  /* a transaction of it is one snapshot */
    SQL_WRITER,  /* each statement sees what is committed; a transaction may write */
    SQL_CHECKER, /* a reader, or who migrates, whose statements may take minutes, and who may be
                  * slow with the rows */
    SQL_LOADER,  /* the same, who may write, too, and has a file to itself: open() says SQL_RETRY
                     where somebody else has it open */
};

enum sql_type {
    SQL_NUMBER,
    SQL_TEXT,
};

/* A parameter or a column. The bytes of a column are valid during the row function only. */
struct sql_value {
    enum sql_type type;
    uint64_t number;
    struct bytes text;
};

/* The part of a connection that is the same for all engines; a driver's own struct starts with it.
 */
struct sql_connection {
    const struct sql_driver *driver;
    char error[256];   /* the last failure in words */
    char server[64];   /* product and version */
    char caution[160]; /* why a reported commit may not be on disk; "" if it is */
    uint64_t last_id;  /* of the last row inserted with an automatic id */
    uint64_t changes;  /* rows the last statement inserted, matched for update, or deleted */
};

/* Gets one row. 0 to go on, 1 to stop reading, or -ENOMEM. May not run statements. */
typedef int (*sql_row_fn)(void *userdata, const struct sql_value *row);

typedef void (*sql_finding_fn)(void *userdata, const char *finding);

struct sql_driver {
    const char *name;
    enum sql_dialect dialect;
    unsigned writers_max; /* writing connections that make sense at once; 0 for any number */

    /* Before the first thread is started; from each storage thread at its start and end. May be
     * NULL. */
    int (*setup)(void);
    void (*thread_begin)(void);
    void (*thread_end)(void);

    /* SQL_OK, or why not with words in `error`. */
    enum sql_status (*open)(const struct dal_config *config, enum sql_role role,
                            struct sql_connection **ret, char error[256]);
    void (*close)(struct sql_connection *connection); /* takes NULL */

    /* Makes what another thread is waiting for on this connection fail soon. */
    void (*interrupt)(struct sql_connection *connection);

    /* A round trip: SQL_OK or SQL_LOST. */
    enum sql_status (*ping)(struct sql_connection *connection);

    /* `writes`: it will. */
    enum sql_status (*begin)(struct sql_connection *connection, bool writes);
    enum sql_status (*commit)(struct sql_connection *connection);
    enum sql_status (*rollback)(struct sql_connection *connection);

    /* Runs a prepared statement with as many `values` as its text has '?'. `row` may be NULL. */
    enum sql_status (*run)(struct sql_connection *connection, enum sql_id id,
                           const struct sql_value *values, sql_row_fn row, void *userdata);

    /* Runs a statement of a migration, which cannot be prepared. */
    enum sql_status (*script)(struct sql_connection *connection, const char *text);

    /* The engine's own look at the whole database; each thing found is reported. */
    enum sql_status (*check)(struct sql_connection *connection, sql_finding_fn finding,
                             void *userdata);
};

/* The drivers compiled in. */
extern const struct sql_driver driver_sqlite, driver_mysql;

static inline struct sql_value sql_number(uint64_t number)
{
    return (struct sql_value){.type = SQL_NUMBER, .number = number};
}

static inline struct sql_value sql_bytes(struct bytes text)
{
    return (struct sql_value){.type = SQL_TEXT, .text = text};
}

static inline enum sql_status sql_run(struct sql_connection *connection, enum sql_id id,
                                      const struct sql_value *values, sql_row_fn row,
                                      void *userdata)
{
    return connection->driver->run(connection, id, values, row, userdata);
}
