/* Who is a member of a room, or of everyone's conversation, and is present; and how a room is found
 * for a member who asks something about it.
 *
 * Members are in storage, presence is in memory: who is not in memory is absent.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "bll/members.h"

#include <errno.h>

/* -- finding a room for a member -------------------------------------------------------------- */

static int everyone(const struct account *account)
{
    for (unsigned i = 0; i < account->subscription_count; i++)
        if (account->subscriptions[i].conversation->kind == CONVERSATION_EVERYONE)
            return (int)i;
    return -ENOENT;
}

static void room_looked_at(void *userdata, enum dal_outcome outcome,
                           const struct dal_room_result *result)
{
    struct room_ask *room = userdata;

    if (outcome != DAL_OK)
        room_refuse(&room->ask, outcome, result);
    else if (result->room.standing < STANDING_MEMBER)
        ask_refuse(&room->ask, PROTO_ERROR_NOT_MEMBER, "only members of this room may ask that");
    else
        room->found(room, result->room.conversation.id, result->room.conversation.name);
}

/* Who is said in memory to be no member may have become one, which storage knows. */
void room_find(struct room_ask *room, struct bytes name,
               void (*found)(struct room_ask *room, uint64_t conversation, const char *name))
{
    const struct account *account = room->ask.account;
    const struct dal_room_order order = {.verb = ROOM_LOOK, .by = account->id, .room = name};
    int index = bytes_is(name, "*") ? everyone(account) : account_room(account, name);

    room->found = found;
    if (index >= 0 && account->state == ACCOUNT_READY && !account->stale) {
        const struct conversation *conversation = account->subscriptions[index].conversation;
        found(room, conversation->id, conversation->name);
    } else if (bytes_is(name, "*")) {
        ask_refuse(&room->ask, PROTO_ERROR_UNAVAILABLE, NULL);
    } else {
        ask_submitted(&room->ask, dal_room_do(&order, room_looked_at, room));
    }
}

/* -- presence --------------------------------------------------------------------------------- */

static bool is_connected(const struct account *account)
{
    LIST_FOREACH (link, &account->links)
        if (LIST_ENTRY(link, struct bll_link, by_account)->device)
            return true;
    return false;
}

static bool account_present(const struct account *account)
{
    LIST_FOREACH (link, &account->devices)
        if (device_present(LIST_ENTRY(link, struct device, by_account)))
            return true;
    return is_connected(account);
}

static enum v2_presence presence_of(struct bll *bll, uint64_t user)
{
    const struct account *account = account_by_id(bll, user);

    return account && account_present(account) ? V2_PRESENCE_PRESENT : V2_PRESENCE_ABSENT;
}

/* -- who -------------------------------------------------------------------------------------- */

struct who {
    struct room_ask room;
    char after[NAME_MAX_BYTES + 1]; /* a userid */
};

static struct v2_frame member_frame(struct bll *bll, const struct dal_member *member)
{
    return (struct v2_frame){
        .verb = V2_VERB_MEMBER,
        .userid = bytes_of(member->user.userid),
        .presence = presence_of(bll, member->user.id),
        .standing = member->is_operator ? V2_STANDING_OPERATOR : V2_STANDING_MEMBER,
        .name = bytes_of(member->user.name),
    };
}

static void members_listed(void *userdata, enum dal_outcome outcome,
                           const struct dal_member *members, size_t count)
{
    struct ask *ask = userdata;
    size_t shown = count < V2_WHO_PAGE ? count : V2_WHO_PAGE;
    struct bytes next = {0};
    struct page page;

    if (outcome != DAL_OK) {
        ask_refuse_outcome(ask, outcome, "there is no such room");
        return;
    }
    page_init(&page);
    for (size_t i = 0; i < shown; i++) {
        const struct v2_frame member = member_frame(ask->bll, &members[i]);
        page_add(&page, &member);
    }
    if (count > shown)
        next = bytes_of(members[shown - 1].user.userid);
    page_answer(&page, ask, next);
}

static void list_members(struct room_ask *room, uint64_t conversation, const char *name)
{
    const struct who *who = CONTAINER_OF(room, struct who, room);

    ask_submitted(&room->ask, dal_member_list(bytes_of(name), bytes_of(who->after), V2_WHO_PAGE + 1,
                                              members_listed, &room->ask));
}

void who_frame(struct bll_link *link, const struct v2_frame *frame, void *reply)
{
    struct who *who = ask_new(link, frame, reply, sizeof(*who));

    if (!who)
        return;
    if (frame->place.len >= sizeof(who->after)) {
        ask_refuse(&who->room.ask, PROTO_ERROR_MALFORMED, "that is no place in this list");
        return;
    }
    if (frame->place.len > 0)
        memcpy(who->after, frame->place.data, frame->place.len);
    room_find(&who->room, frame->to, list_members);
}
