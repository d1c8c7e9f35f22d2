/* The poller thread: see poller.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/poller.h"

#include "client/server.h"
#include "util/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define POLL_INTERVAL_US    (1 * USEC_PER_SEC)
#define PROBE_TIMEOUT_US    (3 * USEC_PER_SEC)
#define PROBE_MIN_US        (USEC_PER_SEC / 4) /* between two probes of an absent server, at first */
#define PROBE_MAX_US        (4 * USEC_PER_SEC)
#define RESOLVE_AGAIN_US    (15 * USEC_PER_SEC) /* while the server is away */
#define REFUSALS_UNTIL_TOLD 3 /* polls refused although TCP works, before the user is told */

struct poller {
    struct session *session;
    int fd;                                       /* UDP, connected to `target`; -1: none */
    struct addr target;                           /* the server's poll port */
    uint64_t next_poll, next_probe, next_resolve; /* monotonic; UINT64_MAX: not wanted */
    uint64_t probe_interval;
    unsigned refusals; /* polls refused in a row while TCP works */
};

static void say_away(struct poller *poller, int error)
{
    char reason[128];

    session_report(poller->session, SERVER_AWAY, strerror_r(error, reason, sizeof(reason)));
}

static void drop_socket(struct poller *poller)
{
    if (poller->fd >= 0)
        close(poller->fd);
    poller->fd = -1;
}

/* A socket from the address the receiver listens on: the server connects back to where the poll
 * came from. */
static int open_socket(const struct addr *target, const struct addr *bound)
{
    struct sockaddr_storage to, from;
    struct addr source = *bound;
    socklen_t to_len = addr_to_sockaddr(target, &to), from_len;
    int fd = socket(to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return -errno;
    source.port = 0;
    from_len = addr_to_sockaddr(&source, &from);
    if ((source.family == target->family &&
         bind(fd, (const struct sockaddr *)&from, from_len) < 0) ||
        connect(fd, (const struct sockaddr *)&to, to_len) < 0) {
        int r = -errno;
        close(fd);
        return r;
    }
    return fd;
}

/* Probes one after the other until one answers, and puts that one first. */
static int choose_host(struct poller *poller, struct addr *hosts, size_t count)
{
    int wake = poller->session->wake[SESSION_POLLER], r = 0;

    for (size_t i = 0; i < count; i++) {
        r = server_probe(&hosts[i], wake, PROBE_TIMEOUT_US);
        if (r == -ECANCELED)
            return r;
        if (r == 0) {
            struct addr chosen = hosts[i];
            hosts[i] = hosts[0];
            hosts[0] = chosen;
            return 0;
        }
    }
    return r;
}

static void find_server(struct poller *poller, uint64_t now)
{
    struct session *session = poller->session;
    const struct settings *settings = session->settings;
    struct addr hosts[SESSION_HOSTS_MAX];
    const char *reason;
    long count = server_resolve(settings->server, (uint16_t)settings->write_port, hosts,
                                ARRAY_SIZE(hosts), &reason);
    int r;

    poller->next_resolve = now + RESOLVE_AGAIN_US;
    if (count < 0) {
        session_report(session, SERVER_AWAY, reason);
        return;
    }
    r = choose_host(poller, hosts, (size_t)count);
    if (r == -ECANCELED) { /* woken, perhaps to stop */
        poller->next_resolve = now;
        return;
    }
    session_set_server(session, hosts, (size_t)count);
    if (r == 0)
        session_report(session, SERVER_PRESENT, NULL);
    else
        say_away(poller, -r);
}

static void probe_server(struct poller *poller, uint64_t now)
{
    struct addr server;
    int r;

    poller->next_probe = UINT64_MAX;
    if (!session_server(poller->session, &server))
        return;
    r = server_probe(&server, poller->session->wake[SESSION_POLLER], PROBE_TIMEOUT_US);
    if (r == -ECANCELED) {
        poller->next_probe = now;
    } else if (r == 0) {
        session_report(poller->session, SERVER_PRESENT, NULL);
        poller->probe_interval = PROBE_MIN_US;
        poller->next_resolve = UINT64_MAX;
    } else {
        say_away(poller, -r);
    }
}

/* The host of the server said that nobody takes polls there. */
static void polls_refused(struct poller *poller, uint64_t now)
{
    if (session_server_state(poller->session, NULL) != SERVER_PRESENT)
        return;
    if (++poller->refusals == REFUSALS_UNTIL_TOLD)
        session_notice(poller->session,
                       "the server takes no polls on port %u; messages cannot arrive",
                       (unsigned)poller->target.port);
    if (poller->next_probe == UINT64_MAX)
        poller->next_probe = now;
}

static void failed(struct poller *poller, int error, uint64_t now)
{
    if (error == ECONNREFUSED) {
        polls_refused(poller, now);
        return;
    }
    /* No route, or an interface that is gone: a new socket chooses its source anew. */
    drop_socket(poller);
    if (session_server_state(poller->session, NULL) == SERVER_PRESENT &&
        poller->next_probe == UINT64_MAX)
        poller->next_probe = now;
}

/* What has come back: only errors, for version 1 answers nothing. */
static void drain(struct poller *poller, uint64_t now)
{
    char answer[64];

    while (poller->fd >= 0) {
        ssize_t n = recv(poller->fd, answer, sizeof(answer), 0);
        if (n >= 0)
            continue;
        if (errno == EAGAIN)
            return;
        if (errno != EINTR)
            failed(poller, errno, now);
    }
}

static void send_poll(struct poller *poller, const struct addr *bound, uint64_t now)
{
    const struct session *session = poller->session;
    const struct v1_poll poll = {
        .userid = bytes_of(session->settings->user),
        .password = bytes_of(session->password),
        .port = bound->port,
    };
    char datagram[V1_POLL_MAX];
    long len = v1_build_poll(&poll, datagram, sizeof(datagram));

    if (len < 0) /* cannot be: user and password are within their limits */
        return;
    if (send(poller->fd, datagram, (size_t)len, 0) < 0)
        failed(poller, errno, now);
    else if (poller->refusals < REFUSALS_UNTIL_TOLD)
        poller->refusals = 0;
    explicit_bzero(datagram, sizeof(datagram));
}

static void poll_server(struct poller *poller, uint64_t now)
{
    struct addr target, bound;

    poller->next_poll = now + POLL_INTERVAL_US;
    if (!session_server(poller->session, &target) || !session_bound(poller->session, &bound)) {
        poller->next_poll = UINT64_MAX; /* the change of either wakes this thread */
        return;
    }
    target.port = (uint16_t)poller->session->settings->poll_port;
    if (poller->fd >= 0 && !addr_equal(&target, &poller->target))
        drop_socket(poller);
    if (poller->fd < 0) {
        poller->fd = open_socket(&target, &bound);
        if (poller->fd < 0) {
            failed(poller, -poller->fd, now);
            return;
        }
        poller->target = target;
    }
    send_poll(poller, &bound, now);
}

/* An absent server is looked for; a server found needs no probes. */
static void plan(struct poller *poller, uint64_t now)
{
    if (session_server_state(poller->session, NULL) != SERVER_AWAY)
        return;
    if (poller->next_resolve == UINT64_MAX)
        poller->next_resolve = now + RESOLVE_AGAIN_US;
    if (poller->next_probe == UINT64_MAX) {
        poller->next_probe = now + poller->probe_interval;
        poller->probe_interval *= 2;
        if (poller->probe_interval > PROBE_MAX_US)
            poller->probe_interval = PROBE_MAX_US;
    }
}

static void wait_for_work(struct poller *poller, uint64_t now)
{
    struct pollfd fds[] = {
        {.fd = poller->session->wake[SESSION_POLLER], .events = POLLIN},
        {.fd = poller->fd, .events = POLLIN},
    };
    uint64_t due = poller->next_poll;

    if (poller->next_probe < due)
        due = poller->next_probe;
    if (poller->next_resolve < due)
        due = poller->next_resolve;
    if (due == UINT64_MAX)
        poll(fds, ARRAY_SIZE(fds), -1);
    else if (due > now)
        poll(fds, ARRAY_SIZE(fds), (int)((due - now + 999) / 1000));
    else
        poll(fds, ARRAY_SIZE(fds), 0);
    if (fds[0].revents) {
        session_woken(poller->session, SESSION_POLLER);
        if (poller->next_poll == UINT64_MAX)
            poller->next_poll = 0;
    }
}

void *poller_main(void *session)
{
    struct poller poller = {
        .session = session,
        .fd = -1,
        .next_poll = UINT64_MAX,
        .next_probe = UINT64_MAX,
        .probe_interval = PROBE_MIN_US,
    };

    while (!session_stopping(poller.session)) {
        uint64_t now = clock_monotonic_us();
        drain(&poller, now);
        if (now >= poller.next_resolve)
            find_server(&poller, now);
        if (now >= poller.next_probe)
            probe_server(&poller, now);
        if (now >= poller.next_poll)
            poll_server(&poller, now);
        now = clock_monotonic_us();
        plan(&poller, now);
        wait_for_work(&poller, now);
    }
    drop_socket(&poller);
    return NULL;
}
