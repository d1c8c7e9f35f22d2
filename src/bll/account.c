/* The directory of accounts: finding them in memory, and letting them go.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "bll/internal.h"
#include "util/log.h"
#include "util/utf8.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/* Accounts looked at in one accounts_forget(). */
#define FORGET_BATCH 256

struct bytes account_userid(const struct account *account)
{
    return (struct bytes){.data = account->userid, .len = account->userid_len};
}

int account_subscription(const struct account *account, uint64_t conversation)
{
    for (unsigned i = 0; i < account->subscription_count; i++)
        if (account->subscriptions[i].conversation->id == conversation)
            return (int)i;
    return -1;
}

int account_membership(const struct account *account, uint64_t conversation)
{
    int index = account_subscription(account, conversation);

    return index >= 0 && account->subscriptions[index].until == 0 ? index : -1;
}

/* NULL if it is no room, or one that was left. */
static const struct conversation *room_at(const struct account *account, unsigned index)
{
    const struct subscription *subscription = &account->subscriptions[index];
    const struct conversation *conversation = subscription->conversation;

    return conversation->kind == CONVERSATION_ROOM && subscription->until == 0 ? conversation
                                                                               : NULL;
}

static int room_numbered(const struct account *account, uint64_t number)
{
    for (unsigned i = 0; i < account->subscription_count; i++) {
        const struct conversation *conversation = room_at(account, i);
        if (conversation && conversation->number == number)
            return (int)i;
    }
    return -ENOENT;
}

static int room_alike(const struct account *account, struct bytes room)
{
    char *folded;
    int found = -ENOENT, r = utf8_fold(room, &folded);

    if (r < 0)
        return r == -ENOMEM ? r : -ENOENT;
    for (unsigned i = 0; i < account->subscription_count && found < 0; i++) {
        const struct conversation *conversation = room_at(account, i);
        if (conversation && conversation->folded && strcmp(conversation->folded, folded) == 0)
            found = (int)i;
    }
    free(folded);
    return found;
}

int account_room(const struct account *account, struct bytes room)
{
    for (unsigned i = 0; i < account->subscription_count; i++) {
        const struct conversation *conversation = room_at(account, i);
        if (conversation && bytes_is(room, conversation->name))
            return (int)i;
    }
    return room_number(room) != 0 ? room_numbered(account, room_number(room))
                                  : room_alike(account, room);
}

void account_pin(struct account *account)
{
    account->pins++;
}

static bool account_idle(const struct account *account)
{
    return account->pins == 0 && list_empty(&account->waiting.requests) &&
           list_empty(&account->waiters);
}

void subscriptions_free(struct bll *bll, struct subscription *subscriptions, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        list_remove(&subscriptions[i].by_conversation);
        conversation_unref(bll, subscriptions[i].conversation);
    }
    free(subscriptions);
}

static void account_free(struct bll *bll, struct account *account)
{
    while (!list_empty(&account->devices))
        device_free(bll, LIST_FIRST(&account->devices, struct device, by_account));
    subscriptions_free(bll, account->subscriptions, account->subscription_count);
    list_remove(&account->by_use);
    list_remove(&account->by_staleness);
    list_remove(&account->by_leaving);
    account_drop_id(bll, account);
    HASH_DELETE(hh, bll->accounts, account);
    free(account->verification); /* at the end of all: the pool calls back no more */
    free(account->password_hash);
    free(account->name);
    free(account);
}

void account_settle(struct bll *bll, struct account *account)
{
    if (account->state == ACCOUNT_MISSING && account_idle(account) && list_empty(&account->devices))
        account_free(bll, account);
}

void account_unpin(struct bll *bll, struct account *account)
{
    assert(account->pins > 0);
    account->pins--;
    account_settle(bll, account);
}

void account_use(struct bll *bll, struct account *account)
{
    account->used_us = bll_now(bll);
    list_move(&bll->by_use, &account->by_use);
}

struct account *account_find(struct bll *bll, struct bytes userid)
{
    struct account *account;

    HASH_FIND(hh, bll->accounts, userid.data, userid.len, account);
    if (account)
        account_use(bll, account);
    return account;
}

void account_drop_id(struct bll *bll, struct account *account)
{
    if (account->id != 0)
        HASH_DELETE(by_id, bll->accounts_by_id, account);
    account->id = 0;
}

int account_identify(struct bll *bll, struct account *account, uint64_t id)
{
    account_drop_id(bll, account);
    account->id = id;
    HASH_ADD(by_id, bll->accounts_by_id, id, sizeof(account->id), account);
    if (account->by_id.tbl)
        return 0;
    account->id = 0; /* the table could not grow */
    return -ENOMEM;
}

struct account *account_new(struct bll *bll, struct bytes userid)
{
    struct account *account = calloc(1, sizeof(*account) + userid.len + 1);

    if (!account)
        return NULL;
    memcpy(account->userid, userid.data, userid.len);
    account->userid_len = (uint8_t)userid.len;
    list_init(&account->by_use);
    list_init(&account->waiting.requests);
    list_init(&account->waiters);
    list_init(&account->devices);
    list_init(&account->links);
    list_init(&account->by_staleness);
    list_init(&account->by_leaving);
    account->used_us = bll_now(bll);
    HASH_ADD_KEYPTR(hh, bll->accounts, account->userid, userid.len, account);
    if (!account->hh.tbl) { /* the table could not grow */
        free(account);
        return NULL;
    }
    list_append(&bll->by_use, &account->by_use);
    return account;
}

int account_get(struct bll *bll, struct bytes userid, struct account **ret)
{
    struct account *account = account_find(bll, userid);
    int r;

    if (!account)
        account = account_new(bll, userid);
    else if (account->state != ACCOUNT_READY || !account->stale) {
        *ret = account;
        return 0;
    }
    if (!account)
        return -ENOMEM;
    r = account_load(bll, account);
    if (r < 0) {
        if (account->id == 0)
            account_free(bll, account);
        return r;
    }
    *ret = account;
    return 0;
}

/* Its last poll could be sent again by whoever has heard it, and would be taken for a new one. */
static bool is_replayable(const struct bll *bll, const struct device *device)
{
    return device_is_v2(device) &&
           device->v2.poll_ms + V2_TIME_SLACK_MS >= bll->outlet.real_ms(bll->outlet.userdata);
}

static bool forgettable(const struct bll *bll, const struct account *account)
{
    if (!account_idle(account))
        return false;
    LIST_FOREACH (link, &account->devices) {
        const struct device *device = LIST_ENTRY(link, struct device, by_account);
        if (list_linked(&device->by_poll) || list_linked(&device->by_dirt) ||
            is_replayable(bll, device))
            return false;
    }
    return true;
}

void accounts_forget(struct bll *bll, uint64_t now)
{
    for (int i = 0; i < FORGET_BATCH && !list_empty(&bll->by_use); i++) {
        struct account *account = LIST_FIRST(&bll->by_use, struct account, by_use);
        if (now - account->used_us < bll->config.forget_us)
            return;
        if (forgettable(bll, account)) {
            log_debug("account %s leaves the memory", account->userid);
            account_free(bll, account);
        } else {
            account->used_us = now;
            list_move(&bll->by_use, &account->by_use);
        }
    }
}

void accounts_free(struct bll *bll)
{
    while (!list_empty(&bll->by_use)) {
        struct account *account = LIST_FIRST(&bll->by_use, struct account, by_use);
        signon_abandon(bll, &account->waiting, PROTO_ERROR_UNAVAILABLE);
        account_tell_waiters(account, DAL_UNAVAILABLE);
        passwd_abandon(bll, account);
        account_free(bll, account);
    }
}
