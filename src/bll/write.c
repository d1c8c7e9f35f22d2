/* Writes: from a message somebody may send to its place in a conversation.
 *
 * Finding the recipient may have to wait for his account to be loaded; writes that wait for the
 * same account are kept in order. The sender is answered when storage has committed, never before.
 *
 * Every message has a key that its sender uses once. Version 2 clients make their own, and storage
 * answers what comes again under the same key with the place of the first.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "bll/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* A message on its way to storage. */
struct write {
    struct waiter waiter; /* for its sender, or its recipient */
    struct bll *bll;
    struct account *sender; /* pinned */
    struct bll_link *link;  /* version 2: held; else NULL */
    struct conversation *conversation;
    struct message *message;
    void *reply;
    struct bytes name; /* of the conversation, as the sender says it; in `recipient` */
    struct bytes room; /* of a whisper, the same; else empty */
    bool is_outside;   /* of a whisper: it is the sender who is no member of the room */
    size_t recipient_len;
    char recipient[];
};

static void write_end(struct write *write)
{
    if (write->conversation)
        conversation_unref(write->bll, write->conversation);
    message_unref(write->message);
    if (write->link)
        link_release(write->link);
    account_unpin(write->bll, write->sender);
    free(write);
}

static void write_refuse(struct write *write, enum proto_error error, const char *reason)
{
    if (write->link) {
        bll_count_refusal(write->bll, error);
        link_refuse(write->link, write->reply, error, write->message->key, reason);
    } else {
        bll_answer_error(write->bll, write->reply, error, reason);
    }
    write_end(write);
}

/* As the sender knows it: his key, and the place it was given in the conversation of that name. */
static void answer_sent(const struct write *write, struct bytes name)
{
    const struct message *message = write->message;
    const struct v2_frame frame = {
        .verb = V2_VERB_SENT,
        .key = message->key,
        .conversation = {.id = message->conversation, .name = name},
        .seq = message->seq,
        .time_ms = message->time_ms,
    };

    metrics_add(write->bll->metrics, METRIC_WRITES_STORED, 1);
    link_answer(write->link, write->reply, &frame);
}

static void stored(void *userdata, enum dal_outcome outcome, struct message *message, bool again)
{
    struct write *write = userdata;
    bool elsewhere;

    if (outcome != DAL_OK) {
        write_refuse(write, bll_outcome_error(outcome), NULL);
        return;
    }
    /* A commit that was cut off and turns up late looks as if it had been sent twice. */
    elsewhere = message->conversation != write->conversation->id;
    /* The answer first: the sender does not wait behind the deliveries to a crowd. */
    if (!write->link)
        bll_answer_ack(write->bll, write->reply);
    else if (!elsewhere)
        answer_sent(write, bytes_of(write->conversation->name));
    if (!again)
        conversation_committed(write->bll, write->conversation, message);
    else if (!elsewhere)
        conversation_reaches(write->bll, write->conversation, message->seq);
    if (write->link && elsewhere)
        write_refuse(write, PROTO_ERROR_KEY_USED, NULL);
    else
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
        write_refuse(write, bll_submit_error(r), NULL);
}

static void write_to_inbox(struct write *write, const struct account *recipient)
{
    int index = account_subscription(recipient, recipient->inbox);

    if (index < 0)
        write_refuse(write, PROTO_ERROR_INTERNAL, NULL);
    else
        store(write, recipient->subscriptions[index].conversation);
}

/* -- rooms ------------------------------------------------------------------------------------ */

static void refuse_not_member(struct write *write)
{
    char words[V2_REASON_MAX];

    if (write->room.len == 0) {
        write_refuse(write, PROTO_ERROR_NOT_MEMBER, NULL);
        return;
    }
    if (write->is_outside)
        (void)snprintf(words, sizeof(words), "you are not a member of %.*s",
                       BYTES_ARG(write->room));
    else
        (void)snprintf(words, sizeof(words), "%.*s is not a member of %.*s", BYTES_ARG(write->name),
                       BYTES_ARG(write->room));
    write_refuse(write, PROTO_ERROR_NOT_MEMBER, words);
}

/* Storage has said whether the conversation has a message of that key. */
static void place_found(void *userdata, enum dal_outcome outcome, uint64_t conversation,
                        uint64_t seq, uint64_t time_ms)
{
    struct write *write = userdata;
    struct message *message = write->message;

    if (outcome == DAL_OK && conversation == message->conversation) {
        message->seq = seq;
        message->time_ms = time_ms;
        answer_sent(write, write->name);
        write_end(write);
    } else if (outcome == DAL_OK) {
        write_refuse(write, PROTO_ERROR_KEY_USED, NULL);
    } else if (outcome == DAL_MISSING) {
        refuse_not_member(write);
    } else {
        write_refuse(write, bll_outcome_error(outcome), NULL);
    }
}

/* What somebody sent while he might keeps its answer. */
static void refuse_unless_sent(struct write *write, uint64_t conversation)
{
    int r;

    if (!write->link) {
        refuse_not_member(write);
        return;
    }
    write->message->conversation = conversation;
    r = dal_message_find(write->sender->id, write->message->key, place_found, write);
    if (r < 0)
        write_refuse(write, bll_submit_error(r), NULL);
}

/* The sender is no member of the room; storage has said whether there is one. */
static void room_found(void *userdata, enum dal_outcome outcome,
                       const struct conversation_record *record)
{
    struct write *write = userdata;

    if (outcome == DAL_OK)
        refuse_unless_sent(write, record->id);
    else
        write_refuse(write, bll_outcome_error(outcome), NULL);
}

static void write_to_room(struct write *write)
{
    int r = account_room(write->sender, write->name);

    if (r >= 0) {
        store(write, write->sender->subscriptions[r].conversation);
        return;
    }
    if (r == -ENOENT)
        r = dal_conversation_find(write->name, room_found, write);
    if (r < 0)
        write_refuse(write, bll_submit_error(r), NULL);
}

/* -- whispers --------------------------------------------------------------------------------- */

/* The message belongs to the room, which is nothing but said of it. */
static int set_room(struct write *write, const struct conversation *room)
{
    struct message from = *write->message, *message;
    int r;

    from.context = room->id;
    from.room = bytes_of(room->name);
    r = message_new(&from, &message);
    if (r < 0)
        return r;
    message_unref(write->message);
    write->message = message;
    return 0;
}

/* Both have to be members of the room now. */
static void whisper(struct write *write, const struct account *recipient)
{
    const struct account *sender = write->sender;
    int room = account_room(sender, write->room);
    const struct conversation *conversation;

    write->is_outside = room < 0;
    if (room == -ENOMEM) {
        write_refuse(write, PROTO_ERROR_INTERNAL, NULL);
        return;
    }
    conversation = room >= 0 ? sender->subscriptions[room].conversation : NULL;
    if (recipient == sender)
        write_refuse(write, PROTO_ERROR_MALFORMED, "you cannot whisper to yourself");
    else if (!conversation || account_membership(recipient, conversation->id) < 0)
        refuse_unless_sent(write, recipient->inbox);
    else if (set_room(write, conversation) < 0)
        write_refuse(write, PROTO_ERROR_INTERNAL, NULL);
    else
        write_to_inbox(write, recipient);
}

/* -- users and everyone ----------------------------------------------------------------------- */

static void recipient_arrived(struct waiter *waiter, struct account *recipient,
                              enum dal_outcome outcome)
{
    struct write *write = CONTAINER_OF(waiter, struct write, waiter);

    if (outcome == DAL_MISSING && write->room.len > 0)
        refuse_not_member(write);
    else if (outcome != DAL_OK)
        write_refuse(write, bll_outcome_error(outcome), NULL);
    else if (write->room.len > 0)
        whisper(write, recipient);
    else
        write_to_inbox(write, recipient);
}

static void write_to_user(struct write *write)
{
    struct bll *bll = write->bll;
    struct account *recipient;
    int r;

    r = account_get(bll, write->name, &recipient);
    if (r < 0)
        write_refuse(write, bll_submit_error(r), NULL);
    else if (recipient->state == ACCOUNT_LOADING)
        account_wait(recipient, &write->waiter, recipient_arrived);
    else
        recipient_arrived(&write->waiter, recipient,
                          recipient->state == ACCOUNT_READY ? DAL_OK : DAL_MISSING);
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

/* "#room/userid", taken apart. */
static void split_recipient(struct write *write)
{
    struct bytes recipient = {.data = write->recipient, .len = write->recipient_len};
    const char *slash =
        recipient.data[0] == '#' ? memchr(recipient.data, '/', recipient.len) : NULL;
    size_t room_len = slash ? (size_t)(slash - recipient.data) : 0;

    write->name = recipient;
    if (!slash)
        return;
    write->room = (struct bytes){.data = recipient.data, .len = room_len};
    write->name = (struct bytes){.data = slash + 1, .len = recipient.len - room_len - 1};
}

static bool may_be_room(struct bytes room)
{
    return room.data[0] == '#' &&
           !name_refusal((struct bytes){.data = room.data + 1, .len = room.len - 1});
}

static void route(struct write *write)
{
    struct bytes name;

    split_recipient(write);
    name = write->name;
    if (bytes_is(name, "*") || (!write->link && bytes_is(name, "%")))
        write_to_everyone(write);
    else if (name.len > 0 && may_be_room(name))
        write_to_room(write);
    else if (name_refusal(name) || (write->room.len > 0 && !may_be_room(write->room)))
        write_refuse(write, PROTO_ERROR_UNKNOWN, NULL);
    else
        write_to_user(write);
}

/* What does not fit into `message` as it is known by now. */
struct origin {
    struct bll_link *link; /* or NULL */
    void *reply;
    struct bytes recipient;
};

static struct write *write_new(struct bll *bll, struct account *sender, const struct origin *origin,
                               struct message *message)
{
    struct write *write = calloc(1, sizeof(*write) + origin->recipient.len);

    if (!write)
        return NULL;
    message->sender = sender->id;
    message->userid = account_userid(sender);
    message->name = bytes_of(sender->name);
    if (message_new(message, &write->message) < 0) {
        free(write);
        return NULL;
    }
    list_init(&write->waiter.by_account);
    write->bll = bll;
    write->sender = sender;
    write->reply = origin->reply;
    write->link = origin->link;
    write->recipient_len = origin->recipient.len;
    memcpy(write->recipient, origin->recipient.data, origin->recipient.len);
    account_pin(sender);
    if (write->link)
        link_hold(write->link);
    return write;
}

/* Neither messages of version 1 nor notices have client keys. The server makes one, so that the
 * fate of a commit that was cut off can be found out; the ':' keeps it apart from every key a
 * client can send. */
static size_t make_key(struct bll *bll, char key[MESSAGE_KEY_MAX])
{
    return (size_t)snprintf(key, MESSAGE_KEY_MAX, ":%llx:%llx", (unsigned long long)bll->key_epoch,
                            (unsigned long long)++bll->key_counter);
}

int notice_new(struct bll_link *link, enum message_kind kind, struct bytes name, struct bytes text,
               struct message **ret)
{
    const struct account *account = link->account;
    char key[MESSAGE_KEY_MAX];
    const struct message notice = {
        .kind = kind,
        .sender = account->id,
        .origin = link->device ? link->device->id : 0,
        .userid = account_userid(account),
        .name = name,
        .key = {.data = key, .len = make_key(link->bll, key)},
        .text = text,
    };

    return message_new(&notice, ret);
}

uint64_t send_pay(struct bll *bll, struct account *sender, const struct addr *from)
{
    const struct bll_rates *rates = &bll->config.rates;
    uint64_t now = bll_now(bll), wait;

    if (sender->bulk)
        return 0;
    wait = bucket_wait(&sender->sends, &rates->sends_per_user, now);
    if (wait == 0)
        wait = rate_table_take(bll->send_rates, &rates->sends_per_address, from, now);
    if (wait == 0)
        wait = bucket_take(&sender->sends, &rates->sends_per_user, now);
    return wait;
}

void write_message(struct bll *bll, struct account *sender, const struct addr *from, void *reply,
                   struct bytes recipient, struct bytes text)
{
    const struct origin origin = {.reply = reply, .recipient = recipient};
    const struct device *device = presence_origin(sender, from);
    char key[MESSAGE_KEY_MAX], reason[LIMITED_REASON_MAX];
    struct message message = {
        .origin = device ? device->id : 0,
        .key = {.data = key, .len = make_key(bll, key)},
        .text = text,
    };
    uint64_t wait = send_pay(bll, sender, from);
    struct write *write;

    if (wait > 0) {
        bll_answer_error(bll, reply, PROTO_ERROR_LIMITED, bll_limited_reason(wait, reason));
        return;
    }
    write = write_new(bll, sender, &origin, &message);
    if (write)
        route(write);
    else
        bll_answer_error(bll, reply, PROTO_ERROR_INTERNAL, NULL);
}

static void sender_arrived(struct waiter *waiter, struct account *sender, enum dal_outcome outcome)
{
    struct write *write = CONTAINER_OF(waiter, struct write, waiter);

    if (outcome == DAL_UNAVAILABLE)
        write_refuse(write, PROTO_ERROR_UNAVAILABLE, NULL);
    else if (write->link->account != sender)
        write_refuse(write, PROTO_ERROR_UNKNOWN_SESSION, NULL);
    else
        route(write);
}

/* A sender who was changed in storage is loaded anew first: what he has just been allowed he may
 * do, and what he has been forbidden he may not. */
static void route_when_known(struct write *write)
{
    struct account *sender = write->sender;
    int r = 0;

    if (sender->state == ACCOUNT_READY && !sender->stale) {
        route(write);
        return;
    }
    if (sender->state != ACCOUNT_LOADING)
        r = account_load(write->bll, sender);
    if (r == 0)
        account_wait(sender, &write->waiter, sender_arrived);
    else
        write_refuse(write, r == -ENOMEM ? PROTO_ERROR_INTERNAL : PROTO_ERROR_BUSY, NULL);
}

void send_frame(struct bll_link *link, const struct v2_frame *frame, void *reply)
{
    const struct origin origin = {.link = link, .reply = reply, .recipient = frame->to};
    struct message message = {
        .origin = link->device ? link->device->id : 0,
        .key = frame->key,
        .text = frame->text,
    };
    enum proto_error error = PROTO_ERROR_TOO_LONG;
    struct write *write = NULL;

    if (frame->text.len <= link->bll->config.text_max) {
        error = PROTO_ERROR_INTERNAL;
        write = write_new(link->bll, link->account, &origin, &message);
    }
    if (write) {
        route_when_known(write);
        return;
    }
    bll_count_refusal(link->bll, error);
    link_refuse(link, reply, error, frame->key, NULL);
}
