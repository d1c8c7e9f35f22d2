/* Rooms: making, joining and leaving them, looking at them, and what members may change.
 *
 * Storage decides, in one transaction with the notice that tells the members; what is known here of
 * who is a member follows. The notice then flows as every message does.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "bll/members.h"

#include <stdio.h>

_Static_assert((int)ROOM_OPEN == (int)V2_ACCESS_OPEN && (int)ROOM_CLOSED == (int)V2_ACCESS_CLOSED,
               "access is the same in storage and on the wire");
_Static_assert((int)STANDING_NONE == (int)V2_STANDING_NONE &&
                   (int)STANDING_INVITED == (int)V2_STANDING_INVITED &&
                   (int)STANDING_MEMBER == (int)V2_STANDING_MEMBER &&
                   (int)STANDING_OPERATOR == (int)V2_STANDING_OPERATOR,
               "so is what somebody is to a room");

/* -- answers ---------------------------------------------------------------------------------- */

static struct v2_frame told_room(const struct room_record *room)
{
    return (struct v2_frame){
        .verb = V2_VERB_ROOM,
        .conversation = {.id = room->conversation.id, .name = bytes_of(room->conversation.name)},
        .number = room->conversation.number,
        .access = (enum v2_access)room->access,
        .standing = (enum v2_standing)room->standing,
        .count = room->members,
        .topic = bytes_of(room->topic),
    };
}

static const struct {
    enum proto_error error;
    const char *words; /* NULL: the error's own */
} refusals[] = {
    [ROOM_FINE] = {PROTO_ERROR_INTERNAL, NULL},
    [ROOM_NO_ROOM] = {PROTO_ERROR_UNKNOWN, "there is no such room"},
    [ROOM_NO_USER] = {PROTO_ERROR_UNKNOWN, "there is no such user"},
    [ROOM_BAD_NAME] = {PROTO_ERROR_MALFORMED, "this cannot be the name of a room"},
    [ROOM_NOT_MEMBER] = {PROTO_ERROR_NOT_MEMBER, "only members of this room may do that"},
    [ROOM_NOT_ALLOWED] = {PROTO_ERROR_NOT_ALLOWED, NULL},
    [ROOM_NO_MEMBER] = {PROTO_ERROR_NOT_MEMBER, NULL}, /* see room_refuse() */
    [ROOM_IS_CLOSED] = {PROTO_ERROR_CLOSED, NULL},
    [ROOM_FULL] = {PROTO_ERROR_FULL, NULL},
};

void room_refuse(struct ask *ask, enum dal_outcome outcome, const struct dal_room_result *result)
{
    char words[V2_REASON_MAX];

    (void)snprintf(words, sizeof(words), "%s is not a member of this room", result->user.userid);
    if (outcome == DAL_REFUSED && result->refusal == ROOM_NO_MEMBER)
        ask_refuse(ask, PROTO_ERROR_NOT_MEMBER, words);
    else if (outcome == DAL_REFUSED || outcome == DAL_MISSING)
        ask_refuse(ask, refusals[result->refusal].error, refusals[result->refusal].words);
    else
        ask_refuse_outcome(ask, outcome, NULL);
}

/* -- what follows from a change --------------------------------------------------------------- */

static void joined(struct ask *ask, const struct dal_room_result *result)
{
    const struct membership membership = {
        .conversation = result->room.conversation,
        .since = result->since,
    };

    membership_begin(ask->bll, ask->account, &membership);
}

/* -- orders ----------------------------------------------------------------------------------- */

struct room_verb {
    enum dal_room_verb order;
    enum message_kind notice;
    bool tells; /* the room is the answer */
    /* What follows from it, before the notice flows. */
    void (*follow)(struct ask *ask, const struct dal_room_result *result);
};

static const struct room_verb *room_verb(enum v2_verb verb)
{
    static const struct room_verb verbs[V2_VERB_COUNT] = {
        [V2_VERB_JOIN] = {ROOM_JOIN, MESSAGE_JOINED, true, joined},
        [V2_VERB_PART] = {ROOM_PART, MESSAGE_LEFT, false, NULL},
        [V2_VERB_LOOK] = {ROOM_LOOK, MESSAGE_TEXT, true},
        [V2_VERB_TOPIC] = {ROOM_TOPIC, MESSAGE_TOPIC, false},
        [V2_VERB_ACCESS] = {ROOM_ACCESS, MESSAGE_ACCESS, false},
        [V2_VERB_INVITE] = {ROOM_INVITE, MESSAGE_INVITED, false},
        [V2_VERB_REMOVE] = {ROOM_REMOVE, MESSAGE_REMOVED, false, NULL},
    };

    return &verbs[verb];
}

struct room_change {
    struct ask ask;       /* first */
    const char *bad_name; /* why a room could not be called so; NULL: it could */
};

static void room_done(void *userdata, enum dal_outcome outcome,
                      const struct dal_room_result *result)
{
    const struct room_change *change = userdata;
    struct ask *ask = userdata;
    const struct room_verb *verb = room_verb(ask->verb);

    if (outcome == DAL_REFUSED && result->refusal == ROOM_BAD_NAME) {
        ask_refuse(ask, PROTO_ERROR_MALFORMED, change->bad_name);
        return;
    }
    if (outcome != DAL_OK) {
        room_refuse(ask, outcome, result);
        return;
    }
    if (verb->follow)
        verb->follow(ask, result);
    if (result->notice)
        bll_stored(ask->bll, result->notice);
    if (verb->tells) {
        const struct v2_frame room = told_room(&result->room);
        ask_answer(ask, &room);
    } else {
        ask_done(ask);
    }
}

/* What the notice says, beside who did it. */
static struct bytes notice_text(const struct v2_frame *frame)
{
    switch (frame->verb) {
    case V2_VERB_TOPIC:
        return frame->topic;
    case V2_VERB_ACCESS:
        return bytes_of(v2_access_name(frame->access));
    case V2_VERB_REMOVE:
        return frame->userid;
    default:
        return (struct bytes){0};
    }
}

void room_frame(struct bll_link *link, const struct v2_frame *frame, void *reply)
{
    const struct room_verb *verb = room_verb(frame->verb);
    const struct bll_config *config = &link->bll->config;
    const struct bytes name = {.data = frame->to.data + 1, .len = frame->to.len - 1};
    struct dal_room_order order = {
        .verb = verb->order,
        .by = link->account->id,
        .room = frame->to,
        .userid = frame->userid,
        .topic = frame->topic,
        .access = (enum room_access)frame->access,
        .make = verb->order == ROOM_JOIN && config->rooms_by_anyone,
        .rooms_max = config->rooms_max,
        .rooms_per_user = config->rooms_per_user,
    };
    const char *bad_topic = verb->order == ROOM_TOPIC ? topic_refusal(frame->topic) : NULL;
    struct room_change *change = ask_new(link, frame, reply, sizeof(*change));

    if (!change)
        return;
    change->bad_name = room_name_refusal(name);
    if (bad_topic)
        ask_refuse(&change->ask, PROTO_ERROR_MALFORMED, bad_topic);
    else if (verb->order != ROOM_LOOK &&
             notice_new(link, verb->notice, bytes_of(link->account->name), notice_text(frame),
                        &order.notice) < 0)
        ask_refuse(&change->ask, PROTO_ERROR_INTERNAL, NULL);
    else
        ask_submitted(&change->ask, dal_room_do(&order, room_done, change));
    message_unref(order.notice);
}

/* -- the list --------------------------------------------------------------------------------- */

static void rooms_listed(void *userdata, enum dal_outcome outcome, const struct room_record *rooms,
                         size_t count)
{
    struct ask *ask = userdata;
    size_t shown = count < V2_ROOMS_PAGE ? count : V2_ROOMS_PAGE;
    struct bytes next = {0};
    struct page page;

    if (outcome != DAL_OK) {
        ask_refuse_outcome(ask, outcome, NULL);
        return;
    }
    page_init(&page);
    for (size_t i = 0; i < shown; i++) {
        const struct v2_frame room = told_room(&rooms[i]);
        page_add(&page, &room);
    }
    if (count > shown)
        next = bytes_of(rooms[shown - 1].conversation.name);
    page_answer(&page, ask, next);
}

void rooms_frame(struct bll_link *link, const struct v2_frame *frame, void *reply)
{
    struct ask *ask = ask_new(link, frame, reply, sizeof(*ask));

    if (ask)
        ask_submitted(ask, dal_room_list(link->account->id, frame->place, V2_ROOMS_PAGE + 1,
                                         rooms_listed, ask));
}
