/* Sending over TCP: see sender.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/sender.h"

#include "client/server.h"
#include "io/socket.h"
#include "proto/frame.h"
#include "proto/v1.h"
#include "util/clock.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONNECT_TIMEOUT_US (10 * USEC_PER_SEC)
#define ANSWER_TIMEOUT_US  (30 * USEC_PER_SEC)
#define ANSWER_MAX         1024 /* bytes of an answer without its ETX */

void sender_init(struct sender *sender)
{
    *sender = (struct sender){.fd = -1};
    buffer_init(&sender->in, 4 * ANSWER_MAX);
}

static void forget_frame(struct sender *sender)
{
    if (sender->out)
        explicit_bzero(sender->out, sender->out_len);
    free(sender->out);
    sender->out = NULL;
    sender->out_len = sender->written = 0;
}

void sender_close(struct sender *sender)
{
    /* Version 1 takes what end of stream leaves without its ETX as a whole message: half a one
     * must end in a reset. */
    const struct linger now = {.l_onoff = 1};

    if (sender->state == SENDER_WRITING)
        setsockopt(sender->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    if (sender->fd >= 0)
        close(sender->fd);
    sender->fd = -1;
    sender->state = SENDER_IDLE;
    sender->scanned = 0;
    forget_frame(sender);
    buffer_deinit(&sender->in);
}

void sender_deinit(struct sender *sender)
{
    sender_close(sender);
}

static void because(struct sender *sender, int error)
{
    char text[128];

    snprintf(sender->reason, sizeof(sender->reason), "%s", strerror_r(error, text, sizeof(text)));
}

/* The connection is of no more use. */
static enum sender_outcome broken(struct sender *sender, int error)
{
    bool sent = sender->state == SENDER_AWAITING;

    if (error)
        because(sender, error);
    sender_close(sender);
    return sent ? SENDER_UNKNOWN : SENDER_FAILED;
}

int sender_start(struct sender *sender, const struct addr *server, struct bytes frame, uint64_t now)
{
    int r;

    assert(sender->state == SENDER_IDLE);
    if (sender->fd >= 0 && !addr_equal(&sender->peer, server))
        sender_close(sender);
    sender->out = malloc(frame.len);
    if (!sender->out) {
        because(sender, ENOMEM);
        return -ENOMEM;
    }
    memcpy(sender->out, frame.data, frame.len);
    sender->out_len = frame.len;
    if (sender->fd >= 0) {
        sender->state = SENDER_WRITING;
        sender->deadline = now + ANSWER_TIMEOUT_US;
        return 0;
    }
    r = server_connect(server);
    if (r < 0) {
        because(sender, -r);
        sender_close(sender);
        return r;
    }
    sender->fd = r;
    sender->peer = *server;
    sender->state = SENDER_CONNECTING;
    sender->deadline = now + CONNECT_TIMEOUT_US;
    return 0;
}

struct pollfd sender_pollfd(const struct sender *sender)
{
    static const short events[] = {
        [SENDER_IDLE] = 0,
        [SENDER_CONNECTING] = POLLOUT,
        [SENDER_WRITING] = POLLIN | POLLOUT,
        [SENDER_AWAITING] = POLLIN,
    };
    bool watched = sender->state != SENDER_IDLE;

    return (struct pollfd){.fd = watched ? sender->fd : -1, .events = events[sender->state]};
}

uint64_t sender_due(const struct sender *sender)
{
    return sender->state == SENDER_IDLE ? UINT64_MAX : sender->deadline;
}

static void copy_text(char *out, size_t size, struct bytes text)
{
    size_t len = text.len < size - 1 ? text.len : size - 1;

    memcpy(out, text.data, len);
    out[len] = '\0';
}

static enum sender_outcome answered(struct sender *sender, struct bytes answer)
{
    struct bytes code = {0}, reason = {0};
    int r = v1_parse_answer(answer, &code, &reason);

    if (r < 0) {
        snprintf(sender->reason, sizeof(sender->reason),
                 "it answers with something else than "
                 "multichat's protocol");
        return broken(sender, 0);
    }
    if (r == 0) {
        copy_text(sender->code, sizeof(sender->code), code);
        copy_text(sender->reason, sizeof(sender->reason), reason);
    }
    if (sender->written < sender->out_len) { /* refused before it was whole: what follows is lost */
        sender_close(sender);
    } else {
        sender->state = SENDER_IDLE;
        forget_frame(sender);
    }
    return r == 0 ? SENDER_REFUSED : SENDER_STORED;
}

/* Reads as much as there is, until an answer is whole. */
static enum sender_outcome read_answer(struct sender *sender)
{
    for (;;) {
        struct bytes frame;
        size_t consumed;
        enum frame_cut cut =
            frame_cut(buffer_peek(&sender->in), ANSWER_MAX, &sender->scanned, &frame, &consumed);
        if (cut == FRAME_CUT_FRAME) {
            char answer[ANSWER_MAX];
            memcpy(answer, frame.data, frame.len);
            buffer_consume(&sender->in, consumed);
            return answered(sender, (struct bytes){answer, frame.len});
        }
        if (cut == FRAME_CUT_TOO_LONG)
            return broken(sender, EMSGSIZE);

        char *space;
        long room = buffer_reserve(&sender->in, ANSWER_MAX, &space);
        if (room < 0)
            return broken(sender, (int)-room);
        ssize_t n = recv(sender->fd, space, (size_t)room, 0);
        if (n > 0) {
            buffer_commit(&sender->in, (size_t)n);
        } else if (n == 0) {
            snprintf(sender->reason, sizeof(sender->reason), "it closed without an answer");
            return broken(sender, 0);
        } else if (errno == EAGAIN) {
            return SENDER_PENDING;
        } else if (errno != EINTR) {
            return broken(sender, errno);
        }
    }
}

static enum sender_outcome write_more(struct sender *sender)
{
    while (sender->written < sender->out_len) {
        ssize_t n = send(sender->fd, sender->out + sender->written,
                         sender->out_len - sender->written, MSG_NOSIGNAL);
        if (n >= 0) {
            sender->written += (size_t)n;
        } else if (errno == EAGAIN) {
            return SENDER_PENDING;
        } else if (errno != EINTR) {
            return broken(sender, errno);
        }
    }
    sender->state = SENDER_AWAITING;
    return SENDER_PENDING;
}

static enum sender_outcome connected(struct sender *sender, uint64_t now)
{
    int r = socket_connected(sender->fd);

    if (r < 0)
        return broken(sender, -r);
    sender->state = SENDER_WRITING;
    sender->deadline = now + ANSWER_TIMEOUT_US;
    return write_more(sender);
}

enum sender_outcome sender_turn(struct sender *sender, short revents, uint64_t now)
{
    enum sender_outcome outcome = SENDER_PENDING;

    if (sender->state == SENDER_IDLE)
        return SENDER_PENDING;
    if (sender->state == SENDER_CONNECTING) {
        if (revents)
            outcome = connected(sender, now);
    } else {
        /* The answer first: a server that refused may have closed already. */
        if (revents & (POLLIN | POLLHUP | POLLERR))
            outcome = read_answer(sender);
        if (outcome == SENDER_PENDING && sender->state == SENDER_WRITING && (revents & POLLOUT))
            outcome = write_more(sender);
    }
    if (outcome == SENDER_PENDING && now >= sender->deadline)
        return broken(sender, ETIMEDOUT);
    return outcome;
}
