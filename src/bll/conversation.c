/* Conversations in memory: which there are, who is a member, and the recent tail of each.
 *
 * The tail holds the newest messages of a conversation without a gap, so that whoever is present is
 * served from memory. A message stays for as long as a device counts as present; who has not taken
 * it by then gets it from storage. All tails together keep at most bll_config.tail_max bytes; the
 * oldest message of all goes first, which is always the oldest of its own conversation.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "bll/internal.h"

#include "util/utf8.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define TAIL_INITIAL 4 /* entries; a power of two, as every size of the ring is */

static struct tail_entry **tail_slot(const struct conversation *conversation, unsigned place)
{
    return &conversation->tail[(conversation->tail_first + place) & (conversation->tail_size - 1)];
}

static size_t entry_size(const struct tail_entry *entry)
{
    return message_size(entry->message) + sizeof(*entry);
}

static void tail_pop(struct bll *bll, struct conversation *conversation)
{
    struct tail_entry *entry = *tail_slot(conversation, 0);

    conversation->tail_first = (conversation->tail_first + 1) & (conversation->tail_size - 1);
    conversation->tail_count--;
    bll->tail_bytes -= entry_size(entry);
    list_remove(&entry->by_age);
    message_unref(entry->message);
    free(entry);
    if (conversation->tail_count == 0) {
        free(conversation->tail);
        conversation->tail = NULL;
        conversation->tail_size = conversation->tail_first = 0;
    }
}

static void tail_clear(struct bll *bll, struct conversation *conversation)
{
    while (conversation->tail_count > 0)
        tail_pop(bll, conversation);
}

void tail_shrink(struct bll *bll, size_t limit)
{
    while (bll->tail_bytes > limit && !list_empty(&bll->aged)) {
        struct tail_entry *oldest = LIST_FIRST(&bll->aged, struct tail_entry, by_age);
        tail_pop(bll, oldest->conversation);
    }
}

void tail_expire(struct bll *bll, uint64_t now)
{
    while (!list_empty(&bll->aged)) {
        struct tail_entry *oldest = LIST_FIRST(&bll->aged, struct tail_entry, by_age);
        if (now - oldest->kept_us <= bll->config.present_us)
            return;
        tail_pop(bll, oldest->conversation);
    }
}

static bool tail_grow(struct conversation *conversation)
{
    unsigned size = conversation->tail_size ? conversation->tail_size * 2 : TAIL_INITIAL;
    struct tail_entry **ring = calloc(size, sizeof(struct tail_entry *));

    if (!ring)
        return false;
    for (unsigned i = 0; i < conversation->tail_count; i++)
        ring[i] = *tail_slot(conversation, i);
    free(conversation->tail);
    conversation->tail = ring;
    conversation->tail_size = size;
    conversation->tail_first = 0;
    return true;
}

/* What is not in the tail, without memory for it, is read from storage. An account that was loaded
 * between the commit and this may have told of the message already, so the tail may end before the
 * conversation does, but never after it. */
static void tail_append(struct bll *bll, struct conversation *conversation, struct message *message)
{
    struct tail_entry *entry;

    if (conversation->tail_count > 0) {
        struct tail_entry *last = *tail_slot(conversation, conversation->tail_count - 1);
        if (last->message->seq + 1 != message->seq)
            tail_clear(bll, conversation);
    }
    if (conversation->tail_count == conversation->tail_size && !tail_grow(conversation))
        return;
    entry = calloc(1, sizeof(*entry));
    if (!entry)
        return;
    entry->conversation = conversation;
    entry->message = message_ref(message);
    entry->kept_us = bll_now(bll);
    conversation->tail_count++;
    *tail_slot(conversation, conversation->tail_count - 1) = entry;
    list_append(&bll->aged, &entry->by_age);
    bll->tail_bytes += entry_size(entry);
    tail_shrink(bll, bll->config.tail_max);
}

struct message *conversation_recent(const struct conversation *conversation, uint64_t seq)
{
    uint64_t first;

    if (conversation->tail_count == 0)
        return NULL;
    first = (*tail_slot(conversation, 0))->message->seq;
    if (seq < first || seq - first >= conversation->tail_count)
        return NULL;
    return (*tail_slot(conversation, (unsigned)(seq - first)))->message;
}

struct conversation *conversation_ref(struct conversation *conversation)
{
    conversation->references++;
    return conversation;
}

struct conversation *conversation_find(struct bll *bll, uint64_t id)
{
    struct conversation *conversation;

    HASH_FIND(hh, bll->conversations, &id, sizeof(id), conversation);
    return conversation;
}

static void conversation_free(struct conversation *conversation)
{
    free(conversation->folded);
    free(conversation);
}

/* NULL without memory. */
static struct conversation *conversation_new(struct bll *bll,
                                             const struct conversation_record *record)
{
    size_t name_size = strlen(record->name) + 1;
    struct conversation *conversation = calloc(1, sizeof(*conversation) + name_size);

    if (!conversation)
        return NULL;
    list_init(&conversation->subscriptions);
    conversation->id = record->id;
    conversation->kind = record->kind;
    conversation->number = record->number;
    memcpy(conversation->name, record->name, name_size);
    if (record->kind == CONVERSATION_ROOM &&
        utf8_fold(bytes_of(record->name), &conversation->folded) == -ENOMEM) {
        free(conversation);
        return NULL;
    }
    HASH_ADD(hh, bll->conversations, id, sizeof(conversation->id), conversation);
    if (conversation->hh.tbl)
        return conversation;
    conversation_free(conversation); /* the table could not grow */
    return NULL;
}

struct conversation *conversation_get(struct bll *bll, const struct conversation_record *record)
{
    struct conversation *conversation = conversation_find(bll, record->id);

    if (!conversation)
        conversation = conversation_new(bll, record);
    if (!conversation)
        return NULL;
    if (record->end > conversation->end)
        conversation->end = record->end;
    return conversation_ref(conversation);
}

void conversation_unref(struct bll *bll, struct conversation *conversation)
{
    assert(conversation->references > 0);
    if (--conversation->references > 0)
        return;
    tail_clear(bll, conversation);
    HASH_DELETE(hh, bll->conversations, conversation);
    conversation_free(conversation);
}

static bool has_present_member(const struct conversation *conversation)
{
    LIST_FOREACH (link, &conversation->subscriptions) {
        struct account *account = LIST_ENTRY(link, struct subscription, by_conversation)->account;
        LIST_FOREACH (device, &account->devices) {
            if (device_present(LIST_ENTRY(device, struct device, by_account)))
                return true;
        }
    }
    return false;
}

void conversation_reaches(struct bll *bll, struct conversation *conversation, uint64_t seq)
{
    if (seq > conversation->end)
        conversation->end = seq;
    LIST_FOREACH (link, &conversation->subscriptions) {
        struct account *account = LIST_ENTRY(link, struct subscription, by_conversation)->account;
        LIST_FOREACH (device, &account->devices)
            delivery_consider(bll, LIST_ENTRY(device, struct device, by_account));
    }
}

/* What it has said itself the device has, if it has all that comes before. */
static void take_note(struct bll *bll, struct device *device, unsigned index,
                      const struct message *message)
{
    const struct cursor *cursor = &device->cursors[index];

    if (delivery_passes_over(device, message) && cursor->acked == cursor->sent &&
        cursor->acked + 1 == message->seq)
        cursor_advance(bll, device, index, message->seq);
    delivery_consider(bll, device);
}

/* Those to whom messages flow get it at once, if it is all that they wait for. */
static void tell_members(struct bll *bll, struct conversation *conversation,
                         struct message *message)
{
    LIST_FOREACH (link, &conversation->subscriptions) {
        struct subscription *subscription = LIST_ENTRY(link, struct subscription, by_conversation);
        struct account *account = subscription->account;
        unsigned index = (unsigned)(subscription - account->subscriptions);
        if (subscription_end(subscription) < message->seq)
            continue; /* he has left */
        LIST_FOREACH (by_account, &account->devices) {
            struct device *device = LIST_ENTRY(by_account, struct device, by_account);
            if (!stream_offer(bll, device, index, message))
                take_note(bll, device, index, message);
        }
    }
}

void conversation_committed(struct bll *bll, struct conversation *conversation,
                            struct message *message)
{
    if (has_present_member(conversation))
        tail_append(bll, conversation, message);
    else
        tail_clear(bll, conversation); /* nobody to serve it to from memory */
    if (message->seq > conversation->end)
        conversation->end = message->seq;
    tell_members(bll, conversation, message);
}

void bll_stored(struct bll *bll, struct message *message)
{
    struct conversation *conversation = conversation_find(bll, message->conversation);

    if (conversation)
        conversation_committed(bll, conversation, message);
    membership_noted(bll, message);
}
