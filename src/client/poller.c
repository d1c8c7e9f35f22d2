/* The poller thread: see poller.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/poller.h"

#include "client/reach.h"
#include "client/server.h"
#include "client/session.h"
#include "util/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PROBE_TIMEOUT_US    (3 * USEC_PER_SEC)
#define PROBE_MIN_US        (USEC_PER_SEC / 4) /* between two probes of an absent server, at first */
#define PROBE_MAX_US        (4 * USEC_PER_SEC)
#define RESOLVE_AGAIN_US    (15 * USEC_PER_SEC) /* while the server is away */
#define REFUSALS_UNTIL_TOLD 3 /* polls refused although TCP works, before the user is told */

struct poller {
    struct session *session;
    struct reach reach;
    int fd;                                       /* UDP, connected to `target`; -1: none */
    struct addr target;                           /* the server's poll port */
    struct addr source;                           /* what it was bound for; family 0: nothing */
    uint64_t next_poll, next_probe, next_resolve; /* monotonic; UINT64_MAX: not wanted */
    uint64_t interval_us;                         /* between two polls */
    uint64_t probe_interval;
    unsigned refusals;   /* polls refused in a row while TCP works */
    unsigned generation; /* of the account's session that polls name */
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
static int open_socket(const struct addr *target, const struct addr *source)
{
    struct sockaddr_storage to, from;
    struct addr bound = *source;
    socklen_t to_len = addr_to_sockaddr(target, &to), from_len;
    int fd = socket(to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return -errno;
    bound.port = 0;
    from_len = bound.family == target->family ? addr_to_sockaddr(&bound, &from) : 0;
    if ((from_len > 0 && bind(fd, (const struct sockaddr *)&from, from_len) < 0) ||
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
    if (r == 0) {
        poller->next_resolve = UINT64_MAX;
        session_report(session, SERVER_PRESENT, NULL);
    } else {
        say_away(poller, -r);
    }
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

/* Something speaks against the server's being there. */
static void look_whether_it_lives(struct poller *poller, uint64_t now)
{
    if (session_server_state(poller->session, NULL) == SERVER_PRESENT &&
        poller->next_probe == UINT64_MAX)
        poller->next_probe = now;
}

/* The host of the server said that nobody takes polls there. */
static void polls_refused(struct poller *poller, uint64_t now)
{
    if (session_server_state(poller->session, NULL) != SERVER_PRESENT)
        return;
    if (++poller->refusals == REFUSALS_UNTIL_TOLD)
        session_notice(poller->session, "the server takes no polls on port %u",
                       (unsigned)poller->target.port);
    look_whether_it_lives(poller, now);
}

static void failed(struct poller *poller, int error, uint64_t now)
{
    if (error == ECONNREFUSED) {
        polls_refused(poller, now);
        return;
    }
    /* No route, or an interface that is gone: a new socket chooses its source anew. */
    drop_socket(poller);
    look_whether_it_lives(poller, now);
}

/* -- answers ---------------------------------------------------------------------------------- */

/* Acts upon what an answer said. */
static void heed(struct poller *poller, enum v2_state state, unsigned generation, uint64_t now)
{
    struct session *session = poller->session;
    struct addr bound;
    bool listens = session_bound(session, &bound) == LISTENING_BOUND;

    switch (reach_advise(&poller->reach, state, session_pushed(session), now)) {
    case REACH_DETACH:
        if (listens) {
            session_set_attach(session, false);
            session_set_reached_by(session, REACHED_BY_PUSHES);
        }
        break;
    case REACH_ATTACH:
        session_set_attach(session, true);
        session_set_reached_by(session, REACHED_BY_LINK);
        break;
    case REACH_SIGN_ON:
        account_drop(session->receiving->account, generation);
        session_set_attach(session, true);
        break;
    case REACH_STAY:
        break;
    }
}

static void take_answer(struct poller *poller, struct bytes datagram, uint64_t now)
{
    struct account_session signed_on;
    enum v2_state state;
    bool answered;

    if (!account_session(poller->session->receiving->account, &signed_on))
        return;
    answered =
        reach_answered(&poller->reach, datagram, bytes_of(signed_on.name), signed_on.key, &state);
    explicit_bzero(signed_on.key, sizeof(signed_on.key));
    if (!answered)
        return;
    poller->refusals = 0;
    if (poller->reach.silent == 0)
        poller->next_poll = reach_due(&poller->reach, poller->interval_us);
    session_report(poller->session, SERVER_PRESENT, NULL);
    heed(poller, state, signed_on.generation, now);
}

static void drain(struct poller *poller, uint64_t now)
{
    char datagram[V2_POLL_MAX + 1];

    while (poller->fd >= 0) {
        ssize_t n = recv(poller->fd, datagram, sizeof(datagram), 0);
        if (n >= 0)
            take_answer(poller, (struct bytes){datagram, (size_t)n}, now);
        else if (errno == EAGAIN)
            return;
        else if (errno != EINTR)
            failed(poller, errno, now);
    }
}

/* None came for a while. Datagrams get lost; the server may live all the same. Once nothing is
 * expected from polls any more it is the link that tells. */
static void note_silence(struct poller *poller, uint64_t now)
{
    struct session *session = poller->session;

    if (!reach_silent(&poller->reach, REACH_DOUBT, now))
        return;
    if (!reach_silent(&poller->reach, REACH_SILENCE, now)) {
        look_whether_it_lives(poller, now);
        return;
    }
    session_set_attach(session, true);
    if (session_server_state(session, NULL) == SERVER_PRESENT)
        session_set_reached_by(session, REACHED_BY_LINK);
}

/* -- polls ------------------------------------------------------------------------------------ */

/* The socket for polls to `target`. 0 or -errno. */
static int provide_socket(struct poller *poller, const struct addr *target,
                          const struct addr *source)
{
    if (poller->fd >= 0 &&
        (!addr_equal(target, &poller->target) || !addr_equal(source, &poller->source)))
        drop_socket(poller);
    if (poller->fd >= 0)
        return 0;
    poller->fd = open_socket(target, source);
    poller->target = *target;
    poller->source = *source;
    return poller->fd < 0 ? poller->fd : 0;
}

static void send_poll(struct poller *poller, const struct account_session *signed_on, uint16_t port,
                      uint64_t now)
{
    uint64_t time_ms = account_now_ms(poller->session->receiving->account);
    char datagram[V2_POLL_MAX];
    long len = v2_build_poll(bytes_of(signed_on->name), time_ms, port, signed_on->key, datagram,
                             sizeof(datagram));

    if (len < 0) /* cannot be: the session is one that a server gave */
        return;
    note_silence(poller, now);
    reach_polled(&poller->reach, time_ms, now);
    if (send(poller->fd, datagram, (size_t)len, 0) < 0)
        failed(poller, errno, now);
}

/* Polls, if there is someone to be polled and something to say. When that changes, this thread is
 * woken. */
static void poll_server(struct poller *poller, uint64_t now)
{
    struct session *session = poller->session;
    struct account_session signed_on;
    struct addr target, bound = {0};
    int r;

    poller->next_poll = UINT64_MAX;
    if (!session_server(session, &target) ||
        session_bound(session, &bound) == LISTENING_UNSETTLED ||
        !account_session(session->receiving->account, &signed_on))
        return;
    if (signed_on.generation != poller->generation) /* what was said of another is of no interest */
        reach_init(&poller->reach);
    poller->generation = signed_on.generation;
    target.port = (uint16_t)session->settings->poll_port;
    r = provide_socket(poller, &target, &bound);
    if (r == 0)
        send_poll(poller, &signed_on, bound.port, now);
    else
        failed(poller, -r, now);
    poller->interval_us = signed_on.poll_seconds * USEC_PER_SEC;
    poller->next_poll = reach_due(&poller->reach, poller->interval_us);
    if (poller->next_poll <= now) /* it could not even be tried */
        poller->next_poll = now + REACH_AGAIN_US;
    explicit_bzero(signed_on.key, sizeof(signed_on.key));
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
    if (poll(fds, ARRAY_SIZE(fds), clock_poll_ms(due, now)) > 0 && fds[0].revents) {
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
        if (session_doubted(poller.session))
            look_whether_it_lives(&poller, now);
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
