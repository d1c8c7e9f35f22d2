/* passwd: a user changes his own password over a link that is signed on.
 *
 * The old one is verified as at a sign-on, the new one hashed in the pool and stored, and the
 * account loaded anew. Only then is the answer given: from there on the old password opens nothing,
 * and every session but this link's new one has ended. An account has one change under way at a
 * time, and a change is refused if the account was changed otherwise since the old password was
 * verified.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "bll/internal.h"
#include "model/name.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>

struct passwd {
    struct bll *bll;
    struct account *account; /* pinned */
    uint32_t epoch;          /* the account's when the old password was right */
    bool stored;             /* what is left is to load the account */
    char hash[PASSWORD_HASH_MAX];
    struct request request; /* its link is held */
};

static void passwd_end(struct passwd *passwd)
{
    struct bll *bll = passwd->bll;
    struct account *account = passwd->account;

    account->passwd = NULL;
    link_release(passwd->request.link);
    sodium_memzero(passwd, sizeof(*passwd));
    free(passwd);
    account_unpin(bll, account);
}

static void passwd_refuse(struct passwd *passwd, enum proto_error error)
{
    signon_refuse(passwd->bll, &passwd->request, error);
    passwd_end(passwd);
}

static bool is_signed_on(const struct passwd *passwd)
{
    return passwd->request.link->account == passwd->account;
}

void passwd_arrive(struct bll *bll, struct account *account)
{
    struct passwd *passwd = account->passwd;
    struct bll_link *link;

    if (!passwd || !passwd->stored)
        return;
    link = passwd->request.link;
    if (!account->password_hash || strcmp(account->password_hash, passwd->hash) != 0 ||
        account->disabled || !is_signed_on(passwd)) {
        passwd_refuse(passwd, PROTO_ERROR_UNKNOWN_SESSION);
        return;
    }
    session_make(bll->config.secret, account->id, link->session.device, account->auth_epoch,
                 link->secure, &link->session);
    link_welcome(link, passwd->request.reply);
    passwd_end(passwd);
}

void passwd_abandon(struct bll *bll, struct account *account)
{
    struct passwd *passwd = account->passwd;

    if (passwd)
        passwd_refuse(passwd, passwd->stored ? PROTO_ERROR_UNCERTAIN : PROTO_ERROR_UNAVAILABLE);
}

static enum proto_error outcome_error(enum dal_outcome outcome)
{
    switch (outcome) {
    case DAL_MISSING:
        return PROTO_ERROR_UNKNOWN_SESSION;
    case DAL_UNAVAILABLE:
        return PROTO_ERROR_UNAVAILABLE;
    case DAL_UNCERTAIN:
        return PROTO_ERROR_UNCERTAIN;
    default:
        return PROTO_ERROR_INTERNAL;
    }
}

static void stored(void *userdata, enum dal_outcome outcome)
{
    struct passwd *passwd = userdata;
    struct bll *bll = passwd->bll;

    if (outcome != DAL_OK) {
        passwd_refuse(passwd, outcome_error(outcome));
        return;
    }
    passwd->stored = true;
    bll->changes++;
    account_outdate(bll, passwd->account);
}

/* True if nothing about the account has changed since the old password was verified. */
static bool is_unchanged(const struct passwd *passwd)
{
    const struct account *account = passwd->account;

    return account->state == ACCOUNT_READY && !account->stale && !account->disabled &&
           account->auth_epoch == passwd->epoch;
}

static void hashed(void *userdata, const char *hash)
{
    struct passwd *passwd = userdata;
    int r;

    if (!hash) {
        passwd_refuse(passwd, PROTO_ERROR_INTERNAL);
        return;
    }
    if (!is_signed_on(passwd) || !is_unchanged(passwd)) {
        passwd_refuse(passwd,
                      is_signed_on(passwd) ? PROTO_ERROR_BUSY : PROTO_ERROR_UNKNOWN_SESSION);
        return;
    }
    memcpy(passwd->hash, hash, strlen(hash) + 1);
    r = dal_user_set_password(account_userid(passwd->account), hash, stored, passwd);
    if (r < 0)
        passwd_refuse(passwd, r == -ENOMEM ? PROTO_ERROR_INTERNAL : PROTO_ERROR_BUSY);
}

static int passwd_new(struct bll *bll, struct account *account, const struct request *request)
{
    struct passwd *passwd;
    int r;

    if (account->passwd)
        return -EAGAIN;
    passwd = calloc(1, sizeof(*passwd));
    if (!passwd)
        return -ENOMEM;
    r = password_pool_hash(bll->pool, request->new_password, hashed, passwd);
    if (r < 0) {
        free(passwd);
        return r;
    }
    passwd->bll = bll;
    passwd->account = account;
    passwd->epoch = account->auth_epoch;
    passwd->request = (struct request){
        .kind = request->kind,
        .from = request->from,
        .reply = request->reply,
        .link = request->link,
    };
    account->passwd = passwd;
    account_pin(account);
    link_hold(request->link);
    return 0;
}

void passwd_grant(struct bll *bll, struct account *account, const struct request *request)
{
    int r;

    if (request->link->account != account) {
        signon_refuse(bll, request, PROTO_ERROR_UNKNOWN_SESSION);
        return;
    }
    r = passwd_new(bll, account, request);
    if (r < 0)
        signon_refuse(bll, request, r == -ENOMEM ? PROTO_ERROR_INTERNAL : PROTO_ERROR_BUSY);
}

void passwd_frame(struct bll_link *link, const struct v2_frame *frame, void *reply)
{
    struct bll *bll = link->bll;
    struct account *account = link->account;
    const struct request request = {
        .kind = REQUEST_PASSWD,
        .from = link->from,
        .reply = reply,
        .link = link,
        .userid = account_userid(account),
        .password = frame->password,
        .new_password = frame->new_password,
    };
    const char *refusal = password_refusal(frame->new_password);
    int r;

    if (refusal) {
        metrics_add(bll->metrics, METRIC_FRAMES_MALFORMED, 1);
        link_refuse(link, reply, PROTO_ERROR_MALFORMED, bytes_of(v2_verb_name(frame->verb)),
                    refusal);
        return;
    }
    if (signon_known(bll, account, frame->password)) {
        passwd_grant(bll, account, &request);
        return;
    }
    r = signon_wait(bll, &request);
    if (r < 0)
        signon_refuse(bll, &request, r == -ENOMEM ? PROTO_ERROR_INTERNAL : PROTO_ERROR_BUSY);
}
