/* The UDP port: batches, truncation, floods, binding.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "support.h"

#include "io/udp-port.h"
#include "util/metrics.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define DATAGRAM_MAX 64

static struct loop *loop;
static struct metrics metrics;
static struct udp_port *port;
static struct addr port_addr;
static int sender;
static bool free_in_callback;
static unsigned received;
static size_t last_len;
static char last[DATAGRAM_MAX];
static struct addr last_from;

/* Stands before socket(2) in this program: a system without IPv6. */
static bool without_ipv6;
int __real_socket(int domain, int type, int protocol);
int __wrap_socket(int domain, int type, int protocol);
int __wrap_socket(int domain, int type, int protocol)
{
    if (without_ipv6 && domain == AF_INET6) {
        errno = EAFNOSUPPORT;
        return -1;
    }
    return __real_socket(domain, type, protocol);
}

static void on_datagram(void *userdata, const struct addr *from, struct bytes datagram)
{
    assert_ptr_equal(userdata, &metrics);
    assert_true(datagram.len <= DATAGRAM_MAX);
    received++;
    last_len = datagram.len;
    memcpy(last, datagram.data, datagram.len);
    last_from = *from;
    if (free_in_callback)
        udp_port_free(port);
}

static int setup(void **state)
{
    (void)state;
    struct addr addr = loopback();
    received = 0;
    last_len = SIZE_MAX;
    free_in_callback = without_ipv6 = false;
    metrics = (struct metrics){{0}};
    assert_int_equal(loop_new(&loop), 0);
    int fd = udp_port_bind(&addr);
    assert_true(fd >= 0);
    port_addr = local_addr(fd);
    assert_int_equal(udp_port_new(loop, fd, DATAGRAM_MAX, &metrics, on_datagram, &metrics, &port),
                     0);
    sender = udp_port_bind(&addr);
    assert_true(sender >= 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    if (!free_in_callback)
        udp_port_free(port);
    udp_port_free(NULL);
    close(sender);
    loop_free(loop);
    return 0;
}

static void send_to(const struct addr *to, int fd, size_t len)
{
    static const char data[2 * DATAGRAM_MAX] = "poll:alice";
    struct sockaddr_storage sa;
    socklen_t sa_len = addr_to_sockaddr(to, &sa);
    assert_int_equal(sendto(fd, data, len, 0, (struct sockaddr *)&sa, sa_len), len);
}

static void test_datagram_is_handed_on_with_its_sender(void **state)
{
    (void)state;
    struct addr from = local_addr(sender);
    send_to(&port_addr, sender, 10);
    TURN_UNTIL(loop, received == 1);
    assert_int_equal(last_len, 10);
    assert_memory_equal(last, "poll:alice", 10);
    assert_true(addr_equal(&last_from, &from));
    assert_int_equal(metrics.value[METRIC_POLLS], 1);
}

static void test_truncated_datagrams_are_counted_and_dropped(void **state)
{
    (void)state;
    send_to(&port_addr, sender, DATAGRAM_MAX + 1);
    send_to(&port_addr, sender, 2 * DATAGRAM_MAX);
    send_to(&port_addr, sender, DATAGRAM_MAX);
    TURN_UNTIL(loop, received == 1);
    assert_int_equal(last_len, DATAGRAM_MAX);
    assert_int_equal(metrics.value[METRIC_POLLS], 3);
    assert_int_equal(metrics.value[METRIC_POLLS_TRUNCATED], 2);
}

static void test_an_empty_datagram_is_one(void **state)
{
    (void)state;
    send_to(&port_addr, sender, 0);
    TURN_UNTIL(loop, received == 1);
    assert_int_equal(last_len, 0);
}

static unsigned others;

static void on_other(void *userdata, uint32_t events)
{
    (void)userdata;
    (void)events;
    others++;
}

static void test_flood_leaves_room_for_other_sources(void **state)
{
    (void)state;
    enum { FLOOD = 1000 };
    struct loop_source source = {0};
    int fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
    assert_int_equal(loop_add(loop, &source, fd, EPOLLIN, on_other, NULL), 0);
    others = 0;
    for (unsigned i = 0; i < FLOOD; i++)
        send_to(&port_addr, sender, 10);
    assert_int_equal(loop_turn(loop, 0), 0);
    assert_true(received > 0 && received <= 256);
    assert_int_equal(others, 1);
    unsigned turns = 1;
    for (; received < FLOOD; turns++)
        assert_int_equal(loop_turn(loop, PATIENCE_US), 0);
    assert_int_equal(others, turns);
    assert_int_equal(metrics.value[METRIC_POLLS], FLOOD);
    loop_remove(loop, &source);
    close(fd);
}

static void test_port_may_be_freed_by_its_callback(void **state)
{
    (void)state;
    free_in_callback = true;
    for (int i = 0; i < 3; i++)
        send_to(&port_addr, sender, 10);
    TURN_UNTIL(loop, received > 0);
    assert_int_equal(received, 1);
}

static void test_bind_makes_a_well_kept_socket(void **state)
{
    (void)state;
    struct addr addr = loopback();
    int size = 0, def = 0;
    socklen_t len = sizeof size;
    int fd = udp_port_bind(&addr);
    int plain = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, &len), 0);
    assert_int_equal(getsockopt(plain, SOL_SOCKET, SO_RCVBUF, &def, &len), 0);
    assert_true(size >= def);
    addr = local_addr(fd);
    assert_int_equal(udp_port_bind(&addr), -EADDRINUSE);
    close(plain);
    close(fd);
}

/* Both families reach a socket bound to "*", and an IPv4 sender is an IPv4 address. */
static void test_star_serves_both_families(void **state)
{
    (void)state;
    struct addr any, to;
    udp_port_free(port);
    assert_int_equal(addr_parse("*:0", &any), 0);
    int fd = udp_port_bind(&any);
    assert_true(fd >= 0);
    uint16_t number = local_addr(fd).port;
    assert_int_equal(udp_port_new(loop, fd, DATAGRAM_MAX, &metrics, on_datagram, &metrics, &port),
                     0);
    to = loopback();
    to.port = number;
    send_to(&to, sender, 1);
    TURN_UNTIL(loop, received == 1);
    assert_int_equal(last_from.family, AF_INET);

    assert_int_equal(addr_parse("[::1]:0", &to), 0);
    int sender6 = udp_port_bind(&to);
    assert_true(sender6 >= 0);
    to.port = number;
    send_to(&to, sender6, 2);
    TURN_UNTIL(loop, received == 2);
    assert_int_equal(last_from.family, AF_INET6);
    assert_true(addr_is_loopback(&last_from));
    close(sender6);
}

static void test_star_without_ipv6_serves_ipv4(void **state)
{
    (void)state;
    struct addr addr;
    without_ipv6 = true;
    assert_int_equal(addr_parse("*:0", &addr), 0);
    int fd = udp_port_bind(&addr);
    assert_true(fd >= 0);
    assert_int_equal(local_addr(fd).family, AF_INET);
    close(fd);
    assert_int_equal(addr_parse("[::1]:0", &addr), 0);
    assert_int_equal(udp_port_bind(&addr), -EAFNOSUPPORT);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_datagram_is_handed_on_with_its_sender),
        TEST(test_truncated_datagrams_are_counted_and_dropped),
        TEST(test_an_empty_datagram_is_one),
        TEST(test_flood_leaves_room_for_other_sources),
        TEST(test_port_may_be_freed_by_its_callback),
        TEST(test_bind_makes_a_well_kept_socket),
        TEST(test_star_serves_both_families),
        TEST(test_star_without_ipv6_serves_ipv4),
    };
    return cmocka_run_group_tests_name("udp-port", tests, NULL, NULL);
}
