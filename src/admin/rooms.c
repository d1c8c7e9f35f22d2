/* The verbs that make, list and delete rooms, and list their members.
 *
 * Deleting a room changes the account of each of its members, so they are collected first; who
 * joins between that and the deletion is added to what was collected.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "admin/request.h"

#include <errno.h>
#include <stdlib.h>

struct bytes room_of(const struct request *request)
{
    return bytes_of(request->arguments.room);
}

void refuse_room(struct request *request, enum dal_outcome outcome)
{
    if (outcome == DAL_MISSING)
        request_refuse(request, ADMIN_CODE_MISSING, "there is no room %s", request->arguments.room);
    else
        request_finish(request, refusal_of_outcome(outcome));
}

/* -- add and list ----------------------------------------------------------------------------- */

static void room_added(void *userdata, enum dal_outcome outcome,
                       const struct conversation_record *record)
{
    struct request *request = userdata;

    if (outcome == DAL_OK)
        request_finish(request, json_pack("{s:b,s:s}", "ok", 1, "room", record->name));
    else if (outcome == DAL_REFUSED)
        request_refuse(request, ADMIN_CODE_TAKEN, "the room %s is there already",
                       request->arguments.room);
    else
        request_finish(request, refusal_of_outcome(outcome));
}

void verb_room_add(struct request *request)
{
    const char *refusal = room_name_refusal(bytes_of(request->arguments.room + 1));

    if (refusal)
        request_refuse(request, ADMIN_CODE_INVALID, "the room is not allowed: %s", refusal);
    else
        request_check(request, dal_room_add(room_of(request), room_added, request));
}

json_t *room_to_json(const struct room_record *room)
{
    return json_pack("{s:s,s:I,s:s,s:s,s:I,s:I}", "room", room->conversation.name, "number",
                     (json_int_t)room->conversation.number, "access",
                     room->access == ROOM_OPEN ? "open" : "closed", "topic", room->topic, "members",
                     (json_int_t)room->members, "messages", (json_int_t)room->conversation.end);
}

/* How many members are present, the host knows. */
static json_t *live_room_to_json(const struct request *request, const struct room_record *room)
{
    const struct admin_hooks *hooks = &request->admin->hooks;
    json_t *object = room_to_json(room);

    if (request->verb->handle == verb_rooms)
        json_object_set_new(
            object, "present",
            json_integer((json_int_t)hooks->present(hooks->userdata, room->conversation.id)));
    return object;
}

static json_t *rooms_to_json(const struct request *request, const struct room_record *rooms,
                             size_t count)
{
    json_t *array = json_array();
    unsigned limit = request->arguments.limit;
    size_t shown = count < limit ? count : limit;

    for (size_t i = 0; i < shown; i++)
        json_array_append_new(array, live_room_to_json(request, &rooms[i]));
    json_t *answer = json_pack("{s:b,s:o}", "ok", 1, "rooms", array);
    if (count > limit)
        json_object_set_new(answer, "next", json_string(rooms[limit - 1].conversation.name));
    return answer;
}

static void rooms_listed(void *userdata, enum dal_outcome outcome, const struct room_record *rooms,
                         size_t count)
{
    struct request *request = userdata;

    request_finish(request, outcome == DAL_OK ? rooms_to_json(request, rooms, count)
                                              : refusal_of_outcome(outcome));
}

void verb_room_list(struct request *request)
{
    struct arguments *arguments = &request->arguments;

    request_check(request,
                  dal_room_list(0, arguments->after, arguments->limit + 1, rooms_listed, request));
}

void verb_rooms(struct request *request)
{
    if (request->admin->hooks.present)
        verb_room_list(request);
    else
        refuse_without_daemon(request);
}

/* -- members ---------------------------------------------------------------------------------- */

static json_t *members_to_json(const struct dal_member *members, size_t count, unsigned limit)
{
    json_t *array = json_array();
    size_t shown = count < limit ? count : limit;

    for (size_t i = 0; i < shown; i++) {
        json_t *member = user_to_json(&members[i].user);
        json_object_set_new(member, "operator", json_boolean(members[i].is_operator));
        json_array_append_new(array, member);
    }
    json_t *answer = json_pack("{s:b,s:o}", "ok", 1, "members", array);
    if (count > limit)
        json_object_set_new(answer, "next", json_string(members[limit - 1].user.userid));
    return answer;
}

static void members_listed(void *userdata, enum dal_outcome outcome,
                           const struct dal_member *members, size_t count)
{
    struct request *request = userdata;

    if (outcome == DAL_OK)
        request_finish(request, members_to_json(members, count, request->arguments.limit));
    else
        refuse_room(request, outcome);
}

void verb_room_members(struct request *request)
{
    struct arguments *arguments = &request->arguments;

    request_check(request, dal_member_list(room_of(request), arguments->after, arguments->limit + 1,
                                           members_listed, request));
}

/* -- delete ----------------------------------------------------------------------------------- */

/* Who is to be told of. The room's members are this many userids at most; it takes memory of the
 * administrator's own asking. */
struct members {
    char (*userids)[NAME_MAX_BYTES + 1];
    size_t count, allocated;
};

static void members_free(void *state)
{
    struct members *members = state;

    free(members->userids);
    free(members);
}

static int members_append(struct members *members, const char *userid)
{
    if (members->count == members->allocated) {
        size_t wanted = members->allocated ? members->allocated * 2 : 64;
        void *grown = reallocarray(members->userids, wanted, sizeof(*members->userids));
        if (!grown)
            return -ENOMEM;
        members->userids = grown;
        members->allocated = wanted;
    }
    char *place = members->userids[members->count++];
    size_t len = strnlen(userid, NAME_MAX_BYTES);
    memcpy(place, userid, len);
    place[len] = '\0';
    return 0;
}

void note_newcomer(struct request *joined)
{
    LIST_FOREACH (link, &joined->admin->requests) {
        struct request *other = LIST_ENTRY(link, struct request, link);
        char userid[NAME_MAX_BYTES + 1] = "";

        if (other->verb->handle != verb_room_delete ||
            strcmp(other->arguments.room, joined->arguments.room) != 0)
            continue;
        memcpy(userid, joined->arguments.userid.data, joined->arguments.userid.len);
        /* Without memory he learns of it when his account is next loaded. */
        (void)members_append(other->state, userid);
    }
}

static void room_deleted(void *userdata, enum dal_outcome outcome)
{
    struct request *request = userdata;
    const struct members *members = request->state;

    if (outcome != DAL_OK) {
        refuse_room(request, outcome);
        return;
    }
    for (size_t i = 0; i < members->count; i++)
        request_account_changed(request, bytes_of(members->userids[i]));
    request_finish(request, json_pack("{s:b,s:I}", "ok", 1, "members", (json_int_t)members->count));
}

static void members_collected(void *userdata, enum dal_outcome outcome,
                              const struct dal_member *found, size_t count);

static int collect_members(struct request *request, struct bytes after)
{
    return dal_member_list(room_of(request), after, ADMIN_PAGE_MAX, members_collected, request);
}

static void members_collected(void *userdata, enum dal_outcome outcome,
                              const struct dal_member *found, size_t count)
{
    struct request *request = userdata;
    int error = 0;

    if (outcome != DAL_OK) {
        refuse_room(request, outcome);
        return;
    }
    for (size_t i = 0; i < count && error == 0; i++)
        error = members_append(request->state, found[i].user.userid);
    if (error == 0 && count == ADMIN_PAGE_MAX)
        error = collect_members(request, bytes_of(found[count - 1].user.userid));
    else if (error == 0)
        error = dal_room_delete(room_of(request), room_deleted, request);
    request_check(request, error);
}

void verb_room_delete(struct request *request)
{
    request->state = calloc(1, sizeof(struct members));
    request->state_free = members_free;
    request_check(request,
                  request->state ? collect_members(request, (struct bytes){"", 0}) : -ENOMEM);
}
