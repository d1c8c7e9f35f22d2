/* What users and the administrator do with rooms: one order is one transaction, with the notice
 * that tells of it.
 *
 * The room as it is for who asks is looked up first, then who may, then what is to change; after
 * the change the room is looked up again. After a commit that was lost, the notice tells whether it
 * took effect; without one, what is as it was asked for is taken for the order's own doing.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "dal/request.h"

#include "util/clock.h"

#include <errno.h>
#include <stdlib.h>

struct order_request {
    struct request request;
    struct dal_room_order order; /* with copies of its own */
    uint64_t asked_ms;
    dal_room_fn callback;
    struct dal_room_result result;
    bool settled; /* a lost commit took effect */
};

struct place {
    bool found;
    uint64_t since, role;
};

static struct order_request *order_of(struct request *request)
{
    return CONTAINER_OF(request, struct order_request, request);
}

static enum sql_status refuse(struct order_request *order, enum dal_room_refusal refusal)
{
    order->result.refusal = refusal;
    return SQL_OK;
}

/* -- members ---------------------------------------------------------------------------------- */

static int member_row(void *userdata, const struct sql_value *row)
{
    *(struct place *)userdata = (struct place){true, row[0].number, row[1].number};
    return 1;
}

static enum sql_status find_place(struct sql_connection *connection,
                                  const struct order_request *order, uint64_t user,
                                  struct place *ret)
{
    struct sql_value values[] = {sql_number(order->result.room.conversation.id), sql_number(user)};

    *ret = (struct place){.found = false};
    return sql_run(connection, SQL_MEMBER_FIND, values, member_row, ret);
}

static enum sql_status run_on_member(struct sql_connection *connection,
                                     const struct order_request *order, enum sql_id id,
                                     uint64_t user)
{
    struct sql_value values[] = {sql_number(order->result.room.conversation.id), sql_number(user)};

    return sql_run(connection, id, values, NULL, NULL);
}

/* After a lost commit of an order that left no notice: it may have taken effect. */
static bool may_be_own(const struct order_request *order)
{
    return order->request.uncertain && order->order.notice == NULL;
}

/* -- the verbs -------------------------------------------------------------------------------- */

static enum sql_status change_nothing(struct sql_connection *connection,
                                      struct order_request *order)
{
    return SQL_OK;
}

/* Who joins: the one who asks, or whom the administrator puts in. */
static uint64_t joiner(const struct order_request *order)
{
    return order->order.by != 0 ? order->order.by : order->result.user.id;
}

static enum sql_status is_over(struct sql_connection *connection, enum sql_id count,
                               const struct sql_value *values, uint64_t limit, bool *ret)
{
    uint64_t number = 0;
    enum sql_status status = SQL_OK;

    if (limit != 0)
        status = sql_run(connection, count, values, row_number, &number);
    *ret = limit != 0 && number >= limit;
    return status;
}

static enum sql_status has_too_many_rooms(struct sql_connection *connection,
                                          const struct order_request *order, bool *ret)
{
    struct sql_value user[] = {sql_number(order->order.by)};
    uint64_t limit = order->order.by != 0 ? order->order.rooms_per_user : 0;

    return is_over(connection, SQL_MEMBERSHIP_COUNT, user, limit, ret);
}

static enum sql_status add_member(struct sql_connection *connection, struct order_request *order)
{
    const struct conversation_record *room = &order->result.room.conversation;
    struct sql_value values[] = {sql_number(room->id), sql_number(joiner(order)),
                                 sql_number(room->end), sql_number(order->result.made)};
    enum sql_status status = sql_run(connection, SQL_MEMBER_INSERT, values, NULL, NULL);

    order->result.since = room->end;
    order->result.changed = true;
    if (status != SQL_OK)
        return status;
    return run_on_member(connection, order, SQL_INVITATION_DELETE, joiner(order));
}

static enum sql_status change_join(struct sql_connection *connection, struct order_request *order)
{
    const struct room_record *room = &order->result.room;
    bool full = false;
    struct place place;
    enum sql_status status = find_place(connection, order, joiner(order), &place);

    if (status != SQL_OK)
        return status;
    if (place.found) {
        order->result.since = place.since;
        order->result.changed = may_be_own(order);
        return SQL_OK;
    }
    if (room->access == ROOM_CLOSED && order->order.by != 0 && room->standing < STANDING_INVITED)
        return refuse(order, ROOM_IS_CLOSED);
    status = has_too_many_rooms(connection, order, &full);
    if (status != SQL_OK)
        return status;
    if (full)
        return refuse(order, ROOM_FULL);
    return add_member(connection, order);
}

static enum sql_status change_part(struct sql_connection *connection, struct order_request *order)
{
    order->result.changed = true;
    return run_on_member(connection, order, SQL_MEMBER_DELETE, order->order.by);
}

static enum sql_status change_topic(struct sql_connection *connection, struct order_request *order)
{
    struct room_record *room = &order->result.room;
    struct sql_value values[] = {sql_bytes(order->order.topic),
                                 sql_number(room->conversation.number)};

    order->result.changed = !bytes_is(order->order.topic, room->topic) || may_be_own(order);
    return sql_run(connection, SQL_ROOM_TOPIC, values, NULL, NULL);
}

static enum sql_status change_access(struct sql_connection *connection, struct order_request *order)
{
    struct room_record *room = &order->result.room;
    struct sql_value values[] = {sql_number(order->order.access),
                                 sql_number(room->conversation.number)};

    order->result.changed = order->order.access != room->access || may_be_own(order);
    return sql_run(connection, SQL_ROOM_ACCESS, values, NULL, NULL);
}

static enum sql_status change_invite(struct sql_connection *connection, struct order_request *order)
{
    struct sql_value values[] = {sql_number(order->result.room.conversation.id),
                                 sql_number(order->result.user.id), sql_number(order->order.by),
                                 sql_number(order->asked_ms)};
    bool invited = false, full = false;
    struct place place;
    enum sql_status status = find_place(connection, order, order->result.user.id, &place);

    if (status == SQL_OK)
        status = sql_run(connection, SQL_INVITATION_FIND, values, row_exists, &invited);
    if (status != SQL_OK || place.found || invited) {
        order->result.changed = invited && may_be_own(order);
        return status;
    }
    status =
        is_over(connection, SQL_INVITATION_COUNT, &values[1], order->order.rooms_per_user, &full);
    if (status != SQL_OK)
        return status;
    if (full)
        return refuse(order, ROOM_FULL);
    order->result.changed = true;
    return sql_run(connection, SQL_INVITATION_INSERT, values, NULL, NULL);
}

/* Who is no member may have been invited. */
static enum sql_status take_back(struct sql_connection *connection, struct order_request *order)
{
    enum sql_status status =
        run_on_member(connection, order, SQL_INVITATION_DELETE, order->result.user.id);

    if (status != SQL_OK || connection->changes > 0)
        return status;
    return refuse(order, ROOM_NO_MEMBER);
}

static enum sql_status change_remove(struct sql_connection *connection, struct order_request *order)
{
    struct place place;
    enum sql_status status = find_place(connection, order, order->result.user.id, &place);

    if (status != SQL_OK)
        return status;
    order->result.changed = place.found || may_be_own(order);
    if (!order->result.changed)
        return take_back(connection, order);
    return run_on_member(connection, order, SQL_MEMBER_DELETE, order->result.user.id);
}

static enum sql_status change_role(struct sql_connection *connection, struct order_request *order)
{
    struct sql_value values[] = {sql_number(order->order.is_operator),
                                 sql_number(order->result.room.conversation.id),
                                 sql_number(order->result.user.id)};
    struct place place;
    enum sql_status status = find_place(connection, order, order->result.user.id, &place);

    if (status != SQL_OK)
        return status;
    if (!place.found)
        return refuse(order, ROOM_NO_MEMBER);
    order->result.changed = (place.role != 0) != order->order.is_operator || may_be_own(order);
    return sql_run(connection, SQL_MEMBER_ROLE, values, NULL, NULL);
}

static const struct room_verb {
    enum sql_status (*change)(struct sql_connection *connection, struct order_request *order);
    enum room_standing needs[2]; /* of who asks, by enum room_access */
    bool of_other;               /* is about the user `userid` names */
} verbs[] = {
    [ROOM_LOOK] = {change_nothing, {STANDING_NONE, STANDING_INVITED}, false},
    [ROOM_JOIN] = {change_join, {STANDING_NONE, STANDING_NONE}, false},
    [ROOM_PART] = {change_part, {STANDING_MEMBER, STANDING_MEMBER}, false},
    [ROOM_TOPIC] = {change_topic, {STANDING_MEMBER, STANDING_OPERATOR}, false},
    [ROOM_ACCESS] = {change_access, {STANDING_OPERATOR, STANDING_OPERATOR}, false},
    [ROOM_INVITE] = {change_invite, {STANDING_MEMBER, STANDING_OPERATOR}, true},
    [ROOM_REMOVE] = {change_remove, {STANDING_OPERATOR, STANDING_OPERATOR}, true},
    [ROOM_ROLE] = {change_role, {STANDING_OPERATOR, STANDING_OPERATOR}, true},
};

/* -- who and what ----------------------------------------------------------------------------- */

static enum sql_status insert_room(struct sql_connection *connection, struct order_request *order,
                                   const char *key)
{
    enum sql_status status =
        insert_room_rows(connection, order->order.room, key, order->order.by, order->asked_ms);

    if (status != SQL_OK)
        return status;
    order->result.made = true;
    return find_room(connection, order->order.by, order->order.room, &order->result.room);
}

/* Rooms outlast their members: who makes and leaves them would use up what all may make. */
static enum sql_status may_make_no_more(struct sql_connection *connection,
                                        const struct order_request *order, bool *ret)
{
    struct sql_value user[] = {sql_number(order->order.by)};
    uint64_t limit = order->order.by != 0 ? order->order.rooms_per_user : 0;
    enum sql_status status = has_too_many_rooms(connection, order, ret);

    if (status == SQL_OK && !*ret)
        status = is_over(connection, SQL_ROOMS_MADE_COUNT, user, limit, ret);
    if (status == SQL_OK && !*ret)
        status = is_over(connection, SQL_ROOM_COUNT, NULL, order->order.rooms_max, ret);
    return status;
}

/* Under the lock on names; somebody may have been faster before. */
static enum sql_status make_room(struct sql_connection *connection, struct order_request *order)
{
    struct bytes room = order->order.room, name = {room.data + 1, room.len - 1};
    bool full = false;
    char *key = NULL;
    enum sql_status status;

    if (room.len < 2 || room.data[0] != '#' || room_name_refusal(name) != NULL)
        return refuse(order, ROOM_BAD_NAME);
    status = may_make_no_more(connection, order, &full);
    if (status != SQL_OK)
        return status;
    if (full)
        return refuse(order, ROOM_FULL);
    if (!fold_name(&order->request, name, &key))
        return SQL_OK;
    status = lock_names(connection);
    if (status == SQL_OK)
        status = find_room(connection, order->order.by, room, &order->result.room);
    if (status == SQL_OK && order->result.room.conversation.id == 0)
        status = insert_room(connection, order, key);
    free(key);
    return status;
}

/* None may be found where one may be made. */
static enum sql_status find_subject(struct sql_connection *connection, struct order_request *order)
{
    struct room_record *room = &order->result.room;
    enum sql_status status = find_room(connection, order->order.by, order->order.room, room);
    bool may_be_made =
        order->order.verb == ROOM_JOIN && order->order.make && room_number(order->order.room) == 0;

    if (status != SQL_OK)
        return status;
    if (room->conversation.id == 0 && !may_be_made)
        return refuse(order, ROOM_NO_ROOM);
    return SQL_OK;
}

static enum sql_status find_other(struct sql_connection *connection, struct order_request *order)
{
    bool put_in = order->order.verb == ROOM_JOIN && order->order.by == 0;
    struct found_user found;
    enum sql_status status;

    if (!verbs[order->order.verb].of_other && !put_in)
        return SQL_OK;
    status = find_user(connection, order->order.userid, &found);
    free(found.password_hash);
    if (status != SQL_OK)
        return status;
    order->result.user = found.user;
    return found.found ? SQL_OK : refuse(order, ROOM_NO_USER);
}

/* What is hidden from who asks is not there. */
static void judge(struct order_request *order)
{
    const struct room_verb *verb = &verbs[order->order.verb];
    const struct room_record *room = &order->result.room;
    enum room_standing needed = verb->needs[room->access];

    if (order->order.by == 0 || room->standing >= needed)
        return;
    if (order->order.verb == ROOM_LOOK)
        order->result.refusal = ROOM_NO_ROOM;
    else if (order->order.verb == ROOM_PART && may_be_own(order))
        order->result.changed = true;
    else
        order->result.refusal =
            room->standing < STANDING_MEMBER ? ROOM_NOT_MEMBER : ROOM_NOT_ALLOWED;
}

/* -- the notice ------------------------------------------------------------------------------- */

/* As it is stored: where, and with what names. */
static void complete_notice(const struct order_request *order, struct message *notice)
{
    const struct conversation_record *room = &order->result.room.conversation;

    *notice = message_contents(order->order.notice);
    notice->conversation = room->id;
    notice->room = bytes_of("");
    notice->where = bytes_of("");
    notice->context = 0;
    if (order->order.verb != ROOM_INVITE)
        return;
    notice->conversation = order->result.user.inbox;
    notice->context = room->id;
    notice->room = bytes_of(room->name);
}

static enum sql_status tell(struct sql_connection *connection, struct order_request *order)
{
    struct message notice;

    if (order->order.notice == NULL)
        return SQL_OK;
    complete_notice(order, &notice);
    return store_notice(connection, &order->request, &notice, &order->result.notice);
}

/* It is there from before: the order is done, and perhaps has made the room. */
static void settle(struct order_request *order)
{
    const struct room_record *room = &order->result.room;

    order->settled = order->result.changed = true;
    order->result.made = order->order.verb == ROOM_JOIN && order->order.make &&
                         room->made_ms == order->asked_ms && room->made_by == order->order.by;
}

/* Finds the notice as it was stored, if a lost commit took effect. */
static enum sql_status look_for_notice(struct sql_connection *connection,
                                       struct order_request *order)
{
    struct message notice;
    enum sql_status status;

    if (!order->request.uncertain || order->order.notice == NULL)
        return SQL_OK;
    complete_notice(order, &notice);
    status = find_notice(connection, &notice, &order->result.notice);
    if (order->result.notice != NULL)
        settle(order);
    return status;
}

/* -- the order -------------------------------------------------------------------------------- */

static bool goes_on(const struct order_request *order, enum sql_status status)
{
    return status == SQL_OK && order->result.refusal == ROOM_FINE &&
           order->request.outcome == DAL_OK;
}

static enum sql_status change(struct sql_connection *connection, struct order_request *order)
{
    uint64_t number = order->result.room.conversation.number;
    enum sql_status status = verbs[order->order.verb].change(connection, order);

    if (!goes_on(order, status) || !order->result.changed)
        return status;
    status = tell(connection, order);
    if (status != SQL_OK)
        return status;
    return find_room_number(connection, order->order.by, number, &order->result.room);
}

static enum dal_outcome outcome_of(enum dal_room_refusal refusal)
{
    return refusal == ROOM_FINE                                 ? DAL_OK
           : refusal == ROOM_NO_ROOM || refusal == ROOM_NO_USER ? DAL_MISSING
                                                                : DAL_REFUSED;
}

static void drop_result(struct order_request *order)
{
    message_unref(order->result.notice);
    order->result = (struct dal_room_result){.refusal = ROOM_FINE};
    order->settled = false;
}

static enum sql_status order_execute(struct sql_connection *connection, struct request *request)
{
    struct order_request *order = order_of(request);
    enum sql_status status;

    drop_result(order);
    request->outcome = DAL_OK;
    status = find_subject(connection, order);
    if (goes_on(order, status))
        status = find_other(connection, order);
    if (goes_on(order, status))
        status = look_for_notice(connection, order);
    if (goes_on(order, status) && order->result.room.conversation.id == 0)
        status = make_room(connection, order);
    if (goes_on(order, status) && !order->settled)
        judge(order);
    if (goes_on(order, status) && !order->settled && !order->result.changed)
        status = change(connection, order);
    if (request->outcome == DAL_OK)
        request->outcome = outcome_of(order->result.refusal);
    return status;
}

static void order_deliver(struct request *request)
{
    struct order_request *order = order_of(request);

    if (request->outcome == DAL_UNAVAILABLE || request->outcome == DAL_UNCERTAIN)
        drop_result(order);
    if (order->result.refusal == ROOM_NO_ROOM)
        order->result.room = (struct room_record){.members = 0};
    order->callback(request->userdata, request->outcome, &order->result);
}

static void order_release(struct request *request)
{
    message_unref(order_of(request)->result.notice);
    message_unref(order_of(request)->order.notice);
}

static const struct request_kind kind_order = {
    .name = "room order",
    .side = REQUEST_WRITE,
    .execute = order_execute,
    .deliver = order_deliver,
    .release = order_release,
};

/* The administrator's, as all that he does, keep their place among the messages before and after.
 */
static const struct request_kind kind_administrative = {
    .name = "room order",
    .side = REQUEST_WRITE,
    .fenced = true,
    .execute = order_execute,
    .deliver = order_deliver,
    .release = order_release,
};

static const struct request_kind kind_look = {
    .name = "room look",
    .side = REQUEST_READ,
    .execute = order_execute,
    .deliver = order_deliver,
    .release = order_release,
};

static const struct request_kind *kind_of(const struct dal_room_order *order)
{
    if (order->verb == ROOM_LOOK)
        return &kind_look;
    return order->by == 0 ? &kind_administrative : &kind_order;
}

int dal_room_do(const struct dal_room_order *asked, dal_room_fn callback, void *userdata)
{
    size_t space =
        request_space(asked->room) + request_space(asked->userid) + request_space(asked->topic);
    struct order_request *order = request_new(kind_of(asked), sizeof(*order), space, userdata);

    if (order == NULL)
        return -ENOMEM;
    order->order = *asked;
    order->order.room = request_keep(&order->request, asked->room);
    order->order.userid = request_keep(&order->request, asked->userid);
    order->order.topic = request_keep(&order->request, asked->topic);
    order->order.notice = asked->notice != NULL ? message_ref(asked->notice) : NULL;
    order->asked_ms = clock_real_ms();
    order->callback = callback;
    return dal_submit(&order->request);
}
