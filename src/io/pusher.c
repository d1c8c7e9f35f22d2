/* Version 1 pushes. One push goes through
 *
 *   CONNECTING   the connection is being made (io/connecting.h)
 *   SENDING      writing the payload
 *   WAITING      our side is shut down, waiting for the peer's end of stream
 *   CLOSING      the peer's end of stream came, ours is not acknowledged yet
 *   ENDED        the descriptor is closed, the callback runs at the end of the turn
 *
 * When is it delivered? End of stream alone does not tell: a peer that accepts and closes at once
 * sends it before our bytes have reached it, and only then the reset. So after the end of stream we
 * wait until our own FIN, which comes after the payload, has been acknowledged (SIOCOUTQ is 0) and
 * look for a reset once more. A peer that read the payload and closed without waiting for our end
 * of stream passes; one that closed with bytes unread sends a reset and does not.
 *
 * A push that is given up, because the peer took too long or we stop, ends with a reset: the peer
 * can tell that the message was not taken as delivered.
 *
 * TIME_WAIT. The protocol has us shut down first, so TIME_WAIT is ours: each push keeps a port of
 * ours from connecting to the same listener for 60 s. Setting SO_LINGER to 0 for a push that
 * succeeds does not help, and must not be done: by the time the peer's end of stream can be read
 * the kernel has already put a TIME_WAIT entry in the place of the socket, and closing has no
 * effect on it; before that time a reset could take the message away from a peer that has not read
 * it (in the receive queue of many systems, though not of Linux). What saves us:
 *  - The socket is not bound, so connect() chooses a port for this one peer (address and port):
 *    28,232 of them by default, whatever is under way to others.
 *  - On loopback Linux uses a port in TIME_WAIT again after one second (net.ipv4.tcp_tw_reuse is 2
 *    since 4.19). 30,000 pushes one after the other to one port of loopback succeed, at about the
 *    same speed from first to last (tests/io/pusher-test.c).
 *  - Elsewhere it takes more than 470 messages a second for a minute to one single listener to run
 *    out. Then pusher_push() returns -EADDRNOTAVAIL, nothing is lost, and the message waits.
 *    net.ipv4.tcp_tw_reuse=1 or a wider net.ipv4.ip_local_port_range raises the limit.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/pusher.h"

#include "io/connecting.h"
#include "io/socket.h"
#include "proto/v1.h"
#include "util/list.h"
#include "util/peercount.h"

#include <assert.h>
#include <errno.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define SPARE_MAX   64    /* push objects kept for the next ones */
#define GARBAGE_MAX 65536 /* bytes a peer may send before it is given up */

enum state {
    STATE_CONNECTING,
    STATE_SENDING,
    STATE_WAITING,
    STATE_CLOSING,
    STATE_ENDED,
};

struct push {
    struct list link; /* on the pusher's `active`, `ended` or `spare` */
    struct pusher *pusher;
    struct connecting connecting;
    struct loop_source source;
    struct loop_timer timer;
    int fd; /* -1 while it is connecting */
    enum state state;
    enum push_result result;
    struct addr to;
    push_done_fn callback;
    void *userdata;
    size_t ignored; /* bytes the peer sent */
    size_t sent;
    size_t len;
    char payload[V1_PUSH_MAX];
};

struct pusher {
    struct loop *loop;
    struct pusher_limits limits;
    struct metrics *metrics;
    struct peercount *peers; /* counts pushes until their callback runs */
    struct loop_deferred calling_back;
    struct loop_garbage garbage;
    struct list active;
    struct list ended;
    struct list spare;
    unsigned spare_count;
};

/* -- push objects */

static struct push *push_take(struct pusher *pusher)
{
    if (list_empty(&pusher->spare))
        return malloc(sizeof(struct push));
    struct push *push = LIST_FIRST(&pusher->spare, struct push, link);
    list_remove(&push->link);
    pusher->spare_count--;
    return push;
}

static void push_give(struct pusher *pusher, struct push *push)
{
    if (pusher->spare_count >= SPARE_MAX) {
        free(push);
        return;
    }
    list_init(&push->link);
    list_append(&pusher->spare, &push->link);
    pusher->spare_count++;
}

static void pushes_free(struct list *pushes)
{
    while (!list_empty(pushes)) {
        struct push *push = LIST_FIRST(pushes, struct push, link);
        list_remove(&push->link);
        free(push);
    }
}

/* -- the end of a push */

static void push_close(struct push *push)
{
    if (push->state == STATE_CONNECTING)
        connecting_cancel(&push->connecting);
    loop_remove(push->pusher->loop, &push->source);
    loop_timer_cancel(push->pusher->loop, &push->timer);
    if (push->fd >= 0)
        close(push->fd);
    push->fd = -1;
    push->state = STATE_ENDED;
}

/* The message will come again, so the peer has to learn that its close would count for nothing:
 * closing sends a reset now. */
static void give_up(struct push *push)
{
    static const struct linger reset = {.l_onoff = 1};
    (void)setsockopt(push->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
}

static void end(struct push *push, enum push_result result)
{
    static const enum metric metrics[] = {
        [PUSH_DELIVERED] = METRIC_PUSHES_DELIVERED,
        [PUSH_REFUSED] = METRIC_PUSHES_REFUSED,
        [PUSH_FAILED] = METRIC_PUSHES_FAILED,
    };
    struct pusher *pusher = push->pusher;
    assert(push->state != STATE_ENDED);
    push_close(push);
    push->result = result;
    metrics_add(pusher->metrics, metrics[result], 1);
    list_move(&pusher->ended, &push->link);
    loop_defer(pusher->loop, &pusher->calling_back);
}

static void end_with_error(struct push *push, int error)
{
    end(push, error == -ECONNREFUSED ? PUSH_REFUSED : PUSH_FAILED);
}

static void call_back(void *userdata)
{
    struct pusher *pusher = userdata;
    /* A callback may free the pusher, which empties the list. */
    while (!list_empty(&pusher->ended)) {
        struct push *push = LIST_FIRST(&pusher->ended, struct push, link);
        push_done_fn callback = push->callback;
        void *callback_userdata = push->userdata;
        enum push_result result = push->result;
        list_remove(&push->link);
        peercount_give(pusher->peers, &push->to);
        push_give(pusher, push);
        callback(callback_userdata, result);
    }
}

/* -- the course of a push */

static void on_ready(void *userdata, uint32_t events);

static void watch(struct push *push, uint32_t events)
{
    struct loop *loop = push->pusher->loop;
    int error = push->source.callback == NULL
                    ? loop_add(loop, &push->source, push->fd, events, on_ready, push)
                    : loop_change(loop, &push->source, events);
    if (error < 0)
        end(push, PUSH_FAILED);
}

/* After the peer's end of stream. Edge-triggered, because EPOLLHUP is on from now. */
static void check_closing(struct push *push)
{
    int unacknowledged = 0;
    int error = socket_error(push->fd);
    if (error == 0 && ioctl(push->fd, SIOCOUTQ, &unacknowledged) < 0)
        error = -errno;
    if (error < 0)
        end_with_error(push, error);
    else if (unacknowledged == 0)
        end(push, PUSH_DELIVERED);
    else
        watch(push, EPOLLIN | EPOLLET);
}

static void wait_for_end(struct push *push)
{
    char scrap[4096];
    ssize_t count = recv(push->fd, scrap, sizeof scrap, MSG_DONTWAIT);
    if (count == 0) {
        push->state = STATE_CLOSING;
        check_closing(push);
    } else if (count > 0) {
        push->ignored += (size_t)count;
        if (push->ignored > GARBAGE_MAX)
            end(push, PUSH_FAILED);
    } else if (errno != EAGAIN && errno != EINTR) {
        end(push, PUSH_FAILED);
    }
}

/* MSG_MORE keeps the last bytes back for the FIN, which shutdown() sends with them in one segment.
 */
static void send_payload(struct push *push)
{
    while (push->sent < push->len) {
        ssize_t sent = send(push->fd, push->payload + push->sent, push->len - push->sent,
                            MSG_NOSIGNAL | MSG_DONTWAIT | MSG_MORE);
        if (sent < 0 && errno == EAGAIN) {
            watch(push, EPOLLOUT);
            return;
        }
        if (sent < 0 && errno != EINTR) {
            end(push, PUSH_FAILED);
            return;
        }
        if (sent > 0)
            push->sent += (size_t)sent;
    }
    if (shutdown(push->fd, SHUT_WR) < 0) {
        end(push, PUSH_FAILED);
        return;
    }
    push->state = STATE_WAITING;
    watch(push, EPOLLIN);
}

static void connected(void *userdata, int result)
{
    struct push *push = userdata;
    struct loop *loop = push->pusher->loop;
    push->state = STATE_SENDING;
    if (result < 0) {
        end_with_error(push, result);
        return;
    }
    push->fd = result;
    if (loop_timer_set(loop, &push->timer, loop_now(loop) + push->pusher->limits.deliver_us) < 0)
        end(push, PUSH_FAILED);
    else
        send_payload(push);
}

static void on_ready(void *userdata, uint32_t events)
{
    struct push *push = userdata;
    (void)events;
    switch (push->state) {
    case STATE_SENDING:
        send_payload(push);
        break;
    case STATE_WAITING:
        wait_for_end(push);
        break;
    case STATE_CLOSING:
        check_closing(push);
        break;
    case STATE_CONNECTING: /* not watched by us */
    case STATE_ENDED:
        assert(false);
        break;
    }
}

static void on_time(void *userdata)
{
    struct push *push = userdata;
    give_up(push);
    end(push, PUSH_FAILED);
}

/* -- the beginning of a push */

static void push_init(struct push *push, struct pusher *pusher, const struct addr *to,
                      struct bytes payload)
{
    memset(push, 0, offsetof(struct push, payload));
    list_init(&push->link);
    loop_timer_init(&push->timer, on_time, push);
    push->pusher = pusher;
    push->fd = -1;
    push->state = STATE_CONNECTING;
    push->to = *to;
    push->len = payload.len;
    if (payload.len > 0)
        memcpy(push->payload, payload.data, payload.len);
}

int pusher_push(struct pusher *pusher, const struct addr *to, struct bytes payload,
                push_done_fn callback, void *userdata)
{
    if (payload.len > V1_PUSH_MAX)
        return -EMSGSIZE;
    int error = peercount_take(pusher->peers, to);
    if (error < 0)
        return error;
    struct push *push = push_take(pusher);
    if (push == NULL) {
        peercount_give(pusher->peers, to);
        return -ENOMEM;
    }
    push_init(push, pusher, to, payload);
    push->callback = callback;
    push->userdata = userdata;
    error = connecting_start(&push->connecting, pusher->loop, to, pusher->limits.connect_us,
                             connected, push);
    if (error < 0) {
        push_give(pusher, push);
        peercount_give(pusher->peers, to);
        return error;
    }
    list_append(&pusher->active, &push->link);
    metrics_add(pusher->metrics, METRIC_PUSHES, 1);
    return 0;
}

/* -- the pusher */

int pusher_new(struct loop *loop, const struct pusher_limits *limits, struct metrics *metrics,
               struct pusher **ret)
{
    struct pusher *pusher = calloc(1, sizeof *pusher);
    if (pusher == NULL)
        return -ENOMEM;
    int error = peercount_new(limits->per_address, limits->total, &pusher->peers);
    if (error < 0) {
        free(pusher);
        return error;
    }
    pusher->loop = loop;
    pusher->limits = *limits;
    pusher->metrics = metrics;
    list_init(&pusher->active);
    list_init(&pusher->ended);
    list_init(&pusher->spare);
    loop_deferred_init(&pusher->calling_back, call_back, pusher);
    *ret = pusher;
    return 0;
}

static void destroy(void *object)
{
    struct pusher *pusher = object;
    pushes_free(&pusher->active);
    pushes_free(&pusher->spare);
    peercount_free(pusher->peers);
    free(pusher);
}

void pusher_free(struct pusher *pusher)
{
    if (pusher == NULL)
        return;
    loop_deferred_cancel(&pusher->calling_back);
    LIST_FOREACH (link, &pusher->active) {
        struct push *push = LIST_ENTRY(link, struct push, link);
        give_up(push);
        push_close(push);
    }
    list_splice(&pusher->active, &pusher->ended);
    loop_free_later(pusher->loop, &pusher->garbage, destroy, pusher);
}

void pusher_set_limits(struct pusher *pusher, const struct pusher_limits *limits)
{
    pusher->limits = *limits;
    peercount_set_limits(pusher->peers, limits->per_address, limits->total);
}

unsigned pusher_active(const struct pusher *pusher)
{
    return peercount_total(pusher->peers);
}
