/* Pushes: what counts as delivered, and receivers of every kind of bad manners.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "support.h"

#include "io/pusher.h"
#include "proto/v1.h"
#include "tests/lib/fault.h"
#include "util/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define MESSAGE "newmsg:1:Alice:alice:hello: \"you\""
#define LONG_US (3600 * USEC_PER_SEC)

static const struct pusher_limits limits = {
    .total = 4, .per_address = 3, .connect_us = LONG_US, .deliver_us = LONG_US};

static struct loop *loop;
static struct metrics metrics;
static struct pusher *pusher;
static int listening;
static struct addr to;
static int results[16]; /* in the order they came */
static unsigned result_count;
static bool in_push;

/* -- system calls that do as the test says */

static int socket_error_wanted;  /* socket() fails with it */
static int connect_error_wanted; /* connect() fails with it */
static bool connect_at_once;     /* connect() returns success at once */
static bool connect_to_itself;   /* connect() happens to choose the peer's port for our end */
static bool send_little;         /* a byte at a time, with EAGAIN between */
static bool never_acknowledged;  /* SIOCOUTQ says that a byte is not acknowledged */

int __real_socket(int domain, int type, int protocol);
int __wrap_socket(int domain, int type, int protocol);
int __wrap_socket(int domain, int type, int protocol)
{
    if (socket_error_wanted == 0)
        return __real_socket(domain, type, protocol);
    errno = socket_error_wanted;
    return -1;
}

int __real_connect(int fd, const struct sockaddr *sa, socklen_t len);
int __wrap_connect(int fd, const struct sockaddr *sa, socklen_t len);
int __wrap_connect(int fd, const struct sockaddr *sa, socklen_t len)
{
    if (connect_error_wanted != 0) {
        errno = connect_error_wanted;
        return -1;
    }
    if (connect_to_itself)
        assert_int_equal(bind(fd, sa, len), 0);
    if (!connect_at_once)
        return __real_connect(fd, sa, len);
    assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
    int result = __real_connect(fd, sa, len);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return result;
}

ssize_t __real_send(int fd, const void *data, size_t len, int flags);
ssize_t __wrap_send(int fd, const void *data, size_t len, int flags);
ssize_t __wrap_send(int fd, const void *data, size_t len, int flags)
{
    static bool again;
    if (!send_little || !(flags & MSG_MORE))
        return __real_send(fd, data, len, flags);
    again = !again;
    if (!again)
        return __real_send(fd, data, 1, flags);
    errno = EAGAIN;
    return -1;
}

int __real_ioctl(int fd, unsigned long request, void *argument);
int __wrap_ioctl(int fd, unsigned long request, void *argument);
int __wrap_ioctl(int fd, unsigned long request, void *argument)
{
    int result = __real_ioctl(fd, request, argument);
    if (never_acknowledged && request == SIOCOUTQ)
        *(int *)argument = 1;
    return result;
}

/* -- a pusher, and a listener that the test plays */

static void on_done(void *userdata, enum push_result result)
{
    assert_ptr_equal(userdata, &metrics);
    assert_false(in_push);
    assert_true(result_count < ARRAY_SIZE(results));
    results[result_count++] = result;
}

static int setup(void **state)
{
    (void)state;
    result_count = 0;
    socket_error_wanted = connect_error_wanted = 0;
    connect_at_once = connect_to_itself = send_little = never_acknowledged = false;
    metrics = (struct metrics){{0}};
    assert_int_equal(loop_new(&loop), 0);
    assert_int_equal(pusher_new(loop, &limits, &metrics, &pusher), 0);
    listening = listen_somewhere(0, &to);
    assert_int_equal(fcntl(listening, F_SETFL, O_NONBLOCK), 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    pusher_free(pusher);
    close(listening);
    loop_free(loop);
    return 0;
}

static int push_text(const char *text)
{
    in_push = true;
    int error = pusher_push(pusher, &to, bytes_of(text), on_done, &metrics);
    in_push = false;
    return error;
}

static void push(const char *text)
{
    assert_int_equal(push_text(text), 0);
}

/* What reached the backlog already, without turning the loop. */
static int take_connection(void)
{
    int fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static void expect_result(enum push_result result)
{
    TURN_UNTIL(loop, result_count == 1);
    assert_int_equal(results[0], result);
    assert_int_equal(pusher_active(pusher), 0);
    assert_int_equal(metrics.value[METRIC_PUSHES], 1);
    assert_int_equal(metrics.value[METRIC_PUSHES_DELIVERED], result == PUSH_DELIVERED);
    assert_int_equal(metrics.value[METRIC_PUSHES_REFUSED], result == PUSH_REFUSED);
    assert_int_equal(metrics.value[METRIC_PUSHES_FAILED], result == PUSH_FAILED);
    turn_some(loop);
    assert_int_equal(result_count, 1);
}

/* -- delivered */

static void test_delivered_once_the_peer_has_closed(void **state)
{
    (void)state;
    push(MESSAGE);
    assert_int_equal(pusher_active(pusher), 1);
    int peer = take_connection();
    peer_expect(loop, peer, MESSAGE);
    peer_expect_end(loop, peer);
    assert_true(count_turns(loop, 20 * USEC_PER_MSEC) <= QUIET_TURNS);
    assert_int_equal(result_count, 0);
    close(peer);
    expect_result(PUSH_DELIVERED);
}

static void test_longest_payload(void **state)
{
    (void)state;
    char payload[V1_PUSH_MAX + 2], got[V1_PUSH_MAX + 1];
    memset(payload, 'x', sizeof payload);
    payload[V1_PUSH_MAX + 1] = '\0';
    assert_int_equal(push_text(payload), -EMSGSIZE);
    payload[V1_PUSH_MAX] = '\0';
    push(payload);
    memset(payload, 'y', V1_PUSH_MAX); /* it was copied */
    int peer = take_connection();
    assert_int_equal(peer_read_all(loop, peer, got, sizeof got), V1_PUSH_MAX);
    assert_int_equal(got[0], 'x');
    close(peer);
    expect_result(PUSH_DELIVERED);
}

static void test_over_ipv6(void **state)
{
    (void)state;
    close(listening);
    struct addr addr;
    assert_int_equal(addr_parse("[::1]:0", &addr), 0);
    struct sockaddr_storage sa;
    socklen_t len = addr_to_sockaddr(&addr, &sa);
    listening = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listening, (struct sockaddr *)&sa, len), 0);
    assert_int_equal(listen(listening, 1), 0);
    to = local_addr(listening);
    push(MESSAGE);
    int peer = take_connection();
    peer_expect(loop, peer, MESSAGE);
    close(peer);
    expect_result(PUSH_DELIVERED);
}

static void test_connect_that_succeeds_at_once(void **state)
{
    (void)state;
    connect_at_once = true;
    push(MESSAGE);
    int peer = take_connection();
    peer_expect(loop, peer, MESSAGE);
    close(peer);
    expect_result(PUSH_DELIVERED);
}

static void test_payload_sent_little_by_little(void **state)
{
    (void)state;
    send_little = true;
    push(MESSAGE);
    int peer = take_connection();
    peer_expect(loop, peer, MESSAGE);
    peer_expect_end(loop, peer);
    close(peer);
    expect_result(PUSH_DELIVERED);
}

/* It has read the message and does not wait for the end of the stream. */
static void test_peer_that_closes_first(void **state)
{
    (void)state;
    send_little = true; /* payload and FIN do not come in one segment */
    push("ab");
    int peer = take_connection();
    peer_expect(loop, peer, "ab");
    close(peer);
    expect_result(PUSH_DELIVERED);
}

/* It shuts down its side at once and then reads. */
static void test_peer_that_shuts_down_first(void **state)
{
    (void)state;
    push(MESSAGE);
    int peer = take_connection();
    assert_int_equal(shutdown(peer, SHUT_WR), 0);
    peer_expect(loop, peer, MESSAGE);
    peer_expect_end(loop, peer);
    close(peer);
    expect_result(PUSH_DELIVERED);
}

static void test_what_the_peer_sends_is_ignored(void **state)
{
    (void)state;
    push(MESSAGE);
    int peer = take_connection();
    for (int i = 0; i < 100; i++)
        peer_send(loop, peer, bytes_of("HTTP/1.1 400 Bad Request\r\n\r\n"));
    peer_expect(loop, peer, MESSAGE);
    peer_expect_end(loop, peer);
    peer_send(loop, peer, bytes_of("more"));
    close(peer);
    expect_result(PUSH_DELIVERED);
}

static void test_next_push_from_the_callback(void **state)
{
    (void)state;
    /* One after the other over the same object, as the logic unit does it. */
    for (unsigned i = 0; i < 10; i++) {
        push(MESSAGE);
        int peer = take_connection();
        peer_expect(loop, peer, MESSAGE);
        close(peer);
        TURN_UNTIL(loop, result_count == i + 1);
        assert_int_equal(results[i], PUSH_DELIVERED);
    }
}

/* -- not delivered */

static void test_nobody_listens(void **state)
{
    (void)state;
    close(listening);
    push(MESSAGE);
    listening = -1;
    expect_result(PUSH_REFUSED);
}

static void test_peer_that_resets(void **state)
{
    (void)state;
    push(MESSAGE);
    int peer = take_connection();
    peer_expect(loop, peer, MESSAGE);
    peer_reset(peer);
    expect_result(PUSH_FAILED);
}

static void test_peer_that_closes_with_bytes_unread(void **state)
{
    (void)state;
    push(MESSAGE);
    int peer = take_connection();
    peer_expect(loop, peer, "new");
    close(peer);
    expect_result(PUSH_FAILED);
}

/* Its end of stream comes before our bytes have reached it: end of stream alone is no delivery. */
static void test_peer_that_closes_before_it_reads(void **state)
{
    (void)state;
    push(MESSAGE);
    close(take_connection());
    expect_result(PUSH_FAILED);
}

static void test_peer_that_resets_before_it_reads(void **state)
{
    (void)state;
    push(MESSAGE);
    peer_reset(take_connection());
    expect_result(PUSH_FAILED);
}

static void test_peer_that_never_stops_sending(void **state)
{
    (void)state;
    static char text[65536];
    push(MESSAGE);
    int peer = take_connection();
    uint64_t begun = clock_monotonic_us();
    while (result_count == 0 && clock_monotonic_us() - begun < PATIENCE_US) {
        (void)send(peer, text, sizeof text, MSG_NOSIGNAL);
        assert_int_equal(loop_turn(loop, USEC_PER_MSEC), 0);
    }
    close(peer);
    expect_result(PUSH_FAILED);
}

static void set_limits(uint64_t connect_us, uint64_t deliver_us)
{
    struct pusher_limits impatient = limits;
    impatient.connect_us = connect_us;
    impatient.deliver_us = deliver_us;
    pusher_set_limits(pusher, &impatient);
}

static void test_peer_that_never_closes(void **state)
{
    (void)state;
    set_limits(LONG_US, 30 * USEC_PER_MSEC);
    push(MESSAGE);
    int peer = take_connection();
    peer_expect(loop, peer, MESSAGE);
    peer_expect_end(loop, peer);
    expect_result(PUSH_FAILED);
    /* It is told that its close comes too late. */
    struct pollfd end = {.fd = peer};
    assert_int_equal(poll(&end, 1, (int)(PATIENCE_US / USEC_PER_MSEC)), 1);
    assert_true(end.revents & (POLLERR | POLLHUP));
    close(peer);
}

/* Its end of stream is there and our own is never acknowledged: no delivery, and no spinning. */
static void test_peer_that_never_acknowledges(void **state)
{
    (void)state;
    never_acknowledged = true;
    set_limits(LONG_US, 100 * USEC_PER_MSEC);
    push(MESSAGE);
    int peer = take_connection();
    peer_expect(loop, peer, MESSAGE);
    close(peer);
    assert_true(count_turns(loop, 50 * USEC_PER_MSEC) <= QUIET_TURNS);
    assert_int_equal(result_count, 0);
    expect_result(PUSH_FAILED);
}

/* The kernel accepts for it; nobody reads. */
static void test_peer_that_never_accepts(void **state)
{
    (void)state;
    set_limits(LONG_US, 30 * USEC_PER_MSEC);
    push(MESSAGE);
    expect_result(PUSH_FAILED);
}

static void test_peer_whose_backlog_is_full(void **state)
{
    (void)state;
    int fillers[8];
    struct sockaddr_storage sa;
    socklen_t len = addr_to_sockaddr(&to, &sa);
    assert_int_equal(listen(listening, 0), 0);
    for (size_t i = 0; i < ARRAY_SIZE(fillers); i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        (void)connect(fillers[i], (struct sockaddr *)&sa, len);
    }
    set_limits(30 * USEC_PER_MSEC, LONG_US);
    push(MESSAGE);
    expect_result(PUSH_FAILED);
    for (size_t i = 0; i < ARRAY_SIZE(fillers); i++)
        close(fillers[i]);
}

static void test_socket_connected_to_itself(void **state)
{
    (void)state;
    close(listening);
    listening = -1;
    connect_to_itself = true;
    push(MESSAGE);
    expect_result(PUSH_REFUSED);
}

static void test_unreachable_network(void **state)
{
    (void)state;
    connect_error_wanted = ENETUNREACH;
    push(MESSAGE);
    assert_int_equal(result_count, 0); /* never during the call */
    assert_int_equal(pusher_active(pusher), 1);
    expect_result(PUSH_FAILED);
}

/* -- not begun */

static void test_privileged_ports_are_not_connected_to(void **state)
{
    (void)state;
    for (unsigned port = 0; port < 1024; port += 1023) {
        to.port = (uint16_t)port;
        assert_int_equal(push_text(MESSAGE), -EACCES);
    }
    turn_some(loop);
    assert_int_equal(result_count, 0);
    assert_int_equal(metrics.value[METRIC_PUSHES], 0);
}

static void test_what_this_host_lacks_is_told_at_once(void **state)
{
    (void)state;
    socket_error_wanted = EMFILE;
    assert_int_equal(push_text(MESSAGE), -EMFILE);
    socket_error_wanted = 0;
    connect_error_wanted = EADDRNOTAVAIL;
    assert_int_equal(push_text(MESSAGE), -EADDRNOTAVAIL);
    connect_error_wanted = 0;
    turn_some(loop);
    assert_int_equal(result_count, 0);
    assert_int_equal(pusher_active(pusher), 0);
    push(MESSAGE);
}

static void test_limits_in_total_and_per_address(void **state)
{
    (void)state;
    struct addr other = to;
    assert_int_equal(addr_parse("127.0.0.2:2000", &other), 0);
    other.port = to.port;
    for (unsigned i = 0; i < limits.per_address; i++)
        push(MESSAGE);
    assert_int_equal(push_text(MESSAGE), -EBUSY);
    assert_int_equal(pusher_push(pusher, &other, bytes_of(MESSAGE), on_done, &metrics), 0);
    assert_int_equal(pusher_push(pusher, &other, bytes_of(MESSAGE), on_done, &metrics), -EAGAIN);
    assert_int_equal(pusher_active(pusher), limits.total);

    int peer = take_connection();
    peer_reset(peer);
    TURN_UNTIL(loop, result_count >= 1);
    push(MESSAGE);

    struct pusher_limits more = limits;
    more.total = more.per_address = 5 + (unsigned)result_count;
    pusher_set_limits(pusher, &more);
    push(MESSAGE);
}

/* -- the end of the pusher */

static void test_freeing_calls_nobody_back(void **state)
{
    (void)state;
    push(MESSAGE);
    turn_some(loop);
    connect_error_wanted = ENETUNREACH;
    push(MESSAGE); /* has failed, its callback has not run */
    connect_error_wanted = 0;
    push(MESSAGE);
    pusher_free(pusher);
    turn_some(loop);
    assert_int_equal(result_count, 0);
    assert_int_equal(pusher_new(loop, &limits, &metrics, &pusher), 0);
    pusher_free(NULL);
}

static void on_done_freeing(void *userdata, enum push_result result)
{
    on_done(userdata, result);
    pusher_free(pusher);
    pusher = NULL;
}

static void test_callback_may_free_the_pusher(void **state)
{
    (void)state;
    connect_error_wanted = ENETUNREACH;
    for (int i = 0; i < 2; i++)
        assert_int_equal(pusher_push(pusher, &to, bytes_of(MESSAGE), on_done_freeing, &metrics), 0);
    turn_some(loop);
    assert_int_equal(result_count, 1);
}

static void test_without_memory(void **state)
{
    (void)state;
    int error = -1;
    for (long n = 0; error < 0; n++) {
        fault_countdown = n;
        error = push_text(MESSAGE);
        fault_countdown = -1;
        assert_true(error == 0 || error == -ENOMEM);
        assert_int_equal(pusher_active(pusher), error == 0);
    }
    int peer = take_connection();
    peer_expect(loop, peer, MESSAGE);
    close(peer);
    expect_result(PUSH_DELIVERED);
}

/* -- as many as there are: TIME_WAIT is on our side, and there are fewer ports than this */

#define MANY     30000
#define ABREAST  4
#define MANY_END 2 /* exit code of a receiver that got something else */

/* Takes MANY connections and exits with 0 if each brought the message and an end in order. */
static void receive_many(void)
{
    char got[sizeof MESSAGE + 1];
    (void)fcntl(listening, F_SETFL, 0);
    for (int i = 0; i < MANY; i++) {
        size_t len = 0;
        ssize_t count;
        int fd = accept(listening, NULL, NULL);
        while ((count = read(fd, got + len, sizeof got - len)) > 0)
            len += (size_t)count;
        if (count < 0 || len != strlen(MESSAGE) || memcmp(got, MESSAGE, len) != 0)
            _exit(MANY_END);
        close(fd);
    }
    _exit(0);
}

static unsigned many_begun, many_delivered;

static void begin_one(void);

static void on_one_of_many(void *userdata, enum push_result result)
{
    (void)userdata;
    assert_int_equal(result, PUSH_DELIVERED);
    many_delivered++;
    begin_one();
}

static void begin_one(void)
{
    if (many_begun == MANY)
        return;
    many_begun++;
    assert_int_equal(pusher_push(pusher, &to, bytes_of(MESSAGE), on_one_of_many, NULL), 0);
}

static void test_more_pushes_than_there_are_ports(void **state)
{
    (void)state;
    const struct pusher_limits wide = {
        .total = ABREAST, .per_address = ABREAST, .connect_us = LONG_US, .deliver_us = LONG_US};
    int status;
    pid_t receiver = fork();
    assert_true(receiver >= 0);
    if (receiver == 0)
        receive_many();
    pusher_set_limits(pusher, &wide);
    many_begun = many_delivered = 0;
    uint64_t begun = clock_monotonic_us();
    for (int i = 0; i < ABREAST; i++)
        begin_one();
    while (many_delivered < MANY && clock_monotonic_us() - begun < 6 * PATIENCE_US)
        assert_int_equal(loop_turn(loop, PATIENCE_US), 0);
    uint64_t took_ms = (clock_monotonic_us() - begun) / USEC_PER_MSEC;
    print_message("# %d pushes to one port in %llu ms\n", MANY, (unsigned long long)took_ms);
    assert_int_equal(many_delivered, MANY);
    assert_int_equal(waitpid(receiver, &status, 0), receiver);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_delivered_once_the_peer_has_closed),
        TEST(test_longest_payload),
        TEST(test_over_ipv6),
        TEST(test_connect_that_succeeds_at_once),
        TEST(test_payload_sent_little_by_little),
        TEST(test_peer_that_closes_first),
        TEST(test_peer_that_shuts_down_first),
        TEST(test_what_the_peer_sends_is_ignored),
        TEST(test_next_push_from_the_callback),
        TEST(test_nobody_listens),
        TEST(test_peer_that_resets),
        TEST(test_peer_that_closes_with_bytes_unread),
        TEST(test_peer_that_closes_before_it_reads),
        TEST(test_peer_that_resets_before_it_reads),
        TEST(test_peer_that_never_stops_sending),
        TEST(test_peer_that_never_closes),
        TEST(test_peer_that_never_acknowledges),
        TEST(test_peer_that_never_accepts),
        TEST(test_peer_whose_backlog_is_full),
        TEST(test_socket_connected_to_itself),
        TEST(test_unreachable_network),
        TEST(test_privileged_ports_are_not_connected_to),
        TEST(test_what_this_host_lacks_is_told_at_once),
        TEST(test_limits_in_total_and_per_address),
        TEST(test_freeing_calls_nobody_back),
        TEST(test_callback_may_free_the_pusher),
        TEST(test_without_memory),
        TEST(test_more_pushes_than_there_are_ports),
    };
    hash_setup();
    return cmocka_run_group_tests_name("pusher", tests, NULL, NULL);
}
