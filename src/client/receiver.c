/* The receiver thread: see receiver.h.
 *
 * Several connections may be open at a time, so that one that says nothing holds up nobody; when
 * all places are taken, the oldest gives way.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/receiver.h"

#include "io/listener.h"
#include "util/buffer.h"
#include "util/clock.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define PUSHES_MAX       16
#define PUSH_BYTES_MAX   (V1_PUSH_MAX + 1) /* room to see that nothing follows */
#define PUSH_TIMEOUT_US  (15 * USEC_PER_SEC)
#define REBIND_US        (2 * USEC_PER_SEC)  /* after listening failed */
#define STRANGER_TOLD_US (60 * USEC_PER_SEC) /* between two notices about strangers */

struct push {
    int fd; /* -1: free */
    uint64_t deadline;
    struct buffer in;
};

struct receiver {
    struct session *session;
    int fd;             /* listens; -1: not yet */
    struct addr wanted; /* what it was bound for */
    uint64_t next_bind; /* monotonic */
    uint64_t next_told; /* monotonic; before it, strangers are dropped in silence */
    bool failure_told;
    struct push pushes[PUSHES_MAX];
};

static void push_end(struct push *push)
{
    close(push->fd);
    push->fd = -1;
    buffer_deinit(&push->in);
}

/* Ends it by a reset: not acknowledged. */
static void reset(int fd)
{
    const struct linger now = {.l_onoff = 1};

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

static void push_refuse(struct push *push)
{
    reset(push->fd);
    push_end(push);
}

/* The whole of a push has arrived. */
static void push_complete(struct receiver *receiver, struct push *push)
{
    struct v1_push message;

    if (buffer_len(&push->in) == 0) { /* somebody looked whether we listen */
        push_end(push);
        return;
    }
    if (v1_parse_push(buffer_peek(&push->in), &message) < 0) {
        session_notice(receiver->session, "something arrived that is no message; it was not taken");
        push_refuse(push);
    } else if (session_show(receiver->session, &message, push->fd)) {
        push_end(push);
    } else {
        push_refuse(push);
    }
}

static void push_read(struct receiver *receiver, struct push *push)
{
    for (;;) {
        char *space;
        long room = buffer_reserve(&push->in, 4096, &space);
        if (room < 0) { /* too long, or no memory */
            push_refuse(push);
            return;
        }
        ssize_t n = recv(push->fd, space, (size_t)room, 0);
        if (n > 0) {
            buffer_commit(&push->in, (size_t)n);
        } else if (n == 0) {
            push_complete(receiver, push);
            return;
        } else if (errno == EAGAIN) {
            return;
        } else if (errno != EINTR) {
            push_end(push);
            return;
        }
    }
}

static struct push *push_slot(struct receiver *receiver)
{
    struct push *oldest = &receiver->pushes[0];

    for (size_t i = 0; i < PUSHES_MAX; i++) {
        struct push *push = &receiver->pushes[i];
        if (push->fd < 0)
            return push;
        if (push->deadline < oldest->deadline)
            oldest = push;
    }
    push_refuse(oldest);
    return oldest;
}

static bool welcome(struct receiver *receiver, const struct addr *from, uint64_t now)
{
    char text[ADDR_TEXT_MAX];

    if (receiver->session->settings->receive_from == RECEIVE_FROM_ANY ||
        session_is_server(receiver->session, from))
        return true;
    if (now >= receiver->next_told) {
        receiver->next_told = now + STRANGER_TOLD_US;
        session_notice(receiver->session,
                       "turned away a connection from %s, which is not the server "
                       "(see receive_from in multichat(1))",
                       addr_format_host(from, text));
    }
    return false;
}

static void accept_pushes(struct receiver *receiver, uint64_t now)
{
    /* A bounded number a turn, so that reading is never starved. */
    for (int i = 0; i < PUSHES_MAX; i++) {
        struct sockaddr_storage storage;
        socklen_t len = sizeof(storage);
        struct addr from;
        int fd =
            accept4(receiver->fd, (struct sockaddr *)&storage, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0)
            return;
        if (addr_from_sockaddr((const struct sockaddr *)&storage, len, &from) < 0 ||
            !welcome(receiver, &from, now)) {
            reset(fd);
            close(fd);
            continue;
        }
        struct push *push = push_slot(receiver);
        push->fd = fd;
        push->deadline = now + PUSH_TIMEOUT_US;
        buffer_init(&push->in, PUSH_BYTES_MAX);
    }
}

static void unbind(struct receiver *receiver)
{
    if (receiver->fd >= 0)
        close(receiver->fd);
    receiver->fd = -1;
}

static int bind_to(struct receiver *receiver, const struct addr *wanted)
{
    struct sockaddr_storage storage;
    socklen_t len = sizeof(storage);
    struct addr bound;
    int r;

    receiver->fd = listener_bind(wanted);
    if (receiver->fd < 0)
        return receiver->fd;
    if (getsockname(receiver->fd, (struct sockaddr *)&storage, &len) < 0)
        r = -errno;
    else
        r = addr_from_sockaddr((const struct sockaddr *)&storage, len, &bound);
    if (r < 0) {
        unbind(receiver);
        return r;
    }
    session_set_bound(receiver->session, &bound);
    return 0;
}

/* Listens where the server's address asks for; again when that has changed. */
static void keep_bound(struct receiver *receiver, uint64_t now)
{
    struct addr server, wanted;
    char text[ADDR_TEXT_MAX], reason[128];
    int r;

    if (!session_server(receiver->session, &server))
        return;
    settings_listen_addr(receiver->session->settings, &server, &wanted);
    if (receiver->fd >= 0 && addr_equal(&wanted, &receiver->wanted))
        return;
    if (now < receiver->next_bind)
        return;
    unbind(receiver);
    r = bind_to(receiver, &wanted);
    receiver->wanted = wanted;
    receiver->next_bind = now + REBIND_US;
    if (r < 0 && !receiver->failure_told)
        session_notice(receiver->session,
                       "cannot listen on %s (%s); messages cannot arrive until that is possible",
                       addr_format(&wanted, text), strerror_r(-r, reason, sizeof(reason)));
    receiver->failure_told = r < 0;
}

/* Milliseconds for poll(2) until the next deadline, -1 for none. */
static int time_left(const struct receiver *receiver, uint64_t now)
{
    uint64_t due = receiver->fd < 0 && receiver->failure_told ? receiver->next_bind : UINT64_MAX;

    for (size_t i = 0; i < PUSHES_MAX; i++)
        if (receiver->pushes[i].fd >= 0 && receiver->pushes[i].deadline < due)
            due = receiver->pushes[i].deadline;
    if (due == UINT64_MAX)
        return -1;
    return due > now ? (int)((due - now + 999) / 1000) : 0;
}

static void turn(struct receiver *receiver)
{
    struct pollfd fds[PUSHES_MAX + 2];
    uint64_t now = clock_monotonic_us();

    keep_bound(receiver, now);
    for (size_t i = 0; i < PUSHES_MAX; i++)
        fds[i] = (struct pollfd){.fd = receiver->pushes[i].fd, .events = POLLIN};
    fds[PUSHES_MAX] = (struct pollfd){.fd = receiver->fd, .events = POLLIN};
    fds[PUSHES_MAX + 1] =
        (struct pollfd){.fd = receiver->session->wake[SESSION_RECEIVER], .events = POLLIN};
    if (poll(fds, ARRAY_SIZE(fds), time_left(receiver, now)) < 0)
        return;
    for (size_t i = 0; i < PUSHES_MAX; i++)
        if (fds[i].revents && !session_stopping(receiver->session))
            push_read(receiver, &receiver->pushes[i]);
    now = clock_monotonic_us();
    for (size_t i = 0; i < PUSHES_MAX; i++)
        if (receiver->pushes[i].fd >= 0 && !fds[i].revents && now >= receiver->pushes[i].deadline)
            push_refuse(&receiver->pushes[i]);
    if (fds[PUSHES_MAX].revents)
        accept_pushes(receiver, now);
    if (fds[PUSHES_MAX + 1].revents)
        session_woken(receiver->session, SESSION_RECEIVER);
}

void *receiver_main(void *session)
{
    struct receiver receiver = {.session = session, .fd = -1};

    for (size_t i = 0; i < PUSHES_MAX; i++)
        receiver.pushes[i].fd = -1;
    while (!session_stopping(receiver.session))
        turn(&receiver);
    for (size_t i = 0; i < PUSHES_MAX; i++)
        if (receiver.pushes[i].fd >= 0)
            push_refuse(&receiver.pushes[i]);
    unbind(&receiver);
    return NULL;
}
