/* Writing frames and reading their answers.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/lane.h"

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

struct lane {
    struct loop *loop;
    struct addr server, from;
    struct lane_handler handler;
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

static int watch(struct lane *lane)
{
    bool writing = lane->state == STATE_CONNECTING || buffer_len(&lane->out) > 0;

    return loop_change(lane->loop, &lane->source, writing ? EPOLLIN | EPOLLOUT : (uint32_t)EPOLLIN);
}

static uint32_t next_tag(struct lane *lane)
{
    uint32_t tag = lane->tags[lane->first];

    lane->first = (lane->first + 1) % lane->window;
    lane->waiting--;
    return tag;
}

static void lose(struct lane *lane)
{
    loop_remove(lane->loop, &lane->source);
    close(lane->fd);
    lane->fd = -1;
    lane->state = STATE_DOWN;
    lane->scanned = 0;
    buffer_consume(&lane->in, buffer_len(&lane->in));
    buffer_consume(&lane->out, buffer_len(&lane->out));
    if (loop_timer_set(lane->loop, &lane->retry, loop_now(lane->loop) + RETRY_US) < 0)
        abort(); /* no memory for a timer: the run is worth nothing */
    while (lane->waiting > 0)
        lane->handler.answered(lane->handler.userdata, next_tag(lane), LANE_UNKNOWN);
}

/* -- answers ---------------------------------------------------------------------------------- */

/* 0 or -EBADMSG when the server speaks something else. */
static int take_answer(struct lane *lane, struct bytes frame)
{
    enum lane_answer answer = LANE_ACK;
    struct bytes code, reason;
    int kind = v1_parse_answer(frame, &code, &reason);

    if (kind < 0)
        return kind;
    if (kind == 0) {
        int error = proto_error_from_code(code);
        if (error == PROTO_ERROR_TIMEOUT)
            return 0; /* about the connection and no frame */
        answer = error == PROTO_ERROR_UNCERTAIN ? LANE_UNKNOWN : LANE_REFUSED;
    }
    if (lane->waiting == 0)
        return -EBADMSG;
    lane->handler.answered(lane->handler.userdata, next_tag(lane), answer);
    return 0;
}

static int take_answers(struct lane *lane)
{
    for (;;) {
        struct bytes frame;
        size_t consumed;
        int r;
        switch (frame_cut(buffer_peek(&lane->in), ANSWER_MAX, &lane->scanned, &frame, &consumed)) {
        case FRAME_CUT_NONE:
            return 0;
        case FRAME_CUT_TOO_LONG:
            return -EBADMSG;
        case FRAME_CUT_FRAME:
            r = take_answer(lane, frame);
            if (r < 0)
                return r;
            buffer_consume(&lane->in, consumed);
        }
    }
}

/* 0, or -errno when the connection is over. */
static int receive(struct lane *lane)
{
    char *space;
    long room = buffer_reserve(&lane->in, ANSWER_MAX, &space);
    ssize_t n;

    if (room < 0)
        return (int)room;
    n = recv(lane->fd, space, (size_t)room, 0);
    if (n == 0)
        return -ECONNRESET;
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    buffer_commit(&lane->in, (size_t)n);
    return take_answers(lane);
}

static int transmit(struct lane *lane)
{
    while (buffer_len(&lane->out) > 0) {
        struct bytes bytes = buffer_peek(&lane->out);
        ssize_t n = send(lane->fd, bytes.data, bytes.len, MSG_NOSIGNAL);
        if (n < 0)
            return errno == EAGAIN || errno == EINTR ? 0 : -errno;
        buffer_consume(&lane->out, (size_t)n);
    }
    return 0;
}

static int connected(struct lane *lane)
{
    int error = 0;
    socklen_t len = sizeof(error);

    if (getsockopt(lane->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
        return -errno;
    if (error)
        return -error;
    lane->state = STATE_UP;
    lane->connects++;
    return 0;
}

static void lane_event(void *userdata, uint32_t events)
{
    struct lane *lane = userdata;
    int r = 0;

    if (lane->state == STATE_CONNECTING)
        r = connected(lane);
    if (r == 0 && events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        r = receive(lane);
    if (r == 0)
        r = transmit(lane);
    if (r == 0)
        r = watch(lane);
    if (r < 0)
        lose(lane);
    else if (lane_ready(lane))
        lane->handler.ready(lane->handler.userdata, lane);
}

/* -- connecting ------------------------------------------------------------------------------- */

static int start_connecting(struct lane *lane)
{
    struct sockaddr_storage sa;
    struct addr from = lane->from;
    socklen_t len;
    int on = 1, r;

    lane->fd = socket(lane->server.family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (lane->fd < 0)
        return -errno;
    from.port = 0;
    len = addr_to_sockaddr(&from, &sa);
    if (bind(lane->fd, (struct sockaddr *)&sa, len) < 0)
        goto fail;
    (void)setsockopt(lane->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    len = addr_to_sockaddr(&lane->server, &sa);
    if (connect(lane->fd, (struct sockaddr *)&sa, len) < 0 && errno != EINPROGRESS)
        goto fail;
    r = loop_add(lane->loop, &lane->source, lane->fd, EPOLLIN | EPOLLOUT, lane_event, lane);
    if (r == 0) {
        lane->state = STATE_CONNECTING;
        return 0;
    }
    errno = -r;
fail:
    r = -errno;
    close(lane->fd);
    lane->fd = -1;
    return r;
}

static void retry(void *userdata)
{
    struct lane *lane = userdata;

    if (start_connecting(lane) < 0 &&
        loop_timer_set(lane->loop, &lane->retry, loop_now(lane->loop) + RETRY_US) < 0)
        abort();
}

static void flush(void *userdata)
{
    struct lane *lane = userdata;
    int r;

    if (lane->state != STATE_UP)
        return;
    r = transmit(lane);
    if (r == 0)
        r = watch(lane);
    if (r < 0)
        lose(lane);
}

int lane_new(struct loop *loop, const struct addr *server, const struct addr *from, unsigned window,
             const struct lane_handler *handler, struct lane **ret)
{
    struct lane *lane = calloc(1, sizeof(*lane));
    int r;

    if (!lane)
        return -ENOMEM;
    *lane = (struct lane){
        .loop = loop,
        .server = *server,
        .from = *from,
        .handler = *handler,
        .window = window,
        .fd = -1,
        .source = {.fd = -1},
        .tags = calloc(window, sizeof(uint32_t)),
    };
    buffer_init(&lane->in, ANSWER_MAX + 1);
    buffer_init(&lane->out, OUTPUT_MAX);
    loop_timer_init(&lane->retry, retry, lane);
    loop_deferred_init(&lane->flush, flush, lane);
    r = lane->tags ? start_connecting(lane) : -ENOMEM;
    if (r < 0) {
        lane_free(lane);
        return r;
    }
    *ret = lane;
    return 0;
}

void lane_free(struct lane *lane)
{
    if (!lane)
        return;
    loop_timer_cancel(lane->loop, &lane->retry);
    loop_deferred_cancel(&lane->flush);
    if (lane->fd >= 0) {
        loop_remove(lane->loop, &lane->source);
        close(lane->fd);
    }
    buffer_deinit(&lane->in);
    buffer_deinit(&lane->out);
    free(lane->tags);
    free(lane);
}

bool lane_ready(const struct lane *lane)
{
    return lane->state == STATE_UP && lane->waiting < lane->window &&
           buffer_len(&lane->out) + FRAME_ROOM < OUTPUT_MAX;
}

int lane_send(struct lane *lane, const struct v1_write *write, uint32_t tag)
{
    char frame[V1_PUSH_MAX + V1_USERID_MAX + V1_PASSWORD_MAX + V1_RECIPIENT_MAX + 16];
    long len = v1_build_write(write, frame, sizeof(frame));
    int r;

    assert(lane_ready(lane));
    if (len < 0)
        return (int)len;
    r = buffer_append(&lane->out, (struct bytes){.data = frame, .len = (size_t)len});
    if (r < 0)
        return r;
    lane->tags[(lane->first + lane->waiting++) % lane->window] = tag;
    loop_defer(lane->loop, &lane->flush);
    return 0;
}

uint64_t lane_connects(const struct lane *lane)
{
    return lane->connects;
}
