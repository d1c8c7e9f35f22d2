/* "user add batch": many users in one request, a few of them under way at a time.
 *
 * Each user succeeds or is refused by itself; the answer names those that were refused. Once
 * storage is away the rest is refused without computing its hashes.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "admin/request.h"

#include <errno.h>
#include <stdlib.h>

#define WINDOW 8 /* users under way: keeps the pool's threads and the writer busy */

struct batch {
    struct request *request;
    struct list entries; /* those under way */
    unsigned active;
    size_t next; /* index of the first that has not been started */
    size_t added;
    json_t *refused;
    bool away;
};

struct entry {
    struct list link;
    struct batch *batch;
    size_t index;
    struct arguments arguments; /* borrowed from the request's JSON */
};

static void batch_free(void *state)
{
    struct batch *batch = state;

    while (!list_empty(&batch->entries)) {
        struct entry *entry = LIST_FIRST(&batch->entries, struct entry, link);
        list_remove(&entry->link);
        free(entry);
    }
    json_decref(batch->refused);
    free(batch);
}

/* Puts `refusal` (taken over) on the list, with the place of the user it is about. */
static void batch_refuse(struct batch *batch, size_t index, struct bytes userid, json_t *refusal)
{
    json_object_del(refusal, "ok");
    json_object_set_new(refusal, "index", json_integer((json_int_t)index));
    userid = shorten(userid);
    if (userid.len > 0)
        json_object_set_new(refusal, "userid", json_stringn(userid.data, userid.len));
    json_array_append_new(batch->refused, refusal);
}

static void batch_run(struct batch *batch);

/* Ends an entry, refused or not, and goes on. */
static void entry_end(struct entry *entry, json_t *refusal)
{
    struct batch *batch = entry->batch;

    if (refusal)
        batch_refuse(batch, entry->index, entry->arguments.userid, refusal);
    list_remove(&entry->link);
    free(entry);
    batch->active--;
    batch_run(batch);
}

static void entry_added(void *userdata, enum dal_outcome outcome, const struct user *user,
                        const char *conflict)
{
    struct entry *entry = userdata;
    struct arguments *arguments = &entry->arguments;

    (void)user;
    if (outcome == DAL_OK) {
        entry->batch->added++;
        request_account_changed(entry->batch->request, arguments->userid);
        entry_end(entry, NULL);
        return;
    }
    if (outcome == DAL_UNAVAILABLE)
        entry->batch->away = true;
    entry_end(entry, outcome == DAL_REFUSED ? refusal_of_conflict(arguments, conflict)
                                            : refusal_of_outcome(outcome));
}

static void entry_hashed(void *userdata, const char *hash)
{
    struct entry *entry = userdata;
    struct arguments *arguments = &entry->arguments;
    int error =
        hash ? dal_user_add(arguments->userid, arguments->name, hash, entry_added, entry) : -ENOMEM;

    if (error < 0)
        entry_end(entry, refusal_of_error(error));
}

/* Asks for the hash of a user whose arguments are right. */
static int entry_start(struct batch *batch, size_t index, const struct arguments *arguments)
{
    struct entry *entry = calloc(1, sizeof(*entry));

    if (!entry)
        return -ENOMEM;
    *entry = (struct entry){.batch = batch, .index = index, .arguments = *arguments};
    int error =
        password_pool_hash(batch->request->admin->pool, arguments->password, entry_hashed, entry);
    if (error < 0) {
        free(entry);
        return error;
    }
    list_init(&entry->link);
    list_append(&batch->entries, &entry->link);
    batch->active++;
    return 0;
}

/* The arguments of one user; false with the refusal. */
static bool user_parse(json_t *user, struct arguments *ret, json_t **ret_refusal)
{
    if (!json_is_object(user)) {
        *ret = (struct arguments){0};
        *ret_refusal = admin_refusal(ADMIN_CODE_INVALID, "a user has to be an object");
        return false;
    }
    if (!arguments_parse(user, "user add batch", ARGUMENT_BIT(USERID) | ARGUMENT_BIT(PASSWORD),
                         ARGUMENT_BIT(NAME), ret, ret_refusal))
        return false;
    if (!(ret->given & ARGUMENT_BIT(NAME)))
        ret->name = ret->userid;
    return true;
}

/* Starts or refuses the next user. False if the pool has no room for him now and one that is under
 * way will come back here. */
static bool batch_step(struct batch *batch)
{
    json_t *refusal = NULL;
    struct arguments arguments;
    bool right = user_parse(json_array_get(batch->request->arguments.users, batch->next),
                            &arguments, &refusal);

    if (right && batch->away)
        refusal = refusal_of_outcome(DAL_UNAVAILABLE);
    if (right && !batch->away) {
        int error = entry_start(batch, batch->next, &arguments);
        if (error == -EAGAIN && batch->active > 0)
            return false;
        if (error < 0)
            refusal = refusal_of_error(error);
    }
    if (refusal)
        batch_refuse(batch, batch->next, arguments.userid, refusal);
    batch->next++;
    return true;
}

static void batch_run(struct batch *batch)
{
    size_t count = json_array_size(batch->request->arguments.users);

    while (batch->next < count && batch->active < WINDOW)
        if (!batch_step(batch))
            return;
    if (batch->next == count && batch->active == 0)
        request_finish(batch->request,
                       json_pack("{s:b,s:I,s:O}", "ok", 1, "added", (json_int_t)batch->added,
                                 "refused", batch->refused));
}

void verb_user_add_batch(struct request *request)
{
    struct batch *batch = calloc(1, sizeof(*batch));

    if (!batch) {
        request_check(request, -ENOMEM);
        return;
    }
    batch->request = request;
    batch->refused = json_array();
    list_init(&batch->entries);
    request->state = batch;
    request->state_free = batch_free;
    batch_run(batch);
}
