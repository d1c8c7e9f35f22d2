/* Streams: messages to version 2 devices, over a connection that they attached or one of ours that
 * was proven.
 *
 * A device has one stream at most; a newer one takes over. Messages flow as far as the window and
 * the connection's output go, and what is acknowledged makes room. `cursor.sent` runs ahead of
 * `cursor.acked`; when a stream ends it falls back, and what was not acknowledged is sent again
 * over the next one.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "bll/stream.h"
#include "util/clock.h"
#include "util/log.h"

#include <stdlib.h>

/* How often streams are looked at again that were held up by something else than their receiver. */
#define STALLED_RETRY_US USEC_PER_SEC

static struct bytes about(enum v2_verb verb)
{
    return bytes_of(v2_verb_name(verb));
}

struct stream *stream_new(struct bll *bll, struct device *device, enum stream_stage stage)
{
    struct stream *stream = calloc(1, sizeof(*stream));

    if (!stream)
        return NULL;
    stream->bll = bll;
    stream->device = device;
    stream->account = device->account;
    stream->stage = stage;
    list_init(&stream->by_flow);
    list_init(&stream->by_time);
    window_init(&stream->window);
    bll->stream_stages[stage]++;
    account_pin(device->account);
    return stream;
}

void stream_free(struct stream *stream)
{
    struct bll *bll = stream->bll;
    struct account *account = stream->account;

    if (stream->link)
        stream->link->stream = NULL;
    list_remove(&stream->by_flow);
    list_remove(&stream->by_time);
    window_deinit(&stream->window);
    bll->stream_stages[stream->stage]--;
    free(stream);
    account_unpin(bll, account);
}

void stream_advance(struct stream *stream, enum stream_stage stage)
{
    stream->bll->stream_stages[stream->stage]--;
    stream->bll->stream_stages[stage]++;
    stream->stage = stage;
}

static void write_frame(struct bll *bll, struct stream *stream, struct bytes frame)
{
    bll->outlet.write(bll->outlet.userdata, stream->link->connection, frame);
}

static void set_role(struct bll *bll, struct stream *stream, enum bll_link_role role)
{
    bll->outlet.set_role(bll->outlet.userdata, stream->link->connection, role);
}

static void close_link(struct bll *bll, struct stream *stream)
{
    bll->outlet.close(bll->outlet.userdata, stream->link->connection);
}

void stream_watch(struct bll *bll, struct stream *stream)
{
    list_remove(&stream->by_time);
    stream->since_us = bll_now(bll);
    if (stream->window.count > 0)
        list_append(&bll->awaiting, &stream->by_time);
    else if (stream->stage == STREAM_PUSHED)
        list_append(&bll->idling, &stream->by_time);
}

/* -- beginning and end ------------------------------------------------------------------------ */

/* What was not acknowledged waits again. */
static void let_go(struct bll *bll, struct device *device)
{
    device->v2.stream = NULL;
    backlog_clear(&device->backlog);
    for (unsigned i = 0; i < device->account->subscription_count; i++)
        device->cursors[i].sent = device->cursors[i].acked;
    if (!list_linked(&device->by_poll))
        device->polled_us = bll_now(bll);
}

static enum device_state state_without(const struct device *device)
{
    if (device->v2.dial)
        return DEVICE_DIALLING;
    return device->reach == REACH_FAILED ? DEVICE_RESTING : DEVICE_QUIET;
}

/* The device's stream is over; `failed`: it was of no use. */
static void finish(struct bll *bll, struct stream *stream, bool failed)
{
    struct device *device = stream->device;

    let_go(bll, device);
    if (failed && !device->v2.dial)
        dial_failed(bll, device);
    device_move(bll, device, state_without(device));
    stream_free(stream);
    delivery_consider(bll, device);
}

/* Its connection is told, if it goes on without. */
static void supersede(struct bll *bll, struct stream *stream)
{
    struct v2_frame detached = {.verb = V2_VERB_DETACHED};
    char frame[16];
    long len = v2_build(&detached, frame, sizeof(frame));

    if (stream->stage == STREAM_PUSHED) {
        close_link(bll, stream);
    } else {
        if (len > 0)
            write_frame(bll, stream, (struct bytes){.data = frame, .len = (size_t)len});
        set_role(bll, stream, BLL_LINK_SIGNED_ON);
    }
    let_go(bll, stream->device);
    stream_free(stream);
}

void stream_begin(struct bll *bll, struct stream *stream)
{
    struct device *device = stream->device;

    presence_begin(bll, device);
    if (device->v2.stream)
        supersede(bll, device->v2.stream);
    device->v2.stream = stream;
    if (device->state != DEVICE_STREAMING)
        device_move(bll, device, DEVICE_STREAMING);
    set_role(bll, stream, BLL_LINK_STREAM);
    stream_watch(bll, stream);
    stream_make_due(stream);
}

/* A push connection that was lost before anything got through would be lost again. */
static bool is_failure(const struct stream *stream)
{
    return stream->stage == STREAM_PUSHED && stream->window.count > 0 && !stream->progressed;
}

void stream_end(struct bll *bll, struct stream *stream)
{
    struct device *device;

    if (!stream)
        return;
    device = stream->device;
    if (stream->stage != STREAM_PROVING) {
        finish(bll, stream, is_failure(stream));
        return;
    }
    device->v2.dial = NULL;
    dial_failed(bll, device);
    stream_free(stream);
}

void stream_drop(struct bll *bll, struct device *device)
{
    struct stream *stream = device->v2.stream;

    dial_give_up(bll, device);
    if (!stream)
        return;
    close_link(bll, stream);
    finish(bll, stream, false);
}

void stream_attach(struct bll_link *link, const struct v2_frame *frame, void *reply)
{
    struct v2_frame attached = {.verb = V2_VERB_ATTACHED};
    struct device *device = link->device;
    struct bll *bll = link->bll;

    if (link->stream && link->stream->stage != STREAM_ATTACHED) {
        link_refuse(link, reply, PROTO_ERROR_MALFORMED, about(V2_VERB_ATTACH),
                    "this connection is not for attaching");
        return;
    }
    if (bll->quiesced) {
        link_refuse(link, reply, PROTO_ERROR_UNAVAILABLE, about(V2_VERB_ATTACH),
                    "the server is about to stop");
        return;
    }
    if (!link->stream) {
        struct stream *stream = stream_new(bll, device, STREAM_ATTACHED);
        if (!stream) {
            link_refuse(link, reply, PROTO_ERROR_INTERNAL, about(V2_VERB_ATTACH), NULL);
            return;
        }
        stream->link = link;
        link->stream = stream;
        stream_begin(bll, stream);
        if (device->reach == REACH_FAILED)
            device->rest_until_us = bll_now(bll) + bll->config.probe_us;
    }
    link_answer(link, reply, &attached);
}

void stream_detach(struct bll_link *link, const struct v2_frame *frame, void *reply)
{
    struct v2_frame detached = {.verb = V2_VERB_DETACHED};
    struct stream *stream = link->stream;

    if (stream && stream->stage != STREAM_ATTACHED) {
        link_refuse(link, reply, PROTO_ERROR_MALFORMED, about(V2_VERB_DETACH),
                    "this connection is not attached");
        return;
    }
    if (stream) {
        set_role(link->bll, stream, BLL_LINK_SIGNED_ON);
        finish(link->bll, stream, false);
    }
    link_answer(link, reply, &detached);
}

static bool is_member(const void *userdata, uint64_t conversation)
{
    return account_subscription(userdata, conversation) >= 0;
}

void stream_resubscribe(struct bll *bll, struct device *device)
{
    struct stream *stream = device->v2.stream;

    if (!stream)
        return;
    window_prune(&stream->window, is_member, device->account);
    stream_watch(bll, stream);
    if (stream->flow == FLOW_FULL)
        stream_make_due(stream);
}

/* -- acknowledgements ------------------------------------------------------------------------- */

static void acknowledge(struct bll *bll, struct device *device, unsigned index, uint64_t seq)
{
    uint64_t conversation = device->account->subscriptions[index].conversation->id;
    struct stream *stream = device->v2.stream;
    unsigned messages;

    if (seq <= device->cursors[index].acked)
        return;
    if (!stream) {
        cursor_advance(bll, device, index, seq);
        return;
    }
    messages = window_acknowledge(&stream->window, conversation, &seq);
    cursor_advance(bll, device, index, seq);
    metrics_add(bll->metrics, METRIC_MESSAGES_DELIVERED, messages);
    if (messages > 0)
        stream->progressed = true;
    stream_watch(bll, stream);
    if (stream->flow == FLOW_FULL)
        stream_make_due(stream);
}

void stream_ack(struct bll_link *link, const struct v2_frame *frame, void *reply)
{
    struct device *device = link->device;
    struct bll *bll = link->bll;
    int index;

    index = account_subscription(device->account, frame->conversation.id);
    if (index < 0) {
        link_refuse(link, reply, PROTO_ERROR_UNKNOWN, about(V2_VERB_ACK),
                    "this conversation is not one of yours");
        return;
    }
    if (frame->seq > device->account->subscriptions[index].conversation->end) {
        link_refuse(link, reply, PROTO_ERROR_MALFORMED, about(V2_VERB_ACK),
                    "the conversation has no message of that number");
        return;
    }
    bll->outlet.reply(bll->outlet.userdata, reply, (struct bytes){0}, false);
    acknowledge(bll, device, (unsigned)index, frame->seq);
}

/* -- time ------------------------------------------------------------------------------------- */

/* A receiver that answers nothing any more, or has not proven itself. */
static void time_out(struct bll *bll, struct stream *stream)
{
    metrics_add(bll->metrics, METRIC_STREAMS_TIMED_OUT, 1);
    close_link(bll, stream);
    if (stream->stage == STREAM_PROVING)
        stream_end(bll, stream);
    else
        finish(bll, stream, stream->stage == STREAM_PUSHED);
}

void streams_sweep(struct bll *bll, uint64_t now)
{
    while (!list_empty(&bll->awaiting)) {
        struct stream *stream = LIST_FIRST(&bll->awaiting, struct stream, by_time);
        if (now - stream->since_us < bll->config.push_deliver_us)
            break;
        time_out(bll, stream);
    }
    while (!list_empty(&bll->idling)) {
        struct stream *stream = LIST_FIRST(&bll->idling, struct stream, by_time);
        if (now - stream->since_us < bll->config.push_idle_us)
            break;
        close_link(bll, stream);
        finish(bll, stream, false);
    }
    if (now - bll->stalled_us < STALLED_RETRY_US)
        return;
    bll->stalled_us = now;
    while (!list_empty(&bll->stalled))
        stream_make_due(LIST_FIRST(&bll->stalled, struct stream, by_flow));
}
