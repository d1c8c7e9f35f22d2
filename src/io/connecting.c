/* Making connections.
 *
 * What connect(2) says at once is of two kinds: what this host lacks is told to the caller, before
 * the peer has seen anything; what it says of the peer comes by the callback, as if it had come
 * later.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/connecting.h"

#include "io/socket.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

static void stop(struct connecting *connecting)
{
    loop_remove(connecting->loop, &connecting->source);
    loop_timer_cancel(connecting->loop, &connecting->timer);
}

void connecting_cancel(struct connecting *connecting)
{
    stop(connecting);
    close(connecting->fd);
    connecting->fd = -1;
}

/* The callback may free the struct. */
static void end(struct connecting *connecting, int error)
{
    int fd = connecting->fd;
    stop(connecting);
    if (error < 0)
        close(fd);
    connecting->fd = -1;
    connecting->callback(connecting->userdata, error < 0 ? error : fd);
}

static bool connected_to_itself(const struct connecting *connecting)
{
    struct sockaddr_storage sa;
    socklen_t len = sizeof sa;
    struct addr own;
    if (getsockname(connecting->fd, (struct sockaddr *)&sa, &len) < 0 ||
        addr_from_sockaddr((struct sockaddr *)&sa, len, &own) < 0)
        return false;
    return addr_equal(&own, &connecting->to);
}

static void on_ready(void *userdata, uint32_t events)
{
    struct connecting *connecting = userdata;
    (void)events;
    int error = socket_error(connecting->fd);
    if (error == 0 && connected_to_itself(connecting))
        error = -ECONNREFUSED;
    end(connecting, error);
}

static void on_time(void *userdata)
{
    struct connecting *connecting = userdata;
    end(connecting, connecting->error < 0 ? connecting->error : -ETIMEDOUT);
}

static bool is_shortage(int error)
{
    return error == -EADDRNOTAVAIL || error == -EAGAIN || error == -ENOBUFS || error == -ENOMEM;
}

/* Watches first: after connect(2) it would be too late to fail. */
static int begin(struct connecting *connecting, uint64_t timeout_us)
{
    struct loop *loop = connecting->loop;
    struct sockaddr_storage sa;
    socklen_t len = addr_to_sockaddr(&connecting->to, &sa);
    int r = loop_timer_set(loop, &connecting->timer, loop_now(loop) + timeout_us);
    if (r == 0)
        r = loop_add(loop, &connecting->source, connecting->fd, EPOLLOUT, on_ready, connecting);
    if (r < 0)
        return r;
    if (connect(connecting->fd, (struct sockaddr *)&sa, len) == 0 || errno == EINPROGRESS)
        return 0;
    connecting->error = -errno;
    if (is_shortage(connecting->error))
        return connecting->error;
    loop_remove(loop, &connecting->source);
    return loop_timer_set(loop, &connecting->timer, loop_now(loop));
}

int connecting_start(struct connecting *connecting, struct loop *loop, const struct addr *to,
                     uint64_t timeout_us, connecting_fn callback, void *userdata)
{
    if (to->port < CONNECTING_PORT_MIN)
        return -EACCES;
    *connecting =
        (struct connecting){.loop = loop, .to = *to, .callback = callback, .userdata = userdata};
    loop_timer_init(&connecting->timer, on_time, connecting);
    connecting->fd = socket(to->family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (connecting->fd < 0)
        return -errno;
    int r = begin(connecting, timeout_us);
    if (r < 0)
        connecting_cancel(connecting);
    return r;
}
