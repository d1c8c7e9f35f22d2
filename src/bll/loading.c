/* Loading accounts from storage, and bringing them up to date when they were changed there.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "bll/internal.h"

#include <errno.h>
#include <stdlib.h>

/* Accounts loaded anew in one accounts_refresh(). */
#define REFRESH_BATCH 64

static int replace_text(char **text, const char *with)
{
    char *copy = strdup(with);

    if (!copy)
        return -ENOMEM;
    free(*text);
    *text = copy;
    return 0;
}

/* One from an earlier membership may be behind. */
static uint64_t stored_cursor(const struct dal_account *stored, uint64_t device,
                              const struct membership *membership)
{
    for (size_t i = 0; i < stored->cursor_count; i++)
        if (stored->cursors[i].device == device &&
            stored->cursors[i].conversation == membership->conversation.id &&
            stored->cursors[i].seq > membership->since)
            return stored->cursors[i].seq;
    return membership->since;
}

/* Who has left and come back while nobody looked goes on where he came back. */
static void cursor_raise(struct cursor *cursor, uint64_t since)
{
    if (cursor->acked >= since)
        return;
    cursor->acked = cursor->stored = since;
    if (cursor->sent < since)
        cursor->sent = since;
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
            cursor_raise(&cursors[i], membership->since);
        } else {
            uint64_t seq = stored_cursor(stored, device->id, membership);
            cursors[i] = (struct cursor){.acked = seq, .sent = seq, .stored = seq};
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
        memberships_changed(bll, account);
    }
    for (unsigned i = 0; carried && i < account->device_count; i++)
        free(carried[i]);
    free(carried);
    return r;
}

/* The user is gone, and so are his devices. */
static void account_vanish(struct bll *bll, struct account *account)
{
    account->state = ACCOUNT_MISSING;
    account_drop_id(bll, account);
    signon_outdate(account);
    free(account->password_hash);
    account->password_hash = NULL; /* as for a user who never was */
    passwd_arrive(bll, account);
    links_end(bll, account);
    LIST_FOREACH_SAFE (link, &account->devices)
        device_retire(bll, LIST_ENTRY(link, struct device, by_account));
}

/* What a sign-on rests on is another one, or none any more. */
static void signons_end(struct bll *bll, struct account *account)
{
    passwd_arrive(bll, account);
    presence_end(bll, account);
    links_end(bll, account);
}

static int account_fill(struct bll *bll, struct account *account, const struct dal_account *stored)
{
    const struct user *user = &stored->user;
    bool first = account->id != user->id;
    bool same_password, ends;
    int r;

    if (first && account->id != 0) /* another user, who has the userid of one that was deleted */
        account_vanish(bll, account);
    same_password =
        account->password_hash && strcmp(account->password_hash, stored->password_hash) == 0;
    r = replace_text(&account->name, user->name);
    if (r == 0 && !same_password)
        r = replace_text(&account->password_hash, stored->password_hash);
    if (r == 0)
        r = memberships_update(bll, account, stored);
    if (r == 0 && first)
        r = account_identify(bll, account, user->id);
    if (r < 0)
        return r;
    if (!same_password)
        signon_outdate(account);
    ends = user->disabled || !same_password || account->auth_epoch != user->auth_epoch;
    account->inbox = user->inbox;
    account->disabled = user->disabled;
    account->bulk = user->bulk;
    account->auth_epoch = user->auth_epoch;
    if (ends)
        signons_end(bll, account);
    return devices_update(bll, account, stored);
}

static void consider_devices(struct bll *bll, struct account *account)
{
    LIST_FOREACH (link, &account->devices)
        delivery_consider(bll, LIST_ENTRY(link, struct device, by_account));
}

/* What is in memory may be old. Nobody signs on with it before it has been loaded anew. */
static void grow_stale(struct bll *bll, struct account *account)
{
    account->stale = true;
    account->known = false;
    if (account->state != ACCOUNT_LOADING)
        list_move(&bll->stale, &account->by_staleness);
}

/* Storage could not say: the account is as unknown as before it was asked for. */
static void loading_failed(struct bll *bll, struct account *account)
{
    signon_abandon(bll, &account->waiting, PROTO_ERROR_UNAVAILABLE);
    account->state = account->id ? ACCOUNT_READY : ACCOUNT_MISSING;
    account->known = false;
    if (account->id)
        grow_stale(bll, account);
}

void account_wait(struct account *account, struct waiter *waiter,
                  void (*arrived)(struct waiter *waiter, struct account *account,
                                  enum dal_outcome outcome))
{
    waiter->arrived = arrived;
    list_append(&account->waiters, &waiter->by_account);
}

void account_tell_waiters(struct account *account, enum dal_outcome outcome)
{
    while (!list_empty(&account->waiters)) {
        struct waiter *waiter = LIST_FIRST(&account->waiters, struct waiter, by_account);
        list_remove(&waiter->by_account);
        waiter->arrived(waiter, account, outcome);
    }
}

void account_arrive(struct bll *bll, struct account *account, enum dal_outcome outcome,
                    const struct dal_account *stored)
{
    account_pin(account);
    if (outcome == DAL_OK && account_fill(bll, account, stored) < 0)
        outcome = DAL_UNAVAILABLE;
    if (outcome == DAL_OK)
        account->state = ACCOUNT_READY;
    else if (outcome == DAL_MISSING)
        account_vanish(bll, account);
    else
        loading_failed(bll, account);
    signon_advance(bll, account);
    account_tell_waiters(account, outcome);
    if (account->state == ACCOUNT_READY)
        consider_devices(bll, account);
    account_unpin(bll, account);
}

struct loading {
    struct bll *bll;
    struct account *account; /* pinned */
};

static void loaded(void *userdata, enum dal_outcome outcome, const struct dal_account *stored)
{
    struct loading *loading = userdata;
    struct bll *bll = loading->bll;
    struct account *account = loading->account;

    free(loading);
    /* What was changed meanwhile has to be loaded again. */
    if (!account->stale || outcome == DAL_UNAVAILABLE)
        account_arrive(bll, account, outcome, stored);
    else if (account_load(bll, account) < 0)
        account_arrive(bll, account, DAL_UNAVAILABLE, NULL);
    account_unpin(bll, account);
}

int account_load(struct bll *bll, struct account *account)
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
    account->stale = false;
    list_remove(&account->by_staleness);
    account_pin(account);
    return 0;
}

void account_outdate(struct bll *bll, struct account *account)
{
    if (account->state == ACCOUNT_LOADING || account_load(bll, account) < 0)
        grow_stale(bll, account);
}

void accounts_refresh(struct bll *bll)
{
    for (int i = 0; i < REFRESH_BATCH && !list_empty(&bll->stale); i++)
        if (account_load(bll, LIST_FIRST(&bll->stale, struct account, by_staleness)) < 0)
            return;
}

void bll_account_changed(struct bll *bll, struct bytes userid)
{
    struct account *account;

    bll->changes++;
    HASH_FIND(hh, bll->accounts, userid.data, userid.len, account);
    if (account)
        account_outdate(bll, account);
}
