/* Conversations by name, making and deleting rooms, and which there are.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "dal/request.h"

#include "util/clock.h"

#include <errno.h>
#include <stdlib.h>

struct room_request {
    struct request request;
    struct bytes name;
    uint64_t asked_ms;
    dal_conversation_fn callback;
    struct conversation_record record; /* result */
};

static struct room_request *room_of(struct request *request)
{
    return CONTAINER_OF(request, struct room_request, request);
}

static struct room_request *room_new(const struct request_kind *kind, struct bytes name,
                                     void *userdata)
{
    struct room_request *room = request_new(kind, sizeof(*room), request_space(name), userdata);

    if (room == NULL)
        return NULL;
    room->name = request_keep(&room->request, name);
    room->asked_ms = clock_real_ms();
    return room;
}

/* -- conversations ----------------------------------------------------------------------------- */

static enum sql_status find_execute(struct sql_connection *connection, struct request *request)
{
    struct room_request *find = room_of(request);
    enum sql_status status = find_conversation(connection, find->name, &find->record);

    request->outcome = find->record.id != 0 ? DAL_OK : DAL_MISSING;
    return status;
}

static void record_deliver(struct request *request)
{
    struct room_request *room = room_of(request);

    room->callback(request->userdata, request->outcome,
                   request->outcome == DAL_OK ? &room->record : NULL);
}

static const struct request_kind kind_find = {
    .name = "conversation find",
    .side = REQUEST_READ,
    .execute = find_execute,
    .deliver = record_deliver,
};

int dal_conversation_find(struct bytes name, dal_conversation_fn callback, void *userdata)
{
    struct room_request *find = room_new(&kind_find, name, userdata);

    if (find == NULL)
        return -ENOMEM;
    find->callback = callback;
    return dal_submit(&find->request);
}

enum sql_status insert_room_rows(struct sql_connection *connection, struct bytes name,
                                 const char *key, uint64_t by, uint64_t ms)
{
    struct sql_value conversation[] = {sql_number(CONVERSATION_ROOM), sql_bytes(name)};
    struct sql_value room[] = {sql_number(0), sql_bytes(bytes_of(key)), sql_number(by),
                               sql_number(ms)};
    enum sql_status status = sql_run(connection, SQL_CONVERSATION_INSERT, conversation, NULL, NULL);

    room[0] = sql_number(connection->last_id);
    return status == SQL_OK ? sql_run(connection, SQL_ROOM_INSERT, room, NULL, NULL) : status;
}

/* Sets `record` and the outcome. */
static enum sql_status add_named(struct sql_connection *connection, struct room_request *add,
                                 const char *key)
{
    struct request *request = &add->request;
    enum sql_status status = lock_names(connection);

    if (status == SQL_OK)
        status = find_conversation(connection, add->name, &add->record);
    if (status != SQL_OK)
        return status;
    if (add->record.id != 0) {
        /* After a lost commit it is this request's own. */
        request->outcome = request->uncertain ? DAL_OK : DAL_REFUSED;
        return SQL_OK;
    }
    status = insert_room_rows(connection, add->name, key, 0, add->asked_ms);
    return status == SQL_OK ? find_conversation(connection, add->name, &add->record) : status;
}

static enum sql_status add_execute(struct sql_connection *connection, struct request *request)
{
    struct room_request *add = room_of(request);
    struct bytes name = {.data = add->name.data + 1, .len = add->name.len - 1};
    char *key = NULL;
    enum sql_status status;

    request->outcome = DAL_REFUSED;
    if (add->name.len < 2 || add->name.data[0] != '#' || room_name_refusal(name) != NULL)
        return SQL_OK;
    request->outcome = DAL_OK;
    if (!fold_name(request, name, &key))
        return SQL_OK;
    status = add_named(connection, add, key);
    free(key);
    return status;
}

static const struct request_kind kind_add = {
    .name = "room add",
    .side = REQUEST_WRITE,
    .execute = add_execute,
    .deliver = record_deliver,
};

int dal_room_add(struct bytes name, dal_conversation_fn callback, void *userdata)
{
    struct room_request *add = room_new(&kind_add, name, userdata);

    if (add == NULL)
        return -ENOMEM;
    add->callback = callback;
    return dal_submit(&add->request);
}

static enum sql_status delete_execute(struct sql_connection *connection, struct request *request)
{
    struct room_request *room = room_of(request);
    struct room_record found;
    enum sql_status status = find_room(connection, 0, room->name, &found);

    if (status != SQL_OK)
        return status;
    room->record = found.conversation;
    request->outcome = room->record.id != 0 || request->uncertain ? DAL_OK : DAL_MISSING;
    return room->record.id == 0 ? SQL_OK : delete_conversation(connection, &room->record);
}

static const struct request_kind kind_delete = {
    .name = "room delete",
    .side = REQUEST_WRITE,
    .fenced = true,
    .execute = delete_execute,
};

int dal_room_delete(struct bytes name, dal_done_fn callback, void *userdata)
{
    struct room_request *room = room_new(&kind_delete, name, userdata);

    if (room == NULL)
        return -ENOMEM;
    room->request.done = callback;
    return dal_submit(&room->request);
}

/* -- listing ----------------------------------------------------------------------------------- */

struct room_list {
    struct request request;
    uint64_t by;
    struct bytes after;
    unsigned max;
    dal_rooms_fn callback;
    struct room_record *rooms; /* result */
    size_t count;
};

static struct room_list *list_of(struct request *request)
{
    return CONTAINER_OF(request, struct room_list, request);
}

static int room_row(void *userdata, const struct sql_value *row)
{
    struct room_list *list = userdata;

    if (array_grow(&list->rooms, list->count, sizeof(*list->rooms)) < 0)
        return -ENOMEM;
    room_from_row(row, &list->rooms[list->count++]);
    return 0;
}

static enum sql_status list_execute(struct sql_connection *connection, struct request *request)
{
    struct room_list *list = list_of(request);
    struct sql_value values[] = {sql_number(list->by), sql_number(list->by), sql_bytes(list->after),
                                 sql_number(list->by), sql_number(list->max)};

    free(list->rooms);
    list->rooms = NULL;
    list->count = 0;
    request->outcome = DAL_OK;
    return sql_run(connection, SQL_ROOM_LIST, values, room_row, list);
}

static void list_deliver(struct request *request)
{
    struct room_list *list = list_of(request);
    bool ok = request->outcome == DAL_OK;

    list->callback(request->userdata, request->outcome, ok ? list->rooms : NULL,
                   ok ? list->count : 0);
}

static void list_release(struct request *request)
{
    free(list_of(request)->rooms);
}

static const struct request_kind kind_list = {
    .name = "room list",
    .side = REQUEST_READ,
    .execute = list_execute,
    .deliver = list_deliver,
    .release = list_release,
};

int dal_room_list(uint64_t by, struct bytes after, unsigned max, dal_rooms_fn callback,
                  void *userdata)
{
    struct room_list *list = request_new(&kind_list, sizeof(*list), request_space(after), userdata);

    if (list == NULL)
        return -ENOMEM;
    list->by = by;
    list->after = request_keep(&list->request, after);
    list->max = max;
    list->callback = callback;
    return dal_submit(&list->request);
}
