/* Names that have to be somebody's alone: whether one is free, and the change of a display name.
 *
 * Two names collide if they fold alike. A display name may not look like the userid of somebody
 * else either, nor a new userid like anybody's name. What collided before this was looked at stays.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "dal/request.h"

#include "util/utf8.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool fold_name(struct request *request, struct bytes name, char **ret)
{
    int error = utf8_fold(name, ret);

    if (error < 0)
        request->outcome = error == -EILSEQ ? DAL_REFUSED : DAL_UNAVAILABLE;
    return error == 0;
}

enum sql_status lock_names(struct sql_connection *connection)
{
    uint64_t version;

    return sql_run(connection, SQL_NAMES_LOCK, NULL, row_number, &version);
}

enum sql_status name_taken(struct sql_connection *connection, const char *key, uint64_t user,
                           bool *ret)
{
    struct sql_value values[] = {sql_bytes(bytes_of(key)), sql_bytes(bytes_of(key)),
                                 sql_number(user)};

    /* The administrator's name; what looks like it passes the rules for names. */
    *ret = strcmp(key, "*") == 0;
    return *ret ? SQL_OK : sql_run(connection, SQL_NAME_TAKEN, values, row_exists, ret);
}

/* -- a new display name ----------------------------------------------------------------------- */

struct rename_request {
    struct request request;
    uint64_t id;
    struct bytes name;
    struct message *pattern; /* or NULL */
    dal_renamed_fn callback;
    struct user user; /* result, as what follows */
    const char *conflict;
    struct message **notices;
    size_t count;
};

/* The logs that are told. */
struct places {
    uint64_t inbox; /* is not */
    uint64_t *conversations;
    size_t count;
};

static struct rename_request *rename_of(struct request *request)
{
    return CONTAINER_OF(request, struct rename_request, request);
}

static void drop_notices(struct rename_request *rename)
{
    for (size_t i = 0; i < rename->count; i++)
        message_unref(rename->notices[i]);
    free(rename->notices);
    rename->notices = NULL;
    rename->count = 0;
}

static int place_row(void *userdata, const struct sql_value *row)
{
    struct places *places = userdata;

    if (row[0].number == places->inbox)
        return 0;
    if (array_grow(&places->conversations, places->count, sizeof(uint64_t)) < 0)
        return -ENOMEM;
    places->conversations[places->count++] = row[0].number;
    return 0;
}

/* Stores the notice in one log, or finds the one that is there. */
static enum sql_status tell(struct sql_connection *connection, struct rename_request *rename,
                            uint64_t conversation, bool is_stored)
{
    char key[MESSAGE_KEY_MAX + 1];
    struct message notice = message_contents(rename->pattern), *stored = NULL;
    enum sql_status status;

    notice.conversation = conversation;
    snprintf(key, sizeof(key), "%.*s:%llx", BYTES_ARG(rename->pattern->key),
             (unsigned long long)conversation);
    notice.key = bytes_of(key);
    if (array_grow(&rename->notices, rename->count, sizeof(struct message *)) < 0) {
        snprintf(connection->error, sizeof(connection->error), "out of memory");
        return SQL_FAILED;
    }
    status = is_stored ? find_notice(connection, &notice, &stored)
                       : store_notice(connection, &rename->request, &notice, &stored);
    if (stored != NULL)
        rename->notices[rename->count++] = stored;
    return status;
}

static enum sql_status tell_all(struct sql_connection *connection, struct rename_request *rename,
                                bool is_stored)
{
    struct places places = {.inbox = rename->user.inbox};
    struct sql_value user[] = {sql_number(rename->id)};
    enum sql_status status;

    if (rename->pattern == NULL)
        return SQL_OK;
    status = sql_run(connection, SQL_MEMBERSHIPS, user, place_row, &places);
    for (size_t i = 0; i < places.count && status == SQL_OK; i++)
        status = tell(connection, rename, places.conversations[i], is_stored);
    free(places.conversations);
    return status;
}

/* Sets the outcome, and `conflict` if it is refused. */
static enum sql_status change_name(struct sql_connection *connection, struct rename_request *rename,
                                   const char *key)
{
    struct sql_value values[] = {sql_bytes(rename->name), sql_bytes(bytes_of(key)),
                                 sql_number(rename->id)};
    struct sql_value name = sql_bytes(rename->name);
    bool taken = false;
    enum sql_status status = name_taken(connection, key, rename->id, &taken);

    if (status != SQL_OK || taken) {
        rename->request.outcome = DAL_REFUSED;
        rename->conflict = "display name";
        return status;
    }
    status = sql_run(connection, SQL_USER_RENAME, values, NULL, NULL);
    column_copy(rename->user.name, sizeof(rename->user.name), &name);
    return status == SQL_OK ? tell_all(connection, rename, false) : status;
}

static enum sql_status rename_execute(struct sql_connection *connection, struct request *request)
{
    struct rename_request *rename = rename_of(request);
    struct found_user found;
    char *key = NULL;
    enum sql_status status;

    drop_notices(rename);
    rename->conflict = NULL;
    request->outcome = DAL_OK;
    if (!fold_name(request, rename->name, &key))
        return SQL_OK;
    status = lock_names(connection);
    if (status == SQL_OK)
        status = find_user_id(connection, rename->id, &found);
    if (status == SQL_OK) {
        free(found.password_hash);
        rename->user = found.user;
        if (!found.found)
            request->outcome = DAL_MISSING;
        else if (!bytes_is(rename->name, found.user.name))
            status = change_name(connection, rename, key);
        else if (request->uncertain)
            status = tell_all(connection, rename, true);
    }
    free(key);
    return status;
}

static void rename_deliver(struct request *request)
{
    struct rename_request *rename = rename_of(request);
    bool ok = request->outcome == DAL_OK;

    rename->callback(request->userdata, request->outcome, ok ? &rename->user : NULL,
                     request->outcome == DAL_REFUSED ? rename->conflict : NULL, rename->notices,
                     ok ? rename->count : 0);
}

static void rename_release(struct request *request)
{
    drop_notices(rename_of(request));
    message_unref(rename_of(request)->pattern);
}

static const struct request_kind kind_rename = {
    .name = "user rename",
    .side = REQUEST_WRITE,
    .execute = rename_execute,
    .deliver = rename_deliver,
    .release = rename_release,
};

int dal_user_rename(uint64_t user, struct bytes name, struct message *notice,
                    dal_renamed_fn callback, void *userdata)
{
    struct rename_request *rename =
        request_new(&kind_rename, sizeof(*rename), request_space(name), userdata);

    if (rename == NULL)
        return -ENOMEM;
    rename->id = user;
    rename->name = request_keep(&rename->request, name);
    rename->pattern = notice != NULL ? message_ref(notice) : NULL;
    rename->callback = callback;
    return dal_submit(&rename->request);
}
