/* Name look-up and the probe of the server's TCP port: see server.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/server.h"

#include "io/socket.h"
#include "util/clock.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <unistd.h>

long server_resolve(const char *host, uint16_t port, struct addr *ret, size_t max,
                    const char **ret_reason)
{
    /* No AI_ADDRCONFIG: it hides ::1 and 127.0.0.1 on a machine without another address. */
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *list;
    size_t count = 0;
    int r = getaddrinfo(host, NULL, &hints, &list);

    if (r != 0) {
        *ret_reason = gai_strerror(r);
        return -EHOSTUNREACH;
    }
    for (const struct addrinfo *entry = list; entry && count < max; entry = entry->ai_next) {
        if (addr_from_sockaddr(entry->ai_addr, entry->ai_addrlen, &ret[count]) == 0)
            ret[count++].port = port;
    }
    freeaddrinfo(list);
    if (count == 0) {
        *ret_reason = "the name has neither an IPv4 nor an IPv6 address";
        return -EHOSTUNREACH;
    }
    return (long)count;
}

int server_connect(const struct addr *addr)
{
    struct sockaddr_storage storage;
    socklen_t len = addr_to_sockaddr(addr, &storage);
    int fd = socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return -errno;
    if (connect(fd, (const struct sockaddr *)&storage, len) < 0 && errno != EINPROGRESS) {
        int r = -errno;
        close(fd);
        return r;
    }
    return fd;
}

/* Waits until `fd` is connected: 0 or the reason as -errno. */
static int await_connected(int fd, int wake_fd, uint64_t timeout_us)
{
    struct pollfd fds[] = {{.fd = fd, .events = POLLOUT}, {.fd = wake_fd, .events = POLLIN}};
    uint64_t deadline = clock_monotonic_us() + timeout_us;

    for (;;) {
        uint64_t now = clock_monotonic_us();
        if (now >= deadline)
            return -ETIMEDOUT;
        int r = poll(fds, ARRAY_SIZE(fds), (int)((deadline - now + 999) / 1000));
        if (r < 0 && errno != EINTR)
            return -errno;
        if (r <= 0)
            continue;
        if (fds[0].revents)
            break;
        if (fds[1].revents)
            return -ECANCELED;
    }
    return socket_connected(fd);
}

int server_probe(const struct addr *addr, int wake_fd, uint64_t timeout_us)
{
    int fd = server_connect(addr), r;

    if (fd < 0)
        return fd;
    r = await_connected(fd, wake_fd, timeout_us);
    close(fd);
    return r;
}
