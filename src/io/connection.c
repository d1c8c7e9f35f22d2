/* An accepted connection.
 *
 * It is in one of four states and moves only forward:
 *
 *   OPEN       frames are read and handed on
 *   ENDING     no more frames; what is owed is awaited and written, then the connection lingers
 *              or, if it is being suspended, is handed over
 *   LINGERING  all is written and our side shut down; what still comes is read and thrown away, for
 *              a bounded time and amount, because closing a socket with unread bytes in it sends
 *              a reset that may destroy the answer before the peer has read it
 *   CLOSED     the descriptor is gone, the memory goes at the end of the turn
 *
 * Replies stand on the list `owed` in the order of their frames. One that is ended before its turn
 * keeps a copy of its answer. The limit on output is a mark above which nothing more is read or
 * handed on; what is owed by then may still go over it, so the most that waits is `output_max` and
 * `owed_max` answers.
 *
 * All that follows from an event or an ended reply is done in settle(), at the end of the turn. The
 * descriptor is watched only for what is wanted of it, and not at all when nothing is: epoll
 * would report a peer that has hung up in every turn. A peer that has reset the connection may have
 * sent frames before that are not read yet; they are handled, only their answers go nowhere. What
 * is left without its ETX is a frame only if the stream ended in order: after a reset it may be
 * half a message.
 *
 * Time is kept by one timer that is moved lazily: `deadline_us` is where it should be, and when it
 * fires too early it is set again.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/connection.h"

#include "proto/frame.h"
#include "util/buffer.h"
#include "util/clock.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_SIZE  16384 /* bytes read at a time */
#define LINGER_US  (2 * USEC_PER_SEC)
#define LINGER_MAX (256 * 1024) /* bytes thrown away before the peer is cut off */

enum state {
    STATE_OPEN,
    STATE_ENDING,
    STATE_LINGERING,
    STATE_CLOSED,
};

struct connection {
    struct loop *loop;
    struct loop_source source;
    struct loop_timer timer;
    struct loop_deferred settling;
    struct loop_garbage garbage;
    struct list link; /* the owner's */
    int fd;
    enum state state;
    bool end_of_input; /* the peer will send no more */
    bool cut_off;      /* and the end did not come in order */
    bool deaf;         /* the peer will read no more */
    bool suspending;   /* is to be handed over, not closed, when it has ended */
    struct addr from;
    struct connection_limits limits;
    struct connection_handler handler;
    struct metrics *metrics;
    struct buffer input;
    struct buffer output;
    size_t scanned; /* for frame_cut() */
    struct list owed;
    unsigned owed_count;
    size_t thrown_away;
    uint64_t deadline_us;
};

struct reply {
    struct list link;              /* on its connection's list `owed` */
    struct connection *connection; /* NULL once that has no more use for it */
    bool ended;
    bool close;
    char *answer; /* if it was ended before its turn */
    size_t answer_len;
};

/* -- states */

static void enter(struct connection *connection, enum state state)
{
    assert(state > connection->state);
    connection->state = state;
}

static void set_timer(struct connection *connection, uint64_t due_us)
{
    /* Without a timer the peer could stay for ever. */
    if (loop_timer_set(connection->loop, &connection->timer, due_us) < 0)
        connection_close(connection);
}

/* Puts the deadline off, to be `idle_us` from now. */
static void restart_clock(struct connection *connection)
{
    connection->deadline_us = loop_now(connection->loop) + connection->limits.idle_us;
}

static void settle_later(struct connection *connection)
{
    loop_defer(connection->loop, &connection->settling);
}

static void destroy(void *object)
{
    struct connection *connection = object;
    buffer_deinit(&connection->input);
    buffer_deinit(&connection->output);
    free(connection);
}

static void reply_free(struct reply *reply)
{
    list_remove(&reply->link);
    free(reply->answer);
    free(reply);
}

/* Forgets all that is owed; replies that have not been ended yet live on by themselves. */
static void disown_replies(struct connection *connection)
{
    LIST_FOREACH_SAFE (link, &connection->owed) {
        struct reply *reply = LIST_ENTRY(link, struct reply, link);
        list_remove(link);
        reply->connection = NULL;
        if (reply->ended)
            reply_free(reply);
    }
    connection->owed_count = 0;
}

/* All of it but the descriptor, which is watched no more. */
static void leave(struct connection *connection)
{
    enter(connection, STATE_CLOSED);
    loop_timer_cancel(connection->loop, &connection->timer);
    loop_deferred_cancel(&connection->settling);
    disown_replies(connection);
    if (connection->handler.closed != NULL)
        connection->handler.closed(connection->handler.userdata, connection, &connection->from);
    list_remove(&connection->link);
    loop_free_later(connection->loop, &connection->garbage, destroy, connection);
}

void connection_close(struct connection *connection)
{
    if (connection->state == STATE_CLOSED)
        return;
    loop_remove(connection->loop, &connection->source);
    close(connection->fd);
    leave(connection);
}

/* The peer will send no more, or cannot: what is left of it is what the kernel has. */
static bool peer_gone(const struct connection *connection)
{
    return connection->end_of_input || connection->deaf;
}

/* No more frames are taken. */
static void end(struct connection *connection)
{
    if (connection->state != STATE_OPEN)
        return;
    enter(connection, STATE_ENDING);
    restart_clock(connection);
    settle_later(connection);
}

void connection_finish(struct connection *connection)
{
    if (!peer_gone(connection))
        end(connection);
}

void connection_suspend(struct connection *connection)
{
    if (connection->state != STATE_OPEN || peer_gone(connection))
        return;
    connection->suspending = true;
    end(connection);
}

static void hand_over(struct connection *connection)
{
    loop_remove(connection->loop, &connection->source);
    connection->handler.suspended(connection->handler.userdata, &connection->from, connection->fd,
                                  buffer_peek(&connection->input));
    leave(connection);
}

int connection_resume(struct connection *connection, struct bytes input)
{
    int r = input.len > 0 ? buffer_append(&connection->input, input) : 0;
    if (r == 0)
        settle_later(connection);
    return r;
}

bool connection_busy(const struct connection *connection)
{
    return connection->state < STATE_LINGERING &&
           (connection->owed_count > 0 || buffer_len(&connection->output) > 0);
}

struct list *connection_link(struct connection *connection)
{
    return &connection->link;
}

struct connection *connection_from_link(struct list *link)
{
    return LIST_ENTRY(link, struct connection, link);
}

/* -- output */

static void stop_talking(struct connection *connection)
{
    connection->deaf = true;
    buffer_deinit(&connection->output);
}

static void put_out(struct connection *connection, struct bytes answer)
{
    if (connection->deaf || answer.len == 0)
        return;
    /* An answer cannot be left out: the peer would take the next one for it. */
    if (buffer_append(&connection->output, answer) < 0)
        connection_close(connection);
}

static void flush(struct connection *connection)
{
    while (buffer_len(&connection->output) > 0) {
        struct bytes waiting = buffer_peek(&connection->output);
        ssize_t sent = send(connection->fd, waiting.data, waiting.len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent >= 0) {
            buffer_consume(&connection->output, (size_t)sent);
        } else if (errno == EAGAIN) {
            return;
        } else if (errno != EINTR) {
            stop_talking(connection);
            return;
        }
    }
}

/* -- replies */

static struct reply *reply_new(struct connection *connection)
{
    struct reply *reply = calloc(1, sizeof *reply);
    if (reply == NULL)
        return NULL;
    reply->connection = connection;
    list_init(&reply->link);
    list_append(&connection->owed, &reply->link);
    connection->owed_count++;
    return reply;
}

/* What the first reply of the list leaves behind when its answer has been put out. */
static void reply_leave(struct reply *reply)
{
    struct connection *connection = reply->connection;
    bool close = reply->close;
    reply_free(reply);
    connection->owed_count--;
    if (close)
        disown_replies(connection);
    if (connection->owed_count == 0)
        restart_clock(connection);
}

/* Puts out the answers whose turn has come. */
static void put_out_ended(struct connection *connection)
{
    while (connection->state != STATE_CLOSED && !list_empty(&connection->owed)) {
        struct reply *reply = LIST_FIRST(&connection->owed, struct reply, link);
        if (!reply->ended)
            break;
        put_out(connection, (struct bytes){.data = reply->answer, .len = reply->answer_len});
        if (connection->state != STATE_CLOSED)
            reply_leave(reply);
    }
}

static int keep_answer(struct reply *reply, struct bytes answer)
{
    if (answer.len == 0)
        return 0;
    reply->answer = malloc(answer.len);
    if (reply->answer == NULL)
        return -ENOMEM;
    memcpy(reply->answer, answer.data, answer.len);
    reply->answer_len = answer.len;
    return 0;
}

void reply_send(struct reply *reply, struct bytes answer, bool close)
{
    struct connection *connection = reply->connection;
    assert(!reply->ended);
    if (connection == NULL) {
        reply_free(reply);
        return;
    }
    reply->ended = true;
    reply->close = close;
    if (close) {
        connection->suspending = false;
        if (connection->state == STATE_OPEN)
            enter(connection, STATE_ENDING);
    }
    settle_later(connection);
    if (connection->owed.next != &reply->link) {
        if (keep_answer(reply, answer) < 0)
            connection_close(connection);
        return;
    }
    put_out(connection, answer);
    if (connection->state == STATE_CLOSED)
        return;
    reply_leave(reply);
    put_out_ended(connection);
}

void reply_drop(struct reply *reply, bool close)
{
    reply_send(reply, (struct bytes){.data = NULL, .len = 0}, close);
}

/* -- input */

static bool may_take(const struct connection *connection)
{
    return connection->state == STATE_OPEN &&
           connection->owed_count < connection->limits.owed_max &&
           buffer_len(&connection->output) <= connection->limits.output_max;
}

static void refuse(struct connection *connection, enum connection_refusal why)
{
    struct reply *reply = reply_new(connection);
    if (reply == NULL) {
        connection_close(connection);
        return;
    }
    end(connection);
    connection->handler.refuse(connection->handler.userdata, &connection->from, why, reply);
}

static void take_frame(struct connection *connection, struct bytes frame)
{
    struct reply *reply = reply_new(connection);
    if (reply == NULL) {
        connection_close(connection);
        return;
    }
    metrics_add(connection->metrics, METRIC_FRAMES, 1);
    restart_clock(connection);
    connection->handler.frame(connection->handler.userdata, &connection->from, frame, reply);
}

/* Hands on the frames that have been read, as long as limits allow it. At the end of the stream
 * what is left is a frame too. */
static void take_frames(struct connection *connection)
{
    while (may_take(connection)) {
        struct bytes frame;
        size_t consumed = 0;
        struct bytes stream = buffer_peek(&connection->input);
        enum frame_cut cut = frame_cut(stream, connection->limits.frame_max, &connection->scanned,
                                       &frame, &consumed);
        if (cut == FRAME_CUT_TOO_LONG) {
            metrics_add(connection->metrics, METRIC_FRAMES_TOO_LONG, 1);
            refuse(connection, CONNECTION_TOO_LONG);
            return;
        }
        if (cut == FRAME_CUT_NONE) {
            if (!connection->end_of_input)
                return;
            if (stream.len == 0 || connection->cut_off) {
                end(connection);
                return;
            }
            frame = stream;
            consumed = stream.len;
            connection->scanned = 0;
        }
        take_frame(connection, frame);
        buffer_consume(&connection->input, consumed);
    }
}

static void read_input(struct connection *connection)
{
    char *space;
    long room = buffer_reserve(&connection->input, READ_SIZE, &space);
    if (room == -ENOBUFS)
        return; /* frames that could not be handed on fill it; settle() tries again */
    if (room < 0) {
        connection_close(connection);
        return;
    }
    ssize_t count = recv(connection->fd, space, (size_t)room, MSG_DONTWAIT);
    int error = count < 0 ? errno : 0;
    buffer_commit(&connection->input, count > 0 ? (size_t)count : 0);
    if (error == EAGAIN || error == EINTR || count > 0)
        return;
    connection->end_of_input = true;
    /* A failed send() takes the error away, and what is read then looks like an end in order. */
    connection->cut_off = error != 0 || connection->deaf;
    if (error != 0)
        stop_talking(connection);
}

/* Of a lingering connection. */
static void throw_away(struct connection *connection)
{
    char scrap[READ_SIZE];
    ssize_t count = recv(connection->fd, scrap, sizeof scrap, MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (count > 0)
        connection->thrown_away += (size_t)count;
    if (count <= 0 || connection->thrown_away > LINGER_MAX)
        connection_close(connection);
}

/* -- turns */

static void on_ready(void *userdata, uint32_t events)
{
    struct connection *connection = userdata;
    if (connection->state == STATE_LINGERING) {
        throw_away(connection);
        return;
    }
    if ((events & ~(uint32_t)EPOLLOUT) != 0 && may_take(connection) && !connection->end_of_input)
        read_input(connection);
    if (connection->state != STATE_CLOSED)
        settle_later(connection);
}

/* Watches the descriptor for what is wanted of it now. */
static void watch(struct connection *connection)
{
    uint32_t wanted = 0;
    int error = 0;
    bool reading = connection->state == STATE_LINGERING || may_take(connection);
    if (reading && !connection->end_of_input)
        wanted |= EPOLLIN;
    if (buffer_len(&connection->output) > 0)
        wanted |= EPOLLOUT;
    if (wanted == 0)
        loop_remove(connection->loop, &connection->source);
    else if (connection->source.callback == NULL)
        error = loop_add(connection->loop, &connection->source, connection->fd, wanted, on_ready,
                         connection);
    else
        error = loop_change(connection->loop, &connection->source, wanted);
    if (error < 0)
        connection_close(connection);
}

static void linger(struct connection *connection)
{
    enter(connection, STATE_LINGERING);
    (void)shutdown(connection->fd, SHUT_WR);
    connection->deadline_us = loop_now(connection->loop) + LINGER_US;
    set_timer(connection, connection->deadline_us);
}

static void settle(void *userdata)
{
    struct connection *connection = userdata;
    bool room_made;
    do {
        take_frames(connection);
        bool stopped = connection->state == STATE_OPEN && !may_take(connection);
        if (connection->state == STATE_CLOSED)
            return;
        flush(connection);
        room_made = stopped && may_take(connection);
    } while (room_made);

    bool nothing_left =
        connection->deaf || (connection->owed_count == 0 && buffer_len(&connection->output) == 0);
    if (connection->state == STATE_ENDING && nothing_left) {
        if (connection->end_of_input || connection->deaf) {
            connection_close(connection);
            return;
        }
        if (connection->suspending) {
            hand_over(connection);
            return;
        }
        linger(connection);
    }
    if (connection->state != STATE_CLOSED)
        watch(connection);
}

static void on_time(void *userdata)
{
    struct connection *connection = userdata;
    uint64_t now = loop_now(connection->loop);
    if (connection->owed_count > 0) {
        set_timer(connection, now + connection->limits.idle_us);
        return;
    }
    if (now < connection->deadline_us) {
        set_timer(connection, connection->deadline_us);
        return;
    }
    if (connection->state != STATE_OPEN) {
        connection_close(connection);
        return;
    }
    metrics_add(connection->metrics, METRIC_CONNECTIONS_TIMED_OUT, 1);
    refuse(connection, CONNECTION_IDLE);
    if (connection->state == STATE_CLOSED)
        return;
    restart_clock(connection);
    set_timer(connection, connection->deadline_us);
}

int connection_new(struct loop *loop, int fd, const struct addr *from,
                   const struct connection_limits *limits, const struct connection_handler *handler,
                   struct metrics *metrics, struct connection **ret)
{
    struct connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL)
        return -ENOMEM;
    connection->loop = loop;
    connection->fd = fd;
    connection->from = *from;
    connection->limits = *limits;
    connection->handler = *handler;
    connection->metrics = metrics;
    list_init(&connection->link);
    list_init(&connection->owed);
    buffer_init(&connection->input, connection_input_max(limits));
    buffer_init(&connection->output, SIZE_MAX / 2);
    loop_timer_init(&connection->timer, on_time, connection);
    loop_deferred_init(&connection->settling, settle, connection);
    restart_clock(connection);
    int error = loop_add(loop, &connection->source, fd, EPOLLIN, on_ready, connection);
    if (error == 0)
        error = loop_timer_set(loop, &connection->timer, connection->deadline_us);
    if (error < 0) {
        loop_remove(loop, &connection->source);
        free(connection);
        return error;
    }
    *ret = connection;
    return 0;
}
