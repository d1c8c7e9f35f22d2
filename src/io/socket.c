/* Making, binding and connecting sockets.
 *
 * A stream socket gets SO_REUSEADDR, so that connections of the last run in TIME_WAIT do not keep
 * it from its port; a datagram socket must not have it, for there it would let two daemons share
 * a port and each lose half of the datagrams.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/socket.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A peer that says nothing for SILENT_S seconds is asked, ASK_TIMES times, ASK_S seconds apart. */
#define SILENT_S  60
#define ASK_S     15
#define ASK_TIMES 4

static int set_options(int fd, const struct addr *addr, int type)
{
    const int on = 1, off = 0;
    if (type == SOCK_STREAM && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0)
        return -errno;
    if (addr->family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) < 0)
        return -errno;
    return 0;
}

static int bind_exactly(const struct addr *addr, int type)
{
    struct sockaddr_storage sa;
    socklen_t len = addr_to_sockaddr(addr, &sa);
    int fd = socket(addr->family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    int error = set_options(fd, addr, type);
    if (error == 0 && bind(fd, (struct sockaddr *)&sa, len) < 0)
        error = -errno;
    if (error < 0) {
        close(fd);
        return error;
    }
    return fd;
}

int socket_bind(const struct addr *addr, int type)
{
    static const uint8_t any[sizeof addr->ip] = {0};
    int fd = bind_exactly(addr, type);
    if ((fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL) && addr->family == AF_INET6 &&
        memcmp(addr->ip, any, sizeof any) == 0) {
        const struct addr ipv4 = {.port = addr->port, .family = AF_INET};
        fd = bind_exactly(&ipv4, type);
    }
    return fd;
}

int socket_connected(int fd)
{
    struct sockaddr_storage here, there;
    socklen_t here_len = sizeof(here), there_len = sizeof(there), len = sizeof(int);
    int error = 0;

    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
        return -errno;
    if (error)
        return -error;
    /* On its own host, where nobody listens, a connection can be given the very port it goes to,
     * and then it is connected to itself. */
    if (getsockname(fd, (struct sockaddr *)&here, &here_len) == 0 &&
        getpeername(fd, (struct sockaddr *)&there, &there_len) == 0 && here_len == there_len &&
        memcmp(&here, &there, here_len) == 0)
        return -ECONNREFUSED;
    return 0;
}

int socket_error(int fd)
{
    int error = 0;
    socklen_t len = sizeof error;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
        return -errno;
    return -error;
}

void socket_tune(int fd)
{
    const struct {
        int level, name, value;
    } options[] = {
        {IPPROTO_TCP, TCP_NODELAY, 1},         {SOL_SOCKET, SO_KEEPALIVE, 1},
        {IPPROTO_TCP, TCP_KEEPIDLE, SILENT_S}, {IPPROTO_TCP, TCP_KEEPINTVL, ASK_S},
        {IPPROTO_TCP, TCP_KEEPCNT, ASK_TIMES},
    };
    for (size_t i = 0; i < ARRAY_SIZE(options); i++)
        (void)setsockopt(fd, options[i].level, options[i].name, &options[i].value,
                         sizeof options[i].value);
}
