/* Sign-on: who may have what he asks for.
 *
 * A password that was verified is remembered by a keyed fast hash, so that from then on a poll
 * costs a comparison. Everything else waits in the account's queue: until the account is loaded,
 * then for the slow hash, which is computed elsewhere, one at a time for an account. As soon as the
 * right password is known, all that came with it is granted, in order; a wrong password in the
 * queue delays nobody but itself.
 *
 * An unknown user, a wrong password and a disabled account take the same steps and are answered in
 * the same words. A sign-on of version 2 that was denied costs its address something, and never its
 * user: nobody can be locked out by others.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "bll/internal.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>

static bool is_poll(const struct request *request)
{
    return request->kind == REQUEST_POLL;
}

static bool fingerprint_matches(const struct bll *bll, const struct account *account,
                                struct bytes password)
{
    uint8_t fingerprint[PASSWORD_FINGERPRINT_LEN];

    if (!account->known)
        return false;
    password_fingerprint(bll->fingerprint_key, account->id, password, fingerprint);
    return password_fingerprint_equal(fingerprint, account->fingerprint);
}

bool signon_known(const struct bll *bll, const struct account *account, struct bytes password)
{
    return account->state == ACCOUNT_READY && !account->disabled &&
           fingerprint_matches(bll, account, password);
}

/* The request's place among those of its address: 0 or -EBUSY, -ENOMEM. A poll comes again, a write
 * may not; so polls, of which there may be thousands after a start, leave half of it to writes. */
static int take_share(struct bll *bll, const struct request *request)
{
    int r = peercount_take(bll->signons, &request->from);

    if (r < 0 || !is_poll(request))
        return r;
    r = peercount_take(bll->polls, &request->from);
    if (r < 0)
        peercount_give(bll->signons, &request->from);
    return r;
}

static void give_share(struct bll *bll, const struct request *request)
{
    peercount_give(bll->signons, &request->from);
    if (is_poll(request))
        peercount_give(bll->polls, &request->from);
}

static void request_free(struct bll *bll, struct request *request)
{
    list_remove(&request->by_queue);
    request->queue->count--;
    give_share(bll, request);
    if (request->link)
        link_release(request->link);
    sodium_memzero(request, sizeof(*request) + request->data_len);
    free(request);
}

/* -- the kinds of requests -------------------------------------------------------------------- */

static void poll_grant(struct bll *bll, struct account *account, const struct request *request)
{
    presence_poll(bll, account, &request->from, request->port);
}

static void poll_refuse(struct bll *bll, const struct request *request, enum proto_error error)
{
    metrics_add(bll->metrics,
                error == PROTO_ERROR_DENIED ? METRIC_POLLS_DENIED : METRIC_POLLS_DROPPED, 1);
}

static void write_grant(struct bll *bll, struct account *account, const struct request *request)
{
    write_message(bll, account, &request->from, request->reply, request->recipient, request->text);
}

static void write_refuse(struct bll *bll, const struct request *request, enum proto_error error)
{
    bll_answer_error(bll, request->reply, error, NULL);
}

static const struct {
    void (*grant)(struct bll *bll, struct account *account, const struct request *request);
    void (*refuse)(struct bll *bll, const struct request *request, enum proto_error error);
    bool by_password; /* else the account is all it waits for, and `grant` decides */
    bool rated;       /* each failure costs its address */
} kinds[REQUEST_KINDS] = {
    [REQUEST_POLL] = {poll_grant, poll_refuse, .by_password = true},
    [REQUEST_WRITE] = {write_grant, write_refuse, .by_password = true},
    [REQUEST_HELLO] = {hello_grant, signon_refuse, .by_password = true, .rated = true},
    [REQUEST_RESUME] = {resume_decide, signon_refuse},
    [REQUEST_PASSWD] = {passwd_grant, signon_refuse, .by_password = true, .rated = true},
};

static void request_refuse(struct bll *bll, struct request *request, enum proto_error error)
{
    kinds[request->kind].refuse(bll, request, error);
    request_free(bll, request);
}

static void request_grant(struct bll *bll, struct account *account, struct request *request)
{
    kinds[request->kind].grant(bll, account, request);
    request_free(bll, request);
}

/* -- verifying -------------------------------------------------------------------------------- */

/* Grants all that came with the right password, in order, and decides what needs none. */
static void grant_known(struct bll *bll, struct account *account)
{
    LIST_FOREACH_SAFE (link, &account->waiting.requests) {
        struct request *request = LIST_ENTRY(link, struct request, by_queue);
        if (!kinds[request->kind].by_password || signon_known(bll, account, request->password))
            request_grant(bll, account, request);
    }
}

static void verified(void *userdata, int result);

/* True if its address has no failure left: then no hash is spent on it. */
static bool is_limited(const struct bll *bll, const struct request *request)
{
    const struct rate *rate = &bll->config.rates.failures_per_address;

    return kinds[request->kind].rated &&
           rate_table_wait(bll->failure_rates, rate, &request->from, bll_now(bll)) > 0;
}

/* 0 or -errno. */
static int verify(struct bll *bll, struct account *account, const struct request *first)
{
    struct verification *verification = calloc(1, sizeof(*verification));
    int r;

    if (!verification)
        return -ENOMEM;
    verification->bll = bll;
    verification->account = account;
    password_fingerprint(bll->fingerprint_key, account->id, first->password,
                         verification->fingerprint);
    r = password_pool_verify(bll->pool, account->password_hash, first->password, verified,
                             verification);
    if (r < 0) {
        free(verification);
        return r;
    }
    account->verification = verification;
    account_pin(account);
    return 0;
}

void signon_outdate(struct account *account)
{
    account->known = false;
    if (account->verification)
        account->verification->outdated = true;
}

void signon_advance(struct bll *bll, struct account *account)
{
    if (account->state == ACCOUNT_LOADING)
        return;
    grant_known(bll, account);
    while (!account->verification && !list_empty(&account->waiting.requests)) {
        struct request *first = LIST_FIRST(&account->waiting.requests, struct request, by_queue);
        bool limited = is_limited(bll, first);
        if (!limited && verify(bll, account, first) == 0)
            return;
        metrics_add(bll->metrics, METRIC_PASSWORDS_BUSY, !limited);
        request_refuse(bll, first, limited ? PROTO_ERROR_LIMITED : PROTO_ERROR_BUSY);
    }
}

/* Denies what came with the password that `fingerprint` is of. */
static void deny_matching(struct bll *bll, struct account *account,
                          const uint8_t fingerprint[PASSWORD_FINGERPRINT_LEN],
                          enum proto_error error)
{
    uint8_t other[PASSWORD_FINGERPRINT_LEN];

    LIST_FOREACH_SAFE (link, &account->waiting.requests) {
        struct request *request = LIST_ENTRY(link, struct request, by_queue);
        password_fingerprint(bll->fingerprint_key, account->id, request->password, other);
        if (password_fingerprint_equal(other, fingerprint))
            request_refuse(bll, request, error);
    }
}

static void verified(void *userdata, int result)
{
    struct verification *verification = userdata;
    struct bll *bll = verification->bll;
    struct account *account = verification->account;

    metrics_add(bll->metrics, METRIC_PASSWORDS_CHECKED, 1);
    account->verification = NULL;
    if (verification->outdated || account->state == ACCOUNT_LOADING) {
        /* Changed meanwhile, or perhaps: it was the old password that was verified.
         * signon_advance() begins again, once the account is loaded. */
    } else if (result == 1 && !account->disabled) {
        memcpy(account->fingerprint, verification->fingerprint, sizeof(account->fingerprint));
        account->known = true;
    } else {
        deny_matching(bll, account, verification->fingerprint,
                      result < 0 ? PROTO_ERROR_INTERNAL : PROTO_ERROR_DENIED);
    }
    sodium_memzero(verification, sizeof(*verification));
    free(verification);
    signon_advance(bll, account);
    account_unpin(bll, account);
}

/* Polls come every second: while one waits, the next of the same endpoint would say nothing new. */
static bool is_repeated(const struct account *account, const struct request *request)
{
    if (!is_poll(request))
        return false;
    LIST_FOREACH (link, &account->waiting.requests) {
        struct request *other = LIST_ENTRY(link, struct request, by_queue);
        if (is_poll(other) && other->port == request->port &&
            addr_same_host(&other->from, &request->from) &&
            bytes_equal(other->password, request->password))
            return true;
    }
    return false;
}

static struct bytes copy_field(char **at, struct bytes field)
{
    struct bytes copy = {.data = *at, .len = field.len};

    if (field.len)
        memcpy(*at, field.data, field.len);
    *at += field.len;
    return copy;
}

static struct request *request_copy(const struct request *from)
{
    size_t data_len = from->password.len + from->recipient.len + from->text.len + from->device.len +
                      from->new_password.len;
    struct request *request = malloc(sizeof(*request) + data_len);
    char *at;

    if (!request)
        return NULL;
    *request = *from;
    list_init(&request->by_queue);
    at = request->data;
    request->userid = (struct bytes){0};
    request->password = copy_field(&at, from->password);
    request->recipient = copy_field(&at, from->recipient);
    request->text = copy_field(&at, from->text);
    request->device = copy_field(&at, from->device);
    request->new_password = copy_field(&at, from->new_password);
    request->data_len = data_len;
    if (request->link)
        link_hold(request->link);
    return request;
}

/* Takes the address's share, and a copy. */
static int enqueue(struct bll *bll, struct request_queue *queue, const struct request *from)
{
    struct request *request;
    int r;

    if (queue->count >= bll->config.waiting_max)
        return -EAGAIN;
    r = take_share(bll, from);
    if (r < 0)
        return r == -ENOMEM ? r : -EAGAIN;
    request = request_copy(from);
    if (!request) {
        give_share(bll, from);
        return -ENOMEM;
    }
    request->queue = queue;
    list_append(&queue->requests, &request->by_queue);
    queue->count++;
    return 0;
}

int signon_wait(struct bll *bll, const struct request *from)
{
    struct account *account;
    int r = account_get(bll, from->userid, &account);

    if (r < 0)
        return r;
    if (is_repeated(account, from))
        return 0;
    r = enqueue(bll, &account->waiting, from);
    if (r < 0) {
        account_settle(bll, account);
        return r;
    }
    signon_advance(bll, account);
    account_settle(bll, account);
    return 0;
}

int signon_wait_id(struct bll *bll, const struct request *from)
{
    return enqueue(bll, account_queue(bll, from->session.user), from);
}

void signon_abandon(struct bll *bll, struct request_queue *queue, enum proto_error error)
{
    while (!list_empty(&queue->requests))
        request_refuse(bll, LIST_FIRST(&queue->requests, struct request, by_queue), error);
}

void signon_move(struct request_queue *to, struct request_queue *from)
{
    LIST_FOREACH (link, &from->requests)
        LIST_ENTRY(link, struct request, by_queue)->queue = to;
    list_splice(&to->requests, &from->requests);
    to->count += from->count;
    from->count = 0;
}
