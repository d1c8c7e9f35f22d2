/* The connections of writers.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/connections.h"

#include "daemon/settings.h"
#include "util/log.h"

#include <errno.h>
#include <unistd.h>

static void frame(void *userdata, const struct addr *from, struct bytes frame, struct reply *reply)
{
    struct connections *connections = userdata;
    bll_frame(connections->bll, from, frame, reply);
}

static void refuse(void *userdata, const struct addr *from, enum connection_refusal why,
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

static void accepted(void *userdata, int fd, const struct addr *from)
{
    static struct log_limit limit = {.burst = 5, .interval_us = 60000000};
    struct connections *connections = userdata;
    const struct connection_handler handler = {
        .frame = frame, .refuse = refuse, .closed = closed, .userdata = connections};
    struct connection *connection;
    int r = connection_new(connections->loop, fd, from, &connections->limits, &handler,
                           connections->metrics, &connection);
    if (r < 0) {
        log_limited(&limit, LOG_WARNING, "connections not taken up",
                    "a connection cannot be taken up: %s", strerror(-r));
        peercount_give(connections->peers, from);
        close(fd);
        return;
    }
    list_append(&connections->open, connection_link(connection));
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
    stop_accepting(connections);
    LIST_FOREACH_SAFE (link, &connections->open)
        connection_finish(connection_from_link(link));
}

unsigned connections_count(const struct connections *connections)
{
    return connections->peers != NULL ? peercount_total(connections->peers) : 0;
}
