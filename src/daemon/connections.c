/* The connections of clients.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/connections.h"

#include "daemon/dials.h"
#include "util/clock.h"
#include "util/log.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#define LOOKS_MAX      1024  /* connections that are looked at to find one that may give way */
#define RATE_ADDRESSES 16384 /* whose handshakes are limited at a time */

struct served {
    struct connections *owner;
    struct connection *connection;
    struct bll_link *link; /* once it has opened */
    struct dial *dial;     /* what it was made for, until the peer has proven himself; else NULL */
    size_t memory;         /* counted in owner->memory */
    uint64_t since_us;     /* opened */
    enum bll_link_role role;
    bool accepted; /* not made by us */
    bool secure;
    bool ending; /* finished or suspended */
};

static struct served *served_of(const struct connection *connection)
{
    return connection_context(connection);
}

static struct served *served_at(struct list *link)
{
    return served_of(connection_from_link(link));
}

/* The logic unit remembers more of it than the next frame needs. */
static bool signed_on(const struct served *served)
{
    return served->role != BLL_LINK_STRANGER && served->role != BLL_LINK_WRITER;
}

/* One that is over is on no list any more, though the logic unit may not have let go of it yet. */
static void used(struct served *served)
{
    struct list *link = connection_link(served->connection);
    enum connections_group group =
        signed_on(served) ? CONNECTIONS_SIGNED_ON : CONNECTIONS_STRANGERS;
    if (list_linked(link))
        list_move(&served->owner->open[group], link);
}

/* -- what happens to a connection ------------------------------------------------------------- */

static bool admit(void *userdata, struct connection *connection)
{
    struct connections *connections = userdata;
    bool admitted = rate_table_take(connections->handshakes, &connections->settings.handshakes,
                                    connection_peer(connection), loop_now(connections->loop)) == 0;
    metrics_add(connections->metrics, METRIC_TLS_LIMITED, !admitted);
    return admitted;
}

static void opened(void *userdata, struct connection *connection, bool secure)
{
    struct connections *connections = userdata;
    struct served *served = served_of(connection);
    served->secure = secure;
    connections->secure_count += secure;
    used(served);
    if (bll_link_new(connections->bll, connection_peer(connection), secure, served, &served->link) <
        0)
        connection_close(connection);
    else if (served->dial != NULL)
        dial_opened(served->dial, served->link);
}

/* A stranger does not stay one by asking for things that strangers may ask for. */
static bool is_late(const struct served *served)
{
    const struct connections *connections = served->owner;
    return served->role == BLL_LINK_STRANGER &&
           loop_now(connections->loop) - served->since_us >
               connections->settings.limits[BLL_LINK_STRANGER].idle_us;
}

static void frame(void *userdata, struct connection *connection, struct bytes frame,
                  struct reply *reply)
{
    struct connections *connections = userdata;
    struct served *served = served_of(connection);
    used(served);
    if (is_late(served))
        bll_refuse(connections->bll, served->link, PROTO_ERROR_TIMEOUT, reply);
    else if (connection_frame_ended(connection))
        bll_link_frame(served->link, frame, reply);
    else
        bll_link_rest(served->link, frame, reply);
}

static void drained(void *userdata, struct connection *connection)
{
    bll_link_drained(served_of(connection)->link);
}

static void refuse(void *userdata, struct connection *connection, enum connection_refusal why,
                   struct reply *reply)
{
    static const enum proto_error errors[] = {
        [CONNECTION_TOO_LONG] = PROTO_ERROR_TOO_LONG,
        [CONNECTION_IDLE] = PROTO_ERROR_TIMEOUT,
        [CONNECTION_SLOW] = PROTO_ERROR_TIMEOUT,
    };
    struct connections *connections = userdata;
    bll_refuse(connections->bll, served_of(connection)->link, errors[why], reply);
}

/* A peer who has signed on meanwhile would not be known to the next daemon. What cannot be kept is
 * closed, as it would be without a store. */
static void suspended(void *userdata, struct connection *connection, int fd, struct bytes input)
{
    struct connections *connections = userdata;
    int r = -EISCONN;
    if (!signed_on(served_of(connection)))
        r = descriptor_store_keep(connections->suspended_count++, fd, input);
    if (r < 0)
        log_debug("a connection is not kept over the restart: %s", strerror(-r));
    close(fd);
}

static void closed(void *userdata, struct connection *connection, const struct addr *from)
{
    struct connections *connections = userdata;
    struct served *served = served_of(connection);
    list_remove(connection_link(connection));
    connections->count--;
    connections->secure_count -= served->secure;
    connections->memory -= served->memory;
    if (served->dial != NULL)
        dial_over(served->dial);
    bll_link_closed(served->link);
    if (served->accepted)
        peercount_give(connections->peers, from);
    free(served);
}

/* -- what the logic unit asks for ------------------------------------------------------------- */

void served_write(struct served *served, struct bytes frames)
{
    used(served);
    connection_write(served->connection, frames);
}

void served_tell(struct served *served, struct bytes frames)
{
    used(served);
    connection_tell(served->connection, frames);
}

size_t served_waiting(const struct served *served)
{
    return connection_waiting(served->connection);
}

void served_set_role(struct served *served, enum bll_link_role role)
{
    served->role = role;
    used(served);
    connection_set_limits(served->connection, &served->owner->settings.limits[role]);
    if (role != BLL_LINK_STRANGER && served->dial != NULL) {
        dial_over(served->dial);
        served->dial = NULL;
    }
}

void served_close(struct served *served)
{
    served->ending = true;
    connection_finish(served->connection);
}

/* -- making room ------------------------------------------------------------------------------ */

/* True if nothing is lost by closing it: its peer comes again when he wants to. */
static bool expendable(const struct served *served)
{
    return served->dial == NULL && !connection_busy(served->connection) &&
           (served->link == NULL || bll_link_idle(served->link));
}

static bool evict_from(struct connections *connections, enum connections_group group, bool anyhow)
{
    unsigned looks = 0;
    LIST_FOREACH_SAFE (link, &connections->open[group]) {
        struct served *served = served_at(link);
        if (anyhow || expendable(served)) {
            metrics_add(connections->metrics, METRIC_CONNECTIONS_EVICTED, 1);
            connection_close(served->connection);
            return true;
        }
        if (++looks == LOOKS_MAX)
            break;
    }
    return false;
}

/* Closes the longest unused one that owes nothing; `anyhow`: whatever it owes. False if there is
 * none. */
static bool evict(struct connections *connections, bool anyhow)
{
    return evict_from(connections, CONNECTIONS_STRANGERS, anyhow) ||
           evict_from(connections, CONNECTIONS_SIGNED_ON, anyhow);
}

static bool make_room(struct connections *connections)
{
    const struct connection_settings *settings = &connections->settings;
    bool full =
        connections->count >= settings->count_max || connections->memory >= settings->memory_max;
    return !full || evict(connections, false);
}

static void measure(struct connections *connections, struct served *served)
{
    size_t memory = connection_memory(served->connection);
    connections->memory += memory - served->memory;
    served->memory = memory;
}

void connections_tick(struct connections *connections)
{
    static struct log_limit limit = {.burst = 1, .interval_us = 60 * USEC_PER_SEC};
    for (int group = 0; group < CONNECTIONS_GROUPS; group++)
        LIST_FOREACH (link, &connections->open[group])
            measure(connections, served_at(link));
    while (connections->memory > connections->settings.memory_max &&
           (evict(connections, false) || evict(connections, true)))
        log_limited(&limit, LOG_WARNING, "connections closed for want of memory",
                    "connections take more memory than limits.memory: the longest unused are "
                    "closed");
}

/* -- taking up -------------------------------------------------------------------------------- */

static const struct connection_handler handler = {
    .admit = admit,
    .opened = opened,
    .frame = frame,
    .drained = drained,
    .refuse = refuse,
    .suspended = suspended,
    .closed = closed,
};

/* Takes the descriptor over on success. 0 or -errno. */
static int take_up(struct connections *connections, int fd, const struct addr *from,
                   enum connection_carrier carrier, struct dial *dial, struct connection **ret)
{
    struct served *served = malloc(sizeof *served);
    if (served == NULL)
        return -ENOMEM;
    *served = (struct served){.owner = connections,
                              .dial = dial,
                              .since_us = loop_now(connections->loop),
                              .accepted = dial == NULL};
    struct connection_handler own = handler;
    own.userdata = connections;
    int r = connection_new(connections->loop, fd, from, carrier, connections->tls,
                           &connections->settings.limits[BLL_LINK_STRANGER], &own,
                           connections->metrics, &served->connection);
    if (r < 0) {
        free(served);
        return r;
    }
    connection_set_context(served->connection, served);
    list_append(&connections->open[CONNECTIONS_STRANGERS], connection_link(served->connection));
    connections->count++;
    measure(connections, served);
    *ret = served->connection;
    return 0;
}

/* Takes the descriptor over, and the peer's count: NULL if that fails. */
static struct connection *take_accepted(struct connections *connections, int fd,
                                        const struct addr *from)
{
    static struct log_limit limit = {.burst = 5, .interval_us = 60 * USEC_PER_SEC};
    struct connection *connection = NULL;
    int r = -ENOBUFS;
    if (make_room(connections))
        r = take_up(connections, fd, from, CONNECTION_DETECT, NULL, &connection);
    if (r == 0)
        return connection;
    if (r == -ENOBUFS)
        metrics_add(connections->metrics, METRIC_CONNECTIONS_REFUSED, 1);
    else
        log_limited(&limit, LOG_WARNING, "connections not taken up",
                    "a connection cannot be taken up: %s", strerror(-r));
    peercount_give(connections->peers, from);
    close(fd);
    return NULL;
}

static void accepted(void *userdata, int fd, const struct addr *from)
{
    (void)take_accepted(userdata, fd, from);
}

int connections_take_dialled(struct connections *connections, int fd, const struct addr *to,
                             bool secure, struct dial *dial)
{
    struct connection *connection;
    if (!make_room(connections))
        return -ENOBUFS;
    return take_up(connections, fd, to, secure ? CONNECTION_TLS : CONNECTION_PLAIN, dial,
                   &connection);
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
    size_t max = connection_input_max(&connections->settings.limits[BLL_LINK_STRANGER]);
    long len = kept_connection_input(kept, max, &input);
    struct connection *connection = take_accepted(connections, kept->socket, &from);
    kept->socket = -1;
    if (connection != NULL &&
        (len < 0 ||
         connection_resume(connection, (struct bytes){.data = input, .len = (size_t)len}) < 0)) {
        connection_close(connection);
        connection = NULL;
    }
    if (connection != NULL) /* which it may have been: then it has more time than a stranger */
        served_set_role(served_of(connection), BLL_LINK_WRITER);
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

/* -- the whole -------------------------------------------------------------------------------- */

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
                     struct tls_context *tls, struct sockets *sockets)
{
    *connections = (struct connections){.loop = loop,
                                        .bll = bll,
                                        .metrics = metrics,
                                        .tls = tls_context_ref(tls),
                                        .settings = settings_connections(config)};
    for (int group = 0; group < CONNECTIONS_GROUPS; group++)
        list_init(&connections->open[group]);
    int r = peercount_new(connections->settings.per_address, UINT_MAX, &connections->peers);
    if (r == 0)
        r = rate_table_new(RATE_ADDRESSES, &connections->handshakes);
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
    for (int group = 0; group < CONNECTIONS_GROUPS; group++)
        while (!list_empty(&connections->open[group]))
            connection_close(connection_from_link(connections->open[group].next));
}

void connections_free(struct connections *connections)
{
    peercount_free(connections->peers);
    rate_table_free(connections->handshakes);
    tls_context_unref(connections->tls);
    *connections = (struct connections){0};
}

void connections_configure(struct connections *connections, const struct daemon_config *config,
                           struct tls_context *tls)
{
    tls_context_ref(tls);
    tls_context_unref(connections->tls);
    connections->tls = tls;
    connections->settings = settings_connections(config);
    peercount_set_limits(connections->peers, connections->settings.per_address, UINT_MAX);
}

static void end(struct served *served)
{
    bool keep =
        served->accepted && !signed_on(served) && !served->secure && descriptor_store_usable();
    served->ending = true;
    if (keep)
        connection_suspend(served->connection);
    else
        connection_finish(served->connection);
}

/* Acknowledgements may be on their way over a stream. */
static bool may_end(const struct served *served)
{
    return served->role != BLL_LINK_STREAM || bll_link_idle(served->link);
}

static void finish_group(struct connections *connections, enum connections_group group, bool late)
{
    LIST_FOREACH_SAFE (link, &connections->open[group]) {
        struct served *served = served_at(link);
        if (!served->ending && (late || may_end(served)))
            end(served);
    }
}

void connections_finish(struct connections *connections, bool late)
{
    stop_accepting(connections);
    finish_group(connections, CONNECTIONS_STRANGERS, late);
    finish_group(connections, CONNECTIONS_SIGNED_ON, late);
}
