/* await: a sender is told when the receiver has acknowledged his message.
 *
 * An await lives on the link it was asked for on, and is found by the inbox it is about. Those who
 * ask again after a restart learn from the cursors in storage what happened meanwhile.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "bll/ask.h"

#include <stdlib.h>

/* Of one link. */
#define AWAITS_MAX 64

/* What is awaited of one inbox. */
struct awaited {
    UT_hash_handle hh; /* in bll.awaited, by conversation */
    struct list awaits;
    unsigned count; /* of those on the list, or just off it */
    uint64_t conversation;
    char name[]; /* whose it is */
};

struct await {
    struct list by_link;  /* in link->awaits */
    struct list by_inbox; /* in awaited->awaits */
    struct awaited *awaited;
    struct bll_link *link;
    uint64_t seq;
};

/* One that is asked for, while storage is asked. */
struct await_ask {
    struct ask ask; /* first */
    uint64_t inbox, seq;
};

static struct awaited *awaited_find(struct bll *bll, uint64_t conversation)
{
    struct awaited *awaited;

    HASH_FIND(hh, bll->awaited, &conversation, sizeof(conversation), awaited);
    return awaited;
}

static void await_free(struct await *await)
{
    struct bll *bll = await->link->bll;
    struct awaited *awaited = await->awaited;

    await->link->await_count--;
    list_remove(&await->by_link);
    list_remove(&await->by_inbox);
    free(await);
    if (--awaited->count > 0)
        return;
    HASH_DELETE(hh, bll->awaited, awaited);
    free(awaited);
}

void awaits_drop(struct bll_link *link)
{
    while (!list_empty(&link->awaits))
        await_free(LIST_FIRST(&link->awaits, struct await, by_link));
}

/* What is awaited of that inbox, made if need be; NULL without memory. */
static struct awaited *awaited_get(struct bll *bll, uint64_t inbox, const char *name)
{
    struct awaited *awaited = awaited_find(bll, inbox);
    size_t name_size = strlen(name) + 1;

    if (awaited)
        return awaited;
    awaited = calloc(1, sizeof(*awaited) + name_size);
    if (!awaited)
        return NULL;
    list_init(&awaited->awaits);
    awaited->conversation = inbox;
    memcpy(awaited->name, name, name_size);
    HASH_ADD(hh, bll->awaited, conversation, sizeof(awaited->conversation), awaited);
    if (awaited->hh.tbl)
        return awaited;
    free(awaited); /* the table could not grow */
    return NULL;
}

static bool await_new(struct bll_link *link, const struct v2_frame *answer, const char *name)
{
    struct await *await = calloc(1, sizeof(*await));
    struct awaited *awaited = await ? awaited_get(link->bll, answer->conversation.id, name) : NULL;

    if (!awaited) {
        free(await);
        return false;
    }
    await->awaited = awaited;
    await->link = link;
    await->seq = answer->seq;
    list_init(&await->by_link);
    list_init(&await->by_inbox);
    list_append(&link->awaits, &await->by_link);
    list_append(&awaited->awaits, &await->by_inbox);
    awaited->count++;
    link->await_count++;
    return true;
}

/* -- acknowledged ----------------------------------------------------------------------------- */

static void tell(const struct await *await)
{
    link_tell(await->link, &(struct v2_frame){
                               .verb = V2_VERB_ACKED,
                               .conversation = {.id = await->awaited->conversation,
                                                .name = bytes_of(await->awaited->name)},
                               .seq = await->seq,
                           });
}

void awaits_acknowledged(struct bll *bll, uint64_t conversation, uint64_t seq)
{
    struct awaited *awaited = awaited_find(bll, conversation);
    struct list due;

    if (!awaited)
        return;
    list_init(&due);
    LIST_FOREACH_SAFE (link, &awaited->awaits)
        if (LIST_ENTRY(link, struct await, by_inbox)->seq <= seq)
            list_move(&due, link);
    while (!list_empty(&due)) {
        struct await *await = LIST_FIRST(&due, struct await, by_inbox);
        tell(await);
        await_free(await);
    }
}

/* The furthest cursor there is of it in memory, where its member may be further than in storage. */
static uint64_t acked_in_memory(struct bll *bll, uint64_t inbox)
{
    const struct conversation *conversation = conversation_find(bll, inbox);
    uint64_t furthest = 0;

    if (!conversation)
        return 0;
    LIST_FOREACH (link, &conversation->subscriptions) {
        const struct subscription *subscription =
            LIST_ENTRY(link, struct subscription, by_conversation);
        size_t index = (size_t)(subscription - subscription->account->subscriptions);
        LIST_FOREACH (by_account, &subscription->account->devices) {
            const struct device *device = LIST_ENTRY(by_account, struct device, by_account);
            if (device->cursors[index].acked > furthest)
                furthest = device->cursors[index].acked;
        }
    }
    return furthest;
}

/* -- asking ----------------------------------------------------------------------------------- */

static void was_sent(void *userdata, enum dal_outcome outcome, const char *receiver, uint64_t acked)
{
    struct await_ask *asked = userdata;
    struct ask *ask = &asked->ask;
    struct v2_frame answer = {.verb = V2_VERB_AWAITING, .seq = asked->seq};

    if (outcome != DAL_OK) {
        ask_refuse_outcome(ask, outcome, "you sent nobody a message of that number there");
        return;
    }
    answer.conversation = (struct v2_conversation){asked->inbox, bytes_of(receiver)};
    if (acked >= asked->seq || acked_in_memory(ask->bll, asked->inbox) >= asked->seq) {
        answer.verb = V2_VERB_ACKED;
    } else if (ask->link->account != ask->account || ask->link->await_count >= AWAITS_MAX) {
        ask_refuse(ask, PROTO_ERROR_BUSY, NULL);
        return;
    } else if (!await_new(ask->link, &answer, receiver)) {
        ask_refuse(ask, PROTO_ERROR_INTERNAL, NULL);
        return;
    }
    ask_answer(ask, &answer);
}

void await_frame(struct bll_link *link, const struct v2_frame *frame, void *reply)
{
    struct await_ask *asked = ask_new(link, frame, reply, sizeof(*asked));

    if (!asked)
        return;
    asked->inbox = frame->conversation.id;
    asked->seq = frame->seq;
    ask_submitted(&asked->ask, dal_message_sent(link->account->id, frame->conversation.id,
                                                frame->seq, was_sent, asked));
}
