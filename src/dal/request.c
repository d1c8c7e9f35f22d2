/* Requests: memory, and the small look-ups that several kinds share.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "dal/request.h"

#include "util/utf8.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Messages deleted by one statement. */
#define DELETE_SLICE 5000

void *request_new(const struct request_kind *kind, size_t size, size_t arguments, void *userdata)
{
    struct request *request = calloc(1, size + arguments);

    if (request == NULL)
        return NULL;
    list_init(&request->link);
    request->kind = kind;
    request->spare = (char *)request + size;
    request->userdata = userdata;
    return request;
}

void request_free(struct request *request)
{
    if (request == NULL)
        return;
    if (request->kind->release != NULL)
        request->kind->release(request);
    free(request);
}

struct bytes request_keep(struct request *request, struct bytes bytes)
{
    struct bytes copy = {.data = request->spare, .len = bytes.len};

    if (bytes.len > 0)
        memcpy(request->spare, bytes.data, bytes.len);
    request->spare[bytes.len] = '\0';
    request->spare += request_space(bytes);
    return copy;
}

int array_grow(void *array, size_t count, size_t size)
{
    void **pointer = array;
    void *grown;

    /* Full exactly when the count is a power of two (or nothing was allocated yet). */
    if (count != 0 && (count & (count - 1)) != 0)
        return 0;
    grown = realloc(*pointer, (count == 0 ? 1 : 2 * count) * size);
    if (grown == NULL)
        return -ENOMEM;
    *pointer = grown;
    return 0;
}

void column_copy(char *to, size_t size, const struct sql_value *column)
{
    size_t len = column->text.len < size ? column->text.len : size - 1;

    if (len > 0)
        memcpy(to, column->text.data, len);
    to[len] = '\0';
}

void user_from_row(const struct sql_value *row, struct user *ret)
{
    memset(ret, 0, sizeof(*ret));
    ret->id = row[0].number;
    ret->inbox = row[1].number;
    column_copy(ret->userid, sizeof(ret->userid), &row[2]);
    column_copy(ret->name, sizeof(ret->name), &row[3]);
    ret->created_ms = row[4].number;
    ret->auth_epoch = (uint32_t)row[5].number;
    ret->disabled = row[6].number != 0;
    ret->bulk = row[7].number != 0;
}

void conversation_from_row(const struct sql_value *row, struct conversation_record *ret)
{
    memset(ret, 0, sizeof(*ret));
    ret->id = row[0].number;
    ret->kind = (enum conversation_kind)row[1].number;
    column_copy(ret->name, sizeof(ret->name), &row[2]);
    ret->end = row[3].number;
    ret->number = row[4].number;
}

void room_from_row(const struct sql_value *row, struct room_record *ret)
{
    memset(ret, 0, sizeof(*ret));
    conversation_from_row(row, &ret->conversation);
    ret->access = row[5].number != 0 ? ROOM_CLOSED : ROOM_OPEN;
    column_copy(ret->topic, sizeof(ret->topic), &row[6]);
    ret->members = row[7].number;
    ret->made_by = row[8].number;
    ret->made_ms = row[9].number;
    ret->standing = (enum room_standing)row[10].number;
}

static int user_row(void *userdata, const struct sql_value *row)
{
    struct found_user *found = userdata;

    user_from_row(row, &found->user);
    found->password_hash = strndup(row[8].text.data, row[8].text.len);
    if (found->password_hash == NULL)
        return -ENOMEM;
    found->found = true;
    return 1;
}

enum sql_status find_user(struct sql_connection *connection, struct bytes userid,
                          struct found_user *ret)
{
    struct sql_value values[] = {sql_bytes(userid)};

    *ret = (struct found_user){.found = false};
    return sql_run(connection, SQL_USER_BY_USERID, values, user_row, ret);
}

enum sql_status find_user_id(struct sql_connection *connection, uint64_t id, struct found_user *ret)
{
    struct sql_value values[] = {sql_number(id)};

    *ret = (struct found_user){.found = false};
    return sql_run(connection, SQL_USER_BY_ID, values, user_row, ret);
}

static int conversation_row(void *userdata, const struct sql_value *row)
{
    conversation_from_row(row, userdata);
    return 1;
}

static int room_row(void *userdata, const struct sql_value *row)
{
    room_from_row(row, userdata);
    return 1;
}

enum sql_status find_room_number(struct sql_connection *connection, uint64_t user, uint64_t number,
                                 struct room_record *ret)
{
    struct sql_value values[] = {sql_number(user), sql_number(user), sql_number(number)};

    *ret = (struct room_record){.members = 0};
    return sql_run(connection, SQL_ROOM_BY_NUMBER, values, room_row, ret);
}

enum sql_status find_room(struct sql_connection *connection, uint64_t user, struct bytes room,
                          struct room_record *ret)
{
    uint64_t number = room_number(room);
    struct sql_value values[] = {sql_number(user), sql_number(user), sql_number(0),
                                 sql_bytes(room)};
    char *key = NULL;
    enum sql_status status;

    *ret = (struct room_record){.members = 0};
    if (number != 0)
        return find_room_number(connection, user, number, ret);
    if (room.len < 2 || room.data[0] != '#')
        return SQL_OK;
    switch (utf8_fold((struct bytes){room.data + 1, room.len - 1}, &key)) {
    case 0:
        break;
    case -EILSEQ:
        return SQL_OK;
    default:
        snprintf(connection->error, sizeof(connection->error), "out of memory");
        return SQL_FAILED;
    }
    values[2] = sql_bytes(bytes_of(key));
    status = sql_run(connection, SQL_ROOM_BY_KEY, values, room_row, ret);
    free(key);
    return status;
}

enum sql_status find_conversation(struct sql_connection *connection, struct bytes name,
                                  struct conversation_record *ret)
{
    struct sql_value values[] = {sql_bytes(name)};
    struct room_record room;
    enum sql_status status;

    *ret = (struct conversation_record){.id = 0};
    if (name.len == 0 || name.data[0] != '#')
        return sql_run(connection, SQL_CONVERSATION_BY_NAME, values, conversation_row, ret);
    status = find_room(connection, 0, name, &room);
    *ret = room.conversation;
    return status;
}

enum sql_status delete_conversation(struct sql_connection *connection,
                                    const struct conversation_record *conversation)
{
    struct sql_value id[] = {sql_number(conversation->id)};
    enum sql_status status = SQL_OK;

    for (uint64_t seq = 0; seq < conversation->end && status == SQL_OK;) {
        struct sql_value slice[2] = {id[0]};
        seq = conversation->end - seq > DELETE_SLICE ? seq + DELETE_SLICE : conversation->end;
        slice[1] = sql_number(seq);
        status = sql_run(connection, SQL_MESSAGES_DELETE, slice, NULL, NULL);
    }
    return status == SQL_OK ? sql_run(connection, SQL_CONVERSATION_DELETE, id, NULL, NULL) : status;
}

int row_exists(void *userdata, const struct sql_value *row)
{
    *(bool *)userdata = true;
    return 1;
}

int row_number(void *userdata, const struct sql_value *row)
{
    *(uint64_t *)userdata = row[0].number;
    return 1;
}
