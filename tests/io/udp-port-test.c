/* The UDP port: batches, truncation, floods, answers, binding.
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
static size_t answer_len;
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

/* Stands before sendmmsg(2): some answers cannot be sent. */
static int sending_error;         /* errno, or 0 */
static unsigned sending_fails_at; /* of the answers that are left */
static unsigned sendings;
int __real_sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags);
int __wrap_sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags);
int __wrap_sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
    sendings++;
    assert_true(flags & MSG_DONTWAIT);
    if (sending_error == 0 || sending_fails_at >= count)
        return __real_sendmmsg(fd, messages, count, flags);
    if (sending_fails_at > 0) {
        count = sending_fails_at;
        sending_fails_at = 0;
        return __real_sendmmsg(fd, messages, count, flags);
    }
    errno = sending_error;
    if (sending_error != EAGAIN)
        sending_error = 0;
    return -1;
}

static size_t on_datagram(void *userdata, const struct addr *from, struct bytes datagram,
                          char *answer, size_t size)
{
    assert_ptr_equal(userdata, &metrics);
    assert_true(datagram.len <= DATAGRAM_MAX);
    received++;
    last_len = datagram.len;
    memcpy(last, datagram.data, datagram.len);
    last_from = *from;
    assert_true(size <= datagram.len);
    if (free_in_callback)
        udp_port_free(port);
    if (answer_len > size)
        return 0;
    memset(answer, 'a' + (int)(received % 26), answer_len);
    return answer_len;
}

static int setup(void **state)
{
    (void)state;
    struct addr addr = loopback();
    received = 0;
    last_len = SIZE_MAX;
    free_in_callback = without_ipv6 = false;
    answer_len = 0;
    sending_error = 0;
    sending_fails_at = sendings = 0;
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

/* One more socket of a client. */
static int another_sender(void)
{
    struct addr addr = loopback();
    int fd = udp_port_bind(&addr);
    assert_true(fd >= 0);
    return fd;
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

/* -- answers */

/* What comes to `fd`, from exactly `from`. */
static void expect_answer(int fd, const struct addr *from, const char *text)
{
    char data[DATAGRAM_MAX];
    struct sockaddr_storage sa;
    socklen_t len = sizeof sa;
    struct addr source;
    ssize_t count = -1;
    TURN_UNTIL(loop, (count = recvfrom(fd, data, sizeof data, MSG_DONTWAIT, (struct sockaddr *)&sa,
                                       &len)) >= 0);
    assert_int_equal(count, strlen(text));
    assert_memory_equal(data, text, strlen(text));
    assert_int_equal(addr_from_sockaddr((struct sockaddr *)&sa, len, &source), 0);
    if (!addr_equal(&source, from)) {
        char expected[ADDR_TEXT_MAX], got[ADDR_TEXT_MAX];
        fail_msg("from %s, not %s", addr_format(&source, got), addr_format(from, expected));
    }
}

static void expect_nothing(int fd)
{
    char data[1];
    turn_some(loop);
    assert_int_equal(recv(fd, data, sizeof data, MSG_DONTWAIT), -1);
    assert_int_equal(errno, EAGAIN);
}

static void test_datagram_is_answered(void **state)
{
    (void)state;
    answer_len = 3;
    send_to(&port_addr, sender, 10);
    expect_answer(sender, &port_addr, "bbb");
    send_to(&port_addr, sender, 3);
    expect_answer(sender, &port_addr, "ccc");
    send_to(&port_addr, sender, 2); /* too short for it */
    TURN_UNTIL(loop, received == 3);
    expect_nothing(sender);
    assert_int_equal(metrics.value[METRIC_POLLS_UNANSWERED], 0);
}

static void test_answers_of_a_batch_leave_together(void **state)
{
    (void)state;
    int other = another_sender();
    answer_len = 2;
    for (int i = 0; i < 5; i++)
        send_to(&port_addr, i % 2 == 0 ? sender : other, 10);
    assert_int_equal(loop_turn(loop, PATIENCE_US), 0);
    expect_answer(sender, &port_addr, "bb");
    expect_answer(other, &port_addr, "cc");
    expect_answer(sender, &port_addr, "dd");
    expect_answer(other, &port_addr, "ee");
    expect_answer(sender, &port_addr, "ff");
    assert_int_equal(sendings, 1);
    send_to(&port_addr, sender, 1); /* without an answer nothing is sent */
    TURN_UNTIL(loop, received == 6);
    assert_int_equal(sendings, 1);
    close(other);
}

/* A host with several addresses, here loopback's: the answer comes from the one that was asked. */
static void test_answer_leaves_from_the_address_that_was_asked(void **state)
{
    (void)state;
    static const char *const any[] = {"*:0", "0.0.0.0:0"};
    static const char *const asked[] = {"127.0.0.1:0", "127.0.0.2:0", "127.5.6.7:0"};
    for (size_t k = 0; k < ARRAY_SIZE(any); k++) {
        struct addr addr;
        udp_port_free(port);
        assert_int_equal(addr_parse(any[k], &addr), 0);
        int fd = udp_port_bind(&addr);
        uint16_t number = local_addr(fd).port;
        assert_int_equal(
            udp_port_new(loop, fd, DATAGRAM_MAX, &metrics, on_datagram, &metrics, &port), 0);
        answer_len = 1;
        received = 0;
        for (size_t i = 0; i < ARRAY_SIZE(asked); i++) {
            assert_int_equal(addr_parse(asked[i], &addr), 0);
            addr.port = number;
            send_to(&addr, sender, 4);
            expect_answer(sender, &addr, (const char *[]){"b", "c", "d"}[i]);
        }
    }
}

static void test_answer_over_ipv6(void **state)
{
    (void)state;
    struct addr addr;
    udp_port_free(port);
    assert_int_equal(addr_parse("*:0", &addr), 0);
    int fd = udp_port_bind(&addr);
    uint16_t number = local_addr(fd).port;
    assert_int_equal(udp_port_new(loop, fd, DATAGRAM_MAX, &metrics, on_datagram, &metrics, &port),
                     0);
    assert_int_equal(addr_parse("[::1]:0", &addr), 0);
    int sender6 = udp_port_bind(&addr);
    assert_true(sender6 >= 0);
    addr.port = number;
    answer_len = 1;
    send_to(&addr, sender6, 4);
    expect_answer(sender6, &addr, "b");
    close(sender6);
}

/* A socket unit may have switched on what comes along with each datagram. */
static void test_other_words_of_the_kernel_are_not_sent_back(void **state)
{
    (void)state;
    const int on = 1;
    struct addr addr = loopback();
    udp_port_free(port);
    int fd = udp_port_bind(&addr);
    port_addr = local_addr(fd);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on), 0);
    assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_RECVTTL, &on, sizeof on), 0);
    assert_int_equal(udp_port_new(loop, fd, DATAGRAM_MAX, &metrics, on_datagram, &metrics, &port),
                     0);
    answer_len = 1;
    send_to(&port_addr, sender, 4);
    expect_answer(sender, &port_addr, "b");
}

static void test_answers_the_kernel_does_not_take_are_dropped(void **state)
{
    (void)state;
    answer_len = 1;
    sending_error = EAGAIN;
    sending_fails_at = 2;
    for (int i = 0; i < 5; i++)
        send_to(&port_addr, sender, 4);
    assert_int_equal(loop_turn(loop, PATIENCE_US), 0);
    expect_answer(sender, &port_addr, "b");
    expect_answer(sender, &port_addr, "c");
    expect_nothing(sender);
    assert_int_equal(metrics.value[METRIC_POLLS_UNANSWERED], 3);
    sending_error = 0;
    send_to(&port_addr, sender, 4);
    expect_answer(sender, &port_addr, "g");
}

static void test_one_answer_that_fails_does_not_hold_up_the_others(void **state)
{
    (void)state;
    answer_len = 1;
    sending_error = EPERM; /* a firewall's */
    sending_fails_at = 1;
    for (int i = 0; i < 3; i++)
        send_to(&port_addr, sender, 4);
    assert_int_equal(loop_turn(loop, PATIENCE_US), 0);
    expect_answer(sender, &port_addr, "b");
    expect_answer(sender, &port_addr, "d");
    expect_nothing(sender);
    assert_int_equal(metrics.value[METRIC_POLLS_UNANSWERED], 1);
}

/* -- floods, binding */

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
        TEST(test_datagram_is_answered),
        TEST(test_answers_of_a_batch_leave_together),
        TEST(test_answer_leaves_from_the_address_that_was_asked),
        TEST(test_answer_over_ipv6),
        TEST(test_other_words_of_the_kernel_are_not_sent_back),
        TEST(test_answers_the_kernel_does_not_take_are_dropped),
        TEST(test_one_answer_that_fails_does_not_hold_up_the_others),
        TEST(test_flood_leaves_room_for_other_sources),
        TEST(test_port_may_be_freed_by_its_callback),
        TEST(test_bind_makes_a_well_kept_socket),
        TEST(test_star_serves_both_families),
        TEST(test_star_without_ipv6_serves_ipv4),
    };
    return cmocka_run_group_tests_name("udp-port", tests, NULL, NULL);
}
