/* Signing on over a link: hello by password, resume by session, and the welcome that answers both.
 *
 * From the right password to the welcome a device may have to be made. What was true of the account
 * by then is looked at once more: whoever signed on with a password that has been changed meanwhile
 * is denied.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "bll/internal.h"
#include "model/name.h"
#include "util/clock.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

static const enum v2_verb verbs[REQUEST_KINDS] = {
    [REQUEST_HELLO] = V2_VERB_HELLO,
    [REQUEST_RESUME] = V2_VERB_RESUME,
    [REQUEST_PASSWD] = V2_VERB_PASSWD,
};

/* -- refusing --------------------------------------------------------------------------------- */

static void count_refusal(struct bll *bll, enum proto_error error)
{
    switch (error) {
    case PROTO_ERROR_DENIED:
        metrics_add(bll->metrics, METRIC_SIGNONS_DENIED, 1);
        break;
    case PROTO_ERROR_UNKNOWN_SESSION:
        metrics_add(bll->metrics, METRIC_SIGNONS_ENDED, 1);
        break;
    case PROTO_ERROR_LIMITED:
        metrics_add(bll->metrics, METRIC_SIGNONS_LIMITED, 1);
        break;
    default:
        break;
    }
}

/* Where there is none left to spend, nothing more can be done about it. */
static void spend_failure(struct bll *bll, const struct addr *from)
{
    if (rate_table_take(bll->failure_rates, &bll->config.rates.failures_per_address, from,
                        bll_now(bll)) > 0)
        metrics_add(bll->metrics, METRIC_SIGNONS_LIMITED, 1);
}

void signon_refuse(struct bll *bll, const struct request *request, enum proto_error error)
{
    struct bytes verb = bytes_of(v2_verb_name(verbs[request->kind]));

    count_refusal(bll, error);
    if (request->kind != REQUEST_PASSWD)
        link_decided(request->link);
    if (error == PROTO_ERROR_LIMITED) {
        const struct rate *rate = &bll->config.rates.failures_per_address;
        uint64_t wait = rate_table_wait(bll->failure_rates, rate, &request->from, bll_now(bll));
        link_refuse_limited(request->link, request->reply, verb, wait);
        return;
    }
    if (error == PROTO_ERROR_DENIED)
        spend_failure(bll, &request->from);
    link_refuse(request->link, request->reply, error, verb, NULL);
}

/* -- the welcome ------------------------------------------------------------------------------ */

static uint64_t poll_seconds(const struct bll *bll)
{
    uint64_t seconds = bll->config.poll_us / USEC_PER_SEC;

    return seconds > 0 ? seconds : 1;
}

void link_welcome(struct bll_link *link, void *reply)
{
    const struct bll *bll = link->bll;
    struct v2_frame frame = {
        .verb = V2_VERB_WELCOME,
        .session = bytes_of(link->session.name),
        .time_ms = bll->outlet.real_ms(bll->outlet.userdata),
        .poll_seconds = poll_seconds(bll),
        .name = bytes_of(link->account->name),
    };

    memcpy(frame.session_key, link->session.key, sizeof(frame.session_key));
    link_answer(link, reply, &frame);
    sodium_memzero(&frame, sizeof(frame));
}

static void sign_on(struct bll_link *link, void *reply, struct account *account,
                    struct device *device, const struct session *session)
{
    link_join(link, account, device, session);
    metrics_add(link->bll->metrics, METRIC_SIGNONS, 1);
    link_welcome(link, reply);
    link_decided(link);
}

/* -- hello ------------------------------------------------------------------------------------ */

/* A hello whose password was right, while its device is looked for. */
struct signing {
    struct account *account; /* pinned */
    uint32_t epoch;          /* the account's when the password was right */
    struct request request;  /* its link is held */
};

static void device_found(void *userdata, struct device *device, enum proto_error error)
{
    struct signing *signing = userdata;
    const struct request *request = &signing->request;
    struct bll_link *link = request->link;
    struct account *account = signing->account;
    struct session session;

    if (account->state == ACCOUNT_MISSING || account->disabled ||
        account->auth_epoch != signing->epoch) {
        signon_refuse(link->bll, request, PROTO_ERROR_DENIED);
    } else if (!device || link->closed) {
        signon_refuse(link->bll, request, error);
    } else {
        session_make(link->bll->config.secret, account->id, device->id, signing->epoch,
                     link->secure, &session);
        sign_on(link, request->reply, account, device, &session);
        sodium_memzero(&session, sizeof(session));
    }
    account_unpin(link->bll, account);
    link_release(link);
    free(signing);
}

static void find_device(struct bll *bll, struct account *account, const struct request *request)
{
    struct signing *signing = calloc(1, sizeof(*signing));

    if (!signing) {
        signon_refuse(bll, request, PROTO_ERROR_INTERNAL);
        return;
    }
    signing->account = account;
    signing->request = (struct request){
        .kind = request->kind,
        .from = request->from,
        .reply = request->reply,
        .link = request->link,
    };
    signing->epoch = account->auth_epoch;
    account_pin(account);
    link_hold(request->link);
    device_find(bll, account, request->device, device_found, signing);
}

void hello_grant(struct bll *bll, struct account *account, const struct request *request)
{
    struct session session;

    if (request->link->closed) {
        signon_refuse(bll, request, PROTO_ERROR_INTERNAL); /* nobody hears it */
    } else if (!bytes_is(request->device, V2_NO_DEVICE)) {
        find_device(bll, account, request);
    } else {
        session_make(bll->config.secret, account->id, 0, account->auth_epoch, request->link->secure,
                     &session);
        sign_on(request->link, request->reply, account, NULL, &session);
        sodium_memzero(&session, sizeof(session));
    }
}

void hello_frame(struct bll_link *link, const struct v2_frame *frame, void *reply)
{
    struct bll *bll = link->bll;
    const struct request request = {
        .kind = REQUEST_HELLO,
        .from = link->from,
        .reply = reply,
        .link = link,
        .userid = frame->userid,
        .password = frame->password,
        .device = frame->device,
    };
    const char *refusal = name_refusal(frame->device);
    struct account *account;
    int r;

    if (refusal) {
        metrics_add(bll->metrics, METRIC_FRAMES_MALFORMED, 1);
        link_refuse(link, reply, PROTO_ERROR_MALFORMED, bytes_of(v2_verb_name(frame->verb)),
                    refusal);
        return;
    }
    link->signing = true;
    account = account_find(bll, frame->userid);
    if (account && signon_known(bll, account, frame->password)) {
        hello_grant(bll, account, &request);
        return;
    }
    r = signon_wait(bll, &request);
    if (r < 0)
        signon_refuse(bll, &request, r == -ENOMEM ? PROTO_ERROR_INTERNAL : PROTO_ERROR_BUSY);
}

/* -- resume ----------------------------------------------------------------------------------- */

void resume_decide(struct bll *bll, struct account *account, const struct request *request)
{
    const struct session *session = &request->session;
    struct device *device = NULL;

    if (session->device != 0 && account->state == ACCOUNT_READY)
        device = device_by_id(account, session->device);
    if (account->state != ACCOUNT_READY || account->id != session->user || account->disabled ||
        account->auth_epoch != session->epoch || (session->device != 0 && !device) ||
        request->link->closed)
        signon_refuse(bll, request, PROTO_ERROR_UNKNOWN_SESSION);
    else
        sign_on(request->link, request->reply, account, device, session);
}

/* Nothing is told apart here: who does not know the key learns nothing. */
static bool is_genuine(const struct bll_link *link, const struct v2_frame *frame,
                       struct session *ret)
{
    struct session session;
    uint8_t mac[V2_MAC_LEN];
    bool genuine;

    if (session_parse(link->bll->config.secret, frame->session, &session) < 0)
        return false;
    v2_mac_resume(session.key, frame->session, frame->time_ms, mac);
    genuine = v2_mac_equal(mac, frame->mac) &&
              (session.secure ? link->secure : bll_serves_plain(link->bll, &link->from));
    if (genuine)
        *ret = session;
    sodium_memzero(&session, sizeof(session));
    return genuine;
}

/* True if it was; else it has been refused. */
static bool in_time(struct bll_link *link, const struct v2_frame *frame, void *reply)
{
    const struct bll_outlet *outlet = &link->bll->outlet;
    uint64_t now_ms = outlet->real_ms(outlet->userdata);
    uint64_t off = now_ms > frame->time_ms ? now_ms - frame->time_ms : frame->time_ms - now_ms;
    char reason[LIMITED_REASON_MAX];

    if (off <= V2_TIME_SLACK_MS)
        return true;
    (void)snprintf(reason, sizeof(reason), "%llu is the server's time in milliseconds",
                   (unsigned long long)now_ms);
    link_refuse(link, reply, PROTO_ERROR_TIME, bytes_of(v2_verb_name(frame->verb)), reason);
    return false;
}

static enum proto_error lookup_error(int r)
{
    switch (r) {
    case -ENOENT:
        return PROTO_ERROR_UNKNOWN_SESSION;
    case -ENOMEM:
        return PROTO_ERROR_INTERNAL;
    default:
        return PROTO_ERROR_BUSY;
    }
}

void resume_frame(struct bll_link *link, const struct v2_frame *frame, void *reply)
{
    struct bll *bll = link->bll;
    struct request request = {
        .kind = REQUEST_RESUME,
        .from = link->from,
        .reply = reply,
        .link = link,
    };
    struct account *account;
    int r;

    if (!is_genuine(link, frame, &request.session)) {
        signon_refuse(bll, &request, PROTO_ERROR_UNKNOWN_SESSION);
        return;
    }
    if (!in_time(link, frame, reply))
        return;
    link->signing = true;
    r = account_get_id(bll, request.session.user, &account);
    if (r == 0)
        resume_decide(bll, account, &request);
    else if (r == -EINPROGRESS)
        r = signon_wait_id(bll, &request);
    if (r < 0)
        signon_refuse(bll, &request, lookup_error(r));
    sodium_memzero(&request, sizeof(request));
}
