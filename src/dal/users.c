/* Users: adding, changing, deleting and listing them.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "dal/request.h"

#include "util/clock.h"
#include "util/utf8.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct user_request {
    struct request request;
    struct bytes userid, name, hash;
    bool flag; /* what `flag_statement` sets */
    enum sql_id flag_statement;
    uint64_t created_ms;
    dal_user_fn added;
    struct user user;     /* result */
    const char *conflict; /* result */
};

static struct user_request *user_of(struct request *request)
{
    return CONTAINER_OF(request, struct user_request, request);
}

/* -- adding ------------------------------------------------------------------------------------ */

/* The very user this request made before the commit was lost: nobody else's has its hash. */
static bool is_own(const struct user_request *add, const struct found_user *found)
{
    return add->request.uncertain && found->user.created_ms == add->created_ms &&
           bytes_is(add->name, found->user.name) && bytes_is(add->hash, found->password_hash);
}

/* What two names fold to. */
struct keys {
    char *userid, *name;
};

static enum sql_status look_for_names(struct sql_connection *connection, struct user_request *add,
                                      const struct keys *keys)
{
    bool taken = false;
    enum sql_status status = name_taken(connection, keys->userid, 0, &taken);

    if (status == SQL_OK && taken)
        add->conflict = "userid";
    if (status != SQL_OK || taken)
        return status;
    status = name_taken(connection, keys->name, 0, &taken);
    if (taken)
        add->conflict = "display name";
    return status;
}

/* Sets `conflict` if the userid or the display name is taken, and `user` and OK if it is its own
 * doing; else the outcome stays what it was. */
static enum sql_status look_for_user(struct sql_connection *connection, struct user_request *add,
                                     const struct keys *keys)
{
    struct found_user found;
    enum sql_status status = lock_names(connection);

    if (status != SQL_OK)
        return status;
    status = find_user(connection, add->userid, &found);
    if (status == SQL_OK && found.found) {
        add->user = found.user;
        add->conflict = is_own(add, &found) ? NULL : "userid";
    } else if (status == SQL_OK) {
        status = look_for_names(connection, add, keys);
    }
    free(found.password_hash);
    return status;
}

static enum sql_status add_membership(struct sql_connection *connection, uint64_t conversation,
                                      uint64_t user, uint64_t since)
{
    struct sql_value values[] = {sql_number(conversation), sql_number(user), sql_number(since),
                                 sql_number(0)};

    return sql_run(connection, SQL_MEMBER_INSERT, values, NULL, NULL);
}

static enum sql_status insert_rows(struct sql_connection *connection, struct user_request *add,
                                   const struct keys *keys)
{
    struct sql_value inbox[] = {sql_number(CONVERSATION_INBOX), sql_bytes(add->userid)};
    struct sql_value user[] = {sql_bytes(add->userid),           sql_bytes(add->name),
                               sql_bytes(bytes_of(keys->name)),  sql_bytes(add->hash),
                               sql_number(add->created_ms),      sql_number(0),
                               sql_number(add->user.auth_epoch), sql_bytes(bytes_of(keys->userid))};
    struct conversation_record everyone;
    enum sql_status status = sql_run(connection, SQL_CONVERSATION_INSERT, inbox, NULL, NULL);

    if (status != SQL_OK)
        return status;
    add->user.inbox = connection->last_id;
    user[5] = sql_number(add->user.inbox);
    status = sql_run(connection, SQL_USER_INSERT, user, NULL, NULL);
    if (status != SQL_OK)
        return status;
    add->user.id = connection->last_id;
    status = add_membership(connection, add->user.inbox, add->user.id, 0);
    if (status == SQL_OK)
        status = find_conversation(connection, bytes_of("*"), &everyone);
    if (status == SQL_OK && everyone.id != 0)
        status = add_membership(connection, everyone.id, add->user.id, everyone.end);
    return status;
}

static void fill_user(struct user_request *add)
{
    struct sql_value userid = sql_bytes(add->userid), name = sql_bytes(add->name);

    column_copy(add->user.userid, sizeof(add->user.userid), &userid);
    column_copy(add->user.name, sizeof(add->user.name), &name);
    add->user.created_ms = add->created_ms;
    /* Not 1: a session of somebody who has this id in another store, which was here before, is none
     * of this user's. */
    add->user.auth_epoch = (uint32_t)(add->created_ms / 1000);
}

static enum sql_status add_folded(struct sql_connection *connection, struct user_request *add,
                                  const struct keys *keys)
{
    enum sql_status status = look_for_user(connection, add, keys);

    if (status != SQL_OK || add->conflict != NULL) {
        add->request.outcome = DAL_REFUSED;
        return status;
    }
    if (add->user.id != 0)
        return SQL_OK;
    fill_user(add);
    return insert_rows(connection, add, keys);
}

static enum sql_status add_execute(struct sql_connection *connection, struct request *request)
{
    struct user_request *add = user_of(request);
    struct keys keys = {NULL, NULL};
    enum sql_status status = SQL_OK;

    add->user = (struct user){.id = 0};
    add->conflict = NULL;
    request->outcome = DAL_OK;
    if (fold_name(request, add->userid, &keys.userid) && fold_name(request, add->name, &keys.name))
        status = add_folded(connection, add, &keys);
    free(keys.userid);
    free(keys.name);
    return status;
}

static void add_deliver(struct request *request)
{
    struct user_request *add = user_of(request);
    bool ok = request->outcome == DAL_OK;

    add->added(request->userdata, request->outcome, ok ? &add->user : NULL,
               request->outcome == DAL_REFUSED ? add->conflict : NULL);
}

static void wipe_hash(struct request *request)
{
    struct user_request *user = user_of(request);

    if (user->hash.len > 0)
        explicit_bzero((char *)user->hash.data, user->hash.len);
}

static const struct request_kind kind_add = {
    .name = "user add",
    .side = REQUEST_WRITE,
    .fenced = true,
    .execute = add_execute,
    .deliver = add_deliver,
    .release = wipe_hash,
};

int dal_user_add(struct bytes userid, struct bytes name, const char *password_hash,
                 dal_user_fn callback, void *userdata)
{
    struct bytes hash = bytes_of(password_hash);
    struct user_request *add =
        request_new(&kind_add, sizeof(*add),
                    request_space(userid) + request_space(name) + request_space(hash), userdata);

    if (add == NULL)
        return -ENOMEM;
    add->userid = request_keep(&add->request, userid);
    add->name = request_keep(&add->request, name);
    add->hash = request_keep(&add->request, hash);
    add->created_ms = clock_real_ms();
    add->added = callback;
    return dal_submit(&add->request);
}

/* -- changing ---------------------------------------------------------------------------------- */

static enum sql_status password_execute(struct sql_connection *connection, struct request *request)
{
    struct user_request *change = user_of(request);
    struct sql_value values[] = {sql_bytes(change->hash), sql_bytes(change->userid)};
    struct found_user found;
    enum sql_status status = find_user(connection, change->userid, &found);
    bool stored = status == SQL_OK && found.found && request->uncertain &&
                  bytes_is(change->hash, found.password_hash);

    free(found.password_hash);
    if (status != SQL_OK)
        return status;
    request->outcome = found.found ? DAL_OK : DAL_MISSING;
    if (!found.found || stored)
        return SQL_OK;
    return sql_run(connection, SQL_USER_PASSWORD, values, NULL, NULL);
}

static const struct request_kind kind_password = {
    .name = "user password",
    .side = REQUEST_WRITE,
    .execute = password_execute,
    .release = wipe_hash,
};

static struct user_request *change_new(const struct request_kind *kind, struct bytes userid,
                                       size_t more, dal_done_fn callback, void *userdata)
{
    struct user_request *change =
        request_new(kind, sizeof(*change), request_space(userid) + more, userdata);

    if (change == NULL)
        return NULL;
    change->userid = request_keep(&change->request, userid);
    change->request.done = callback;
    return change;
}

int dal_user_set_password(struct bytes userid, const char *password_hash, dal_done_fn callback,
                          void *userdata)
{
    struct bytes hash = bytes_of(password_hash);
    struct user_request *change =
        change_new(&kind_password, userid, request_space(hash), callback, userdata);

    if (change == NULL)
        return -ENOMEM;
    change->hash = request_keep(&change->request, hash);
    return dal_submit(&change->request);
}

static enum sql_status flag_execute(struct sql_connection *connection, struct request *request)
{
    struct user_request *change = user_of(request);
    struct sql_value values[] = {sql_number(change->flag), sql_bytes(change->userid)};
    enum sql_status status = sql_run(connection, change->flag_statement, values, NULL, NULL);

    request->outcome = connection->changes > 0 ? DAL_OK : DAL_MISSING;
    return status;
}

static const struct request_kind kind_flag = {
    .name = "user flag",
    .side = REQUEST_WRITE,
    .execute = flag_execute,
};

static int submit_flag(enum sql_id statement, struct bytes userid, bool flag, dal_done_fn callback,
                       void *userdata)
{
    struct user_request *change = change_new(&kind_flag, userid, 0, callback, userdata);

    if (change == NULL)
        return -ENOMEM;
    change->flag_statement = statement;
    change->flag = flag;
    return dal_submit(&change->request);
}

int dal_user_set_disabled(struct bytes userid, bool disabled, dal_done_fn callback, void *userdata)
{
    return submit_flag(SQL_USER_DISABLE, userid, disabled, callback, userdata);
}

int dal_user_set_bulk(struct bytes userid, bool bulk, dal_done_fn callback, void *userdata)
{
    return submit_flag(SQL_USER_BULK, userid, bulk, callback, userdata);
}

/* Where it is done twice because a commit was lost, the sessions end all the same. */
static enum sql_status revoke_execute(struct sql_connection *connection, struct request *request)
{
    struct sql_value values[] = {sql_bytes(user_of(request)->userid)};
    enum sql_status status = sql_run(connection, SQL_USER_REVOKE, values, NULL, NULL);

    request->outcome = connection->changes > 0 ? DAL_OK : DAL_MISSING;
    return status;
}

static const struct request_kind kind_revoke = {
    .name = "user revoke",
    .side = REQUEST_WRITE,
    .execute = revoke_execute,
};

int dal_user_revoke(struct bytes userid, dal_done_fn callback, void *userdata)
{
    struct user_request *change = change_new(&kind_revoke, userid, 0, callback, userdata);

    return change == NULL ? -ENOMEM : dal_submit(&change->request);
}

/* The user first, for his row refers to the inbox; what refers to either goes with it. */
static enum sql_status delete_execute(struct sql_connection *connection, struct request *request)
{
    struct user_request *change = user_of(request);
    struct found_user found;
    struct conversation_record inbox;
    struct sql_value user[1];
    enum sql_status status = find_user(connection, change->userid, &found);

    free(found.password_hash);
    if (status != SQL_OK)
        return status;
    request->outcome = found.found || request->uncertain ? DAL_OK : DAL_MISSING;
    if (!found.found)
        return SQL_OK;
    user[0] = sql_number(found.user.id);
    status = find_conversation(connection, change->userid, &inbox);
    if (status == SQL_OK)
        status = sql_run(connection, SQL_USER_DELETE, user, NULL, NULL);
    return status == SQL_OK ? delete_conversation(connection, &inbox) : status;
}

static const struct request_kind kind_delete = {
    .name = "user delete",
    .side = REQUEST_WRITE,
    .fenced = true,
    .execute = delete_execute,
};

int dal_user_delete(struct bytes userid, dal_done_fn callback, void *userdata)
{
    struct user_request *change = change_new(&kind_delete, userid, 0, callback, userdata);

    return change == NULL ? -ENOMEM : dal_submit(&change->request);
}

/* -- listing ----------------------------------------------------------------------------------- */

struct user_list {
    struct request request;
    struct bytes after;
    unsigned max;
    dal_users_fn callback;
    struct user *users; /* result */
    size_t count;
};

static struct user_list *list_of(struct request *request)
{
    return CONTAINER_OF(request, struct user_list, request);
}

static int list_row(void *userdata, const struct sql_value *row)
{
    struct user_list *list = userdata;

    if (array_grow(&list->users, list->count, sizeof(*list->users)) < 0)
        return -ENOMEM;
    user_from_row(row, &list->users[list->count++]);
    return 0;
}

static enum sql_status list_execute(struct sql_connection *connection, struct request *request)
{
    struct user_list *list = list_of(request);
    struct sql_value values[] = {sql_bytes(list->after), sql_number(list->max)};

    free(list->users);
    list->users = NULL;
    list->count = 0;
    request->outcome = DAL_OK;
    return sql_run(connection, SQL_USER_LIST, values, list_row, list);
}

static void list_deliver(struct request *request)
{
    struct user_list *list = list_of(request);
    bool ok = request->outcome == DAL_OK;

    list->callback(request->userdata, request->outcome, ok ? list->users : NULL,
                   ok ? list->count : 0);
}

static void list_release(struct request *request)
{
    free(list_of(request)->users);
}

static const struct request_kind kind_list = {
    .name = "user list",
    .side = REQUEST_READ,
    .execute = list_execute,
    .deliver = list_deliver,
    .release = list_release,
};

int dal_user_list(struct bytes after, unsigned max, dal_users_fn callback, void *userdata)
{
    struct user_list *list = request_new(&kind_list, sizeof(*list), request_space(after), userdata);

    if (list == NULL)
        return -ENOMEM;
    list->after = request_keep(&list->request, after);
    list->max = max;
    list->callback = callback;
    return dal_submit(&list->request);
}
