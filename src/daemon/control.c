/* The control sockets.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/control.h"

#include "daemon/control-peer.h"
#include "util/buffer.h"
#include "util/clock.h"
#include "util/log.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* Six digits of a rate: no binary fraction in full. */
#define ANSWER_FORMAT (JSON_COMPACT | JSON_REAL_PRECISION(6))

#define READ_CHUNK 16384
#define IDLE_US    (300 * USEC_PER_SEC) /* a connection that asks nothing for so long is closed */

struct control_connection {
    struct list link; /* in control->connections */
    struct control *control;
    struct loop_source source;
    struct loop_timer idle;
    struct loop_garbage garbage;
    int fd;      /* -1 once the peer has gone */
    bool busy;   /* a request is with admin, which still points here */
    bool asking; /* it is being handed to admin just now */
    bool last;   /* nothing more is read; closed once the output has left */
    struct buffer input, output;
};

static void destroy(void *object)
{
    struct control_connection *connection = object;
    buffer_deinit(&connection->input);
    buffer_deinit(&connection->output);
    free(connection);
}

/* Hangs up. The object goes with it, unless admin still points to it. */
static void hang_up(struct control_connection *connection)
{
    struct loop *loop = connection->control->loop;
    if (connection->fd >= 0) {
        loop_timer_cancel(loop, &connection->idle);
        loop_remove(loop, &connection->source);
        close(connection->fd);
        connection->fd = -1;
    }
    if (connection->busy || !list_linked(&connection->link))
        return;
    list_remove(&connection->link);
    connection->control->connection_count--;
    loop_free_later(loop, &connection->garbage, destroy, connection);
}

static void idle(void *userdata)
{
    hang_up(userdata);
}

/* Sends what it can. False if the peer has gone. */
static bool flush(struct control_connection *connection)
{
    while (buffer_len(&connection->output) > 0) {
        struct bytes out = buffer_peek(&connection->output);
        ssize_t sent = send(connection->fd, out.data, out.len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return errno == EAGAIN;
        buffer_consume(&connection->output, (size_t)sent);
    }
    return true;
}

/* The first whole line of the input; false if there is none. */
static bool first_line(const struct control_connection *connection, struct bytes *ret)
{
    struct bytes input = buffer_peek(&connection->input);
    const char *end = input.len > 0 ? memchr(input.data, '\n', input.len) : NULL;
    if (end == NULL)
        return false;
    *ret = (struct bytes){.data = input.data, .len = (size_t)(end - input.data)};
    return true;
}

/* What is waited for follows from the state: an answer of admin, room to write, or a request. A
 * request that is here already waits for room to write, that is, for the next turn. */
static void watch(struct control_connection *connection)
{
    struct loop *loop = connection->control->loop;
    struct bytes line;
    bool writing = buffer_len(&connection->output) > 0;
    uint32_t events = EPOLLIN;
    if (writing || (!connection->busy && first_line(connection, &line)))
        events = EPOLLOUT;
    else if (connection->busy)
        events = 0;
    bool over = connection->last && !connection->busy && events == EPOLLIN;
    if (over || loop_change(loop, &connection->source, events) < 0 ||
        loop_timer_set(loop, &connection->idle, loop_now(loop) + IDLE_US) < 0)
        hang_up(connection);
}

static void answer(struct control_connection *connection, json_t *object)
{
    char *text = object != NULL ? json_dumps(object, ANSWER_FORMAT) : NULL;
    if (text == NULL || buffer_append(&connection->output, bytes_of(text)) < 0 ||
        buffer_append(&connection->output, bytes_of("\n")) < 0) {
        log_error("control: an answer is lost, for want of memory");
        connection->last = true;
    }
    free(text);
}

static void refuse(struct control_connection *connection, enum admin_code code, const char *words)
{
    json_t *object = admin_refusal(code, "%s", words);
    answer(connection, object);
    json_decref(object);
    connection->last = true;
}

static void serve(struct control_connection *connection);

static void answered(void *userdata, json_t *object)
{
    struct control_connection *connection = userdata;
    connection->busy = false;
    if (connection->fd >= 0)
        answer(connection, object);
    else
        hang_up(connection);
    if (connection->fd >= 0 && !connection->asking)
        serve(connection);
}

/* Hands the next request to admin, which may answer at once. */
static void ask(struct control_connection *connection)
{
    struct bytes line = {0};
    bool whole = first_line(connection, &line);
    size_t len = whole ? line.len : buffer_len(&connection->input);
    if (len > ADMIN_REQUEST_MAX) {
        refuse(connection, ADMIN_CODE_MALFORMED, "the request is longer than allowed");
        buffer_consume(&connection->input, buffer_len(&connection->input));
    } else if (whole) {
        connection->busy = connection->asking = true;
        admin_handle_line(connection->control->admin, line, answered, connection);
        connection->asking = false;
        explicit_bzero((char *)(uintptr_t)line.data, line.len); /* it may hold a password */
        buffer_consume(&connection->input, line.len + 1);
    }
}

/* Goes on with a connection after anything has happened to it: one request a turn. */
static void serve(struct control_connection *connection)
{
    bool there = flush(connection);
    if (there && !connection->busy && buffer_len(&connection->output) == 0) {
        ask(connection);
        there = flush(connection);
    }
    if (there)
        watch(connection);
    else
        hang_up(connection);
}

static bool receive(struct control_connection *connection)
{
    char *space;
    long room = buffer_reserve(&connection->input, READ_CHUNK, &space);
    if (room < 0)
        return false;
    ssize_t count = recv(connection->fd, space, (size_t)room, MSG_DONTWAIT);
    if (count < 0)
        return errno == EAGAIN || errno == EINTR;
    buffer_commit(&connection->input, (size_t)count);
    if (count == 0)
        connection->last = true;
    return true;
}

static void ready(void *userdata, uint32_t events)
{
    struct control_connection *connection = userdata;
    if ((events & (EPOLLERR | EPOLLHUP)) != 0 && (events & EPOLLIN) == 0)
        hang_up(connection);
    else if ((events & EPOLLIN) != 0 && !receive(connection))
        hang_up(connection);
    else
        serve(connection);
}

static int open_connection(struct control *control, int fd)
{
    struct control_connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL)
        return -ENOMEM;
    connection->control = control;
    connection->fd = fd;
    buffer_init(&connection->input, ADMIN_REQUEST_MAX + 1 + READ_CHUNK);
    buffer_init(&connection->output, ADMIN_ANSWER_MAX + 1);
    loop_timer_init(&connection->idle, idle, connection);
    int r = loop_add(control->loop, &connection->source, fd, EPOLLIN, ready, connection);
    if (r < 0) {
        destroy(connection);
        return r;
    }
    list_append(&control->connections, &connection->link);
    control->connection_count++;
    watch(connection);
    return 0;
}

static void turn_away(int fd, enum admin_code code, const char *words)
{
    json_t *object = admin_refusal(code, "%s", words);
    char *text = object != NULL ? json_dumps(object, ANSWER_FORMAT) : NULL;
    if (text != NULL && send(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT) > 0 &&
        send(fd, "\n", 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        log_debug("control: the peer did not wait for its refusal");
    free(text);
    json_decref(object);
    close(fd);
}

static void accepted(void *userdata, int fd, const struct addr *from)
{
    static struct log_limit limit = {.burst = 5, .interval_us = 60 * USEC_PER_SEC};
    struct control *control = userdata;
    uid_t uid;
    if (!control_peer_allowed(fd, control->group, &uid)) {
        log_limited(&limit, LOG_WARNING, "refusals on the control socket",
                    "control: uid %ld may not administer", (long)uid);
        turn_away(fd, ADMIN_CODE_FORBIDDEN, "only root and the group " CONTROL_GROUP " may");
        return;
    }
    int r = 0;
    if (control->connection_count == CONTROL_CONNECTIONS_MAX ||
        (r = open_connection(control, fd)) < 0) {
        log_limited(&limit, LOG_WARNING, "refusals on the control socket",
                    "control: a connection of uid %ld is refused: %s", (long)uid,
                    r < 0 ? strerror(-r) : "there are too many");
        turn_away(fd, ADMIN_CODE_BUSY, "there are too many control connections");
    }
}

int control_init(struct control *control, struct loop *loop, struct admin *admin,
                 struct sockets *sockets)
{
    *control = (struct control){.loop = loop, .admin = admin, .group = control_peer_group()};
    list_init(&control->connections);
    control->metrics = calloc(1, sizeof *control->metrics);
    if (control->metrics == NULL)
        return -ENOMEM;
    for (unsigned i = 0; i < sockets->count[SOCKET_CONTROL]; i++) {
        int fd = sockets_take(sockets, SOCKET_CONTROL, i);
        int r = listener_new(loop, fd, NULL, control->metrics, accepted, control,
                             &control->listeners[i]);
        if (r < 0) {
            close(fd);
            return r;
        }
        control->listener_count++;
    }
    return 0;
}

void control_stop(struct control *control)
{
    while (control->listener_count > 0)
        listener_free(control->listeners[--control->listener_count]);
}

void control_deinit(struct control *control)
{
    if (control->loop == NULL)
        return;
    control_stop(control);
    LIST_FOREACH_SAFE (link, &control->connections)
        hang_up(LIST_ENTRY(link, struct control_connection, link));
    free(control->metrics);
    control->loop = NULL;
}
