/* All that the logic unit needs to know of a user, read as one snapshot.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "dal/request.h"

#include <errno.h>
#include <stdlib.h>

struct account_request {
    struct request request;
    struct bytes userid; /* empty: it is looked for by `user` */
    uint64_t user;
    dal_account_fn callback;
    struct dal_account account; /* result, made of what follows */
    char *password_hash;
    struct membership *memberships;
    struct device_record *devices;
    struct device_cursor *cursors;
};

static struct account_request *account_of(struct request *request)
{
    return CONTAINER_OF(request, struct account_request, request);
}

static void account_release(struct request *request)
{
    struct account_request *find = account_of(request);

    free(find->password_hash);
    free(find->memberships);
    free(find->devices);
    free(find->cursors);
    find->password_hash = NULL;
    find->memberships = NULL;
    find->devices = NULL;
    find->cursors = NULL;
    find->account = (struct dal_account){.membership_count = 0};
}

static int membership_row(void *userdata, const struct sql_value *row)
{
    struct account_request *find = userdata;
    size_t count = find->account.membership_count;

    if (array_grow(&find->memberships, count, sizeof(*find->memberships)) < 0)
        return -ENOMEM;
    conversation_from_row(row, &find->memberships[count].conversation);
    find->memberships[count].since = row[5].number;
    find->memberships[count].is_operator = row[6].number != 0;
    find->account.membership_count++;
    return 0;
}

static int device_row(void *userdata, const struct sql_value *row)
{
    struct account_request *find = userdata;
    size_t count = find->account.device_count;

    if (array_grow(&find->devices, count, sizeof(*find->devices)) < 0)
        return -ENOMEM;
    find->devices[count].id = row[0].number;
    column_copy(find->devices[count].name, sizeof(find->devices[count].name), &row[1]);
    find->devices[count].seen_ms = row[2].number;
    find->account.device_count++;
    return 0;
}

static int cursor_row(void *userdata, const struct sql_value *row)
{
    struct account_request *find = userdata;
    size_t count = find->account.cursor_count;

    if (array_grow(&find->cursors, count, sizeof(*find->cursors)) < 0)
        return -ENOMEM;
    find->cursors[count] = (struct device_cursor){
        .device = row[0].number, .conversation = row[1].number, .seq = row[2].number};
    find->account.cursor_count++;
    return 0;
}

static enum sql_status read_account(struct sql_connection *connection, struct account_request *find)
{
    struct found_user found;
    struct sql_value user[1];
    enum sql_status status = find->userid.len > 0 ? find_user(connection, find->userid, &found)
                                                  : find_user_id(connection, find->user, &found);

    find->password_hash = found.password_hash;
    find->request.outcome = found.found ? DAL_OK : DAL_MISSING;
    if (status != SQL_OK || !found.found)
        return status;
    find->account.user = found.user;
    user[0] = sql_number(found.user.id);
    status = sql_run(connection, SQL_MEMBERSHIPS, user, membership_row, find);
    if (status == SQL_OK)
        status = sql_run(connection, SQL_DEVICES_OF_USER, user, device_row, find);
    if (status == SQL_OK)
        status = sql_run(connection, SQL_CURSORS_OF_USER, user, cursor_row, find);
    return status;
}

static enum sql_status account_execute(struct sql_connection *connection, struct request *request)
{
    struct account_request *find = account_of(request);
    enum sql_status status, ended;

    account_release(request);
    status = connection->driver->begin(connection, false);
    if (status != SQL_OK)
        return status;
    status = read_account(connection, find);
    if (status == SQL_LOST)
        return status;
    /* Nothing was written; this only ends the snapshot. */
    ended = connection->driver->rollback(connection);
    return ended == SQL_LOST ? ended : status;
}

static void account_deliver(struct request *request)
{
    struct account_request *find = account_of(request);

    find->account.password_hash = find->password_hash;
    find->account.memberships = find->memberships;
    find->account.devices = find->devices;
    find->account.cursors = find->cursors;
    find->callback(request->userdata, request->outcome,
                   request->outcome == DAL_OK ? &find->account : NULL);
}

static const struct request_kind kind_account = {
    .name = "account find",
    .side = REQUEST_READ,
    .execute = account_execute,
    .deliver = account_deliver,
    .release = account_release,
};

static int submit_find(struct bytes userid, uint64_t user, dal_account_fn callback, void *userdata)
{
    struct account_request *find =
        request_new(&kind_account, sizeof(*find), request_space(userid), userdata);

    if (find == NULL)
        return -ENOMEM;
    find->userid = request_keep(&find->request, userid);
    find->user = user;
    find->callback = callback;
    return dal_submit(&find->request);
}

int dal_account_find(struct bytes userid, dal_account_fn callback, void *userdata)
{
    return submit_find(userid, 0, callback, userdata);
}

int dal_account_find_id(uint64_t user, dal_account_fn callback, void *userdata)
{
    return submit_find(bytes_of(""), user, callback, userdata);
}
