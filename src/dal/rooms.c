/* Conversations by name, rooms, and who is a member of them.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "dal/request.h"

#include <errno.h>
#include <stdlib.h>

struct room_request {
    struct request request;
    struct bytes name;
    struct bytes userid; /* of a member */
    dal_conversation_fn callback;
    struct conversation_record record; /* result */
};

static struct room_request *room_of(struct request *request)
{
    return CONTAINER_OF(request, struct room_request, request);
}

static struct room_request *room_new(const struct request_kind *kind, struct bytes name,
                                     struct bytes userid, void *userdata)
{
    struct room_request *room =
        request_new(kind, sizeof(*room), request_space(name) + request_space(userid), userdata);

    if (room == NULL)
        return NULL;
    room->name = request_keep(&room->request, name);
    room->userid = request_keep(&room->request, userid);
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
    struct room_request *find = room_new(&kind_find, name, bytes_of(""), userdata);

    if (find == NULL)
        return -ENOMEM;
    find->callback = callback;
    return dal_submit(&find->request);
}

static enum sql_status add_execute(struct sql_connection *connection, struct request *request)
{
    struct room_request *add = room_of(request);
    struct sql_value values[] = {sql_number(CONVERSATION_ROOM), sql_bytes(add->name)};
    struct sql_value name = sql_bytes(add->name);
    enum sql_status status = find_conversation(connection, add->name, &add->record);

    if (status != SQL_OK)
        return status;
    if (add->record.id != 0) {
        /* After a lost commit it is this request's own. */
        request->outcome = request->uncertain ? DAL_OK : DAL_REFUSED;
        return SQL_OK;
    }
    request->outcome = DAL_OK;
    status = sql_run(connection, SQL_CONVERSATION_INSERT, values, NULL, NULL);
    add->record.id = connection->last_id;
    add->record.kind = CONVERSATION_ROOM;
    column_copy(add->record.name, sizeof(add->record.name), &name);
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
    struct room_request *add = room_new(&kind_add, name, bytes_of(""), userdata);

    if (add == NULL)
        return -ENOMEM;
    add->callback = callback;
    return dal_submit(&add->request);
}

/* Only rooms are found: neither everyone's conversation nor an inbox is anybody's to change. */
static enum sql_status find_room(struct sql_connection *connection, struct bytes name,
                                 struct conversation_record *ret)
{
    enum sql_status status = find_conversation(connection, name, ret);

    if (ret->kind != CONVERSATION_ROOM)
        ret->id = 0;
    return status;
}

static enum sql_status delete_execute(struct sql_connection *connection, struct request *request)
{
    struct room_request *room = room_of(request);
    enum sql_status status = find_room(connection, room->name, &room->record);

    if (status != SQL_OK)
        return status;
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
    struct room_request *room = room_new(&kind_delete, name, bytes_of(""), userdata);

    if (room == NULL)
        return -ENOMEM;
    room->request.done = callback;
    return dal_submit(&room->request);
}

/* -- members ----------------------------------------------------------------------------------- */

struct member {
    struct conversation_record room; /* id 0: no such room */
    uint64_t user;                   /* 0: no such user */
    bool is_member;
};

static enum sql_status find_member(struct sql_connection *connection,
                                   const struct room_request *request, struct member *ret)
{
    struct found_user found;
    struct sql_value values[2];
    enum sql_status status = find_room(connection, request->name, &ret->room);

    ret->user = 0;
    ret->is_member = false;
    if (status != SQL_OK || ret->room.id == 0)
        return status;
    status = find_user(connection, request->userid, &found);
    free(found.password_hash);
    if (status != SQL_OK || !found.found)
        return status;
    ret->user = found.user.id;
    values[0] = sql_number(ret->room.id);
    values[1] = sql_number(ret->user);
    return sql_run(connection, SQL_MEMBER_FIND, values, row_exists, &ret->is_member);
}

static enum sql_status member_add_execute(struct sql_connection *connection,
                                          struct request *request)
{
    struct member member;
    struct sql_value values[3];
    enum sql_status status = find_member(connection, room_of(request), &member);

    if (status != SQL_OK)
        return status;
    if (member.user == 0)
        request->outcome = DAL_MISSING;
    else if (member.is_member && !request->uncertain)
        request->outcome = DAL_REFUSED;
    else
        request->outcome = DAL_OK;
    if (member.user == 0 || member.is_member)
        return SQL_OK;
    values[0] = sql_number(member.room.id);
    values[1] = sql_number(member.user);
    values[2] = sql_number(member.room.end);
    return sql_run(connection, SQL_MEMBER_INSERT, values, NULL, NULL);
}

static enum sql_status member_remove_execute(struct sql_connection *connection,
                                             struct request *request)
{
    struct member member;
    struct sql_value values[2];
    enum sql_status status = find_member(connection, room_of(request), &member);

    if (status != SQL_OK)
        return status;
    request->outcome = member.is_member || request->uncertain ? DAL_OK : DAL_MISSING;
    if (!member.is_member)
        return SQL_OK;
    values[0] = sql_number(member.room.id);
    values[1] = sql_number(member.user);
    return sql_run(connection, SQL_MEMBER_DELETE, values, NULL, NULL);
}

static const struct request_kind kind_member_add = {
    .name = "member add",
    .side = REQUEST_WRITE,
    .fenced = true,
    .execute = member_add_execute,
};

static const struct request_kind kind_member_remove = {
    .name = "member remove",
    .side = REQUEST_WRITE,
    .fenced = true,
    .execute = member_remove_execute,
};

int dal_member_add(struct bytes room, struct bytes userid, dal_done_fn callback, void *userdata)
{
    struct room_request *add = room_new(&kind_member_add, room, userid, userdata);

    if (add == NULL)
        return -ENOMEM;
    add->request.done = callback;
    return dal_submit(&add->request);
}

int dal_member_remove(struct bytes room, struct bytes userid, dal_done_fn callback, void *userdata)
{
    struct room_request *member = room_new(&kind_member_remove, room, userid, userdata);

    if (member == NULL)
        return -ENOMEM;
    member->request.done = callback;
    return dal_submit(&member->request);
}

/* -- listing ----------------------------------------------------------------------------------- */

struct room_list {
    struct request request;
    struct bytes after;
    unsigned max;
    dal_rooms_fn callback;
    struct dal_room *rooms; /* result */
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
    conversation_from_row(row, &list->rooms[list->count].conversation);
    list->rooms[list->count].members = row[4].number;
    list->count++;
    return 0;
}

static enum sql_status list_execute(struct sql_connection *connection, struct request *request)
{
    struct room_list *list = list_of(request);
    struct sql_value values[] = {sql_bytes(list->after), sql_number(list->max)};

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

int dal_room_list(struct bytes after, unsigned max, dal_rooms_fn callback, void *userdata)
{
    struct room_list *list = request_new(&kind_list, sizeof(*list), request_space(after), userdata);

    if (list == NULL)
        return -ENOMEM;
    list->after = request_keep(&list->request, after);
    list->max = max;
    list->callback = callback;
    return dal_submit(&list->request);
}
