/* Who is a member of a room, or of everyone's conversation.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "dal/request.h"

#include <errno.h>
#include <stdlib.h>

struct member_list {
    struct request request;
    struct bytes room, after;
    unsigned max;
    dal_members_fn callback;
    struct dal_member *members; /* result */
    size_t count;
};

static struct member_list *list_of(struct request *request)
{
    return CONTAINER_OF(request, struct member_list, request);
}

static int add_member(struct member_list *list, const struct sql_value *user, bool is_operator)
{
    if (array_grow(&list->members, list->count, sizeof(*list->members)) < 0)
        return -ENOMEM;
    user_from_row(user, &list->members[list->count].user);
    list->members[list->count].is_operator = is_operator;
    list->count++;
    return 0;
}

static int member_row(void *userdata, const struct sql_value *row)
{
    return add_member(userdata, row, row[8].number != 0);
}

static int user_row(void *userdata, const struct sql_value *row)
{
    return add_member(userdata, row, false);
}

static void list_release(struct request *request)
{
    struct member_list *list = list_of(request);

    free(list->members);
    list->members = NULL;
    list->count = 0;
}

static enum sql_status list_execute(struct sql_connection *connection, struct request *request)
{
    struct member_list *list = list_of(request);
    struct conversation_record room;
    struct sql_value values[] = {sql_number(0), sql_bytes(list->after), sql_number(list->max)};
    enum sql_status status = find_conversation(connection, list->room, &room);

    list_release(request);
    request->outcome = room.id == 0 ? DAL_MISSING : DAL_OK;
    if (status != SQL_OK || room.id == 0)
        return status;
    /* Of everyone's each user is one, and their userids are in order already. */
    if (room.kind == CONVERSATION_EVERYONE)
        return sql_run(connection, SQL_USER_LIST, &values[1], user_row, list);
    values[0] = sql_number(room.id);
    return sql_run(connection, SQL_MEMBER_LIST, values, member_row, list);
}

static void list_deliver(struct request *request)
{
    struct member_list *list = list_of(request);
    bool ok = request->outcome == DAL_OK;

    list->callback(request->userdata, request->outcome, ok ? list->members : NULL,
                   ok ? list->count : 0);
}

static const struct request_kind kind_list = {
    .name = "member list",
    .side = REQUEST_READ,
    .execute = list_execute,
    .deliver = list_deliver,
    .release = list_release,
};

int dal_member_list(struct bytes room, struct bytes after, unsigned max, dal_members_fn callback,
                    void *userdata)
{
    struct member_list *list = request_new(&kind_list, sizeof(*list),
                                           request_space(room) + request_space(after), userdata);

    if (list == NULL)
        return -ENOMEM;
    list->room = request_keep(&list->request, room);
    list->after = request_keep(&list->request, after);
    list->max = max;
    list->callback = callback;
    return dal_submit(&list->request);
}
