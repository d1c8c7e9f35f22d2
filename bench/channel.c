/* Writing frames and reading their answers.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/channel.h"

#include "proto/error.h"
#include "proto/frame.h"
#include "util/buffer.h"
#include "util/clock.h"

#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define RETRY_US   (100 * USEC_PER_MSEC)
#define ANSWER_MAX 1024
#define FRAME_ROOM (8 * 1024)
#define OUTPUT_MAX (1024 * 1024)

enum state {
    STATE_DOWN,
    STATE_CONNECTING,
    STATE_UP,
};

struct channel {
    struct loop *loop;
    struct addr server, from;
    struct channel_handler handler;
    struct loop_source source;
    struct loop_timer retry;
    struct loop_deferred flush;
    enum state state;
    int fd;
    struct buffer in, out;
    size_t scanned;
    uint32_t *tags; /* ring of those that wait for their answer */
    unsigned window, first, waiting;
    uint64_t connects;
};

static int watch(struct channel *channel)
{
    bool writing = channel->state == STATE_CONNECTING || buffer_len(&channel->out) > 0;

    return loop_change(channel->loop, &channel->source,
                       writing ? EPOLLIN | EPOLLOUT : (uint32_t)EPOLLIN);
}

static uint32_t next_tag(struct channel *channel)
{
    uint32_t tag = channel->tags[channel->first];

    channel->first = (channel->first + 1) % channel->window;
    channel->waiting--;
    return tag;
}

static void lose(struct channel *channel)
{
    loop_remove(channel->loop, &channel->source);
    close(channel->fd);
    channel->fd = -1;
    channel->state = STATE_DOWN;
    channel->scanned = 0;
    buffer_consume(&channel->in, buffer_len(&channel->in));
    buffer_consume(&channel->out, buffer_len(&channel->out));
    if (loop_timer_set(channel->loop, &channel->retry, loop_now(channel->loop) + RETRY_US) < 0)
        abort(); /* no memory for a timer: the run is worth nothing */
    while (channel->waiting > 0)
        channel->handler.answered(channel->handler.userdata, next_tag(channel), CHANNEL_UNKNOWN);
}

/* -- answers ---------------------------------------------------------------------------------- */

/* 0 or -EBADMSG when the server speaks something else. */
static int take_answer(struct channel *channel, struct bytes frame)
{
    enum channel_answer answer = CHANNEL_ACK;
    struct bytes code, reason;
    int kind = v1_parse_answer(frame, &code, &reason);

    if (kind < 0)
        return kind;
    if (kind == 0) {
        int error = proto_error_from_code(code);
        if (error == PROTO_ERROR_TIMEOUT)
            return 0; /* about the connection and no frame */
        answer = error == PROTO_ERROR_UNCERTAIN ? CHANNEL_UNKNOWN : CHANNEL_REFUSED;
    }
    if (channel->waiting == 0)
        return -EBADMSG;
    channel->handler.answered(channel->handler.userdata, next_tag(channel), answer);
    return 0;
}

static int take_answers(struct channel *channel)
{
    for (;;) {
        struct bytes frame;
        size_t consumed;
        int r;
        switch (frame_cut(buffer_peek(&channel->in), ANSWER_MAX, &channel->scanned, &frame,
                          &consumed)) {
        case FRAME_CUT_NONE:
            return 0;
        case FRAME_CUT_TOO_LONG:
            return -EBADMSG;
        case FRAME_CUT_FRAME:
            r = take_answer(channel, frame);
            if (r < 0)
                return r;
            buffer_consume(&channel->in, consumed);
        }
    }
}

/* 0, or -errno when the connection is over. */
static int receive(struct channel *channel)
{
    char *space;
    long room = buffer_reserve(&channel->in, ANSWER_MAX, &space);
    ssize_t n;

    if (room < 0)
        return (int)room;
    n = recv(channel->fd, space, (size_t)room, 0);
    if (n == 0)
        return -ECONNRESET;
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    buffer_commit(&channel->in, (size_t)n);
    return take_answers(channel);
}

static int transmit(struct channel *channel)
{
    while (buffer_len(&channel->out) > 0) {
        struct bytes bytes = buffer_peek(&channel->out);
        ssize_t n = send(channel->fd, bytes.data, bytes.len, MSG_NOSIGNAL);
        if (n < 0)
            return errno == EAGAIN || errno == EINTR ? 0 : -errno;
        buffer_consume(&channel->out, (size_t)n);
    }
    return 0;
}

static int connected(struct channel *channel)
{
    int error = 0;
    socklen_t len = sizeof(error);

    if (getsockopt(channel->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
        return -errno;
    if (error)
        return -error;
    channel->state = STATE_UP;
    channel->connects++;
    return 0;
}

static void channel_event(void *userdata, uint32_t events)
{
    struct channel *channel = userdata;
    int r = 0;

    if (channel->state == STATE_CONNECTING)
        r = connected(channel);
    if (r == 0 && events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        r = receive(channel);
    if (r == 0)
        r = transmit(channel);
    if (r == 0)
        r = watch(channel);
    if (r < 0)
        lose(channel);
    else if (channel_ready(channel))
        channel->handler.ready(channel->handler.userdata, channel);
}

/* -- connecting ------------------------------------------------------------------------------- */

static int start_connecting(struct channel *channel)
{
    struct sockaddr_storage sa;
    struct addr from = channel->from;
    socklen_t len;
    int on = 1, r;

    channel->fd = socket(channel->server.family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (channel->fd < 0)
        return -errno;
    from.port = 0;
    len = addr_to_sockaddr(&from, &sa);
    if (bind(channel->fd, (struct sockaddr *)&sa, len) < 0)
        goto fail;
    (void)setsockopt(channel->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    len = addr_to_sockaddr(&channel->server, &sa);
    if (connect(channel->fd, (struct sockaddr *)&sa, len) < 0 && errno != EINPROGRESS)
        goto fail;
    r = loop_add(channel->loop, &channel->source, channel->fd, EPOLLIN | EPOLLOUT, channel_event,
                 channel);
    if (r == 0) {
        channel->state = STATE_CONNECTING;
        return 0;
    }
    errno = -r;
fail:
    r = -errno;
    close(channel->fd);
    channel->fd = -1;
    return r;
}

static void retry(void *userdata)
{
    struct channel *channel = userdata;

    if (start_connecting(channel) < 0 &&
        loop_timer_set(channel->loop, &channel->retry, loop_now(channel->loop) + RETRY_US) < 0)
        abort();
}

static void flush(void *userdata)
{
    struct channel *channel = userdata;
    int r;

    if (channel->state != STATE_UP)
        return;
    r = transmit(channel);
    if (r == 0)
        r = watch(channel);
    if (r < 0)
        lose(channel);
}

int channel_new(struct loop *loop, const struct addr *server, const struct addr *from,
                unsigned window, const struct channel_handler *handler, struct channel **ret)
{
    struct channel *channel = calloc(1, sizeof(*channel));
    int r;

    if (!channel)
        return -ENOMEM;
    *channel = (struct channel){
        .loop = loop,
        .server = *server,
        .from = *from,
        .handler = *handler,
        .window = window,
        .fd = -1,
        .source = {.fd = -1},
        .tags = calloc(window, sizeof(uint32_t)),
    };
    buffer_init(&channel->in, ANSWER_MAX + 1);
    buffer_init(&channel->out, OUTPUT_MAX);
    loop_timer_init(&channel->retry, retry, channel);
    loop_deferred_init(&channel->flush, flush, channel);
    r = channel->tags ? start_connecting(channel) : -ENOMEM;
    if (r < 0) {
        channel_free(channel);
        return r;
    }
    *ret = channel;
    return 0;
}

void channel_free(struct channel *channel)
{
    if (!channel)
        return;
    loop_timer_cancel(channel->loop, &channel->retry);
    loop_deferred_cancel(&channel->flush);
    if (channel->fd >= 0) {
        loop_remove(channel->loop, &channel->source);
        close(channel->fd);
    }
    buffer_deinit(&channel->in);
    buffer_deinit(&channel->out);
    free(channel->tags);
    free(channel);
}

bool channel_ready(const struct channel *channel)
{
    return channel->state == STATE_UP && channel->waiting < channel->window &&
           buffer_len(&channel->out) + FRAME_ROOM < OUTPUT_MAX;
}

int channel_send(struct channel *channel, const struct v1_write *write, uint32_t tag)
{
    char frame[V1_PUSH_MAX + V1_USERID_MAX + V1_PASSWORD_MAX + V1_RECIPIENT_MAX + 16];
    long len = v1_build_write(write, frame, sizeof(frame));
    int r;

    assert(channel_ready(channel));
    if (len < 0)
        return (int)len;
    r = buffer_append(&channel->out, (struct bytes){.data = frame, .len = (size_t)len});
    if (r < 0)
        return r;
    channel->tags[(channel->first + channel->waiting++) % channel->window] = tag;
    loop_defer(channel->loop, &channel->flush);
    return 0;
}

uint64_t channel_connects(const struct channel *channel)
{
    return channel->connects;
}
