/* The verbs on rooms and their members.
 *
 * Deleting a room changes the account of each of its members, so they are collected first; who
 * joins between that and the deletion is added to what was collected.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "admin/request.h"

#include <errno.h>
#include <stdlib.h>

static struct bytes room_of(const struct request *request)
{
    return bytes_of(request->arguments.room);
}

/* Ends a request whose room is missing, or that storage could not carry out. */
static void refuse_room(struct request *request, enum dal_outcome outcome)
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
    request_check(request, dal_room_add(room_of(request), room_added, request));
}

static json_t *rooms_to_json(const struct dal_room *rooms, size_t count, unsigned limit)
{
    json_t *array = json_array();
    size_t shown = count < limit ? count : limit;

    for (size_t i = 0; i < shown; i++)
        json_array_append_new(array, json_pack("{s:s,s:I,s:I}", "room", rooms[i].conversation.name,
                                               "members", (json_int_t)rooms[i].members, "messages",
                                               (json_int_t)rooms[i].conversation.end));
    json_t *answer = json_pack("{s:b,s:o}", "ok", 1, "rooms", array);
    if (count > limit)
        json_object_set_new(answer, "next", json_string(rooms[limit - 1].conversation.name));
    return answer;
}

static void rooms_listed(void *userdata, enum dal_outcome outcome, const struct dal_room *rooms,
                         size_t count)
{
    struct request *request = userdata;

    request_finish(request, outcome == DAL_OK
                                ? rooms_to_json(rooms, count, request->arguments.limit)
                                : refusal_of_outcome(outcome));
}

void verb_room_list(struct request *request)
{
    struct arguments *arguments = &request->arguments;

    request_check(request,
                  dal_room_list(arguments->after, arguments->limit + 1, rooms_listed, request));
}

/* -- members ---------------------------------------------------------------------------------- */

static void members_listed(void *userdata, enum dal_outcome outcome, const struct user *users,
                           size_t count)
{
    struct request *request = userdata;

    if (outcome == DAL_OK)
        request_finish(request, users_to_json("members", users, count, request->arguments.limit));
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

/* `userid` has joined `joined`'s room while that may be on its way out. */
static void note_newcomer(struct request *joined)
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

static void members_collected(void *userdata, enum dal_outcome outcome, const struct user *users,
                              size_t count);

static int collect_members(struct request *request, struct bytes after)
{
    return dal_member_list(room_of(request), after, ADMIN_PAGE_MAX, members_collected, request);
}

static void members_collected(void *userdata, enum dal_outcome outcome, const struct user *users,
                              size_t count)
{
    struct request *request = userdata;
    int error = 0;

    if (outcome != DAL_OK) {
        refuse_room(request, outcome);
        return;
    }
    for (size_t i = 0; i < count && error == 0; i++)
        error = members_append(request->state, users[i].userid);
    if (error == 0 && count == ADMIN_PAGE_MAX)
        error = collect_members(request, bytes_of(users[count - 1].userid));
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

/* -- join and part ---------------------------------------------------------------------------- */

/* Storage said that something is missing, and here is whether it is the room. */
static void membership_explained(void *userdata, enum dal_outcome outcome,
                                 const struct conversation_record *record)
{
    struct request *request = userdata;
    struct bytes userid = request->arguments.userid;

    (void)record;
    if (outcome != DAL_OK)
        refuse_room(request, outcome);
    else if (request->verb->handle == verb_room_join)
        request_refuse(request, ADMIN_CODE_MISSING, "there is no user %.*s", BYTES_ARG(userid));
    else
        request_refuse(request, ADMIN_CODE_MISSING, "%.*s is not a member of %s", BYTES_ARG(userid),
                       request->arguments.room);
}

static void membership_changed(void *userdata, enum dal_outcome outcome)
{
    struct request *request = userdata;
    struct bytes userid = request->arguments.userid;

    if (outcome == DAL_OK) {
        if (request->verb->handle == verb_room_join)
            note_newcomer(request);
        request_account_changed(request, userid);
        request_finish(request, json_pack("{s:b}", "ok", 1));
    } else if (outcome == DAL_MISSING) {
        request_check(request,
                      dal_conversation_find(room_of(request), membership_explained, request));
    } else if (outcome == DAL_REFUSED) {
        request_refuse(request, ADMIN_CODE_TAKEN, "%.*s is a member of %s already",
                       BYTES_ARG(userid), request->arguments.room);
    } else {
        request_finish(request, refusal_of_outcome(outcome));
    }
}

void verb_room_join(struct request *request)
{
    request_check(request, dal_member_add(room_of(request), request->arguments.userid,
                                          membership_changed, request));
}

void verb_room_part(struct request *request)
{
    request_check(request, dal_member_remove(room_of(request), request->arguments.userid,
                                             membership_changed, request));
}
