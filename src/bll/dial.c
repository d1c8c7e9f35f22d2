/* Reach: connections to the listeners of version 2 devices, from the try to the proof.
 *
 * An endpoint that has not proven itself is dialled even if nothing waits, so that its device can
 * be told whether it is reached; one that has is left alone until something waits. Who fails is
 * tried again when he polls, less and less often. A listener is sent a nonce, and nothing else
 * before it has shown that it knows the session's key.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "bll/stream.h"
#include "util/log.h"

#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>

/* Ports below this one are never connected to. */
#define FIRST_UNPRIVILEGED_PORT 1024

/* Each failure in a row doubles the time to the next try, from bll_config.retry_us on, this often.
 */
#define DIAL_DOUBLINGS_MAX 8

#define PUSH_FRAME_MAX (sizeof("push::") + V2_SESSION_MAX + 2 * (size_t)V2_NONCE_LEN + 1)

bool dial_allows_port(uint16_t port)
{
    return port >= FIRST_UNPRIVILEGED_PORT;
}

static bool is_excluded(const struct bll *bll, const struct addr *to)
{
    for (size_t i = 0; i < bll->config.excluded_network_count; i++)
        if (network_contains(&bll->config.excluded_networks[i], to))
            return true;
    return false;
}

static bool may_dial(const struct bll *bll, const struct device *device)
{
    return dial_allows_port(device->endpoint.port) && !is_excluded(bll, &device->endpoint) &&
           (device->secure || bll_serves_plain(bll, &device->endpoint));
}

bool dial_wanted(const struct bll *bll, const struct device *device)
{
    switch (device->reach) {
    case REACH_UNKNOWN:
        return may_dial(bll, device);
    case REACH_PROVEN:
        return delivery_waits(device);
    case REACH_FAILED:
        return bll_now(bll) >= device->rest_until_us && may_dial(bll, device);
    }
    return false;
}

enum v2_state dial_state(const struct device *device)
{
    const struct stream *stream = device->v2.stream;

    if (device->v2.dial)
        return V2_STATE_PUSHING;
    if (stream && stream->stage == STREAM_PUSHED)
        return stream_is_quiet(stream) ? V2_STATE_IDLE : V2_STATE_PUSHING;
    switch (device->reach) {
    case REACH_PROVEN:
        return !stream && delivery_waits(device) ? V2_STATE_PUSHING : V2_STATE_IDLE;
    case REACH_FAILED:
        return V2_STATE_UNREACHABLE;
    default:
        return V2_STATE_PUSHING;
    }
}

/* -- where to --------------------------------------------------------------------------------- */

void dial_give_up(struct bll *bll, struct device *device)
{
    struct stream *dial = device->v2.dial;

    if (!dial)
        return;
    device->v2.dial = NULL;
    dial->device = NULL;
    if (device->state == DEVICE_DIALLING)
        device_move(bll, device, DEVICE_QUIET);
    if (dial->stage == STREAM_DIALLING)
        return;
    bll->outlet.close(bll->outlet.userdata, dial->link->connection);
    stream_free(dial);
}

void dial_aim(struct bll *bll, struct device *device, const struct addr *endpoint,
              const struct session *session)
{
    memcpy(device->v2.nonce, session->nonce, sizeof(device->v2.nonce));
    if (addr_equal(&device->endpoint, endpoint) && device->secure == session->secure)
        return;
    dial_give_up(bll, device);
    device->endpoint = *endpoint;
    device->secure = session->secure;
    device->failures = 0;
    device->rest_until_us = 0;
    device->reach = may_dial(bll, device) ? REACH_UNKNOWN : REACH_FAILED;
}

void dial_forget(struct bll *bll, struct device *device)
{
    dial_give_up(bll, device);
    device->endpoint = (struct addr){0};
    device->reach = REACH_UNKNOWN;
}

/* -- trying ----------------------------------------------------------------------------------- */

void dial_failed(struct bll *bll, struct device *device)
{
    uint64_t wait = bll->config.retry_us << device->failures;

    metrics_add(bll->metrics, METRIC_DIALS_FAILED, 1);
    if (device->v2.stream && wait < bll->config.probe_us)
        wait = bll->config.probe_us;
    device->rest_until_us = bll_now(bll) + wait;
    if (device->failures < DIAL_DOUBLINGS_MAX)
        device->failures++;
    device->reach = REACH_FAILED;
    if (device->state == DEVICE_DIALLING)
        device_move(bll, device, DEVICE_RESTING);
}

static void rest_until(struct bll *bll, struct device *device, uint64_t until_us)
{
    device->rest_until_us = until_us;
    if (device->state == DEVICE_READY)
        device_move(bll, device, DEVICE_RESTING);
}

/* True if the user has used up his tries to reach who has not been reached before. */
static bool is_limited(struct bll *bll, struct device *device)
{
    struct bucket *bucket = &device->account->dials;
    uint64_t now = bll_now(bll);
    uint64_t wait = bucket_wait(bucket, &bll->config.rates.dials_per_user, now);

    if (device->reach == REACH_PROVEN || wait == 0)
        return false;
    metrics_add(bll->metrics, METRIC_DIALS_LIMITED, 1);
    rest_until(bll, device, now + wait);
    return true;
}

static void pay(struct bll *bll, struct account *account)
{
    uint64_t wait = bucket_take(&account->dials, &bll->config.rates.dials_per_user, bll_now(bll));

    assert(wait == 0); /* is_limited() has looked */
    (void)wait;
}

static void dial_refused(struct bll *bll, struct device *device)
{
    if (device->state == DEVICE_READY)
        device_move(bll, device, DEVICE_DIALLING);
    dial_failed(bll, device);
}

static enum delivery_start ask_outlet(struct bll *bll, struct device *device, struct stream *dial)
{
    int r = bll->outlet.dial(bll->outlet.userdata, &device->endpoint, device->secure, dial);

    if (r < 0)
        stream_free(dial);
    if (r == -EAGAIN)
        return DELIVERY_NO_MORE;
    if (r == -EBUSY)
        return DELIVERY_PASSED_OVER;
    if (r < 0) {
        dial_refused(bll, device);
        return DELIVERY_STARTED;
    }
    metrics_add(bll->metrics, METRIC_DIALS, 1);
    if (device->reach != REACH_PROVEN)
        pay(bll, device->account);
    device->v2.dial = dial;
    if (device->state == DEVICE_READY)
        device_move(bll, device, DEVICE_DIALLING);
    return DELIVERY_STARTED;
}

enum delivery_start dial_start(struct bll *bll, struct device *device)
{
    struct stream *dial;

    if (!may_dial(bll, device)) {
        dial_refused(bll, device);
        return DELIVERY_STARTED;
    }
    if (is_limited(bll, device))
        return DELIVERY_STARTED;
    dial = stream_new(bll, device, STREAM_DIALLING);
    if (!dial)
        return DELIVERY_NO_MORE;
    return ask_outlet(bll, device, dial);
}

void dial_probe(struct bll *bll, struct device *device)
{
    if (device->state == DEVICE_STREAMING && !device->v2.dial && !bll->quiesced &&
        device->reach != REACH_PROVEN && dial_wanted(bll, device))
        (void)dial_start(bll, device);
}

void bll_dial_failed(struct bll *bll, void *token, enum bll_dial why)
{
    struct stream *dial = token;
    struct device *device = dial->device;

    if (device) {
        log_debug("device %llu of %s is not reached: %s", (unsigned long long)device->id,
                  device->account->userid, why == BLL_DIAL_REFUSED ? "refused" : "failed");
        device->v2.dial = NULL;
        dial_failed(bll, device);
    }
    stream_free(dial);
}

/* -- the proof -------------------------------------------------------------------------------- */

static void session_of(const struct bll *bll, const struct device *device, struct session *ret)
{
    const struct account *account = device->account;

    session_again(bll->config.secret, account->id, device->id, account->auth_epoch, device->secure,
                  device->v2.nonce, ret);
}

/* Says who wants to deliver, and asks who is there. */
static void ask_for_proof(struct bll *bll, struct stream *dial)
{
    struct v2_frame push = {.verb = V2_VERB_PUSH};
    char frame[PUSH_FRAME_MAX];
    struct session session;
    long len;

    session_of(bll, dial->device, &session);
    push.session = bytes_of(session.name);
    randombytes_buf(push.nonce, sizeof(push.nonce));
    v2_mac_proof(session.key, push.session, push.nonce, dial->proof);
    len = v2_build(&push, frame, sizeof(frame));
    if (len > 0)
        bll->outlet.write(bll->outlet.userdata, dial->link->connection,
                          (struct bytes){.data = frame, .len = (size_t)len});
    sodium_memzero(&session, sizeof(session));
}

void bll_dialled(struct bll *bll, void *token, struct bll_link *link)
{
    struct stream *dial = token;

    if (dial->device && bll->quiesced)
        dial_give_up(bll, dial->device);
    if (!dial->device) {
        bll->outlet.close(bll->outlet.userdata, link->connection);
        stream_free(dial);
        return;
    }
    dial->link = link;
    link->stream = dial;
    stream_advance(dial, STREAM_PROVING);
    dial->since_us = bll_now(bll);
    list_append(&bll->awaiting, &dial->by_time);
    ask_for_proof(bll, dial);
}

/* It shows that the client of the session's device is there. */
static void proven(struct bll *bll, struct stream *dial)
{
    struct device *device = dial->device;
    struct session session;

    metrics_add(bll->metrics, METRIC_DIALS_PROVEN, 1);
    device->v2.dial = NULL;
    device->reach = REACH_PROVEN;
    device->failures = 0;
    session_of(bll, device, &session);
    link_join(dial->link, device->account, device, &session);
    sodium_memzero(&session, sizeof(session));
    stream_advance(dial, STREAM_PUSHED);
    stream_begin(bll, dial);
}

void dial_reject(struct bll_link *link, void *reply)
{
    struct bll *bll = link->bll;

    bll->outlet.reply(bll->outlet.userdata, reply, (struct bytes){0}, true);
    stream_end(bll, link->stream);
}

void stream_proof(struct bll_link *link, const struct v2_frame *frame, void *reply)
{
    struct stream *dial = link->stream;
    struct bll *bll = link->bll;

    if (!dial || dial->stage != STREAM_PROVING) {
        link_refuse(link, reply, PROTO_ERROR_MALFORMED, bytes_of(v2_verb_name(V2_VERB_PROOF)),
                    "no proof was asked for");
        return;
    }
    if (!v2_mac_equal(frame->mac, dial->proof)) {
        dial_reject(link, reply);
        return;
    }
    bll->outlet.reply(bll->outlet.userdata, reply, (struct bytes){0}, false);
    proven(bll, dial);
}
