/* The UDP port: recvmmsg() into buffers that are made once, sendmmsg() of what answers them.
 *
 * A turn takes at most BATCHES_MAX batches; what is left waits in the kernel, whose receive buffer
 * is made large because every client polls every second and may do so at the same moment.
 *
 * The kernel tells with each datagram which of our addresses it was sent to, and takes the same
 * words back as the address to answer from. So nothing is copied: an answer points into its
 * question.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/udp-port.h"

#include "io/socket.h"
#include "util/clock.h"
#include "util/log.h"

#include <assert.h>
#include <errno.h>
#include <stdalign.h>
#include <stdlib.h>
#include <unistd.h>

#define BATCH          64 /* datagrams for one system call */
#define BATCHES_MAX    4  /* batches a turn */
#define RECEIVE_BUFFER (4 * 1024 * 1024)
/* The address, and some that a socket unit may have switched on (time stamps and the like). */
#define CONTROL_MAX (CMSG_SPACE(sizeof(struct in6_pktinfo)) + 64)

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
    struct {
        alignas(struct cmsghdr) char data[CONTROL_MAX];
    } controls[BATCH];
    struct mmsghdr answers[BATCH];
    struct iovec answer_iovecs[BATCH];
    unsigned answer_count; /* of this batch */
    char *answer_data;     /* one place for each datagram */
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

/* -- answers ---------------------------------------------------------------------------------- */

static bool is_address(const struct cmsghdr *control)
{
    return (control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_PKTINFO) ||
           (control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_PKTINFO);
}

/* The way back is the kernel's to choose; only the address is ours. */
static void forget_interface(struct cmsghdr *control)
{
    if (control->cmsg_level == IPPROTO_IP)
        ((struct in_pktinfo *)(void *)CMSG_DATA(control))->ipi_ifindex = 0;
    else
        ((struct in6_pktinfo *)(void *)CMSG_DATA(control))->ipi6_ifindex = 0;
}

/* Has `answer` leave from the address that `question` came to. */
static void set_source(struct msghdr *answer, struct msghdr *question)
{
    answer->msg_control = NULL;
    answer->msg_controllen = 0;
    for (struct cmsghdr *control = CMSG_FIRSTHDR(question); control != NULL;
         control = CMSG_NXTHDR(question, control)) {
        if (!is_address(control))
            continue;
        forget_interface(control);
        answer->msg_control = control;
        answer->msg_controllen = control->cmsg_len;
    }
}

static void add_answer(struct udp_port *port, struct msghdr *question, char *data, size_t len)
{
    struct msghdr *answer = &port->answers[port->answer_count].msg_hdr;
    port->answer_iovecs[port->answer_count] = (struct iovec){.iov_base = data, .iov_len = len};
    answer->msg_name = question->msg_name;
    answer->msg_namelen = question->msg_namelen;
    set_source(answer, question);
    port->answer_count++;
}

/* What cannot be sent now is dropped: the next poll asks again. One that cannot be sent to does not
 * keep the others from theirs. */
static void send_answers(struct udp_port *port)
{
    unsigned done = 0;
    while (done < port->answer_count) {
        int count =
            sendmmsg(port->fd, port->answers + done, port->answer_count - done, MSG_DONTWAIT);
        if (count >= 0) {
            done += (unsigned)count;
        } else if (errno == EAGAIN) {
            metrics_add(port->metrics, METRIC_POLLS_UNANSWERED, port->answer_count - done);
            break;
        } else if (errno != EINTR) {
            metrics_add(port->metrics, METRIC_POLLS_UNANSWERED, 1);
            done++;
        }
    }
    port->answer_count = 0;
}

/* -- datagrams -------------------------------------------------------------------------------- */

static void hand_on(struct udp_port *port, unsigned i)
{
    struct addr from;
    struct mmsghdr *message = &port->messages[i];
    struct msghdr *header = &message->msg_hdr;
    metrics_add(port->metrics, METRIC_POLLS, 1);
    if (header->msg_flags & MSG_TRUNC) {
        metrics_add(port->metrics, METRIC_POLLS_TRUNCATED, 1);
        return;
    }
    if (addr_from_sockaddr(header->msg_name, header->msg_namelen, &from) < 0)
        return;
    struct bytes datagram = {.data = header->msg_iov->iov_base, .len = message->msg_len};
    char *answer = port->answer_data + i * header->msg_iov->iov_len;
    size_t len = port->callback(port->userdata, &from, datagram, answer, datagram.len);
    assert(len <= datagram.len);
    if (len > 0)
        add_answer(port, header, answer, len);
}

/* Returns how many datagrams there were; -errno. */
static int receive(struct udp_port *port)
{
    for (unsigned i = 0; i < BATCH; i++) {
        port->messages[i].msg_hdr.msg_namelen = sizeof port->names[i];
        port->messages[i].msg_hdr.msg_controllen = sizeof port->controls[i];
    }
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
            hand_on(port, (unsigned)i);
        if (!port->gone)
            send_answers(port);
        if (count < BATCH)
            break;
    }
}

/* -- the port --------------------------------------------------------------------------------- */

/* Also of a socket that we were handed. */
static int ask_for_addresses(int fd)
{
    int family = 0;
    const int on = 1;
    socklen_t len = sizeof family;
    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &len) < 0)
        return -errno;
    int r = family == AF_INET6 ? setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on)
                               : setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
    return r < 0 ? -errno : 0;
}

static void lay_out(struct udp_port *port, size_t datagram_max)
{
    port->answer_data = port->data + BATCH * datagram_max;
    for (unsigned i = 0; i < BATCH; i++) {
        struct msghdr *header = &port->messages[i].msg_hdr;
        port->iovecs[i].iov_base = port->data + i * datagram_max;
        port->iovecs[i].iov_len = datagram_max;
        header->msg_iov = &port->iovecs[i];
        header->msg_iovlen = 1;
        header->msg_name = &port->names[i];
        header->msg_control = &port->controls[i];
        port->answers[i].msg_hdr.msg_iov = &port->answer_iovecs[i];
        port->answers[i].msg_hdr.msg_iovlen = 1;
    }
}

int udp_port_new(struct loop *loop, int fd, size_t datagram_max, struct metrics *metrics,
                 udp_datagram_fn callback, void *userdata, struct udp_port **ret)
{
    struct udp_port *port = calloc(1, sizeof *port + 2 * BATCH * datagram_max);
    if (port == NULL)
        return -ENOMEM;
    port->loop = loop;
    port->fd = fd;
    port->metrics = metrics;
    port->callback = callback;
    port->userdata = userdata;
    lay_out(port, datagram_max);
    int error = ask_for_addresses(fd);
    if (error == 0)
        error = loop_add(loop, &port->source, fd, EPOLLIN, on_ready, port);
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
