/* Links: connections, as far as this unit is concerned with them. Who has signed on over one, which
 * frames it may send, and how they are answered.
 *
 * Each verb of version 2 is a row of a table that says what has to hold before its handler is
 * called: who may say it, and out of which bucket it is paid. Frames of version 1 come on the same
 * connections, are told apart by their verb, and keep their own rules and their own answers.
 *
 * A link that is closed lives on while something may still come back to it (link_hold()).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "bll/internal.h"
#include "proto/v1.h"
#include "util/log.h"

#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

/* What an error is about that is about no frame in particular. */
#define NO_KEY "-"

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
    link_leave(link);
    link_release(link);
}

bool bll_link_idle(const struct bll_link *link)
{
    return !link->stream && link->owed == 0;
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

void link_refuse_limited(struct bll_link *link, void *reply, struct bytes about, uint64_t wait_us)
{
    char reason[LIMITED_REASON_MAX];

    link_refuse(link, reply, PROTO_ERROR_LIMITED, about, bll_limited_reason(wait_us, reason));
}

/* What the I/O unit closes a connection for, it has counted. */
void bll_refuse(struct bll *bll, struct bll_link *link, enum proto_error error, void *reply)
{
    if (link && link_speaks_v2(link)) {
        const struct v2_frame frame = refusal(error, bytes_of(NO_KEY), NULL);
        answer(link, reply, &frame, true);
    } else {
        bll_refuse_v1(bll, reply, error);
    }
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
    outlet->set_role(outlet->userdata, link->connection, BLL_LINK_SIGNED_ON);
}

/* Tells it that its session has ended, and closes it. */
static void link_end(struct bll_link *link)
{
    const struct bll_outlet *outlet = &link->bll->outlet;
    const struct v2_frame frame = refusal(PROTO_ERROR_UNKNOWN_SESSION, bytes_of(NO_KEY), NULL);
    char out[ANSWER_MAX];

    link_leave(link);
    outlet->write(outlet->userdata, link->connection,
                  (struct bytes){.data = out, .len = build(&frame, out)});
    outlet->close(outlet->userdata, link->connection);
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
    }
}

/* -- verbs ------------------------------------------------------------------------------------ */

static void handle_ping(struct bll_link *link, const struct v2_frame *frame, void *reply)
{
    const struct v2_frame pong = {.verb = V2_VERB_PONG};

    link_answer(link, reply, &pong);
}

static void handle_goodbye(struct bll_link *link, const struct v2_frame *frame, void *reply)
{
    const struct bll_outlet *outlet = &link->bll->outlet;

    outlet->reply(outlet->userdata, reply, (struct bytes){0}, true);
}

/* Who may say it. */
enum speaker {
    SPEAKER_ANYBODY,
    SPEAKER_STRANGER,  /* who has not signed on, and is not about to */
    SPEAKER_SIGNED_ON, /* who has */
    SPEAKER_DEVICE,    /* who has, with a device */
};

/* Out of which bucket it is paid. */
enum cost {
    COST_NOTHING,
    COST_SIGNON,   /* its address's sign-ons */
    COST_PASSWORD, /* the same, and there must be a failure left to make */
    COST_SEND,     /* its address's and its user's messages */
};

struct rule {
    void (*handle)(struct bll_link *link, const struct v2_frame *frame, void *reply);
    enum speaker speaker;
    enum cost cost;
};

/* What is not here is for the server to say. */
static const struct rule rules[V2_VERB_COUNT] = {
    [V2_VERB_HELLO] = {hello_frame, SPEAKER_STRANGER, COST_PASSWORD},
    [V2_VERB_RESUME] = {resume_frame, SPEAKER_STRANGER, COST_SIGNON},
    [V2_VERB_SEND] = {send_frame, SPEAKER_SIGNED_ON, COST_SEND},
    [V2_VERB_PASSWD] = {passwd_frame, SPEAKER_SIGNED_ON, COST_PASSWORD},
    [V2_VERB_PING] = {handle_ping, SPEAKER_ANYBODY, COST_NOTHING},
    [V2_VERB_GOODBYE] = {handle_goodbye, SPEAKER_ANYBODY, COST_NOTHING},
};

/* NULL if it may, else why not. */
static const char *speaker_refusal(const struct bll_link *link, enum speaker speaker,
                                   enum proto_error *ret_error)
{
    *ret_error = PROTO_ERROR_MALFORMED;
    switch (speaker) {
    case SPEAKER_ANYBODY:
        return NULL;
    case SPEAKER_STRANGER:
        if (link->stream && !link->account)
            return "this connection is for proving who listens there";
        return link->account || link->signing ? "this connection has been signed on over already"
                                              : NULL;
    case SPEAKER_SIGNED_ON:
    case SPEAKER_DEVICE:
        break;
    }
    if (!link->account) {
        *ret_error = PROTO_ERROR_NOT_SIGNED_ON;
        return proto_error_help(PROTO_ERROR_NOT_SIGNED_ON);
    }
    if (speaker == SPEAKER_DEVICE && !link->device)
        return "this session has no device to receive with";
    return NULL;
}

/* What a frame has to wait for, in microseconds; 0: it has been paid for. */
static uint64_t pay(struct bll_link *link, enum cost cost)
{
    struct bll *bll = link->bll;
    const struct bll_rates *rates = &bll->config.rates;
    uint64_t now = bll_now(bll), wait = 0;

    if (cost == COST_SEND) {
        wait = send_pay(bll, link->account, &link->from);
        if (wait > 0)
            bll_count_refusal(bll, PROTO_ERROR_LIMITED);
        return wait;
    }
    if (cost == COST_PASSWORD)
        wait = rate_table_wait(bll->failure_rates, &rates->failures_per_address, &link->from, now);
    if (cost != COST_NOTHING && wait == 0)
        wait = rate_table_take(bll->signon_rates, &rates->signons_per_address, &link->from, now);
    if (wait > 0)
        metrics_add(bll->metrics, METRIC_SIGNONS_LIMITED, 1);
    return wait;
}

/* What a refusal of the frame is about: the key of a message, else the verb. */
static struct bytes about(const struct v2_frame *frame)
{
    return frame->verb == V2_VERB_SEND ? frame->key : bytes_of(v2_verb_name(frame->verb));
}

static void refuse_malformed(struct bll_link *link, void *reply, enum proto_error error,
                             struct bytes about, const char *reason)
{
    metrics_add(link->bll->metrics, METRIC_FRAMES_MALFORMED, 1);
    link_refuse(link, reply, error, about, reason);
}

static enum proto_error parse_error(int r)
{
    switch (r) {
    case -EMSGSIZE:
        return PROTO_ERROR_TOO_LONG;
    case -EPROTONOSUPPORT:
        return PROTO_ERROR_VERSION;
    default:
        return PROTO_ERROR_MALFORMED;
    }
}

static void handle(struct bll_link *link, enum v2_verb verb, struct bytes bytes, void *reply)
{
    const struct rule *rule = &rules[verb];
    struct bytes name = bytes_of(v2_verb_name(verb));
    struct v2_frame frame;
    enum proto_error error;
    const char *reason;
    uint64_t wait;
    int r;

    if (!rule->handle) {
        refuse_malformed(link, reply, PROTO_ERROR_MALFORMED, name, "this is the server's to say");
        return;
    }
    reason = speaker_refusal(link, rule->speaker, &error);
    if (reason) {
        link_refuse(link, reply, error, name, reason);
        return;
    }
    r = v2_parse(bytes, &frame, &reason);
    if (r < 0) {
        refuse_malformed(link, reply, parse_error(r), name, reason);
        return;
    }
    wait = pay(link, rule->cost);
    if (wait > 0)
        link_refuse_limited(link, reply, about(&frame), wait);
    else
        rule->handle(link, &frame, reply);
}

/* -- frames ----------------------------------------------------------------------------------- */

bool link_speaks_v2(const struct bll_link *link)
{
    return link->secure || link->account;
}

static void refuse_plain(struct bll_link *link, enum v2_verb verb, void *reply)
{
    const struct v2_frame frame =
        refusal(PROTO_ERROR_TLS_REQUIRED, bytes_of(v2_verb_name(verb)), NULL);

    answer(link, reply, &frame, true);
}

void bll_link_frame(struct bll_link *link, struct bytes frame, void *reply)
{
    struct bll *bll = link->bll;
    int verb = v2_parse_verb(frame);

    if (verb < 0 && (v1_parse_verb(frame, NULL) >= 0 || !link_speaks_v2(link)))
        v1_frame(bll, &link->from, frame, reply);
    else if (verb < 0)
        refuse_malformed(link, reply, PROTO_ERROR_MALFORMED, bytes_of(NO_KEY),
                         "the verb is unknown");
    else if (verb != V2_VERB_GOODBYE && !link->secure && !bll_serves_plain(bll, &link->from))
        refuse_plain(link, (enum v2_verb)verb, reply);
    else
        handle(link, (enum v2_verb)verb, frame, reply);
}

/* Nothing waits for that as long as nothing flows. */
void bll_link_drained(struct bll_link *link)
{
}
