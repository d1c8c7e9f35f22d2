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

#include <errno.h>
#include <stdlib.h>

/* A stream waits while this many bytes of output do: the receiver takes them no faster. */
#define OUTPUT_HIGH (64 * 1024)

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

static void wait_for(struct stream *stream, enum stream_flow flow)
{
    list_remove(&stream->by_flow);
    if (flow == FLOW_DUE)
        list_append(&stream->bll->flowing, &stream->by_flow);
    if (flow == FLOW_STALLED)
        list_append(&stream->bll->stalled, &stream->by_flow);
    stream->flow = flow;
}

static void make_due(struct stream *stream)
{
    wait_for(stream, FLOW_DUE);
    stream->bll->outlet.wake(stream->bll->outlet.userdata);
}

void stream_consider(struct stream *stream)
{
    if (stream->flow == FLOW_CAUGHT_UP && delivery_waits(stream->device))
        make_due(stream);
}

void stream_page_read(struct stream *stream, bool there)
{
    if (stream->flow == FLOW_READING && there)
        make_due(stream);
    else if (stream->flow == FLOW_READING)
        wait_for(stream, FLOW_STALLED);
}

void stream_drained(struct stream *stream)
{
    if (stream->flow == FLOW_STALLED)
        make_due(stream);
}

bool stream_is_quiet(const struct stream *stream)
{
    return stream->stage >= STREAM_ATTACHED && stream->window.count == 0 &&
           (stream->flow == FLOW_CAUGHT_UP || stream->bll->quiesced);
}

/* It is waited for an acknowledgement, or for traffic, or for nothing. */
static void watch(struct bll *bll, struct stream *stream)
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

    if (device->v2.stream)
        supersede(bll, device->v2.stream);
    device->v2.stream = stream;
    if (device->state != DEVICE_STREAMING)
        device_move(bll, device, DEVICE_STREAMING);
    set_role(bll, stream, BLL_LINK_STREAM);
    watch(bll, stream);
    make_due(stream);
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

/* -- sending ---------------------------------------------------------------------------------- */

static int build_frame(struct bll *bll, const struct conversation *conversation,
                       const struct message *message)
{
    struct v2_frame frame = {
        .verb = V2_VERB_MSG,
        .conversation = {.id = conversation->id, .name = bytes_of(conversation->name)},
        .seq = message->seq,
        .time_ms = message->time_ms,
        .userid = message->userid,
        .name = message->name,
        .text = message->text,
    };
    size_t size = v2_frame_max(message->text.len);
    struct built_frame *built = &bll->built;
    long len;

    built->seq = 0;
    if (size > built->size) {
        char *data = realloc(built->data, size);
        if (!data)
            return -ENOMEM;
        built->data = data;
        built->size = size;
    }
    len = v2_build(&frame, built->data, built->size);
    if (len < 0)
        return (int)len;
    built->bytes = (struct bytes){.data = built->data, .len = (size_t)len};
    built->conversation = conversation->id;
    built->seq = message->seq;
    return 0;
}

/* The frame of a message, built once for all who get it. Empty: there is none that its receivers
 * could read, so they do without. 0 or -ENOMEM. */
static int frame_of(struct bll *bll, const struct conversation *conversation,
                    const struct message *message, struct bytes *ret)
{
    static struct log_limit limit = {.burst = 5, .interval_us = 60 * USEC_PER_SEC};
    struct built_frame *built = &bll->built;
    int r = 0;

    if (built->seq != message->seq || built->conversation != conversation->id)
        r = build_frame(bll, conversation, message);
    if (r == -ENOMEM)
        return r;
    if (r < 0)
        log_limited(&limit, LOG_WARNING, "messages that version 2 cannot carry",
                    "message %llu of conversation %llu is passed over: version 2 cannot carry it",
                    (unsigned long long)message->seq, (unsigned long long)conversation->id);
    *ret = r < 0 ? (struct bytes){0} : built->bytes;
    return 0;
}

/* What the stream waits for if it cannot send so many bytes now; FLOW_DUE: it can. */
static enum stream_flow room_for(const struct bll *bll, const struct stream *stream, size_t bytes)
{
    const struct window *window = &stream->window;

    if (window->count >= bll->config.window_messages ||
        (window->count > 0 && window->bytes + bytes > bll->config.window_bytes))
        return FLOW_FULL;
    if (bll->outlet.waiting(bll->outlet.userdata, stream->link->connection) >= OUTPUT_HIGH)
        return FLOW_STALLED;
    return FLOW_DUE;
}

/* Sends the frame, or, where it is empty, notes that there is nothing to send. */
static enum stream_flow put_frame(struct bll *bll, struct stream *stream, unsigned index,
                                  uint64_t seq, struct bytes frame)
{
    struct device *device = stream->device;
    struct cursor *cursor = &device->cursors[index];
    uint64_t conversation = device->account->subscriptions[index].conversation->id;
    enum stream_flow room = room_for(bll, stream, frame.len);
    bool first = stream->window.count == 0;

    if (frame.len == 0 && cursor->sent == cursor->acked) {
        cursor_advance(bll, device, index, seq);
        return FLOW_DUE;
    }
    if (room != FLOW_DUE)
        return room;
    if (window_add(&stream->window, conversation, seq, frame.len) < 0)
        return FLOW_STALLED;
    cursor->sent = seq;
    if (frame.len > 0)
        write_frame(bll, stream, frame);
    if (first)
        watch(bll, stream);
    return FLOW_DUE;
}

/* FLOW_DUE: it has been sent, or need not be. */
static enum stream_flow put_message(struct bll *bll, struct stream *stream, unsigned index,
                                    const struct message *message)
{
    struct device *device = stream->device;
    struct bytes frame = {0};

    if (!delivery_is_own(device, message) &&
        frame_of(bll, device->account->subscriptions[index].conversation, message, &frame) < 0)
        return FLOW_STALLED;
    return put_frame(bll, stream, index, message->seq, frame);
}

bool stream_offer(struct bll *bll, struct device *device, unsigned index,
                  const struct message *message)
{
    struct stream *stream;
    enum stream_flow flow;

    if (device->state != DEVICE_STREAMING)
        return false;
    stream = device->v2.stream;
    if (stream->flow != FLOW_CAUGHT_UP || bll->quiesced ||
        device->cursors[index].sent + 1 != message->seq)
        return false;
    flow = put_message(bll, stream, index, message);
    if (flow != FLOW_DUE)
        wait_for(stream, flow);
    return true;
}

/* The page that is missing is being read, or will be tried to be read again. */
static enum stream_flow fetch(struct bll *bll, struct device *device, int missing)
{
    if (!device->reading && delivery_read(bll, device, (unsigned)missing) < 0)
        return FLOW_STALLED;
    return FLOW_READING;
}

/* Sends what can be sent; returns what has to be waited for then. */
static enum stream_flow send_waiting(struct bll *bll, struct stream *stream)
{
    struct device *device = stream->device;
    enum stream_flow flow = FLOW_DUE;

    while (flow == FLOW_DUE) {
        int missing, index;
        const struct message *message = delivery_next(device, &missing);
        if (missing >= 0)
            return fetch(bll, device, missing);
        if (!message)
            return FLOW_CAUGHT_UP;
        index = account_subscription(device->account, message->conversation);
        flow = put_message(bll, stream, (unsigned)index, message);
    }
    return flow;
}

void streams_run(struct bll *bll)
{
    if (bll->quiesced)
        return;
    while (!list_empty(&bll->flowing)) {
        struct stream *stream = LIST_FIRST(&bll->flowing, struct stream, by_flow);
        wait_for(stream, send_waiting(bll, stream));
    }
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
    watch(bll, stream);
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
    watch(bll, stream);
    if (stream->flow == FLOW_FULL)
        make_due(stream);
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
        make_due(LIST_FIRST(&bll->stalled, struct stream, by_flow));
}
