/* Frames over a socket: see channel.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/channel.h"

#include "io/socket.h"
#include "proto/frame.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_SIZE 16384

void channel_init(struct channel *channel)
{
    *channel = (struct channel){.fd = -1};
    buffer_init(&channel->in, CHANNEL_FRAME_MAX + 1 + READ_SIZE);
    buffer_init(&channel->out, CHANNEL_OUTPUT_MAX);
}

int channel_open(struct channel *channel, int fd, struct tls_context *tls, const char *host)
{
    struct sockaddr_storage peer;
    socklen_t len = sizeof(peer);
    struct tls_session *session = NULL;
    int r;

    assert(channel->fd < 0);
    if (tls) {
        r = tls_session_new(tls, fd, host, &session);
        if (r < 0)
            return r;
    }
    channel_init(channel);
    channel->fd = fd;
    channel->tls = session;
    channel->connecting = getpeername(fd, (struct sockaddr *)&peer, &len) < 0;
    channel->read_events = POLLOUT; /* then it is connected, and the handshake is ours to begin */
    channel->write_events = POLLOUT;
    return 0;
}

void channel_close(struct channel *channel)
{
    /* What is cut off in the middle of a frame must not look like its end. */
    const struct linger now = {.l_onoff = 1};

    if (channel->fd < 0)
        return;
    if (buffer_len(&channel->out) > 0)
        setsockopt(channel->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    tls_session_free(channel->tls);
    channel->tls = NULL;
    close(channel->fd);
    channel->fd = -1;
    buffer_deinit(&channel->in);
    buffer_deinit(&channel->out);
}

static enum channel_event broken(struct channel *channel, int error)
{
    char text[128];

    channel->distrusted = channel->tls && tls_session_distrusted(channel->tls);
    if (error == EPROTO && channel->tls)
        snprintf(channel->reason, sizeof(channel->reason), "%s", tls_session_error(channel->tls));
    else if (error == EMSGSIZE)
        snprintf(channel->reason, sizeof(channel->reason), "it says more than the protocol allows");
    else
        snprintf(channel->reason, sizeof(channel->reason), "%s",
                 strerror_r(error, text, sizeof(text)));
    channel_close(channel);
    return CHANNEL_BROKEN;
}

struct pollfd channel_pollfd(const struct channel *channel)
{
    bool writes = channel->open &&
                  (buffer_len(&channel->out) > 0 || (channel->finishing && !channel->finished));

    return (struct pollfd){
        .fd = channel->fd,
        .events = (short)(channel->read_events | (writes ? channel->write_events : 0)),
    };
}

/* What a TLS session waits for before it can go on. */
static short wanted_events(const struct channel *channel, short plain)
{
    return channel->tls ? (short)tls_session_events(channel->tls) : plain;
}

static ssize_t write_some(struct channel *channel, struct bytes bytes)
{
    ssize_t n;

    if (channel->tls)
        return tls_session_write(channel->tls, bytes);
    n = send(channel->fd, bytes.data, bytes.len, MSG_NOSIGNAL);
    return n < 0 ? -errno : n;
}

static int end_output(struct channel *channel)
{
    int r = channel->tls ? tls_session_shutdown(channel->tls) : 0;

    if (r == -EAGAIN) {
        channel->write_events = wanted_events(channel, POLLOUT);
        return 0;
    }
    channel->finished = true;
    (void)shutdown(channel->fd, SHUT_WR); /* what is wrong with it shows when it is read */
    return r;
}

/* Sends what waits, as far as that goes. 0 or -errno. */
static int flush(struct channel *channel)
{
    while (buffer_len(&channel->out) > 0) {
        ssize_t n = write_some(channel, buffer_peek(&channel->out));
        if (n == -EINTR)
            continue;
        if (n == -EAGAIN) {
            channel->write_events = wanted_events(channel, POLLOUT);
            return 0;
        }
        if (n < 0)
            return (int)n;
        buffer_consume(&channel->out, (size_t)n);
    }
    return channel->finishing && !channel->finished ? end_output(channel) : 0;
}

int channel_write(struct channel *channel, struct bytes frames)
{
    int r;

    if (channel->fd < 0 || channel->finishing)
        return 0; /* it goes nowhere, and whoever turns it knows */
    r = buffer_append(&channel->out, frames);
    if (r == 0 && channel->open && channel->error == 0)
        channel->error = flush(channel);
    return r;
}

void channel_finish(struct channel *channel)
{
    channel->finishing = true;
    if (channel->fd >= 0 && channel->open && channel->error == 0)
        channel->error = flush(channel);
}

/* Connects and shakes hands. OPEN when that is done, else WAITING or BROKEN. */
static enum channel_event set_up(struct channel *channel, short revents)
{
    int r = 0;

    if (channel->connecting && !revents)
        return CHANNEL_WAITING;
    if (channel->connecting || !channel->tls)
        r = socket_connected(channel->fd);
    channel->connecting = false;
    if (r == 0 && channel->tls) {
        r = tls_session_handshake(channel->tls);
        if (r == 0) {
            channel->read_events = wanted_events(channel, POLLIN);
            return CHANNEL_WAITING;
        }
    }
    if (r < 0)
        return broken(channel, -r);
    channel->open = true;
    channel->read_events = POLLIN;
    return CHANNEL_OPEN;
}

static ssize_t read_some(struct channel *channel, char *space, size_t room)
{
    ssize_t n;

    if (channel->tls)
        return tls_session_read(channel->tls, space, room);
    n = recv(channel->fd, space, room, 0);
    return n < 0 ? -errno : n;
}

/* Reads until there is a frame, or nothing more. */
static enum channel_event read_frame(struct channel *channel, struct bytes *ret_frame)
{
    for (;;) {
        size_t consumed;
        enum frame_cut cut = frame_cut(buffer_peek(&channel->in), CHANNEL_FRAME_MAX,
                                       &channel->scanned, ret_frame, &consumed);
        if (cut == FRAME_CUT_FRAME) {
            channel->taken = consumed;
            return CHANNEL_FRAME;
        }
        if (cut == FRAME_CUT_TOO_LONG)
            return broken(channel, EMSGSIZE);

        char *space;
        long room = buffer_reserve(&channel->in, READ_SIZE, &space);
        if (room < 0)
            return broken(channel, (int)-room);
        ssize_t n = read_some(channel, space, (size_t)room);
        if (n == 0) {
            snprintf(channel->reason, sizeof(channel->reason), "it closed the connection");
            channel_close(channel);
            return CHANNEL_CLOSED;
        }
        if (n == -EAGAIN) {
            channel->read_events = wanted_events(channel, POLLIN);
            return CHANNEL_WAITING;
        }
        if (n < 0 && n != -EINTR)
            return broken(channel, (int)-n);
        if (n > 0)
            buffer_commit(&channel->in, (size_t)n);
    }
}

enum channel_event channel_turn(struct channel *channel, short revents, struct bytes *ret_frame)
{
    if (channel->fd < 0)
        return CHANNEL_WAITING;
    if (!channel->open)
        return set_up(channel, revents);
    buffer_consume(&channel->in, channel->taken);
    channel->taken = 0;
    if (channel->error == 0)
        channel->error = flush(channel);
    /* What the other side said before it broke off, why for one, is read first. */
    enum channel_event event = read_frame(channel, ret_frame);
    if (event == CHANNEL_WAITING && channel->error < 0)
        return broken(channel, -channel->error);
    return event;
}
