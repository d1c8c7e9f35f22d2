/* The listener: limits, shortage of descriptors, unix sockets.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "support.h"

#include "io/listener.h"
#include "util/hash.h"
#include "util/metrics.h"
#include "util/peercount.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define PER_ADDRESS  2
#define ACCEPTED_MAX 512

static struct loop *loop;
static struct metrics metrics;
static struct peercount *peers;
static struct listener *listener;
static struct addr to;
static bool free_in_callback;
static unsigned accepted;
static int accepted_fds[ACCEPTED_MAX];
static struct addr last_from;

static void on_accept(void *userdata, int fd, const struct addr *from)
{
    assert_ptr_equal(userdata, &metrics);
    assert_true(accepted < ACCEPTED_MAX);
    accepted_fds[accepted++] = fd;
    last_from = *from;
    if (free_in_callback)
        listener_free(listener);
}

static void start(int fd, struct peercount *limits)
{
    assert_true(fd >= 0);
    assert_int_equal(listener_new(loop, fd, limits, &metrics, on_accept, &metrics, &listener), 0);
}

static int setup(void **state)
{
    (void)state;
    accepted = 0;
    free_in_callback = false;
    metrics = (struct metrics){{0}};
    listener = NULL;
    assert_int_equal(loop_new(&loop), 0);
    assert_int_equal(peercount_new(PER_ADDRESS, 100, &peers), 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (unsigned i = 0; i < accepted; i++)
        close(accepted_fds[i]);
    if (!free_in_callback)
        listener_free(listener);
    listener_free(NULL);
    peercount_free(peers);
    loop_free(loop);
    return 0;
}

static void test_connection_is_handed_on(void **state)
{
    (void)state;
    int on = 0;
    socklen_t len = sizeof on;
    start(listen_somewhere(0, &to), peers);
    int client = connect_to(&to);
    struct addr from = local_addr(client);
    TURN_UNTIL(loop, accepted == 1);
    assert_true(addr_equal(&last_from, &from));
    assert_int_equal(fcntl(accepted_fds[0], F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    assert_int_equal(fcntl(accepted_fds[0], F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    assert_int_equal(getsockopt(accepted_fds[0], IPPROTO_TCP, TCP_NODELAY, &on, &len), 0);
    assert_true(on);
    on = 0;
    assert_int_equal(getsockopt(accepted_fds[0], SOL_SOCKET, SO_KEEPALIVE, &on, &len), 0);
    assert_true(on);
    assert_int_equal(metrics.value[METRIC_CONNECTIONS], 1);
    assert_int_equal(peercount_total(peers), 1);
    close(client);
}

static void test_over_the_limit_is_closed_at_once(void **state)
{
    (void)state;
    int clients[PER_ADDRESS + 1];
    start(listen_somewhere(0, &to), peers);
    for (int i = 0; i <= PER_ADDRESS; i++)
        clients[i] = connect_to(&to);
    TURN_UNTIL(loop, metrics.value[METRIC_CONNECTIONS_REFUSED] == 1);
    assert_int_equal(accepted, PER_ADDRESS);
    peer_expect_end(loop, clients[PER_ADDRESS]);
    close(clients[PER_ADDRESS]);

    peercount_give(peers, &last_from);
    clients[PER_ADDRESS] = connect_to(&to);
    TURN_UNTIL(loop, accepted == PER_ADDRESS + 1);
    assert_int_equal(metrics.value[METRIC_CONNECTIONS], PER_ADDRESS + 1);
    for (int i = 0; i <= PER_ADDRESS; i++)
        close(clients[i]);
}

static void test_a_turn_accepts_a_bounded_number(void **state)
{
    (void)state;
    enum { CLIENTS = 150 };
    int clients[CLIENTS];
    start(listen_somewhere(0, &to), NULL);
    for (int i = 0; i < CLIENTS; i++)
        clients[i] = connect_to(&to);
    assert_int_equal(loop_turn(loop, PATIENCE_US), 0);
    assert_true(accepted > 0 && accepted <= 64);
    TURN_UNTIL(loop, accepted == CLIENTS);
    for (int i = 0; i < CLIENTS; i++)
        close(clients[i]);
}

/* The number the next descriptor will have. */
static rlim_t next_fd(void)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    close(fd);
    return (rlim_t)fd;
}

static void test_without_descriptors_it_pauses_and_does_not_spin(void **state)
{
    (void)state;
    struct rlimit before, none;
    start(listen_somewhere(0, &to), peers);
    int client = connect_to(&to);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = next_fd();
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    unsigned turns = count_turns(loop, 250 * USEC_PER_MSEC);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(accepted, 0);
    assert_true(turns < 20);
    TURN_UNTIL(loop, accepted == 1);
    close(client);
}

static void test_listener_may_be_freed_by_its_callback(void **state)
{
    (void)state;
    start(listen_somewhere(0, &to), peers);
    int a = connect_to(&to), b = connect_to(&to);
    free_in_callback = true;
    TURN_UNTIL(loop, accepted > 0);
    turn_some(loop);
    assert_int_equal(accepted, 1);
    close(a);
    close(b);
}

static void test_bind_reports_a_port_in_use(void **state)
{
    (void)state;
    int fd = listen_somewhere(0, &to);
    assert_int_equal(listener_bind(&to), -EADDRINUSE);
    close(fd);
}

/* A restart: connections of the last run are in TIME_WAIT. */
static void test_bind_takes_a_port_with_connections_in_time_wait(void **state)
{
    (void)state;
    int fd = listen_somewhere(0, &to);
    int client = connect_to(&to);
    int server = accept(fd, NULL, NULL);
    close(server);
    peer_expect_end(loop, client);
    close(client);
    close(fd);
    fd = listener_bind(&to);
    assert_true(fd >= 0);
    close(fd);
}

/* -- unix sockets */

static char directory[] = "/tmp/multichat-listener-XXXXXX";
static char path[sizeof directory + 16];

static int setup_unix(void **state)
{
    strcpy(directory + sizeof directory - 7, "XXXXXX");
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/control", directory);
    return setup(state);
}

static int teardown_unix(void **state)
{
    unlink(path);
    rmdir(directory);
    return teardown(state);
}

static int connect_unix(void)
{
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    strcpy(sun.sun_path, path);
    assert_int_equal(connect(fd, (struct sockaddr *)&sun, sizeof sun), 0);
    return fd;
}

static void test_unix_socket_has_its_mode_and_no_limits(void **state)
{
    (void)state;
    struct stat info;
    mode_t mask = umask(077);
    start(listener_bind_unix(path, 0660), peers);
    umask(mask);
    assert_int_equal(stat(path, &info), 0);
    assert_true(S_ISSOCK(info.st_mode));
    assert_int_equal(info.st_mode & 07777, 0660);
    int client = connect_unix();
    TURN_UNTIL(loop, accepted == 1);
    assert_int_equal(last_from.family, 0);
    assert_int_equal(metrics.value[METRIC_CONNECTIONS], 0);
    assert_int_equal(peercount_total(peers), 0);
    close(client);
}

static void test_stale_unix_socket_is_replaced(void **state)
{
    (void)state;
    int fd = listener_bind_unix(path, 0600);
    assert_true(fd >= 0);
    close(fd); /* leaves the file */
    start(listener_bind_unix(path, 0600), NULL);
    int client = connect_unix();
    TURN_UNTIL(loop, accepted == 1);
    close(client);
}

static void test_live_unix_socket_is_left_alone(void **state)
{
    (void)state;
    start(listener_bind_unix(path, 0600), NULL);
    assert_int_equal(listener_bind_unix(path, 0600), -EADDRINUSE);
    accepted = 0;
    int client = connect_unix();
    TURN_UNTIL(loop, accepted >= 1);
    close(client);
}

static void test_other_files_are_left_alone(void **state)
{
    (void)state;
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    close(fd);
    assert_int_equal(listener_bind_unix(path, 0600), -EADDRINUSE);
    assert_int_equal(access(path, F_OK), 0);
}

static void test_unix_path_errors(void **state)
{
    (void)state;
    char too_long[256];
    memset(too_long, 'x', sizeof too_long);
    too_long[sizeof too_long - 1] = '\0';
    assert_int_equal(listener_bind_unix(too_long, 0600), -ENAMETOOLONG);
    assert_int_equal(listener_bind_unix("/nonexistent/control", 0600), -ENOENT);
}

#define TEST(function)      cmocka_unit_test_setup_teardown(function, setup, teardown)
#define TEST_UNIX(function) cmocka_unit_test_setup_teardown(function, setup_unix, teardown_unix)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_connection_is_handed_on),
        TEST(test_over_the_limit_is_closed_at_once),
        TEST(test_a_turn_accepts_a_bounded_number),
        TEST(test_without_descriptors_it_pauses_and_does_not_spin),
        TEST(test_listener_may_be_freed_by_its_callback),
        TEST(test_bind_reports_a_port_in_use),
        TEST(test_bind_takes_a_port_with_connections_in_time_wait),
        TEST_UNIX(test_unix_socket_has_its_mode_and_no_limits),
        TEST_UNIX(test_stale_unix_socket_is_replaced),
        TEST_UNIX(test_live_unix_socket_is_left_alone),
        TEST_UNIX(test_other_files_are_left_alone),
        TEST_UNIX(test_unix_path_errors),
    };
    hash_setup();
    return cmocka_run_group_tests_name("listener", tests, NULL, NULL);
}
