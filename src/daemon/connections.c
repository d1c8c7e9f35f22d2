/* The connections of writers.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/connections.h"

#include "daemon/settings.h"
#include "util/clock.h"
#include "util/log.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static void frame(void *userdata, struct connection *connection, struct bytes frame,
                  struct reply *reply)
{
    struct connections *connections = userdata;
    bll_frame(connections->bll, connection_peer(connection), frame, reply);
}

static void refuse(void *userdata, struct connection *connection, enum connection_refusal why,
                   struct reply *reply)
{
    struct connections *connections = userdata;
    if (why == CONNECTION_TOO_LONG)
        bll_refuse_too_long(connections->bll, reply);
    else
        bll_refuse_idle(connections->bll, reply);
}

static void closed(void *userdata, struct connection *connection, const struct addr *from)
{
    struct connections *connections = userdata;
    list_remove(connection_link(connection));
    peercount_give(connections->peers, from);
}

/* What cannot be kept is closed, as it would be without a store. */
static void suspended(void *userdata, const struct addr *from, int fd, struct bytes input)
{
    struct connections *connections = userdata;
    int r = descriptor_store_keep(connections->suspended_count++, fd, input);
    if (r < 0)
        log_debug("a connection is not kept over the restart: %s", strerror(-r));
    close(fd);
}

/* Takes the descriptor over, and the peer's count: NULL if that fails. */
static struct connection *take_up(struct connections *connections, int fd, const struct addr *from)
{
    static struct log_limit limit = {.burst = 5, .interval_us = 60 * USEC_PER_SEC};
    const struct connection_handler handler = {.frame = frame,
                                               .refuse = refuse,
                                               .suspended = suspended,
                                               .closed = closed,
                                               .userdata = connections};
    struct connection *connection;
    int r = connection_new(connections->loop, fd, from, CONNECTION_PLAIN, NULL,
                           &connections->limits, &handler, connections->metrics, &connection);
    if (r < 0) {
        log_limited(&limit, LOG_WARNING, "connections not taken up",
                    "a connection cannot be taken up: %s", strerror(-r));
        peercount_give(connections->peers, from);
        close(fd);
        return NULL;
    }
    list_append(&connections->open, connection_link(connection));
    return connection;
}

static void accepted(void *userdata, int fd, const struct addr *from)
{
    (void)take_up(userdata, fd, from);
}

/* -- from the daemon before this one ---------------------------------------------------------- */

static int peer_of(int fd, struct addr *ret)
{
    struct sockaddr_storage storage;
    socklen_t len = sizeof storage;
    if (getpeername(fd, (struct sockaddr *)&storage, &len) < 0)
        return -errno;
    return addr_from_sockaddr((struct sockaddr *)&storage, len, ret);
}

/* A connection whose peer has gone meanwhile, or that is over a limit by now, is let go. */
static bool go_on_with(struct connections *connections, struct kept_connection *kept)
{
    struct addr from;
    if (kept->socket < 0 || peer_of(kept->socket, &from) < 0 ||
        peercount_take(connections->peers, &from) < 0)
        return false;
    char *input = NULL;
    long len = kept_connection_input(kept, connection_input_max(&connections->limits), &input);
    struct connection *connection = take_up(connections, kept->socket, &from);
    kept->socket = -1;
    if (connection != NULL &&
        (len < 0 ||
         connection_resume(connection, (struct bytes){.data = input, .len = (size_t)len}) < 0)) {
        connection_close(connection);
        connection = NULL;
    }
    free(input);
    return connection != NULL;
}

static void go_on_with_all(struct connections *connections, struct sockets *sockets)
{
    unsigned count = 0;
    for (unsigned i = 0; i < sockets->kept.count; i++)
        count += go_on_with(connections, &sockets->kept.items[i]);
    if (sockets->kept.count > 0)
        log_info("%u of %u connections go on after the restart", count, sockets->kept.count);
    kept_connections_deinit(&sockets->kept);
}

static int listen_on(struct connections *connections, struct sockets *sockets, unsigned index)
{
    int fd = sockets_take(sockets, SOCKET_WRITES, index);
    int r = listener_new(connections->loop, fd, connections->peers, connections->metrics, accepted,
                         connections, &connections->listeners[index]);
    if (r < 0)
        close(fd);
    else
        connections->listener_count++;
    return r;
}

int connections_init(struct connections *connections, struct loop *loop, struct bll *bll,
                     struct metrics *metrics, const struct daemon_config *config,
                     struct sockets *sockets)
{
    *connections = (struct connections){
        .loop = loop, .bll = bll, .metrics = metrics, .limits = settings_connection(config)};
    list_init(&connections->open);
    int r = peercount_new((unsigned)config->limits.connections_per_address,
                          (unsigned)config->limits.connections, &connections->peers);
    for (unsigned i = 0; i < sockets->count[SOCKET_WRITES] && r == 0; i++)
        r = listen_on(connections, sockets, i);
    if (r == 0)
        go_on_with_all(connections, sockets);
    return r;
}

static void stop_accepting(struct connections *connections)
{
    while (connections->listener_count > 0)
        listener_free(connections->listeners[--connections->listener_count]);
}

void connections_deinit(struct connections *connections)
{
    if (connections->loop == NULL)
        return;
    stop_accepting(connections);
    LIST_FOREACH_SAFE (link, &connections->open)
        connection_close(connection_from_link(link));
}

void connections_free(struct connections *connections)
{
    peercount_free(connections->peers);
    *connections = (struct connections){0};
}

void connections_set_limits(struct connections *connections, const struct daemon_config *config)
{
    connections->limits = settings_connection(config);
    peercount_set_limits(connections->peers, (unsigned)config->limits.connections_per_address,
                         (unsigned)config->limits.connections);
}

void connections_finish(struct connections *connections)
{
    void (*end)(struct connection *) =
        descriptor_store_usable() ? connection_suspend : connection_finish;
    stop_accepting(connections);
    LIST_FOREACH_SAFE (link, &connections->open)
        end(connection_from_link(link));
}

unsigned connections_count(const struct connections *connections)
{
    return connections->peers != NULL ? peercount_total(connections->peers) : 0;
}
