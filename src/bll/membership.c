/* Memberships of an account in memory, one at a time: what a join or a part changes without asking
 * storage for all the rest again, and without holding up what flows.
 *
 * Who leaves, or is removed, is told so by the last he gets of the room: his subscription stays
 * until the devices that are present have that notice, or have taken too long for it.
 *
 * The cursors of each device stand in the order of the account's subscriptions, so one comes and
 * goes with the other. Where memory is short, or what is being loaded may be from before, the
 * account is loaded anew, which always ends in what storage has.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "bll/internal.h"

#include <errno.h>
#include <stdlib.h>

/* What is being loaded may not know of it yet. */
static void outdate_loading(struct bll *bll, struct account *account)
{
    bll->changes++;
    if (account->state == ACCOUNT_LOADING)
        account->stale = true;
}

static void move_subscription(struct subscription *to, struct subscription *from)
{
    list_remove(&from->by_conversation);
    *to = *from;
    list_init(&to->by_conversation);
    list_append(&to->conversation->subscriptions, &to->by_conversation);
}

/* -- beginning -------------------------------------------------------------------------------- */

/* Room for one cursor more in each device; the rest of what is allocated is used later, or is as
 * good as not there. */
static int devices_grow(struct account *account)
{
    LIST_FOREACH (link, &account->devices) {
        struct device *device = LIST_ENTRY(link, struct device, by_account);
        struct cursor *cursors =
            reallocarray(device->cursors, account->subscription_count + 1, sizeof(*cursors));
        if (!cursors)
            return -ENOMEM;
        device->cursors = cursors;
    }
    return 0;
}

/* Subscriptions are on the lists of their conversations, so they are moved and not copied. */
static int subscriptions_grow(struct account *account)
{
    struct subscription *subscriptions =
        calloc(account->subscription_count + 1, sizeof(*subscriptions));

    if (!subscriptions)
        return -ENOMEM;
    for (unsigned i = 0; i < account->subscription_count; i++)
        move_subscription(&subscriptions[i], &account->subscriptions[i]);
    free(account->subscriptions);
    account->subscriptions = subscriptions;
    return 0;
}

static int subscribe(struct bll *bll, struct account *account, const struct membership *membership)
{
    struct conversation *conversation = conversation_get(bll, &membership->conversation);
    struct subscription *last;
    uint64_t since = membership->since;

    if (!conversation)
        return -ENOMEM;
    if (devices_grow(account) < 0 || subscriptions_grow(account) < 0) {
        conversation_unref(bll, conversation);
        return -ENOMEM;
    }
    LIST_FOREACH (link, &account->devices) {
        struct device *device = LIST_ENTRY(link, struct device, by_account);
        device->cursors[account->subscription_count] = (struct cursor){since, since, since};
    }
    last = &account->subscriptions[account->subscription_count++];
    *last = (struct subscription){
        .account = account,
        .conversation = conversation,
        .since = since,
    };
    list_init(&last->by_conversation);
    list_append(&conversation->subscriptions, &last->by_conversation);
    return 0;
}

/* -- ending ----------------------------------------------------------------------------------- */

/* The last one takes the place of the one that goes. */
static void unsubscribe(struct bll *bll, struct account *account, unsigned index)
{
    struct subscription *gone = &account->subscriptions[index];
    unsigned last = --account->subscription_count;

    LIST_FOREACH (link, &account->devices) {
        struct device *device = LIST_ENTRY(link, struct device, by_account);
        backlog_clear(&device->backlog); /* of the room, too */
        device->cursors[index] = device->cursors[last];
    }
    list_remove(&gone->by_conversation);
    conversation_unref(bll, gone->conversation);
    if (index != last)
        move_subscription(gone, &account->subscriptions[last]);
    memberships_changed(bll, account);
}

void memberships_changed(struct bll *bll, struct account *account)
{
    LIST_FOREACH (link, &account->devices) {
        struct device *device = LIST_ENTRY(link, struct device, by_account);
        if (device_is_v2(device))
            stream_resubscribe(bll, device);
    }
}

/* True while a device is about to get the last of it. */
static bool is_wanted(const struct account *account, unsigned index)
{
    LIST_FOREACH (link, &account->devices) {
        const struct device *device = LIST_ENTRY(link, struct device, by_account);
        if (device_present(device) &&
            device->cursors[index].acked < account->subscriptions[index].until)
            return true;
    }
    return false;
}

/* Ends it with message number `last`, unless it is another one that began after that. */
static void end(struct bll *bll, struct account *account, uint64_t conversation, uint64_t last)
{
    int index = account_membership(account, conversation);
    struct subscription *subscription;

    outdate_loading(bll, account);
    if (index < 0 || account->subscriptions[index].since >= last)
        return;
    subscription = &account->subscriptions[index];
    subscription->until = last;
    subscription->left_us = bll_now(bll);
    if (is_wanted(account, (unsigned)index))
        list_move(&bll->leaving, &account->by_leaving);
    else
        unsubscribe(bll, account, (unsigned)index);
}

/* An account is found by its userid, for it may be on its way into memory as what it was before. */
void membership_noted(struct bll *bll, const struct message *notice)
{
    bool left = notice->kind == MESSAGE_LEFT, removed = notice->kind == MESSAGE_REMOVED;
    struct account *account;

    if (!left && !removed)
        return;
    bll->changes++;
    account = account_find(bll, left ? notice->userid : notice->text);
    if (account)
        end(bll, account, notice->conversation, notice->seq);
}

/* True if there are still some that come to their end. */
static bool settle(struct bll *bll, struct account *account, uint64_t now)
{
    bool any = false;

    for (unsigned i = account->subscription_count; i-- > 0;) {
        const struct subscription *subscription = &account->subscriptions[i];
        if (subscription->until == 0)
            continue;
        if (is_wanted(account, i) && now - subscription->left_us < bll->config.present_us)
            any = true;
        else
            unsubscribe(bll, account, i);
    }
    return any;
}

void memberships_settle(struct bll *bll, uint64_t now)
{
    LIST_FOREACH_SAFE (link, &bll->leaving) {
        if (!settle(bll, LIST_ENTRY(link, struct account, by_leaving), now))
            list_remove(link);
    }
}

void membership_begin(struct bll *bll, struct account *account, const struct membership *membership)
{
    int index = account_subscription(account, membership->conversation.id);

    outdate_loading(bll, account);
    if (account->id == 0)
        return;
    if (index >= 0 && account->subscriptions[index].until == 0 &&
        account->subscriptions[index].since >= membership->since)
        return;
    if (index >= 0) /* what he had of an earlier one is over */
        unsubscribe(bll, account, (unsigned)index);
    if (subscribe(bll, account, membership) < 0)
        account_outdate(bll, account);
}
