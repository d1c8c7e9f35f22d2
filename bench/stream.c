/* Streams: a channel (io/channel.h) watched by the loop.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/stream.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* What the server may be owed at most: a window of the longest messages, all to be said again. */
#define SAID_MAX (64 << 20)
/* Frames that answer or acknowledge; messages come with buffers of their own. */
#define FRAME_ROOM 1024
#define HOST       "multichat-bench"

struct stream {
    struct loop *loop;
    struct loop_source source;
    struct loop_deferred flush;
    struct loop_garbage garbage;
    struct stream_handler handler;
    struct channel channel;
    struct buffer said;
    uint32_t events;
    bool closed;
};

static void destroy(void *object)
{
    free(object);
}

void stream_close(struct stream *stream)
{
    if (!stream || stream->closed)
        return;
    stream->closed = true;
    loop_remove(stream->loop, &stream->source);
    loop_deferred_cancel(&stream->flush);
    channel_close(&stream->channel);
    buffer_deinit(&stream->said);
    loop_free_later(stream->loop, &stream->garbage, destroy, stream);
}

static void end(struct stream *stream, const char *reason)
{
    const struct stream_handler handler = stream->handler;
    char copy[sizeof(stream->channel.reason)];

    snprintf(copy, sizeof(copy), "%s", reason);
    stream_close(stream);
    handler.ended(handler.userdata, copy);
}

static void watch(struct stream *stream)
{
    uint32_t events = (uint32_t)channel_pollfd(&stream->channel).events;

    if (events == stream->events)
        return;
    stream->events = events;
    if (loop_change(stream->loop, &stream->source, events) < 0)
        end(stream, "it cannot be watched");
}

/* Moves what was said to the channel, as far as it has room. 0 or -errno. */
static int pump(struct stream *stream)
{
    while (buffer_len(&stream->said) > 0) {
        struct bytes said = buffer_peek(&stream->said);
        size_t room = CHANNEL_OUTPUT_MAX - buffer_len(&stream->channel.out);
        int r;
        if (room == 0)
            return 0;
        if (said.len > room)
            said.len = room;
        r = channel_write(&stream->channel, said);
        if (r < 0)
            return r;
        buffer_consume(&stream->said, said.len);
    }
    return 0;
}

static void send_said(struct stream *stream)
{
    if (pump(stream) < 0)
        end(stream, "no memory");
    else
        watch(stream);
}

static void take_frame(struct stream *stream, struct bytes bytes)
{
    struct v2_frame frame;
    const char *reason;

    if (v2_parse(bytes, &frame, &reason) < 0)
        end(stream, reason);
    else
        stream->handler.frame(stream->handler.userdata, &frame);
}

static void stream_ready(void *userdata, uint32_t events)
{
    struct stream *stream = userdata;
    enum channel_event event;
    struct bytes frame;
    short revents = (short)events;

    do {
        event = channel_turn(&stream->channel, revents, &frame);
        revents = 0;
        if (event == CHANNEL_OPEN && stream->handler.opened)
            stream->handler.opened(stream->handler.userdata);
        else if (event == CHANNEL_FRAME)
            take_frame(stream, frame);
        else if (event == CHANNEL_CLOSED || event == CHANNEL_BROKEN)
            end(stream, stream->channel.reason);
    } while (!stream->closed && event != CHANNEL_WAITING);
    if (!stream->closed)
        stream->handler.paused(stream->handler.userdata);
    if (!stream->closed)
        send_said(stream);
}

/* The first turn of one that is connected, which nothing on its descriptor calls for, is here too.
 */
static void flush(void *userdata)
{
    struct stream *stream = userdata;

    if (stream->channel.open)
        send_said(stream);
    else
        stream_ready(stream, 0);
}

int stream_adopt(struct loop *loop, int fd, struct tls_context *tls,
                 const struct stream_handler *handler, struct stream **ret)
{
    struct stream *stream = calloc(1, sizeof(*stream));
    int on = 1, r;

    if (!stream)
        return -ENOMEM;
    *stream = (struct stream){.loop = loop, .handler = *handler, .source = {.fd = -1}};
    buffer_init(&stream->said, SAID_MAX);
    loop_deferred_init(&stream->flush, flush, stream);
    channel_init(&stream->channel);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    r = channel_open(&stream->channel, fd, tls, HOST);
    if (r == 0) {
        stream->events = (uint32_t)channel_pollfd(&stream->channel).events;
        r = loop_add(loop, &stream->source, fd, stream->events, stream_ready, stream);
        if (r < 0) {
            stream->channel.fd = -1; /* it stays the caller's */
            tls_session_free(stream->channel.tls);
        }
    }
    if (r < 0) {
        free(stream);
        return r;
    }
    loop_defer(loop, &stream->flush);
    *ret = stream;
    return 0;
}

int stream_connect(struct loop *loop, const struct addr *server, const struct addr *from,
                   struct tls_context *tls, const struct stream_handler *handler,
                   struct stream **ret)
{
    struct sockaddr_storage sa;
    struct addr any_port = *from;
    int fd = socket(server->family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), r = 0;
    socklen_t len;

    if (fd < 0)
        return -errno;
    any_port.port = 0;
    len = addr_to_sockaddr(&any_port, &sa);
    if (bind(fd, (struct sockaddr *)&sa, len) < 0)
        r = -errno;
    len = addr_to_sockaddr(server, &sa);
    if (r == 0 && connect(fd, (struct sockaddr *)&sa, len) < 0 && errno != EINPROGRESS)
        r = -errno;
    if (r == 0)
        r = stream_adopt(loop, fd, tls, handler, ret);
    if (r < 0)
        close(fd);
    return r;
}

int stream_say_bytes(struct stream *stream, struct bytes frames)
{
    int r = buffer_append(&stream->said, frames);

    if (r == 0)
        loop_defer(stream->loop, &stream->flush);
    return r;
}

int stream_say(struct stream *stream, const struct v2_frame *frame)
{
    char bytes[FRAME_ROOM];
    long len = v2_build(frame, bytes, sizeof(bytes));

    return len < 0 ? (int)len
                   : stream_say_bytes(stream, (struct bytes){.data = bytes, .len = (size_t)len});
}

size_t stream_waiting(const struct stream *stream)
{
    return buffer_len(&stream->said) + buffer_len(&stream->channel.out);
}
