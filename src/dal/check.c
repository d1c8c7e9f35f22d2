/* Looks the whole database over: the engine's own check, then what only this program knows.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "dal/request.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct check_request {
    struct request request;
    dal_findings_fn callback;
    char **findings; /* result */
    size_t count;
    bool no_memory;
};

static struct check_request *check_of(struct request *request)
{
    return CONTAINER_OF(request, struct check_request, request);
}

PRINTF_LIKE(2, 3) static int add_finding(struct check_request *check, const char *format, ...)
{
    va_list arguments;
    int len;

    if (array_grow(&check->findings, check->count, sizeof(char *)) < 0)
        goto no_memory;
    va_start(arguments, format);
    len = vasprintf(&check->findings[check->count], format, arguments);
    va_end(arguments);
    if (len < 0)
        goto no_memory;
    check->count++;
    return 0;
no_memory:
    check->no_memory = true;
    return -ENOMEM;
}

static void engine_finding(void *userdata, const char *finding)
{
    (void)add_finding(userdata, "%s", finding);
}

static int dense_row(void *userdata, const struct sql_value *row)
{
    return add_finding(userdata,
                       "conversation %.*s has %" PRIu64 " messages between the numbers %" PRIu64
                       " and %" PRIu64 ": %" PRIu64 " are missing",
                       BYTES_ARG(row[0].text), row[1].number, row[2].number, row[3].number,
                       row[3].number - row[2].number + 1 - row[1].number);
}

static int cursor_row(void *userdata, const struct sql_value *row)
{
    return add_finding(userdata,
                       "device %.*s has acknowledged message %" PRIu64
                       " of conversation %.*s, which ends at %" PRIu64,
                       BYTES_ARG(row[0].text), row[2].number, BYTES_ARG(row[1].text),
                       row[3].number);
}

static int member_row(void *userdata, const struct sql_value *row)
{
    return add_finding(
        userdata,
        "%.*s is a member of conversation %.*s since message %" PRIu64 ", which ends at %" PRIu64,
        BYTES_ARG(row[0].text), BYTES_ARG(row[1].text), row[2].number, row[3].number);
}

static int inbox_row(void *userdata, const struct sql_value *row)
{
    return add_finding(userdata, "user %.*s has no proper inbox", BYTES_ARG(row[0].text));
}

static int room_row(void *userdata, const struct sql_value *row)
{
    return add_finding(userdata, "room %.*s has no number", BYTES_ARG(row[0].text));
}

static int key_row(void *userdata, const struct sql_value *row)
{
    return add_finding(userdata, "%.*s has no folded name", BYTES_ARG(row[0].text));
}

static const struct check_step {
    enum sql_id id;
    sql_row_fn row;
} steps[] = {
    {SQL_CHECK_DENSE, dense_row},    {SQL_CHECK_CURSORS, cursor_row},
    {SQL_CHECK_MEMBERS, member_row}, {SQL_CHECK_INBOXES, inbox_row},
    {SQL_CHECK_ROOMS, room_row},     {SQL_CHECK_KEYS, key_row},
};

static void check_release(struct request *request)
{
    struct check_request *check = check_of(request);

    for (size_t i = 0; i < check->count; i++)
        free(check->findings[i]);
    free(check->findings);
    check->findings = NULL;
    check->count = 0;
}

/* One snapshot, so that what is written meanwhile is not taken for a fault. */
static enum sql_status check_execute(struct sql_connection *connection, struct request *request)
{
    struct check_request *check = check_of(request);
    const struct sql_driver *driver = connection->driver;
    enum sql_status status = driver->check(connection, engine_finding, check);

    if (status == SQL_OK)
        status = driver->begin(connection, false);
    for (size_t i = 0; i < ARRAY_SIZE(steps) && status == SQL_OK; i++)
        status = sql_run(connection, steps[i].id, NULL, steps[i].row, check);
    if (status == SQL_OK)
        status = driver->rollback(connection);
    request->outcome = check->no_memory ? DAL_UNAVAILABLE : DAL_OK;
    return status;
}

static void check_deliver(struct request *request)
{
    struct check_request *check = check_of(request);
    bool ok = request->outcome == DAL_OK;

    check->callback(request->userdata, request->outcome,
                    ok ? (const char *const *)check->findings : NULL, ok ? check->count : 0);
}

static const struct request_kind kind_check = {
    .name = "check",
    .side = REQUEST_CHECK,
    .execute = check_execute,
    .deliver = check_deliver,
    .release = check_release,
};

int dal_check(dal_findings_fn callback, void *userdata)
{
    struct check_request *check = request_new(&kind_check, sizeof(*check), 0, userdata);

    if (check == NULL)
        return -ENOMEM;
    check->callback = callback;
    return dal_submit(&check->request);
}
