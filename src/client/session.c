/* The state the three threads share: see session.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/session.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define NOTICE_MAX 1024 /* bytes of a notice with its NUL */

int session_init(struct session *session, const struct settings *settings, const char *password)
{
    *session = (struct session){.settings = settings, .password = password};
    for (int i = 0; i < SESSION_THREADS; i++)
        session->wake[i] = -1;
    list_init(&session->arrivals);
    list_init(&session->notices);
    pthread_mutex_init(&session->lock, NULL);
    pthread_cond_init(&session->settled, NULL);
    for (int i = 0; i < SESSION_THREADS; i++) {
        session->wake[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (session->wake[i] < 0) {
            int r = -errno;
            session_deinit(session);
            return r;
        }
    }
    return 0;
}

void session_deinit(struct session *session)
{
    struct notice *notice;

    if (!session->settings)
        return;
    assert(list_empty(&session->arrivals));
    while ((notice = session_next_notice(session)))
        free(notice);
    for (int i = 0; i < SESSION_THREADS; i++)
        if (session->wake[i] >= 0)
            close(session->wake[i]);
    pthread_cond_destroy(&session->settled);
    pthread_mutex_destroy(&session->lock);
    *session = (struct session){0};
}

void session_wake(struct session *session, enum session_thread thread)
{
    /* A full counter is awake enough. */
    (void)!write(session->wake[thread], &(uint64_t){1}, sizeof(uint64_t));
}

void session_woken(struct session *session, enum session_thread thread)
{
    uint64_t count;

    (void)!read(session->wake[thread], &count, sizeof(count));
}

static void settle(struct session *session, struct arrival *arrival, bool shown)
{
    list_remove(&arrival->link);
    arrival->shown = shown;
    arrival->settled = true;
    pthread_cond_broadcast(&session->settled);
}

void session_stop(struct session *session)
{
    pthread_mutex_lock(&session->lock);
    session->stopping = true;
    while (!list_empty(&session->arrivals))
        settle(session, LIST_FIRST(&session->arrivals, struct arrival, link), false);
    pthread_mutex_unlock(&session->lock);
    for (int i = 0; i < SESSION_THREADS; i++)
        session_wake(session, i);
}

bool session_stopping(struct session *session)
{
    bool stopping;

    pthread_mutex_lock(&session->lock);
    stopping = session->stopping;
    pthread_mutex_unlock(&session->lock);
    return stopping;
}

void session_set_server(struct session *session, const struct addr *hosts, size_t count)
{
    assert(count > 0 && count <= SESSION_HOSTS_MAX);
    pthread_mutex_lock(&session->lock);
    session->server = hosts[0];
    memcpy(session->hosts, hosts, count * sizeof(*hosts));
    session->host_count = count;
    pthread_mutex_unlock(&session->lock);
    session_wake(session, SESSION_RECEIVER);
    session_wake(session, SESSION_INPUT);
}

static bool copy_known(struct session *session, const struct addr *from, struct addr *ret)
{
    bool known;

    pthread_mutex_lock(&session->lock);
    known = from->family != 0;
    if (known)
        *ret = *from;
    pthread_mutex_unlock(&session->lock);
    return known;
}

bool session_server(struct session *session, struct addr *ret)
{
    return copy_known(session, &session->server, ret);
}

bool session_is_server(struct session *session, const struct addr *from)
{
    bool found = false;

    pthread_mutex_lock(&session->lock);
    for (size_t i = 0; i < session->host_count && !found; i++)
        found = addr_same_host(&session->hosts[i], from);
    pthread_mutex_unlock(&session->lock);
    return found;
}

void session_set_bound(struct session *session, const struct addr *bound)
{
    pthread_mutex_lock(&session->lock);
    session->bound = *bound;
    pthread_mutex_unlock(&session->lock);
    session_wake(session, SESSION_POLLER);
}

bool session_bound(struct session *session, struct addr *ret)
{
    return copy_known(session, &session->bound, ret);
}

void session_report(struct session *session, enum server_state state, const char *reason)
{
    enum server_state before;

    assert(state != SERVER_UNKNOWN);
    pthread_mutex_lock(&session->lock);
    before = session->server_state;
    session->server_state = state;
    if (state == SERVER_PRESENT && before != SERVER_PRESENT)
        session->recoveries++;
    pthread_mutex_unlock(&session->lock);
    if (before == state)
        return;
    if (state == SERVER_AWAY)
        session_notice(session, "the server is away (%s); keeping your messages", reason);
    else if (before == SERVER_AWAY)
        session_notice(session, "the server is back");
    session_wake(session, SESSION_INPUT);
    session_wake(session, SESSION_POLLER);
}

enum server_state session_server_state(struct session *session, unsigned *ret_recoveries)
{
    enum server_state state;

    pthread_mutex_lock(&session->lock);
    state = session->server_state;
    if (ret_recoveries)
        *ret_recoveries = session->recoveries;
    pthread_mutex_unlock(&session->lock);
    return state;
}

void session_notice(struct session *session, const char *format, ...)
{
    struct notice *notice = malloc(sizeof(*notice) + NOTICE_MAX), *dropped = NULL;
    va_list args;

    if (!notice)
        return; /* a notice is a courtesy; nothing depends on it */
    va_start(args, format);
    vsnprintf(notice->text, NOTICE_MAX, format, args);
    va_end(args);
    pthread_mutex_lock(&session->lock);
    if (session->notice_count == SESSION_NOTICES_MAX) {
        dropped = LIST_FIRST(&session->notices, struct notice, link);
        list_remove(&dropped->link);
        session->notice_count--;
    }
    list_append(&session->notices, &notice->link);
    session->notice_count++;
    pthread_mutex_unlock(&session->lock);
    free(dropped);
    session_wake(session, SESSION_INPUT);
}

bool session_show(struct session *session, const struct v1_push *push, int fd)
{
    struct arrival arrival = {.push = *push, .fd = fd};

    list_init(&arrival.link);
    pthread_mutex_lock(&session->lock);
    if (!session->stopping) {
        list_append(&session->arrivals, &arrival.link);
        session_wake(session, SESSION_INPUT);
        while (!arrival.settled)
            pthread_cond_wait(&session->settled, &session->lock);
    }
    pthread_mutex_unlock(&session->lock);
    return arrival.shown;
}

/* The server has given up on this delivery and will repeat it; showing it now would show it twice.
 */
static bool abandoned(const struct arrival *arrival)
{
    struct pollfd peer = {.fd = arrival->fd};

    return poll(&peer, 1, 0) > 0 && (peer.revents & (POLLERR | POLLHUP));
}

struct arrival *session_next_arrival(struct session *session)
{
    struct arrival *arrival = NULL;

    pthread_mutex_lock(&session->lock);
    while (!list_empty(&session->arrivals)) {
        arrival = LIST_FIRST(&session->arrivals, struct arrival, link);
        if (!abandoned(arrival))
            break;
        settle(session, arrival, false);
        arrival = NULL;
    }
    pthread_mutex_unlock(&session->lock);
    return arrival;
}

void session_settle(struct session *session, struct arrival *arrival, bool shown)
{
    pthread_mutex_lock(&session->lock);
    settle(session, arrival, shown);
    pthread_mutex_unlock(&session->lock);
}

struct notice *session_next_notice(struct session *session)
{
    struct notice *notice = NULL;

    pthread_mutex_lock(&session->lock);
    if (!list_empty(&session->notices)) {
        notice = LIST_FIRST(&session->notices, struct notice, link);
        list_remove(&notice->link);
        session->notice_count--;
    }
    pthread_mutex_unlock(&session->lock);
    return notice;
}
