/* The directory of accounts: loading them from storage, bringing them up to date when they were
 * changed there, and letting them go.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "bll/internal.h"
#include "util/log.h"

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

void account_pin(struct account *account)
{
    account->pins++;
}

static bool account_idle(const struct account *account)
{
    return account->pins == 0 && list_empty(&account->requests) && list_empty(&account->resolving);
}

static void subscriptions_free(struct bll *bll, struct subscription *subscriptions, unsigned count)
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

/* -- loading ---------------------------------------------------------------------------------- */

static int replace_text(char **text, const char *with)
{
    char *copy = strdup(with);

    if (!copy)
        return -ENOMEM;
    free(*text);
    *text = copy;
    return 0;
}

static uint64_t stored_cursor(const struct dal_account *stored, uint64_t device,
                              const struct membership *membership)
{
    for (size_t i = 0; i < stored->cursor_count; i++)
        if (stored->cursors[i].device == device &&
            stored->cursors[i].conversation == membership->conversation.id)
            return stored->cursors[i].seq;
    return membership->since;
}

/* What the device had of a conversation stays; a new membership begins where storage says. */
static void cursors_carry(const struct account *account, const struct device *device,
                          const struct dal_account *stored, struct cursor *cursors)
{
    for (size_t i = 0; i < stored->membership_count; i++) {
        const struct membership *membership = &stored->memberships[i];
        int old = account_subscription(account, membership->conversation.id);
        if (old >= 0) {
            cursors[i] = device->cursors[old];
        } else {
            uint64_t seq = stored_cursor(stored, device->id, membership);
            cursors[i] = (struct cursor){.acked = seq, .stored = seq};
        }
    }
}

/* New cursors for every device, allocated before anything is changed. */
static int devices_carry(struct account *account, const struct dal_account *stored,
                         struct cursor **carried)
{
    unsigned n = 0;

    LIST_FOREACH (link, &account->devices) {
        struct device *device = LIST_ENTRY(link, struct device, by_account);
        carried[n] = calloc(stored->membership_count + 1, sizeof(**carried));
        if (!carried[n])
            return -ENOMEM;
        cursors_carry(account, device, stored, carried[n++]);
    }
    return 0;
}

static void devices_adopt(struct account *account, struct cursor **carried)
{
    unsigned n = 0;

    LIST_FOREACH (link, &account->devices) {
        struct device *device = LIST_ENTRY(link, struct device, by_account);
        backlog_clear(&device->backlog); /* of conversations he may have left */
        free(device->cursors);
        device->cursors = carried[n];
        carried[n++] = NULL;
    }
}

static int subscriptions_load(struct bll *bll, const struct dal_account *stored,
                              struct subscription **ret)
{
    struct subscription *subscriptions =
        calloc(stored->membership_count + 1, sizeof(*subscriptions));
    unsigned i;

    if (!subscriptions)
        return -ENOMEM;
    for (i = 0; i < stored->membership_count; i++) {
        const struct membership *membership = &stored->memberships[i];
        list_init(&subscriptions[i].by_conversation);
        subscriptions[i].since = membership->since;
        subscriptions[i].conversation = conversation_get(bll, &membership->conversation);
        if (!subscriptions[i].conversation) {
            subscriptions_free(bll, subscriptions, i);
            return -ENOMEM;
        }
    }
    *ret = subscriptions;
    return 0;
}

static void subscriptions_adopt(struct bll *bll, struct account *account,
                                struct subscription *subscriptions, unsigned count)
{
    subscriptions_free(bll, account->subscriptions, account->subscription_count);
    account->subscriptions = subscriptions;
    account->subscription_count = count;
    for (unsigned i = 0; i < count; i++) {
        subscriptions[i].account = account;
        list_append(&subscriptions[i].conversation->subscriptions,
                    &subscriptions[i].by_conversation);
    }
}

static int memberships_update(struct bll *bll, struct account *account,
                              const struct dal_account *stored)
{
    struct cursor **carried = calloc(account->device_count + 1, sizeof(struct cursor *));
    struct subscription *subscriptions = NULL;
    int r = carried ? devices_carry(account, stored, carried) : -ENOMEM;

    if (r == 0)
        r = subscriptions_load(bll, stored, &subscriptions);
    if (r == 0) {
        devices_adopt(account, carried);
        subscriptions_adopt(bll, account, subscriptions, (unsigned)stored->membership_count);
    }
    for (unsigned i = 0; carried && i < account->device_count; i++)
        free(carried[i]);
    free(carried);
    return r;
}

static int devices_restore(struct bll *bll, struct account *account,
                           const struct dal_account *stored)
{
    for (size_t i = 0; i < stored->device_count; i++)
        if (device_restore(bll, account, &stored->devices[i], stored) == -ENOMEM)
            return -ENOMEM;
    return 0;
}

/* The user is gone: so are his devices, except those something may still come back to. */
static void account_vanish(struct bll *bll, struct account *account)
{
    account->state = ACCOUNT_MISSING;
    signon_outdate(account);
    free(account->password_hash);
    account->password_hash = NULL; /* as for a user who never was */
    LIST_FOREACH_SAFE (link, &account->devices) {
        struct device *device = LIST_ENTRY(link, struct device, by_account);
        if (device->state == DEVICE_MAKING || device->state == DEVICE_READING ||
            device->state == DEVICE_PUSHING)
            device->gone = true;
        else
            device_free(bll, device);
    }
}

static int account_fill(struct bll *bll, struct account *account, const struct dal_account *stored)
{
    bool first = account->id != stored->user.id;
    bool same_password;
    int r;

    if (first && account->id != 0) /* another user, who has the userid of one that was deleted */
        account_vanish(bll, account);
    same_password =
        account->password_hash && strcmp(account->password_hash, stored->password_hash) == 0;
    r = replace_text(&account->name, stored->user.name);

    if (r == 0 && !same_password)
        r = replace_text(&account->password_hash, stored->password_hash);
    if (r == 0)
        r = memberships_update(bll, account, stored);
    if (r < 0)
        return r;
    if (!same_password)
        signon_outdate(account);
    account->id = stored->user.id;
    account->inbox = stored->user.inbox;
    account->disabled = stored->user.disabled;
    if (account->disabled || !same_password)
        presence_end(bll, account); /* who polled with what no longer holds */
    return first ? devices_restore(bll, account, stored) : 0;
}

static int account_load(struct bll *bll, struct account *account);

struct loading {
    struct bll *bll;
    struct account *account;
};

static void consider_devices(struct bll *bll, struct account *account)
{
    LIST_FOREACH (link, &account->devices)
        delivery_consider(bll, LIST_ENTRY(link, struct device, by_account));
}

/* Storage could not say: the account is unknown again, as before it was asked for. */
static void loading_failed(struct bll *bll, struct account *account)
{
    signon_abandon(bll, account, PROTO_ERROR_UNAVAILABLE);
    account->state = account->id ? ACCOUNT_READY : ACCOUNT_MISSING;
    /* What was changed in storage is still to be loaded; nobody signs on with the old before. */
    account->stale = account->id != 0;
    account->known = false;
}

static void loaded(void *userdata, enum dal_outcome outcome, const struct dal_account *stored)
{
    struct loading *loading = userdata;
    struct bll *bll = loading->bll;
    struct account *account = loading->account;

    free(loading);
    if (account->stale && outcome != DAL_UNAVAILABLE) {
        account->stale = false;
        if (account_load(bll, account) == 0) {
            account_unpin(bll, account);
            return;
        }
        outcome = DAL_UNAVAILABLE;
    }
    if (outcome == DAL_OK && account_fill(bll, account, stored) < 0)
        outcome = DAL_UNAVAILABLE;
    if (outcome == DAL_OK)
        account->state = ACCOUNT_READY;
    else if (outcome == DAL_MISSING)
        account_vanish(bll, account);
    else
        loading_failed(bll, account);
    signon_advance(bll, account);
    write_resolved(bll, account, outcome);
    if (account->state == ACCOUNT_READY)
        consider_devices(bll, account);
    account_unpin(bll, account);
}

/* Asks storage. 0, -EAGAIN, -ENOMEM. */
static int account_load(struct bll *bll, struct account *account)
{
    struct loading *loading = malloc(sizeof(*loading));
    int r;

    if (!loading)
        return -ENOMEM;
    *loading = (struct loading){.bll = bll, .account = account};
    r = dal_account_find(account_userid(account), loaded, loading);
    if (r < 0) {
        free(loading);
        return r;
    }
    account->state = ACCOUNT_LOADING;
    account_pin(account);
    return 0;
}

void bll_account_changed(struct bll *bll, struct bytes userid)
{
    struct account *account;

    HASH_FIND(hh, bll->accounts, userid.data, userid.len, account);
    if (!account)
        return;
    if (account->state == ACCOUNT_LOADING || account_load(bll, account) < 0) {
        account->stale = true;
        account->known = false; /* nobody signs on with what may be old */
    }
}

/* -- the directory ---------------------------------------------------------------------------- */

struct account *account_find(struct bll *bll, struct bytes userid)
{
    struct account *account;

    HASH_FIND(hh, bll->accounts, userid.data, userid.len, account);
    if (account) {
        account->used_us = bll_now(bll);
        list_move(&bll->by_use, &account->by_use);
    }
    return account;
}

static struct account *account_new(struct bll *bll, struct bytes userid)
{
    struct account *account = calloc(1, sizeof(*account) + userid.len + 1);

    if (!account)
        return NULL;
    memcpy(account->userid, userid.data, userid.len);
    account->userid_len = (uint8_t)userid.len;
    list_init(&account->by_use);
    list_init(&account->requests);
    list_init(&account->resolving);
    list_init(&account->devices);
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
    account->stale = false;
    r = account_load(bll, account);
    if (r < 0) {
        account->stale = true;
        if (account->id == 0)
            account_free(bll, account);
        return r;
    }
    *ret = account;
    return 0;
}

static bool forgettable(const struct account *account)
{
    if (!account_idle(account))
        return false;
    LIST_FOREACH (link, &account->devices) {
        const struct device *device = LIST_ENTRY(link, struct device, by_account);
        if (list_linked(&device->by_poll) || list_linked(&device->by_dirt))
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
        if (forgettable(account)) {
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
        signon_abandon(bll, account, PROTO_ERROR_UNAVAILABLE);
        write_resolved(bll, account, DAL_UNAVAILABLE);
        account_free(bll, account);
    }
}
