/* Sockets for the tests of the I/O unit.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "support.h"

#include "io/listener.h"
#include "io/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

void turn_some(struct loop *loop)
{
    for (int i = 0; i < 4; i++)
        assert_int_equal(loop_turn(loop, 0), 0);
}

unsigned count_turns(struct loop *loop, uint64_t duration_us)
{
    unsigned turns = 0;
    uint64_t end = clock_monotonic_us() + duration_us;
    for (uint64_t now = clock_monotonic_us(); now < end; now = clock_monotonic_us()) {
        assert_int_equal(loop_turn(loop, end - now), 0);
        turns++;
    }
    return turns;
}

struct addr loopback(void)
{
    struct addr addr;
    assert_int_equal(addr_parse("127.0.0.1:0", &addr), 0);
    return addr;
}

struct addr local_addr(int fd)
{
    struct sockaddr_storage sa;
    socklen_t len = sizeof sa;
    struct addr addr;
    assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
    assert_int_equal(addr_from_sockaddr((struct sockaddr *)&sa, len, &addr), 0);
    return addr;
}

int listen_somewhere(int backlog, struct addr *ret)
{
    struct addr addr = loopback();
    int fd = listener_bind(&addr);
    assert_true(fd >= 0);
    if (backlog != 0)
        assert_int_equal(listen(fd, backlog), 0);
    *ret = local_addr(fd);
    return fd;
}

int connect_to(const struct addr *to)
{
    struct sockaddr_storage sa;
    socklen_t len = addr_to_sockaddr(to, &sa);
    int fd = socket(to->family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&sa, len), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return fd;
}

void tcp_pair(int *ret_server, int *ret_client, struct addr *ret_client_addr)
{
    struct addr addr;
    int listening = listen_somewhere(0, &addr);
    *ret_client = connect_to(&addr);
    *ret_client_addr = local_addr(*ret_client);
    *ret_server = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert_true(*ret_server >= 0);
    socket_tune(*ret_client);
    socket_tune(*ret_server);
    close(listening);
}

void peer_send(struct loop *loop, int fd, struct bytes bytes)
{
    size_t sent = 0;
    uint64_t patience_ends = clock_monotonic_us() + PATIENCE_US;
    while (sent < bytes.len) {
        assert_true(clock_monotonic_us() < patience_ends);
        ssize_t count = send(fd, bytes.data + sent, bytes.len - sent, MSG_NOSIGNAL);
        if (count > 0)
            sent += (size_t)count;
        else
            assert_int_equal(errno, EAGAIN);
        if (sent < bytes.len)
            assert_int_equal(loop_turn(loop, USEC_PER_MSEC), 0);
    }
}

/* One recv(), with turns of `loop` until there is something. */
static size_t peer_read(struct loop *loop, int fd, char *data, size_t size)
{
    ssize_t count = -1;
    TURN_UNTIL(loop, (count = recv(fd, data, size, MSG_DONTWAIT)) >= 0 || errno != EAGAIN);
    if (count < 0)
        fail_msg("the peer sees: %s", strerror(errno));
    return (size_t)count;
}

void peer_expect(struct loop *loop, int fd, const char *text)
{
    char data[4096];
    size_t len = strlen(text), got = 0;
    assert_true(len < sizeof data);
    while (got < len) {
        size_t count = peer_read(loop, fd, data + got, len - got);
        assert_true(count > 0);
        got += count;
    }
    data[got] = '\0';
    assert_string_equal(data, text);
}

size_t peer_read_all(struct loop *loop, int fd, char *ret, size_t size)
{
    static char scrap[65536];
    size_t total = 0, count;
    do {
        bool room = total < size;
        count = peer_read(loop, fd, room ? ret + total : scrap, room ? size - total : sizeof scrap);
        total += count;
    } while (count > 0);
    return total;
}

void peer_expect_end(struct loop *loop, int fd)
{
    char data[1];
    assert_int_equal(peer_read(loop, fd, data, sizeof data), 0);
}

void peer_reset(int fd)
{
    const struct linger linger = {.l_onoff = 1, .l_linger = 0};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger), 0);
    close(fd);
}
