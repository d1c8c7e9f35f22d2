/* A connection.
 *
 * It is in one of five states and moves only forward:
 *
 *   OPENING    the carrier is not known yet, or shakes hands
 *   OPEN       frames are read and handed on
 *   ENDING     no more frames; what is owed is awaited and written, then the connection lingers
 *              or, if it is being suspended, is handed over
 *   LINGERING  all is written and our side shut down; what still comes is read and thrown away, for
 *              a bounded time and amount, because closing a socket with unread bytes in it sends
 *              a reset that may destroy the answer before the peer has read it
 *   CLOSED     the descriptor is gone, the memory goes at the end of the turn
 *
 * The limit on output is a mark above which nothing more is read or handed on; what is owed by then
 * may still go over it, so the most that waits is `output_max` and `owed_max` answers, and what
 * the owner writes without being asked.
 *
 * All that follows from an event or an ended reply is done in settle(), at the end of the turn. The
 * descriptor is watched only for what is wanted of it, and not at all when nothing is: epoll
 * would report a peer that has hung up in every turn. A peer that has reset the connection may have
 * sent frames before that are not read yet; they are handled, only their answers go nowhere. What
 * is left without its ETX is a frame only if the stream ended in order: after a reset it may be
 * half a message.
 *
 * Time is kept by one timer that is moved lazily: it is set to the earlier of the two deadlines,
 * and when it fires too early it is set again. Neither runs while an answer is owed. That of a
 * frame runs from its first byte on, while we read. The timer also goes on with what TLS has read
 * ahead and the descriptor does not tell of, a piece each turn, as it does for other connections.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/connection-private.h"

#include "proto/frame.h"
#include "util/clock.h"
#include "util/log.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_SIZE  16384               /* bytes read at a time */
#define END_US     (10 * USEC_PER_SEC) /* to take the rest, for those that may be idle for ever */
#define LINGER_US  (2 * USEC_PER_SEC)
#define LINGER_MAX (256 * 1024) /* bytes thrown away before the peer is cut off */

/* -- states */

static void enter(struct connection *connection, enum connection_state state)
{
    assert(state > connection->state);
    connection->state = state;
}

void connection_restart_clock(struct connection *connection)
{
    uint64_t patience_us = connection->limits.idle_us;
    if (patience_us == 0 && connection->state > STATE_OPEN)
        patience_us = END_US;
    connection->deadline_us = patience_us > 0 ? loop_now(connection->loop) + patience_us : FOR_EVER;
}

/* From now on, unless it runs already. */
static void start_frame_clock(struct connection *connection)
{
    if (connection->frame_deadline_us == FOR_EVER && connection->limits.frame_us > 0)
        connection->frame_deadline_us = loop_now(connection->loop) + connection->limits.frame_us;
}

static void stop_frame_clock(struct connection *connection)
{
    connection->frame_deadline_us = FOR_EVER;
}

void connection_settle_later(struct connection *connection)
{
    loop_defer(connection->loop, &connection->settling);
}

static void destroy(void *object)
{
    struct connection *connection = object;
    carrier_deinit(&connection->carrier);
    buffer_deinit(&connection->input);
    buffer_deinit(&connection->output);
    free(connection);
}

/* All of it but the descriptor, which is watched no more. */
static void leave(struct connection *connection)
{
    enter(connection, STATE_CLOSED);
    loop_timer_cancel(connection->loop, &connection->timer);
    loop_deferred_cancel(&connection->settling);
    replies_disown(connection);
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

void connection_end(struct connection *connection)
{
    if (connection->state > STATE_OPEN)
        return;
    enter(connection, STATE_ENDING);
    stop_frame_clock(connection);
    connection_restart_clock(connection);
    connection_settle_later(connection);
}

static bool is_shaking_hands(const struct connection *connection)
{
    return connection->state == STATE_OPENING && carrier_secure(&connection->carrier);
}

void connection_finish(struct connection *connection)
{
    if (is_shaking_hands(connection))
        connection_close(connection);
    else if (!peer_gone(connection))
        connection_end(connection);
}

void connection_suspend(struct connection *connection)
{
    if (connection->state <= STATE_OPEN && !peer_gone(connection) &&
        !carrier_secure(&connection->carrier))
        connection->suspending = true;
    connection_finish(connection);
}

static void hand_over(struct connection *connection)
{
    loop_remove(connection->loop, &connection->source);
    connection->handler.suspended(connection->handler.userdata, connection, connection->fd,
                                  buffer_peek(&connection->input));
    leave(connection);
}

int connection_resume(struct connection *connection, struct bytes input)
{
    int r = input.len > 0 ? buffer_append(&connection->input, input) : 0;
    if (r == 0 && input.len > 0)
        connection->carrier.kind = CONNECTION_PLAIN; /* its first byte is among those */
    if (r == 0)
        connection_settle_later(connection);
    return r;
}

/* -- for the owner */

bool connection_busy(const struct connection *connection)
{
    return connection->state < STATE_LINGERING &&
           (connection->owed_count > 0 || buffer_len(&connection->output) > 0);
}

size_t connection_waiting(const struct connection *connection)
{
    return buffer_len(&connection->output);
}

void connection_set_limits(struct connection *connection, const struct connection_limits *limits)
{
    connection->limits = *limits;
    buffer_set_limit(&connection->input, connection_input_max(limits));
    stop_frame_clock(connection);
    connection_restart_clock(connection);
    if (connection->state < STATE_LINGERING)
        connection_settle_later(connection);
}

size_t connection_memory(const struct connection *connection)
{
    return sizeof *connection + connection->input.allocated + connection->output.allocated +
           replies_memory(connection) + carrier_memory(&connection->carrier);
}

uint64_t connection_used_us(const struct connection *connection)
{
    return connection->used_us;
}

void connection_set_context(struct connection *connection, void *context)
{
    connection->context = context;
}

void *connection_context(const struct connection *connection)
{
    return connection->context;
}

bool connection_frame_ended(const struct connection *connection)
{
    return !connection->unended;
}

const struct addr *connection_peer(const struct connection *connection)
{
    return &connection->from;
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

void connection_break(struct connection *connection)
{
    stop_talking(connection);
    connection_end(connection);
    connection_settle_later(connection);
}

void connection_put_out(struct connection *connection, struct bytes bytes)
{
    if (connection->deaf || bytes.len == 0)
        return;
    if (buffer_append(&connection->output, bytes) < 0)
        connection_break(connection);
    else if (buffer_len(&connection->output) > connection->limits.output_max)
        connection->crowded = true;
}

void connection_write(struct connection *connection, struct bytes bytes)
{
    if (connection->state > STATE_OPEN)
        return;
    connection_put_out(connection, bytes);
    connection_settle_later(connection);
}

static void write_output(struct connection *connection)
{
    while (buffer_len(&connection->output) > 0) {
        ssize_t sent = carrier_write(&connection->carrier, buffer_peek(&connection->output));
        if (sent >= 0) {
            buffer_consume(&connection->output, (size_t)sent);
            connection->used_us = loop_now(connection->loop);
        } else if (sent == -EAGAIN) {
            return;
        } else if (sent != -EINTR) {
            stop_talking(connection);
            return;
        }
    }
}

static void flush(struct connection *connection)
{
    write_output(connection);
    if (!connection->crowded || buffer_len(&connection->output) > connection->limits.output_max / 2)
        return;
    connection->crowded = false;
    if (connection->handler.drained != NULL && connection->state == STATE_OPEN)
        connection->handler.drained(connection->handler.userdata, connection);
}

/* -- input */

static bool may_take(const struct connection *connection)
{
    return connection->state == STATE_OPEN &&
           connection->owed_count < connection->limits.owed_max &&
           buffer_len(&connection->output) <= connection->limits.output_max;
}

static bool may_read(const struct connection *connection)
{
    return may_take(connection) && !connection->end_of_input;
}

static void refuse(struct connection *connection, enum connection_refusal why)
{
    struct reply *reply = reply_new(connection);
    if (reply == NULL) {
        connection_close(connection);
        return;
    }
    connection_end(connection);
    connection->handler.refuse(connection->handler.userdata, connection, why, reply);
}

static void take_frame(struct connection *connection, struct bytes frame)
{
    struct reply *reply = reply_new(connection);
    if (reply == NULL) {
        connection_close(connection);
        return;
    }
    metrics_add(connection->metrics, METRIC_FRAMES, 1);
    connection->used_us = loop_now(connection->loop);
    stop_frame_clock(connection);
    connection_restart_clock(connection);
    connection->handler.frame(connection->handler.userdata, connection, frame, reply);
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
                connection_end(connection);
                return;
            }
            frame = stream;
            consumed = stream.len;
            connection->scanned = 0;
            connection->unended = true;
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
    ssize_t count = carrier_read(&connection->carrier, space, (size_t)room);
    buffer_commit(&connection->input, count > 0 ? (size_t)count : 0);
    if (count == -EAGAIN || count == -EINTR || count > 0)
        return;
    connection->end_of_input = true;
    /* A failed send() takes the error away, and what is read then looks like an end in order. */
    connection->cut_off = count < 0 || connection->deaf;
    if (count < 0)
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

/* -- the ends of a connection */

static void linger(struct connection *connection)
{
    enter(connection, STATE_LINGERING);
    stop_frame_clock(connection);
    (void)shutdown(connection->fd, SHUT_WR);
    connection->deadline_us = loop_now(connection->loop) + LINGER_US;
}

static void fail_to_open(struct connection *connection, int error)
{
    char peer[ADDR_TEXT_MAX];
    metrics_add(connection->metrics, METRIC_TLS_FAILED, 1);
    log_debug("TLS with %s failed: %s", addr_format(&connection->from, peer),
              error == -EPROTO ? carrier_error(&connection->carrier) : strerror(-error));
    if (error == -EPROTO)
        linger(connection); /* for TLS's own answer to arrive */
    else
        connection_close(connection);
}

static void open_up(struct connection *connection)
{
    bool secure = carrier_secure(&connection->carrier);
    enter(connection, STATE_OPEN);
    stop_frame_clock(connection);
    if (secure) {
        metrics_add(connection->metrics, METRIC_TLS_HANDSHAKES, 1);
        metrics_add(connection->metrics, METRIC_TLS_RESUMED, carrier_resumed(&connection->carrier));
    }
    if (connection->handler.opened != NULL)
        connection->handler.opened(connection->handler.userdata, connection, secure);
}

/* Of what was just found out to be TLS. */
static bool is_admitted(struct connection *connection)
{
    return !carrier_secure(&connection->carrier) || connection->handler.admit == NULL ||
           connection->handler.admit(connection->handler.userdata, connection);
}

static void try_to_open(struct connection *connection)
{
    bool detecting = connection->carrier.kind == CONNECTION_DETECT;
    bool expecting = connection->carrier.kind != CONNECTION_PLAIN;
    if (!carrier_detect(&connection->carrier))
        return;
    if (detecting && !is_admitted(connection)) {
        connection_close(connection);
        return;
    }
    int r = carrier_open(&connection->carrier);
    if (r < 0)
        fail_to_open(connection, r);
    else if (r > 0)
        open_up(connection);
    else if (carrier_secure(&connection->carrier))
        start_frame_clock(connection);
    if (expecting && may_read(connection))
        read_input(connection); /* what made it open is often followed by a frame */
}

/* All has been written, or can never be. */
static void end_output(struct connection *connection)
{
    bool gone = peer_gone(connection);
    if (!gone && connection->suspending) {
        hand_over(connection);
        return;
    }
    connection->taking_leave =
        !connection->deaf && carrier_farewell(&connection->carrier) == -EAGAIN;
    if (connection->taking_leave)
        return;
    if (gone)
        connection_close(connection);
    else
        linger(connection);
}

/* -- turns */

static void on_ready(void *userdata, uint32_t events)
{
    struct connection *connection = userdata;
    if (connection->state == STATE_LINGERING) {
        throw_away(connection);
        return;
    }
    if ((events & (connection->carrier.reading | ~(uint32_t)EPOLLOUT)) != 0 && may_read(connection))
        read_input(connection);
    if (connection->state != STATE_CLOSED)
        connection_settle_later(connection);
}

static uint32_t wanted_events(const struct connection *connection)
{
    uint32_t wanted = 0;
    if (connection->state == STATE_LINGERING)
        return EPOLLIN;
    if (connection->state == STATE_OPENING)
        return connection->carrier.reading;
    if (may_read(connection))
        wanted |= connection->carrier.reading;
    if (buffer_len(&connection->output) > 0 || connection->taking_leave)
        wanted |= connection->carrier.writing;
    return wanted;
}

/* Watches the descriptor for what is wanted of it now. */
static void watch(struct connection *connection)
{
    uint32_t wanted = wanted_events(connection);
    int error = 0;
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

static bool has_read_ahead(const struct connection *connection)
{
    return may_read(connection) && carrier_pending(&connection->carrier);
}

static uint64_t next_deadline(const struct connection *connection)
{
    if (has_read_ahead(connection))
        return loop_now(connection->loop);
    if (connection->owed_count > 0)
        return FOR_EVER;
    return connection->deadline_us < connection->frame_deadline_us ? connection->deadline_us
                                                                   : connection->frame_deadline_us;
}

static void set_timer(struct connection *connection)
{
    uint64_t due_us = next_deadline(connection);
    if (due_us >= connection->timer_us)
        return;
    connection->timer_us = due_us;
    /* Without a timer the peer could stay for ever. */
    if (loop_timer_set(connection->loop, &connection->timer, due_us) < 0)
        connection_close(connection);
}

static void judge_frame_clock(struct connection *connection)
{
    bool begun = buffer_len(&connection->input) > 0 || carrier_begun(&connection->carrier);
    if (begun && may_read(connection))
        start_frame_clock(connection);
    else if (connection->state != STATE_OPENING)
        stop_frame_clock(connection);
}

/* Hands on and writes until neither makes room for the other. */
static void move_frames(struct connection *connection)
{
    bool room_made;
    do {
        take_frames(connection);
        bool stopped = connection->state == STATE_OPEN && !may_take(connection);
        if (connection->state == STATE_CLOSED)
            return;
        flush(connection);
        room_made = stopped && may_take(connection);
    } while (room_made);
}

static void settle(void *userdata)
{
    struct connection *connection = userdata;
    if (connection->state == STATE_OPENING)
        try_to_open(connection);
    if (connection->state == STATE_OPEN || connection->state == STATE_ENDING)
        move_frames(connection);
    bool nothing_left =
        connection->deaf || (connection->owed_count == 0 && buffer_len(&connection->output) == 0);
    if (connection->state == STATE_ENDING && nothing_left)
        end_output(connection);
    if (connection->state == STATE_CLOSED)
        return;
    judge_frame_clock(connection);
    watch(connection);
    if (connection->state != STATE_CLOSED)
        set_timer(connection);
}

/* What began and did not end, and who said nothing. A handshake is not told why. */
static void run_out_of_time(struct connection *connection)
{
    bool slow = connection->frame_deadline_us <= connection->deadline_us;
    if (connection->state > STATE_OPEN) {
        connection_close(connection);
        return;
    }
    metrics_add(connection->metrics, slow ? METRIC_CONNECTIONS_SLOW : METRIC_CONNECTIONS_TIMED_OUT,
                1);
    if (is_shaking_hands(connection))
        connection_close(connection);
    else
        refuse(connection, slow ? CONNECTION_SLOW : CONNECTION_IDLE);
}

static void on_time(void *userdata)
{
    struct connection *connection = userdata;
    connection->timer_us = FOR_EVER;
    if (has_read_ahead(connection))
        read_input(connection);
    else if (next_deadline(connection) <= loop_now(connection->loop))
        run_out_of_time(connection);
    if (connection->state != STATE_CLOSED)
        connection_settle_later(connection);
}

int connection_new(struct loop *loop, int fd, const struct addr *from,
                   enum connection_carrier carrier, struct tls_context *tls,
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
    connection->used_us = loop_now(loop);
    list_init(&connection->link);
    list_init(&connection->owed);
    carrier_init(&connection->carrier, fd, carrier, tls);
    buffer_init(&connection->input, connection_input_max(limits));
    buffer_init(&connection->output, SIZE_MAX / 2);
    loop_timer_init(&connection->timer, on_time, connection);
    loop_deferred_init(&connection->settling, settle, connection);
    connection->timer_us = connection->frame_deadline_us = FOR_EVER;
    connection_restart_clock(connection);
    int error = loop_add(loop, &connection->source, fd, EPOLLIN, on_ready, connection);
    if (error == 0 && connection->deadline_us != FOR_EVER)
        error = loop_timer_set(loop, &connection->timer, connection->deadline_us);
    if (error < 0) {
        loop_remove(loop, &connection->source);
        destroy(connection);
        return error;
    }
    connection->timer_us = connection->deadline_us;
    connection_settle_later(connection);
    *ret = connection;
    return 0;
}
