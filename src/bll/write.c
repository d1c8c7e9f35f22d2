/* Writes: from a message somebody may send to its place in a conversation.
 *
 * Finding the recipient may have to wait for his account to be loaded; writes that wait for the
 * same account are kept in order. The sender is answered when storage has committed, never before.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "bll/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* A message on its way to storage. */
struct write {
    struct list link; /* in account->resolving of its recipient */
    struct bll *bll;
    struct account *sender; /* pinned */
    struct conversation *conversation;
    struct message *message;
    void *reply;
};

static void write_end(struct write *write)
{
    if (write->conversation)
        conversation_unref(write->bll, write->conversation);
    message_unref(write->message);
    account_unpin(write->bll, write->sender);
    free(write);
}

static void write_refuse(struct write *write, enum proto_error error, const char *reason)
{
    bll_answer_error(write->bll, write->reply, error, reason);
    write_end(write);
}

static enum proto_error outcome_error(enum dal_outcome outcome)
{
    switch (outcome) {
    case DAL_MISSING:
        return PROTO_ERROR_UNKNOWN;
    case DAL_UNAVAILABLE:
        return PROTO_ERROR_UNAVAILABLE;
    case DAL_UNCERTAIN:
        return PROTO_ERROR_UNCERTAIN;
    default:
        return PROTO_ERROR_INTERNAL;
    }
}

static void stored(void *userdata, enum dal_outcome outcome, struct message *message, bool again)
{
    struct write *write = userdata;

    if (outcome != DAL_OK) {
        write_refuse(write, outcome_error(outcome), NULL);
        return;
    }
    /* A commit that was cut off and turns up late looks as if it had been sent twice. */
    if (!again)
        conversation_committed(write->bll, write->conversation, message);
    else if (message->conversation == write->conversation->id)
        conversation_reaches(write->bll, write->conversation, message->seq);
    bll_answer_ack(write->bll, write->reply);
    write_end(write);
}

static void store(struct write *write, struct conversation *conversation)
{
    int r;

    write->conversation = conversation_ref(conversation);
    write->message->conversation = conversation->id;
    r = dal_message_store(write->message, stored, write);
    if (r == 0)
        write->bll->outlet.wake(write->bll->outlet.userdata);
    else
        write_refuse(write, r == -EAGAIN ? PROTO_ERROR_BUSY : PROTO_ERROR_INTERNAL, NULL);
}

/* -- rooms ------------------------------------------------------------------------------------ */

/* The sender is no member of the room; storage has said whether there is one. */
static void room_found(void *userdata, enum dal_outcome outcome,
                       const struct conversation_record *record)
{
    struct write *write = userdata;

    if (outcome == DAL_OK)
        write_refuse(write, PROTO_ERROR_NOT_MEMBER, NULL);
    else
        write_refuse(write, outcome_error(outcome), NULL);
}

static void write_to_room(struct write *write, struct bytes room)
{
    int r;

    for (unsigned i = 0; i < write->sender->subscription_count; i++) {
        struct conversation *conversation = write->sender->subscriptions[i].conversation;
        if (conversation->kind == CONVERSATION_ROOM && bytes_is(room, conversation->name)) {
            store(write, conversation);
            return;
        }
    }
    r = dal_conversation_find(room, room_found, write);
    if (r < 0)
        write_refuse(write, r == -EAGAIN ? PROTO_ERROR_BUSY : PROTO_ERROR_INTERNAL, NULL);
}

/* -- users and everyone ----------------------------------------------------------------------- */

static void write_to_subscription(struct write *write, const struct account *account, int index)
{
    if (index < 0)
        write_refuse(write, PROTO_ERROR_INTERNAL, NULL);
    else
        store(write, account->subscriptions[index].conversation);
}

static void write_to_inbox(struct write *write, const struct account *recipient)
{
    write_to_subscription(write, recipient, account_subscription(recipient, recipient->inbox));
}

static void write_to_user(struct write *write, struct bytes userid)
{
    struct bll *bll = write->bll;
    struct account *recipient;
    int r;

    r = account_get(bll, userid, &recipient);
    if (r < 0)
        write_refuse(write, r == -EAGAIN ? PROTO_ERROR_BUSY : PROTO_ERROR_INTERNAL, NULL);
    else if (recipient->state == ACCOUNT_LOADING)
        list_append(&recipient->resolving, &write->link);
    else if (recipient->state == ACCOUNT_MISSING)
        write_refuse(write, PROTO_ERROR_UNKNOWN, NULL);
    else
        write_to_inbox(write, recipient);
}

void write_resolved(struct bll *bll, struct account *recipient, enum dal_outcome outcome)
{
    while (!list_empty(&recipient->resolving)) {
        struct write *write = LIST_FIRST(&recipient->resolving, struct write, link);
        list_remove(&write->link);
        if (outcome == DAL_OK)
            write_to_inbox(write, recipient);
        else
            write_refuse(write, outcome_error(outcome), NULL);
    }
}

static void write_to_everyone(struct write *write)
{
    const struct account *sender = write->sender;

    for (unsigned i = 0; i < sender->subscription_count; i++) {
        if (sender->subscriptions[i].conversation->kind == CONVERSATION_EVERYONE) {
            store(write, sender->subscriptions[i].conversation);
            return;
        }
    }
    write_refuse(write, PROTO_ERROR_INTERNAL, NULL);
}

/* -- beginning -------------------------------------------------------------------------------- */

/* Version 1 has no client keys. The server makes one, so that the fate of a commit that was cut
 * off can be found out; the ':' keeps it apart from every key a client can send. */
static size_t make_key(struct bll *bll, char key[MESSAGE_KEY_MAX])
{
    return (size_t)snprintf(key, MESSAGE_KEY_MAX, ":%llx:%llx", (unsigned long long)bll->key_epoch,
                            (unsigned long long)++bll->key_counter);
}

static struct write *write_new(struct bll *bll, struct account *sender, const struct addr *from,
                               void *reply, struct bytes text)
{
    const struct device *origin = presence_origin(sender, from);
    char key[MESSAGE_KEY_MAX];
    struct message message = {
        .sender = sender->id,
        .origin = origin ? origin->id : 0,
        .userid = account_userid(sender),
        .name = bytes_of(sender->name),
        .key = {.data = key, .len = make_key(bll, key)},
        .text = text,
    };
    struct write *write = calloc(1, sizeof(*write));

    if (!write)
        return NULL;
    if (message_new(&message, &write->message) < 0) {
        free(write);
        return NULL;
    }
    list_init(&write->link);
    write->bll = bll;
    write->sender = sender;
    write->reply = reply;
    account_pin(sender);
    return write;
}

void write_message(struct bll *bll, struct account *sender, const struct addr *from, void *reply,
                   struct bytes recipient, struct bytes text)
{
    struct write *write = write_new(bll, sender, from, reply, text);
    bool is_room = recipient.data[0] == '#';
    struct bytes name = {.data = recipient.data + is_room, .len = recipient.len - is_room};

    if (!write)
        bll_answer_error(bll, reply, PROTO_ERROR_INTERNAL, NULL);
    else if (bytes_is(recipient, "*") || bytes_is(recipient, "%"))
        write_to_everyone(write);
    else if (name_refusal(name))
        write_refuse(write, PROTO_ERROR_UNKNOWN, NULL);
    else if (is_room)
        write_to_room(write, recipient);
    else
        write_to_user(write, recipient);
}
