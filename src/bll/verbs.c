/* Frames that come over links, from their bytes to whoever deals with them.
 *
 * Each verb of version 2 is a row of a table that says what has to hold before its handler is
 * called: who may say it, and out of which bucket it is paid. Frames of version 1 come on the same
 * connections, are told apart by their verb, and keep their own rules and their own answers.
 *
 * Frames are carried out in their order. Those that come while a sign-on is under way wait for it,
 * within limits, and go on at the end of a turn.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "bll/internal.h"
#include "proto/field.h"
#include "proto/v1.h"
#include "util/cursor.h"

#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>

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
    COST_CHANGE,   /* its user's changes */
    COST_REQUEST,  /* its user's requests */
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
    [V2_VERB_JOIN] = {room_frame, SPEAKER_SIGNED_ON, COST_CHANGE},
    [V2_VERB_PART] = {room_frame, SPEAKER_SIGNED_ON, COST_CHANGE},
    [V2_VERB_LOOK] = {room_frame, SPEAKER_SIGNED_ON, COST_REQUEST},
    [V2_VERB_ROOMS] = {rooms_frame, SPEAKER_SIGNED_ON, COST_REQUEST},
    [V2_VERB_WHO] = {who_frame, SPEAKER_SIGNED_ON, COST_REQUEST},
    [V2_VERB_NICK] = {nick_frame, SPEAKER_SIGNED_ON, COST_CHANGE},
    [V2_VERB_TOPIC] = {room_frame, SPEAKER_SIGNED_ON, COST_CHANGE},
    [V2_VERB_ACCESS] = {room_frame, SPEAKER_SIGNED_ON, COST_CHANGE},
    [V2_VERB_REMOVE] = {room_frame, SPEAKER_SIGNED_ON, COST_CHANGE},
    [V2_VERB_INVITE] = {room_frame, SPEAKER_SIGNED_ON, COST_CHANGE},
    [V2_VERB_HISTORY] = {history_frame, SPEAKER_SIGNED_ON, COST_REQUEST},
    [V2_VERB_UNREAD] = {unread_frame, SPEAKER_DEVICE, COST_REQUEST},
    [V2_VERB_AWAIT] = {await_frame, SPEAKER_SIGNED_ON, COST_REQUEST},
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
        if (link->account)
            return "this connection has been signed on over already";
        *ret_error = PROTO_ERROR_UNAVAILABLE;
        return link->bll->quiesced ? "the server is about to stop" : NULL;
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

/* These say what a frame has to wait for, in microseconds; 0: it has been paid for. */

static uint64_t pay_for_message(struct bll_link *link)
{
    uint64_t wait = send_pay(link->bll, link->account, &link->from);

    if (wait > 0)
        bll_count_refusal(link->bll, PROTO_ERROR_LIMITED);
    return wait;
}

static uint64_t pay_for_ask(struct bll_link *link, struct bucket *bucket, const struct rate *rate)
{
    uint64_t wait = link->account->bulk ? 0 : bucket_take(bucket, rate, bll_now(link->bll));

    metrics_add(link->bll->metrics, METRIC_ASKS_LIMITED, wait > 0);
    return wait;
}

static uint64_t pay_for_signon(struct bll_link *link, enum cost cost)
{
    struct bll *bll = link->bll;
    const struct bll_rates *rates = &bll->config.rates;
    uint64_t now = bll_now(bll), wait = 0;

    if (cost == COST_PASSWORD)
        wait = rate_table_wait(bll->failure_rates, &rates->failures_per_address, &link->from, now);
    if (wait == 0)
        wait = rate_table_take(bll->signon_rates, &rates->signons_per_address, &link->from, now);
    metrics_add(bll->metrics, METRIC_SIGNONS_LIMITED, wait > 0);
    return wait;
}

static uint64_t pay(struct bll_link *link, enum cost cost)
{
    const struct bll_rates *rates = &link->bll->config.rates;

    switch (cost) {
    case COST_NOTHING:
        return 0;
    case COST_SEND:
        return pay_for_message(link);
    case COST_CHANGE:
        return pay_for_ask(link, &link->account->changes, &rates->changes_per_user);
    case COST_REQUEST:
        return pay_for_ask(link, &link->account->requests, &rates->requests_per_user);
    case COST_SIGNON:
    case COST_PASSWORD:
        break;
    }
    return pay_for_signon(link, cost);
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

void link_drop_waiting(struct bll_link *link)
{
    const struct bll_outlet *outlet = &link->bll->outlet;

    list_remove(&link->by_wakening);
    while (!list_empty(&link->waiting)) {
        struct waiting_frame *frame = LIST_FIRST(&link->waiting, struct waiting_frame, by_link);
        outlet->reply(outlet->userdata, frame->reply, (struct bytes){0}, false);
        waiting_frame_free(link, frame);
    }
}

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

static void become_writer(struct bll_link *link)
{
    const struct bll_outlet *outlet = &link->bll->outlet;

    if (link->writer || link->account || !bll_serves(link->bll, &link->from))
        return;
    link->writer = true;
    outlet->set_role(outlet->userdata, link->connection, BLL_LINK_WRITER);
}

/* Who has been connected to and has not proven himself is told nothing: it may be a server, ours
 * even, or send back what it gets, and answers would be answered for ever. */
static bool is_unheard(const struct bll_link *link, int verb)
{
    return link->stream && !link->account && verb != V2_VERB_PROOF && verb != V2_VERB_PING &&
           verb != V2_VERB_GOODBYE;
}

void bll_link_frame(struct bll_link *link, struct bytes frame, void *reply)
{
    struct bll *bll = link->bll;
    int verb = v2_parse_verb(frame), v1_verb = v1_parse_verb(frame, NULL);

    if (is_unheard(link, verb)) {
        dial_reject(link, reply);
        return;
    }
    if (verb < 0 && v1_verb == V1_VERB_WRITE)
        become_writer(link);
    if (verb < 0 && (v1_verb >= 0 || !link_speaks_v2(link)))
        v1_frame(bll, &link->from, frame, reply);
    else if (verb < 0)
        refuse_malformed(link, reply, PROTO_ERROR_MALFORMED, bytes_of(LINK_NO_KEY),
                         "the verb is unknown");
    else if (verb != V2_VERB_GOODBYE && !link->secure && !bll_serves_plain(bll, &link->from))
        link_refuse_last(link, reply, PROTO_ERROR_TLS_REQUIRED,
                         bytes_of(v2_verb_name((enum v2_verb)verb)));
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
