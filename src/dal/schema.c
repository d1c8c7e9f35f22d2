/* Migrations: numbered, run in order, under a lock that spans processes, the version recorded with
 * each. In SQLite one transaction holds all of them. MySQL commits at each CREATE, so there the
 * statements of a migration can be repeated and the version is recorded last.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "dal/schema.h"

#include "dal/request.h"
#include "util/clock.h"
#include "util/utf8.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct migration *migrations_of(enum sql_dialect dialect)
{
    return dialect == SQL_DIALECT_SQLITE ? migrations_sqlite : migrations_mysql;
}

int schema_known(enum sql_dialect dialect)
{
    const struct migration *migration = migrations_of(dialect);
    int known = 0;

    for (; migration->version != 0; migration++)
        known = migration->version;
    return known;
}

static enum sql_status read_version(struct sql_connection *connection, int *ret)
{
    uint64_t exists = 0, version = 0;
    enum sql_status status = sql_run(connection, SQL_SCHEMA_EXISTS, NULL, row_number, &exists);

    if (status == SQL_OK && exists != 0)
        status = sql_run(connection, SQL_SCHEMA_VERSION, NULL, row_number, &version);
    if (status == SQL_OK)
        *ret = (int)version;
    return status;
}

/* -- what SQL cannot do ----------------------------------------------------------------------- */

/* Rows whose folded name is missing, some at a time. */
#define BACKFILL_ROWS 256

struct unfolded {
    struct unfolded_row {
        uint64_t id;
        char name[NAME_MAX_BYTES + 2];
    } rows[BACKFILL_ROWS];
    size_t count;
};

static int unfolded_row(void *userdata, const struct sql_value *row)
{
    struct unfolded *unfolded = userdata;
    struct unfolded_row *to = &unfolded->rows[unfolded->count++];

    to->id = row[0].number;
    column_copy(to->name, sizeof(to->name), &row[1]);
    return 0;
}

/* A name that cannot be folded, which the rules for names do not allow, is its own folded form. */
static enum sql_status fold_row(struct sql_connection *connection, enum sql_id update,
                                const struct unfolded_row *row)
{
    const char *name = row->name + (row->name[0] == '#');
    struct sql_value values[] = {sql_bytes(bytes_of(name)), sql_number(row->id)};
    char *folded = NULL;
    enum sql_status status;

    if (utf8_fold(bytes_of(name), &folded) == -ENOMEM) {
        snprintf(connection->error, sizeof(connection->error), "out of memory");
        return SQL_FAILED;
    }
    if (folded != NULL)
        values[0] = sql_bytes(bytes_of(folded));
    status = sql_run(connection, update, values, NULL, NULL);
    free(folded);
    return status;
}

static enum sql_status fold_all(struct sql_connection *connection, enum sql_id list,
                                enum sql_id update)
{
    struct unfolded unfolded = {.count = 1};
    uint64_t after = 0;
    enum sql_status status = SQL_OK;

    while (status == SQL_OK && unfolded.count > 0) {
        struct sql_value values[] = {sql_number(after), sql_number(BACKFILL_ROWS)};
        unfolded.count = 0;
        status = sql_run(connection, list, values, unfolded_row, &unfolded);
        for (size_t i = 0; i < unfolded.count && status == SQL_OK; i++) {
            after = unfolded.rows[i].id;
            status = fold_row(connection, update, &unfolded.rows[i]);
        }
    }
    return status;
}

/* Schema 3 wants the folded forms of userids and of the names of rooms. */
static enum sql_status fold_names(struct sql_connection *connection)
{
    enum sql_status status = fold_all(connection, SQL_BACKFILL_USERS, SQL_BACKFILL_USER);

    return status == SQL_OK ? fold_all(connection, SQL_BACKFILL_ROOMS, SQL_BACKFILL_ROOM) : status;
}

static enum sql_status (*const afterwards[])(struct sql_connection *connection) = {
    [3] = fold_names,
};

/* -- migrating -------------------------------------------------------------------------------- */

static enum sql_status run_migration(struct sql_connection *connection,
                                     const struct migration *migration)
{
    struct sql_value record[] = {sql_number((uint64_t)migration->version),
                                 sql_number(clock_real_ms())};

    for (const char *const *text = migration->statements; *text != NULL; text++) {
        enum sql_status status = connection->driver->script(connection, *text);
        if (status != SQL_OK)
            return status;
    }
    if ((size_t)migration->version < ARRAY_SIZE(afterwards) &&
        afterwards[migration->version] != NULL) {
        enum sql_status status = afterwards[migration->version](connection);
        if (status != SQL_OK)
            return status;
    }
    return sql_run(connection, SQL_SCHEMA_RECORD, record, NULL, NULL);
}

/* Under the lock: another process may have been first, so the version is read again. */
static enum sql_status migrate_locked(struct sql_connection *connection,
                                      struct schema_versions *versions)
{
    const struct sql_driver *driver = connection->driver;
    const struct migration *migration = migrations_of(driver->dialect);
    enum sql_status status = driver->begin(connection, true);

    if (status != SQL_OK)
        return status;
    status = read_version(connection, &versions->before);
    versions->now = versions->before;
    for (; status == SQL_OK && migration->version != 0; migration++) {
        if (migration->version <= versions->now)
            continue;
        status = run_migration(connection, migration);
        if (status == SQL_OK)
            versions->now = migration->version;
    }
    if (status == SQL_OK)
        status = driver->commit(connection);
    if (status != SQL_OK && status != SQL_LOST) {
        /* The reason is the first failure, not how the rollback went. */
        char error[sizeof(connection->error)];
        snprintf(error, sizeof(error), "%s", connection->error);
        (void)driver->rollback(connection);
        snprintf(connection->error, sizeof(connection->error), "%s", error);
    }
    return status;
}

static enum sql_status migrate(struct sql_connection *connection, struct schema_versions *versions)
{
    enum sql_status status;
    uint64_t locked = 1, unlocked;

    status = sql_run(connection, SQL_SCHEMA_LOCK, NULL, row_number, &locked);
    if (status != SQL_OK)
        return status;
    if (locked != 1) {
        snprintf(connection->error, sizeof(connection->error),
                 "another process is migrating the database");
        return SQL_RETRY;
    }
    status = migrate_locked(connection, versions);
    if (status == SQL_OK)
        status = sql_run(connection, SQL_SCHEMA_UNLOCK, NULL, row_number, &unlocked);
    return status;
}

static enum sql_status refuse(struct sql_connection *connection, int found, int known)
{
    if (found > known)
        snprintf(connection->error, sizeof(connection->error),
                 "the database has schema version %d, this program knows %d: it is too old for it",
                 found, known);
    else
        snprintf(connection->error, sizeof(connection->error),
                 "the database has schema version %d, this program needs %d: run "
                 "\"multichatctl db migrate\"",
                 found, known);
    return SQL_FAILED;
}

enum sql_status schema_prepare(struct sql_connection *connection, bool migrate_it,
                               struct schema_versions *ret)
{
    int known = schema_known(connection->driver->dialect);
    enum sql_status status = read_version(connection, &ret->before);

    if (status != SQL_OK)
        return status;
    ret->now = ret->before;
    if (ret->now < known && migrate_it) {
        status = migrate(connection, ret);
        if (status != SQL_OK)
            return status;
    }
    return ret->now == known ? SQL_OK : refuse(connection, ret->now, known);
}
