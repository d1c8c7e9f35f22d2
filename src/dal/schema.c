/* Migrations: numbered, run in order, under a lock that spans processes, the version recorded with
 * each. In SQLite one transaction holds all of them. MySQL commits at each CREATE, so there the
 * statements of a migration can be repeated and the version is recorded last.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "dal/schema.h"

#include "dal/request.h"
#include "util/clock.h"

#include <stdio.h>

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
