/* The listener: accept4(), at most ACCEPTS_MAX times a turn.
 *
 * Without descriptors or memory for the next connection it would be reported ready for ever, so it
 * looks away for PAUSE_US; the connections wait in the backlog.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/listener.h"

#include "io/socket.h"
#include "util/clock.h"
#include "util/log.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define ACCEPTS_MAX 64
#define PAUSE_US    (100 * USEC_PER_MSEC)

struct listener {
    struct loop *loop;
    struct loop_source source;
    struct loop_timer pause;
    struct loop_garbage garbage;
    int fd;
    bool gone;
    struct peercount *peers;
    struct metrics *metrics;
    listener_accept_fn callback;
    void *userdata;
};

static struct log_limit accept_log = {.burst = 5, .interval_us = 60 * USEC_PER_SEC};

/* -- accepting */

static void on_pause_over(void *userdata)
{
    struct listener *listener = userdata;
    int error = loop_change(listener->loop, &listener->source, EPOLLIN);
    if (error < 0)
        log_error("cannot watch a listening socket again: %s", strerror(-error));
}

static void pause_accepting(struct listener *listener, int error)
{
    log_limited(&accept_log, LOG_WARNING, "failures to accept", "cannot accept connections: %s",
                strerror(-error));
    /* Without a timer to end the pause there must not be one. */
    if (loop_timer_set(listener->loop, &listener->pause, loop_now(listener->loop) + PAUSE_US) < 0)
        return;
    if (loop_change(listener->loop, &listener->source, 0) < 0)
        loop_timer_cancel(listener->loop, &listener->pause);
}

/* What accept(2) says about one connection that came to nothing, and not about this socket. */
static bool concerns_one_connection(int error)
{
    switch (-error) {
    case EINTR:
    case ECONNABORTED:
    case EPERM: /* a firewall rule */
    case EPROTO:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case ENETUNREACH:
        return true;
    default:
        return false;
    }
}

static void hand_on(struct listener *listener, int fd, const struct sockaddr *sa, socklen_t len)
{
    struct addr from = {.family = 0};
    if (addr_from_sockaddr(sa, len, &from) == 0) {
        if (listener->peers != NULL && peercount_take(listener->peers, &from) < 0) {
            metrics_add(listener->metrics, METRIC_CONNECTIONS_REFUSED, 1);
            close(fd);
            return;
        }
        metrics_add(listener->metrics, METRIC_CONNECTIONS, 1);
        socket_tune(fd);
    }
    listener->callback(listener->userdata, fd, &from);
}

static void on_ready(void *userdata, uint32_t events)
{
    struct listener *listener = userdata;
    (void)events;
    for (unsigned i = 0; i < ACCEPTS_MAX && !listener->gone; i++) {
        struct sockaddr_storage sa;
        socklen_t len = sizeof sa;
        int fd = accept4(listener->fd, (struct sockaddr *)&sa, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
        int error = fd < 0 ? -errno : 0;
        if (error == 0) {
            hand_on(listener, fd, (struct sockaddr *)&sa, len);
        } else if (error == -EAGAIN) {
            return;
        } else if (!concerns_one_connection(error)) {
            pause_accepting(listener, error);
            return;
        }
    }
}

int listener_new(struct loop *loop, int fd, struct peercount *peers, struct metrics *metrics,
                 listener_accept_fn callback, void *userdata, struct listener **ret)
{
    struct listener *listener = calloc(1, sizeof *listener);
    if (listener == NULL)
        return -ENOMEM;
    listener->loop = loop;
    listener->fd = fd;
    listener->peers = peers;
    listener->metrics = metrics;
    listener->callback = callback;
    listener->userdata = userdata;
    loop_timer_init(&listener->pause, on_pause_over, listener);
    int error = loop_add(loop, &listener->source, fd, EPOLLIN, on_ready, listener);
    if (error < 0) {
        free(listener);
        return error;
    }
    *ret = listener;
    return 0;
}

void listener_free(struct listener *listener)
{
    if (listener == NULL)
        return;
    listener->gone = true;
    loop_remove(listener->loop, &listener->source);
    loop_timer_cancel(listener->loop, &listener->pause);
    close(listener->fd);
    loop_free_later(listener->loop, &listener->garbage, free, listener);
}

/* -- making the socket */

static int listen_on(int fd)
{
    if (listen(fd, SOMAXCONN) < 0) {
        int error = -errno;
        close(fd);
        return error;
    }
    return fd;
}

int listener_bind(const struct addr *addr)
{
    int fd = socket_bind(addr, SOCK_STREAM);
    return fd < 0 ? fd : listen_on(fd);
}

/* True if there is a socket at `sun` that nobody listens on: one left behind by a process that was
 * killed. Connecting to something that is no socket is refused as well, hence the look at it. */
static bool is_stale(int fd, const struct sockaddr_un *sun)
{
    struct stat info;
    if (lstat(sun->sun_path, &info) < 0 || !S_ISSOCK(info.st_mode))
        return false;
    return connect(fd, (const struct sockaddr *)sun, sizeof *sun) < 0 && errno == ECONNREFUSED;
}

static int bind_unix(int fd, const struct sockaddr_un *sun, unsigned mode)
{
    const struct sockaddr *sa = (const struct sockaddr *)sun;
    if (bind(fd, sa, sizeof *sun) < 0) {
        if (errno != EADDRINUSE || !is_stale(fd, sun))
            return -errno;
        if (unlink(sun->sun_path) < 0 && errno != ENOENT)
            return -errno;
        if (bind(fd, sa, sizeof *sun) < 0)
            return -errno;
    }
    /* Nobody can connect before listen(): the file never lets in more than `mode` says. */
    return chmod(sun->sun_path, mode) < 0 ? -errno : 0;
}

int listener_bind_unix(const char *path, unsigned mode)
{
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof sun.sun_path)
        return -ENAMETOOLONG;
    memcpy(sun.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    int error = bind_unix(fd, &sun, mode);
    if (error < 0) {
        close(fd);
        return error;
    }
    return listen_on(fd);
}
