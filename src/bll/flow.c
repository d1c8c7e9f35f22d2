/* Flow: what is sent over streams, and what that waits for.
 *
 * Messages flow as far as the window and the connection's output go. One that has just been
 * committed goes out at once to every device that has all there was before it: its frame is built
 * once, for all of them. Who is behind is sent what waits at the end of the turn, from the tails or
 * from the pages that have been read for him.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "bll/stream.h"
#include "util/clock.h"
#include "util/log.h"

#include <errno.h>
#include <stdlib.h>

/* A stream waits while this many bytes of output do: the receiver takes them no faster. */
#define OUTPUT_HIGH (64 * 1024)

static void wait_for(struct stream *stream, enum stream_flow flow)
{
    list_remove(&stream->by_flow);
    if (flow == FLOW_DUE)
        list_append(&stream->bll->flowing, &stream->by_flow);
    if (flow == FLOW_STALLED)
        list_append(&stream->bll->stalled, &stream->by_flow);
    stream->flow = flow;
}

void stream_make_due(struct stream *stream)
{
    wait_for(stream, FLOW_DUE);
    stream->bll->outlet.wake(stream->bll->outlet.userdata);
}

void stream_consider(struct stream *stream)
{
    if (stream->flow == FLOW_CAUGHT_UP && delivery_waits(stream->device))
        stream_make_due(stream);
}

void stream_page_read(struct stream *stream, bool there)
{
    if (stream->flow == FLOW_READING && there)
        stream_make_due(stream);
    else if (stream->flow == FLOW_READING)
        wait_for(stream, FLOW_STALLED);
}

void stream_drained(struct stream *stream)
{
    if (stream->flow == FLOW_STALLED)
        stream_make_due(stream);
}

bool stream_is_quiet(const struct stream *stream)
{
    return stream->stage >= STREAM_ATTACHED && stream->window.count == 0 &&
           (stream->flow == FLOW_CAUGHT_UP || stream->bll->quiesced);
}

static int build_frame(struct bll *bll, const struct conversation *conversation,
                       const struct message *message)
{
    const struct v2_frame frame = entry_frame(message, bytes_of(conversation->name));
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
        bll->outlet.write(bll->outlet.userdata, stream->link->connection, frame);
    if (first)
        stream_watch(bll, stream);
    return FLOW_DUE;
}

/* FLOW_DUE: it has been sent, or need not be. */
static enum stream_flow put_message(struct bll *bll, struct stream *stream, unsigned index,
                                    const struct message *message)
{
    struct device *device = stream->device;
    struct bytes frame = {0};

    if (!delivery_passes_over(device, message) &&
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
