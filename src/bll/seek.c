/* Loading accounts by the user's id, for those who know a session and no userid.
 *
 * A seek is what storage is asked for, with the requests that wait for it; once the account is in
 * memory it is gone. One that found nobody is remembered for a while, so that the sessions of users
 * who were deleted do not cost a query each time: an id is never given again. There are SEEKS_MAX
 * at most.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "bll/internal.h"
#include "util/clock.h"

#include <errno.h>
#include <stdlib.h>

#define SEEKS_MAX   1024
#define REMEMBER_US (10 * USEC_PER_SEC)

struct seek {
    UT_hash_handle hh;   /* in bll.seeks, by user */
    struct list by_time; /* on bll.sought_in_vain, once there was nobody */
    struct bll *bll;
    struct request_queue waiting;
    uint64_t user;
    uint64_t changes;    /* bll.changes when storage was asked */
    uint64_t in_vain_us; /* when there was nobody */
};

static struct seek *seek_find(struct bll *bll, uint64_t user)
{
    struct seek *seek;

    HASH_FIND(hh, bll->seeks, &user, sizeof(user), seek);
    return seek;
}

static void seek_free(struct bll *bll, struct seek *seek)
{
    list_remove(&seek->by_time);
    HASH_DELETE(hh, bll->seeks, seek);
    free(seek);
}

void seeks_free(struct bll *bll)
{
    while (bll->seeks)
        seek_free(bll, bll->seeks);
}

void seeks_expire(struct bll *bll, uint64_t now)
{
    while (!list_empty(&bll->sought_in_vain)) {
        struct seek *oldest = LIST_FIRST(&bll->sought_in_vain, struct seek, by_time);
        if (now - oldest->in_vain_us < REMEMBER_US)
            return;
        seek_free(bll, oldest);
    }
}

/* False: all there may be are under way. */
static bool make_room(struct bll *bll)
{
    if (HASH_COUNT(bll->seeks) < SEEKS_MAX)
        return true;
    if (list_empty(&bll->sought_in_vain))
        return false;
    seek_free(bll, LIST_FIRST(&bll->sought_in_vain, struct seek, by_time));
    return true;
}

static void sought(void *userdata, enum dal_outcome outcome, const struct dal_account *stored);

/* 0, -EAGAIN, -ENOMEM. */
static int seek_ask(struct seek *seek)
{
    seek->changes = seek->bll->changes;
    return dal_account_find_id(seek->user, sought, seek);
}

static int seek_start(struct bll *bll, uint64_t user)
{
    struct seek *seek;
    int r;

    if (!make_room(bll))
        return -EAGAIN;
    seek = calloc(1, sizeof(*seek));
    if (!seek)
        return -ENOMEM;
    list_init(&seek->by_time);
    list_init(&seek->waiting.requests);
    seek->bll = bll;
    seek->user = user;
    HASH_ADD(hh, bll->seeks, user, sizeof(seek->user), seek);
    if (!seek->hh.tbl) { /* the table could not grow */
        free(seek);
        return -ENOMEM;
    }
    r = seek_ask(seek);
    if (r < 0)
        seek_free(bll, seek);
    return r;
}

/* The account storage told of, pinned: in memory already, by its userid, or from now on. NULL: no
 * memory. */
static struct account *account_of(struct bll *bll, const struct dal_account *stored)
{
    struct bytes userid = bytes_of(stored->user.userid);
    struct account *account = account_find(bll, userid);

    if (account) {
        account_pin(account);
        if (account->state != ACCOUNT_LOADING && (account->stale || account->id != stored->user.id))
            account_outdate(bll, account);
        return account;
    }
    account = account_new(bll, userid);
    if (account) {
        account_pin(account);
        account_arrive(bll, account, DAL_OK, stored);
    }
    return account;
}

static void found(struct bll *bll, struct seek *seek, const struct dal_account *stored)
{
    struct account *account = account_of(bll, stored);

    if (!account) {
        signon_abandon(bll, &seek->waiting, PROTO_ERROR_INTERNAL);
        return;
    }
    if (account->stale && account->state != ACCOUNT_LOADING)
        signon_abandon(bll, &seek->waiting, PROTO_ERROR_UNAVAILABLE);
    signon_move(&account->waiting, &seek->waiting);
    signon_advance(bll, account);
    account_unpin(bll, account);
}

static void sought(void *userdata, enum dal_outcome outcome, const struct dal_account *stored)
{
    struct seek *seek = userdata;
    struct bll *bll = seek->bll;

    /* Whoever was changed meanwhile, it may have been this one. */
    if (outcome == DAL_OK && seek->changes != bll->changes) {
        if (seek_ask(seek) == 0)
            return;
        outcome = DAL_UNAVAILABLE;
    }
    if (outcome == DAL_MISSING) {
        signon_abandon(bll, &seek->waiting, PROTO_ERROR_UNKNOWN_SESSION);
        seek->in_vain_us = bll_now(bll);
        list_append(&bll->sought_in_vain, &seek->by_time);
        return;
    }
    if (outcome == DAL_OK)
        found(bll, seek, stored);
    else
        signon_abandon(bll, &seek->waiting, PROTO_ERROR_UNAVAILABLE);
    seek_free(bll, seek);
}

struct account *account_by_id(struct bll *bll, uint64_t user)
{
    struct account *account;

    HASH_FIND(by_id, bll->accounts_by_id, &user, sizeof(user), account);
    return account;
}

int account_get_id(struct bll *bll, uint64_t user, struct account **ret)
{
    struct account *account = account_by_id(bll, user);
    struct seek *seek;
    int r;

    if (account) {
        account_use(bll, account);
        if (account->state == ACCOUNT_READY && !account->stale) {
            *ret = account;
            return 0;
        }
        r = account->state == ACCOUNT_LOADING ? 0 : account_load(bll, account);
        return r < 0 ? r : -EINPROGRESS;
    }
    seek = seek_find(bll, user);
    if (seek)
        return list_linked(&seek->by_time) ? -ENOENT : -EINPROGRESS;
    r = seek_start(bll, user);
    return r < 0 ? r : -EINPROGRESS;
}

struct request_queue *account_queue(struct bll *bll, uint64_t user)
{
    struct account *account = account_by_id(bll, user);

    return account ? &account->waiting : &seek_find(bll, user)->waiting;
}
