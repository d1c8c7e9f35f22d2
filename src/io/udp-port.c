/* The UDP port: recvmmsg() into buffers that are made once.
 *
 * A turn takes at most BATCHES_MAX batches; what is left waits in the kernel, whose receive buffer
 * is made large because every client polls every second and may do so at the same moment.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/udp-port.h"

#include "io/socket.h"
#include "util/clock.h"
#include "util/log.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define BATCH          64 /* datagrams for one system call */
#define BATCHES_MAX    4  /* batches a turn */
#define RECEIVE_BUFFER (4 * 1024 * 1024)

struct udp_port {
    struct loop *loop;
    struct loop_source source;
    struct loop_garbage garbage;
    int fd;
    bool gone;
    struct metrics *metrics;
    udp_datagram_fn callback;
    void *userdata;
    struct mmsghdr messages[BATCH];
    struct iovec iovecs[BATCH];
    struct sockaddr_storage names[BATCH];
    char data[];
};

static struct log_limit receive_log = {.burst = 5, .interval_us = 60 * USEC_PER_SEC};

int udp_port_bind(const struct addr *addr)
{
    const int size = RECEIVE_BUFFER;
    int fd = socket_bind(addr, SOCK_DGRAM);
    /* SO_RCVBUFFORCE passes net.core.rmem_max, but wants CAP_NET_ADMIN; both are a best effort. */
    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    return fd;
}

static void hand_on(struct udp_port *port, const struct mmsghdr *message)
{
    struct addr from;
    const struct msghdr *header = &message->msg_hdr;
    metrics_add(port->metrics, METRIC_POLLS, 1);
    if (header->msg_flags & MSG_TRUNC) {
        metrics_add(port->metrics, METRIC_POLLS_TRUNCATED, 1);
        return;
    }
    if (addr_from_sockaddr(header->msg_name, header->msg_namelen, &from) < 0)
        return;
    struct bytes datagram = {.data = header->msg_iov->iov_base, .len = message->msg_len};
    port->callback(port->userdata, &from, datagram);
}

/* Returns how many datagrams there were; -errno. */
static int receive(struct udp_port *port)
{
    for (unsigned i = 0; i < BATCH; i++)
        port->messages[i].msg_hdr.msg_namelen = sizeof port->names[i];
    int count = recvmmsg(port->fd, port->messages, BATCH, MSG_DONTWAIT, NULL);
    return count < 0 ? -errno : count;
}

static void on_ready(void *userdata, uint32_t events)
{
    struct udp_port *port = userdata;
    (void)events;
    for (unsigned batch = 0; batch < BATCHES_MAX && !port->gone; batch++) {
        int count = receive(port);
        if (count < 0 && count != -EAGAIN && count != -EINTR)
            log_limited(&receive_log, LOG_WARNING, "failures to receive datagrams",
                        "cannot receive datagrams: %s", strerror(-count));
        for (int i = 0; i < count && !port->gone; i++)
            hand_on(port, &port->messages[i]);
        if (count < BATCH)
            break;
    }
}

int udp_port_new(struct loop *loop, int fd, size_t datagram_max, struct metrics *metrics,
                 udp_datagram_fn callback, void *userdata, struct udp_port **ret)
{
    struct udp_port *port = calloc(1, sizeof *port + BATCH * datagram_max);
    if (port == NULL)
        return -ENOMEM;
    port->loop = loop;
    port->fd = fd;
    port->metrics = metrics;
    port->callback = callback;
    port->userdata = userdata;
    for (unsigned i = 0; i < BATCH; i++) {
        struct msghdr *header = &port->messages[i].msg_hdr;
        port->iovecs[i].iov_base = port->data + i * datagram_max;
        port->iovecs[i].iov_len = datagram_max;
        header->msg_iov = &port->iovecs[i];
        header->msg_iovlen = 1;
        header->msg_name = &port->names[i];
    }
    int error = loop_add(loop, &port->source, fd, EPOLLIN, on_ready, port);
    if (error < 0) {
        free(port);
        return error;
    }
    *ret = port;
    return 0;
}

void udp_port_free(struct udp_port *port)
{
    if (port == NULL)
        return;
    port->gone = true;
    loop_remove(port->loop, &port->source);
    close(port->fd);
    loop_free_later(port->loop, &port->garbage, free, port);
}
