/* Links: connections, as far as this unit is concerned with them: who has signed on over one, how
 * it is answered, and how it ends.
 *
 * A link that is closed lives on while something may still come back to it (link_hold()).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "bll/internal.h"
#include "util/log.h"

#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>

int bll_link_new(struct bll *bll, const struct addr *from, bool secure, void *connection,
                 struct bll_link **ret)
{
    struct bll_link *link = calloc(1, sizeof(*link));

    if (!link)
        return -ENOMEM;
    link->bll = bll;
    link->from = *from;
    link->secure = secure;
    link->connection = connection;
    list_init(&link->by_account);
    list_init(&link->by_wakening);
    list_init(&link->waiting);
    list_init(&link->awaits);
    *ret = link;
    return 0;
}

void link_hold(struct bll_link *link)
{
    link->owed++;
}

void link_release(struct bll_link *link)
{
    assert(link->owed > 0);
    if (--link->owed == 0 && link->closed)
        free(link);
}

/* Nobody is signed on over it any more. */
static void link_leave(struct bll_link *link)
{
    struct account *account = link->account;

    stream_end(link->bll, link->stream);
    awaits_drop(link);
    link->device = NULL;
    link->account = NULL;
    list_remove(&link->by_account);
    sodium_memzero(&link->session, sizeof(link->session));
    if (account)
        account_unpin(link->bll, account);
}

void bll_link_closed(struct bll_link *link)
{
    if (!link)
        return;
    link_hold(link);
    link->closed = true;
    link_drop_waiting(link);
    link_leave(link);
    link_release(link);
}

void bll_link_drained(struct bll_link *link)
{
    if (link->stream)
        stream_drained(link->stream);
}

bool bll_link_idle(const struct bll_link *link)
{
    return link->owed == 0 && (!link->stream || stream_is_quiet(link->stream));
}

bool link_speaks_v2(const struct bll_link *link)
{
    return link->secure || link->account;
}

/* -- answers ---------------------------------------------------------------------------------- */

/* Welcome is the longest of them, an error with its longest reason apart. */
#define ANSWER_MAX 1024

static size_t build(const struct v2_frame *frame, char out[ANSWER_MAX])
{
    long len = v2_build(frame, out, ANSWER_MAX);

    if (len > 0)
        return (size_t)len;
    log_error("a frame \"%s\" cannot be built: %s", v2_verb_name(frame->verb), strerror((int)-len));
    return 0;
}

static void answer(struct bll_link *link, void *reply, const struct v2_frame *frame, bool close)
{
    const struct bll_outlet *outlet = &link->bll->outlet;
    char out[ANSWER_MAX];
    struct bytes bytes = {.data = out, .len = build(frame, out)};

    outlet->reply(outlet->userdata, reply, bytes, close);
    sodium_memzero(out, sizeof(out)); /* a session's key */
}

void link_answer(struct bll_link *link, void *reply, const struct v2_frame *frame)
{
    answer(link, reply, frame, false);
}

void link_tell(struct bll_link *link, const struct v2_frame *frame)
{
    const struct bll_outlet *outlet = &link->bll->outlet;
    char out[ANSWER_MAX];

    outlet->tell(outlet->userdata, link->connection,
                 (struct bytes){.data = out, .len = build(frame, out)});
}

static struct v2_frame refusal(enum proto_error error, struct bytes about, const char *reason)
{
    return (struct v2_frame){
        .verb = V2_VERB_ERR,
        .code = bytes_of(proto_error_code(error)),
        .key = about,
        .text = bytes_of(reason ? reason : proto_error_help(error)),
    };
}

void link_refuse(struct bll_link *link, void *reply, enum proto_error error, struct bytes about,
                 const char *reason)
{
    const struct v2_frame frame = refusal(error, about, reason);

    answer(link, reply, &frame, false);
}

void link_refuse_last(struct bll_link *link, void *reply, enum proto_error error,
                      struct bytes about)
{
    const struct v2_frame frame = refusal(error, about, NULL);

    answer(link, reply, &frame, true);
}

void link_refuse_limited(struct bll_link *link, void *reply, struct bytes about, uint64_t wait_us)
{
    char reason[LIMITED_REASON_MAX];

    link_refuse(link, reply, PROTO_ERROR_LIMITED, about, bll_limited_reason(wait_us, reason));
}

/* What the I/O unit closes a connection for, it has counted. */
void bll_refuse(struct bll *bll, struct bll_link *link, enum proto_error error, void *reply)
{
    if (link && link_speaks_v2(link))
        link_refuse_last(link, reply, error, bytes_of(LINK_NO_KEY));
    else
        bll_refuse_v1(bll, reply, error);
}

/* -- signed on -------------------------------------------------------------------------------- */

void link_join(struct bll_link *link, struct account *account, struct device *device,
               const struct session *session)
{
    const struct bll_outlet *outlet = &link->bll->outlet;

    assert(!link->account && !link->closed);
    account_pin(account);
    list_append(&account->links, &link->by_account);
    link->account = account;
    link->device = device;
    link->session = *session;
    link->joined_us = bll_now(link->bll);
    outlet->set_role(outlet->userdata, link->connection, BLL_LINK_SIGNED_ON);
}

/* Tells it that it is over, and why, and closes it. */
static void link_dismiss(struct bll_link *link, enum proto_error error, const char *reason)
{
    const struct bll_outlet *outlet = &link->bll->outlet;
    const struct v2_frame frame = refusal(error, bytes_of(LINK_NO_KEY), reason);
    char out[ANSWER_MAX];

    link_leave(link);
    outlet->write(outlet->userdata, link->connection,
                  (struct bytes){.data = out, .len = build(&frame, out)});
    outlet->close(outlet->userdata, link->connection);
}

/* Its session has ended. */
static void link_end(struct bll_link *link)
{
    link_dismiss(link, PROTO_ERROR_UNKNOWN_SESSION, NULL);
}

static bool holds(const struct bll_link *link, const struct account *account)
{
    return account->state != ACCOUNT_MISSING && !account->disabled &&
           account->auth_epoch == link->session.epoch;
}

void links_end(struct bll *bll, struct account *account)
{
    account_pin(account);
    LIST_FOREACH_SAFE (node, &account->links) {
        struct bll_link *link = LIST_ENTRY(node, struct bll_link, by_account);
        if (!holds(link, account))
            link_end(link);
    }
    account_unpin(bll, account);
}

void links_end_device(struct bll *bll, struct device *device)
{
    struct account *account = device->account;

    account_pin(account);
    LIST_FOREACH_SAFE (node, &account->links) {
        struct bll_link *link = LIST_ENTRY(node, struct bll_link, by_account);
        if (link->device == device)
            link_end(link);
    }
    account_unpin(bll, account);
}

void links_end_all(struct bll *bll)
{
    LIST_FOREACH (node, &bll->by_use) {
        struct account *account = LIST_ENTRY(node, struct account, by_use);
        while (!list_empty(&account->links))
            link_end(LIST_FIRST(&account->links, struct bll_link, by_account));
        LIST_FOREACH (link, &account->devices) {
            struct device *device = LIST_ENTRY(link, struct device, by_account);
            if (device_is_v2(device))
                dial_forget(bll, device); /* it was about to prove the old one */
        }
    }
}

bool bll_kick(struct bll *bll, struct bytes userid, const char *reason)
{
    struct account *account = account_find(bll, userid);
    bool any = account && !list_empty(&account->links);

    if (!any)
        return false;
    account_pin(account);
    while (!list_empty(&account->links))
        link_dismiss(LIST_FIRST(&account->links, struct bll_link, by_account),
                     PROTO_ERROR_NOT_ALLOWED, reason);
    account_unpin(bll, account);
    return true;
}
