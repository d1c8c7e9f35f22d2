/* Links: connections, as far as this unit is concerned with them. Who has signed on over one, which
 * frames it may send, and how they are answered.
 *
 * Each verb of version 2 is a row of a table that says what has to hold before its handler is
 * called: who may say it, and out of which bucket it is paid. Frames of version 1 come on the same
 * connections, are told apart by their verb, and keep their own rules and their own answers.
 *
 * Frames are carried out in their order. Those that come while a sign-on is under way wait for it,
 * within limits, and go on at the end of a turn.
 *
 * A link that is closed lives on while something may still come back to it (link_hold()).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "bll/internal.h"
#include "proto/field.h"
#include "proto/v1.h"
#include "util/cursor.h"
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
    list_init(&link->by_wakening);
    list_init(&link->waiting);
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
    link->device = NULL;
    link->account = NULL;
    list_remove(&link->by_account);
    sodium_memzero(&link->session, sizeof(link->session));
    if (account)
        account_unpin(link->bll, account);
}

/* A frame that waits for the sign-on before it. */
struct waiting_frame {
    struct list by_link;
    void *reply;
    size_t len;
    char data[];
};

static void waiting_frame_free(struct bll_link *link, struct waiting_frame *frame)
{
    list_remove(&frame->by_link);
    link->waiting_count--;
    link->waiting_bytes -= frame->len;
    sodium_memzero(frame->data, frame->len); /* it may hold a password */
    free(frame);
}

static void drop_waiting(struct bll_link *link)
{
    const struct bll_outlet *outlet = &link->bll->outlet;

    list_remove(&link->by_wakening);
    while (!list_empty(&link->waiting)) {
        struct waiting_frame *frame = LIST_FIRST(&link->waiting, struct waiting_frame, by_link);
        outlet->reply(outlet->userdata, frame->reply, (struct bytes){0}, false);
        waiting_frame_free(link, frame);
    }
}

void bll_link_closed(struct bll_link *link)
{
    if (!link)
        return;
    link_hold(link);
    link->closed = true;
    drop_waiting(link);
    link_leave(link);
    link_release(link);
}

bool bll_link_idle(const struct bll_link *link)
{
    return link->owed == 0 && (!link->stream || stream_is_quiet(link->stream));
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
    SPEAKER_STRANGER,  /* who has not signed on */
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
    [V2_VERB_ATTACH] = {stream_attach, SPEAKER_DEVICE, COST_NOTHING},
    [V2_VERB_DETACH] = {stream_detach, SPEAKER_DEVICE, COST_NOTHING},
    [V2_VERB_PROOF] = {stream_proof, SPEAKER_ANYBODY, COST_NOTHING},
    [V2_VERB_ACK] = {stream_ack, SPEAKER_DEVICE, COST_NOTHING},
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
        return link->account ? "this connection has been signed on over already" : NULL;
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

/* What a refusal of the frame is about: the key of a message, if it can be read, else the verb. */
static struct bytes about(enum v2_verb verb, struct bytes bytes)
{
    struct reader reader;
    struct bytes key;

    reader_init(&reader, bytes);
    (void)reader_field(&reader, ':');
    key = reader_field(&reader, ':');
    if (verb == V2_VERB_SEND && field_check(FIELD_KEY, key, NULL) == 0)
        return key;
    return bytes_of(v2_verb_name(verb));
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
    struct v2_frame frame;
    enum proto_error error;
    const char *reason;
    uint64_t wait;
    int r;

    if (!rule->handle) {
        refuse_malformed(link, reply, PROTO_ERROR_MALFORMED, about(verb, bytes),
                         "this is the server's to say");
        return;
    }
    reason = speaker_refusal(link, rule->speaker, &error);
    if (reason) {
        link_refuse(link, reply, error, about(verb, bytes), reason);
        return;
    }
    r = v2_parse(bytes, &frame, &reason);
    if (r < 0) {
        refuse_malformed(link, reply, parse_error(r), about(verb, bytes), reason);
        return;
    }
    wait = pay(link, rule->cost);
    if (wait > 0)
        link_refuse_limited(link, reply, about(verb, bytes), wait);
    else
        rule->handle(link, &frame, reply);
}

/* -- waiting for a sign-on -------------------------------------------------------------------- */

/* Of one link; in bytes it is as much as one message can have, and this. */
#define WAITING_FRAMES_MAX 64
#define WAITING_BYTES_MORE 4096

static int keep_waiting(struct bll_link *link, struct bytes bytes, void *reply)
{
    struct waiting_frame *frame;

    if (link->waiting_count >= WAITING_FRAMES_MAX ||
        link->waiting_bytes + bytes.len > link->bll->config.text_max + WAITING_BYTES_MORE)
        return -EAGAIN;
    frame = malloc(sizeof(*frame) + bytes.len);
    if (!frame)
        return -ENOMEM;
    list_init(&frame->by_link);
    frame->reply = reply;
    frame->len = bytes.len;
    memcpy(frame->data, bytes.data, bytes.len);
    list_append(&link->waiting, &frame->by_link);
    link->waiting_count++;
    link->waiting_bytes += bytes.len;
    return 0;
}

static void wait_or_refuse(struct bll_link *link, enum v2_verb verb, struct bytes bytes,
                           void *reply)
{
    int r = keep_waiting(link, bytes, reply);

    if (r < 0)
        link_refuse(link, reply, r == -ENOMEM ? PROTO_ERROR_INTERNAL : PROTO_ERROR_BUSY,
                    about(verb, bytes), NULL);
}

/* At the end of the turn, and not now: whoever tells it may be at work on the account's queue. */
void link_decided(struct bll_link *link)
{
    struct bll *bll = link->bll;

    link->signing = false;
    if (list_empty(&link->waiting))
        return;
    list_move(&bll->awake, &link->by_wakening);
    bll->outlet.wake(bll->outlet.userdata);
}

static void go_on(struct bll_link *link)
{
    while (!link->signing && !list_empty(&link->waiting)) {
        struct waiting_frame *frame = LIST_FIRST(&link->waiting, struct waiting_frame, by_link);
        struct bytes bytes = {.data = frame->data, .len = frame->len};
        int verb = v2_parse_verb(bytes);
        assert(verb >= 0);
        handle(link, (enum v2_verb)verb, bytes, frame->reply);
        waiting_frame_free(link, frame);
    }
}

void links_go_on(struct bll *bll)
{
    while (!list_empty(&bll->awake)) {
        struct bll_link *link = LIST_FIRST(&bll->awake, struct bll_link, by_wakening);
        list_remove(&link->by_wakening);
        go_on(link);
    }
}

/* -- frames ----------------------------------------------------------------------------------- */

bool link_speaks_v2(const struct bll_link *link)
{
    return link->secure || link->account;
}

static void become_writer(struct bll_link *link)
{
    const struct bll_outlet *outlet = &link->bll->outlet;

    if (link->writer || link->account || !bll_serves(link->bll, &link->from))
        return;
    link->writer = true;
    outlet->set_role(outlet->userdata, link->connection, BLL_LINK_WRITER);
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
    int verb = v2_parse_verb(frame), v1_verb = v1_parse_verb(frame, NULL);

    if (verb < 0 && v1_verb == V1_VERB_WRITE)
        become_writer(link);
    if (verb < 0 && (v1_verb >= 0 || !link_speaks_v2(link)))
        v1_frame(bll, &link->from, frame, reply);
    else if (verb < 0)
        refuse_malformed(link, reply, PROTO_ERROR_MALFORMED, bytes_of(NO_KEY),
                         "the verb is unknown");
    else if (verb != V2_VERB_GOODBYE && !link->secure && !bll_serves_plain(bll, &link->from))
        refuse_plain(link, (enum v2_verb)verb, reply);
    else if (link->signing || !list_empty(&link->waiting))
        wait_or_refuse(link, (enum v2_verb)verb, frame, reply);
    else
        handle(link, (enum v2_verb)verb, frame, reply);
}

/* Half a message under its key would stand for the whole one for ever. */
void bll_link_rest(struct bll_link *link, struct bytes rest, void *reply)
{
    const struct bll_outlet *outlet = &link->bll->outlet;

    if (v2_parse_verb(rest) >= 0 || link_speaks_v2(link))
        outlet->reply(outlet->userdata, reply, (struct bytes){0}, false);
    else
        bll_link_frame(link, rest, reply);
}

void bll_link_drained(struct bll_link *link)
{
    if (link->stream)
        stream_drained(link->stream);
}
