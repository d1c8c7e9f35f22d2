/* SQLite with faults.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "driver-faulty.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct faulty_connection {
    struct sql_connection base;
    struct sql_connection *real;
    bool dead; /* every call ends with SQL_LOST */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct fault_plan plan = {.countdown = -1};
static bool happened;

void faulty_plan(const struct fault_plan *new_plan)
{
    pthread_mutex_lock(&lock);
    plan = *new_plan;
    happened = false;
    pthread_mutex_unlock(&lock);
}

bool faulty_happened(void)
{
    bool result;

    pthread_mutex_lock(&lock);
    result = happened;
    pthread_mutex_unlock(&lock);
    return result;
}

/* SQL_OK, or how this call has to end. */
static enum sql_status due(bool is_commit, bool *ret_effect)
{
    enum sql_status status = SQL_OK;

    pthread_mutex_lock(&lock);
    if (plan.countdown >= 0 && (is_commit || !plan.commits_only) && plan.countdown-- == 0) {
        happened = true;
        status = plan.status;
        if (ret_effect != NULL)
            *ret_effect = plan.takes_effect;
    }
    pthread_mutex_unlock(&lock);
    return status;
}

static bool open_is_refused(void)
{
    bool refused;

    pthread_mutex_lock(&lock);
    refused = happened && plan.refused_opens > 0;
    if (refused)
        plan.refused_opens--;
    pthread_mutex_unlock(&lock);
    return refused;
}

static struct faulty_connection *faulty_of(struct sql_connection *base)
{
    return (struct faulty_connection *)base;
}

static void mirror(struct faulty_connection *connection)
{
    const struct sql_driver *driver = connection->base.driver;

    connection->base = *connection->real;
    connection->base.driver = driver;
}

static enum sql_status fail_with(struct faulty_connection *connection, enum sql_status status)
{
    snprintf(connection->base.error, sizeof(connection->base.error), "planned fault");
    if (status == SQL_LOST)
        connection->dead = true;
    return status;
}

/* What every call does first. */
static enum sql_status enter(struct faulty_connection *connection)
{
    enum sql_status status;

    if (connection->dead)
        return fail_with(connection, SQL_LOST);
    status = due(false, NULL);
    return status == SQL_OK ? SQL_OK : fail_with(connection, status);
}

static enum sql_status leave(struct faulty_connection *connection, enum sql_status status)
{
    mirror(connection);
    return status;
}

static enum sql_status faulty_open(const struct dal_config *config, enum sql_role role,
                                   struct sql_connection **ret, char error[256])
{
    struct faulty_connection *connection;
    enum sql_status status = open_is_refused() ? SQL_LOST : due(false, NULL);

    if (status != SQL_OK) {
        snprintf(error, 256, "planned fault");
        return status;
    }
    connection = calloc(1, sizeof(*connection));
    if (connection == NULL)
        abort();
    status = driver_sqlite.open(config, role, &connection->real, error);
    if (status != SQL_OK) {
        free(connection);
        return status;
    }
    connection->base.driver = &driver_faulty;
    mirror(connection);
    *ret = &connection->base;
    return SQL_OK;
}

static void faulty_close(struct sql_connection *base)
{
    if (base == NULL)
        return;
    driver_sqlite.close(faulty_of(base)->real);
    free(base);
}

static void faulty_interrupt(struct sql_connection *base)
{
    driver_sqlite.interrupt(faulty_of(base)->real);
}

static enum sql_status faulty_ping(struct sql_connection *base)
{
    return faulty_of(base)->dead ? SQL_LOST : SQL_OK;
}

static enum sql_status faulty_begin(struct sql_connection *base, bool writes)
{
    struct faulty_connection *connection = faulty_of(base);
    enum sql_status status = enter(connection);

    return status != SQL_OK ? status
                            : leave(connection, driver_sqlite.begin(connection->real, writes));
}

static enum sql_status faulty_commit(struct sql_connection *base)
{
    struct faulty_connection *connection = faulty_of(base);
    bool effect = false;
    enum sql_status status;

    if (connection->dead)
        return fail_with(connection, SQL_LOST);
    status = due(true, &effect);
    if (status == SQL_OK)
        return leave(connection, driver_sqlite.commit(connection->real));
    if (effect && driver_sqlite.commit(connection->real) != SQL_OK)
        abort();
    return fail_with(connection, status);
}

static enum sql_status faulty_rollback(struct sql_connection *base)
{
    struct faulty_connection *connection = faulty_of(base);
    enum sql_status status = enter(connection);

    return status == SQL_LOST ? status
                              : leave(connection, driver_sqlite.rollback(connection->real));
}

static enum sql_status faulty_run(struct sql_connection *base, enum sql_id id,
                                  const struct sql_value *values, sql_row_fn row, void *userdata)
{
    struct faulty_connection *connection = faulty_of(base);
    enum sql_status status = enter(connection);

    if (status != SQL_OK)
        return status;
    return leave(connection, driver_sqlite.run(connection->real, id, values, row, userdata));
}

static enum sql_status faulty_script(struct sql_connection *base, const char *text)
{
    struct faulty_connection *connection = faulty_of(base);
    enum sql_status status = enter(connection);

    return status != SQL_OK ? status
                            : leave(connection, driver_sqlite.script(connection->real, text));
}

static enum sql_status faulty_check(struct sql_connection *base, sql_finding_fn finding,
                                    void *userdata)
{
    struct faulty_connection *connection = faulty_of(base);

    return leave(connection, driver_sqlite.check(connection->real, finding, userdata));
}

const struct sql_driver driver_faulty = {
    .name = "faulty",
    .dialect = SQL_DIALECT_SQLITE,
    .writers_max = 1,
    .open = faulty_open,
    .close = faulty_close,
    .interrupt = faulty_interrupt,
    .ping = faulty_ping,
    .begin = faulty_begin,
    .commit = faulty_commit,
    .rollback = faulty_rollback,
    .run = faulty_run,
    .script = faulty_script,
    .check = faulty_check,
};
