/* Dialling: what comes of it, when it is told, and limits.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "support.h"

#include "io/dialer.h"
#include "tests/lib/fault.h"
#include "util/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <unistd.h>

#define LONG_US (3600 * USEC_PER_SEC)

static const struct dialer_limits limits = {.total = 4, .per_address = 3, .connect_us = LONG_US};

static struct loop *loop;
static struct dialer *dialer;
static int listening;
static struct addr to;
static enum dial_result results[16]; /* in the order they came */
static int fds[16];
static unsigned result_count;
static bool dialling;

/* -- system calls that do as the test says */

static int socket_error_wanted;  /* socket() fails with it */
static int connect_error_wanted; /* connect() fails with it */
static bool connect_to_itself;   /* connect() happens to choose the peer's port for our end */

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
    return __real_connect(fd, sa, len);
}

/* -- a dialer, and a listener that the test plays */

static void on_done(void *userdata, enum dial_result result, int fd)
{
    assert_ptr_equal(userdata, &results);
    assert_false(dialling);
    assert_true(result_count < ARRAY_SIZE(results));
    assert_int_equal(fd >= 0, result == DIAL_CONNECTED);
    fds[result_count] = fd;
    results[result_count++] = result;
}

static int dial(const struct addr *where)
{
    dialling = true;
    int r = dialer_dial(dialer, where, on_done, &results);
    dialling = false;
    return r;
}

static int setup(void **state)
{
    (void)state;
    result_count = 0;
    socket_error_wanted = connect_error_wanted = 0;
    connect_to_itself = false;
    assert_int_equal(loop_new(&loop), 0);
    assert_int_equal(dialer_new(loop, &limits, &dialer), 0);
    listening = listen_somewhere(0, &to);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (unsigned i = 0; i < result_count; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    if (listening >= 0)
        close(listening);
    dialer_free(dialer);
    dialer_free(NULL);
    turn_some(loop);
    loop_free(loop);
    return 0;
}

static void stop_listening(void)
{
    close(listening);
    listening = -1;
}

/* Fills the listener's queue: connecting to it takes for ever now. */
static int fillers[8];

static void fill_backlog(void)
{
    struct sockaddr_storage sa;
    socklen_t len = addr_to_sockaddr(&to, &sa);
    assert_int_equal(listen(listening, 0), 0);
    for (size_t i = 0; i < ARRAY_SIZE(fillers); i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        (void)__real_connect(fillers[i], (struct sockaddr *)&sa, len);
    }
}

static void drop_fillers(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(fillers); i++)
        close(fillers[i]);
}

/* -- what comes of it */

static void test_connected(void **state)
{
    (void)state;
    int no_delay = 0;
    socklen_t len = sizeof no_delay;
    assert_int_equal(dial(&to), 0);
    assert_int_equal(dialer_active(dialer), 1);
    TURN_UNTIL(loop, result_count == 1);
    assert_int_equal(results[0], DIAL_CONNECTED);
    assert_int_equal(dialer_active(dialer), 0);
    assert_int_equal(fcntl(fds[0], F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    assert_int_equal(fcntl(fds[0], F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    assert_int_equal(getsockopt(fds[0], IPPROTO_TCP, TCP_NODELAY, &no_delay, &len), 0);
    assert_true(no_delay != 0);
    int accepted = accept(listening, NULL, NULL);
    peer_send(loop, fds[0], bytes_of("hello"));
    peer_expect(loop, accepted, "hello");
    close(accepted);
    turn_some(loop);
    assert_int_equal(result_count, 1);
}

static void test_nobody_listens(void **state)
{
    (void)state;
    stop_listening();
    assert_int_equal(dial(&to), 0);
    TURN_UNTIL(loop, result_count == 1);
    assert_int_equal(results[0], DIAL_REFUSED);
}

static void test_what_connect_says_of_the_peer_comes_later(void **state)
{
    (void)state;
    static const struct {
        int error;
        enum dial_result result;
    } cases[] = {
        {ENETUNREACH, DIAL_FAILED}, {EHOSTUNREACH, DIAL_FAILED}, {ECONNREFUSED, DIAL_REFUSED}};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        connect_error_wanted = cases[i].error;
        assert_int_equal(dial(&to), 0);
        assert_int_equal(result_count, i);
        TURN_UNTIL(loop, result_count == i + 1);
        assert_int_equal(results[i], cases[i].result);
    }
    assert_int_equal(dialer_active(dialer), 0);
}

static void test_what_this_host_lacks_is_told_at_once(void **state)
{
    (void)state;
    static const int errors[] = {EADDRNOTAVAIL, EAGAIN, ENOBUFS, ENOMEM};
    for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
        connect_error_wanted = errors[i];
        assert_int_equal(dial(&to), -errors[i]);
    }
    socket_error_wanted = EMFILE;
    assert_int_equal(dial(&to), -EMFILE);
    turn_some(loop);
    assert_int_equal(result_count, 0);
    assert_int_equal(dialer_active(dialer), 0);
}

static void test_connection_to_ourselves_is_refused(void **state)
{
    (void)state;
    stop_listening();
    connect_to_itself = true;
    assert_int_equal(dial(&to), 0);
    TURN_UNTIL(loop, result_count == 1);
    assert_int_equal(results[0], DIAL_REFUSED);
}

static void test_privileged_ports_are_not_connected_to(void **state)
{
    (void)state;
    to.port = 1023;
    assert_int_equal(dial(&to), -EACCES);
    to.port = 0;
    assert_int_equal(dial(&to), -EACCES);
    assert_int_equal(dialer_active(dialer), 0);
}

static void test_peer_that_does_not_answer(void **state)
{
    (void)state;
    struct dialer_limits short_limits = limits;
    short_limits.connect_us = 30 * USEC_PER_MSEC;
    fill_backlog();
    dialer_set_limits(dialer, &short_limits);
    assert_int_equal(dial(&to), 0);
    TURN_UNTIL(loop, result_count == 1);
    assert_int_equal(results[0], DIAL_FAILED);
    drop_fillers();
}

/* -- limits */

static void test_limits_in_total_and_per_address(void **state)
{
    (void)state;
    struct addr other;
    struct dialer_limits fewer = {.total = 2, .per_address = 2, .connect_us = LONG_US};
    fill_backlog();
    for (int i = 0; i < 3; i++)
        assert_int_equal(dial(&to), 0);
    assert_int_equal(dial(&to), -EBUSY);
    assert_int_equal(addr_parse("127.0.0.2:9", &other), 0);
    other.port = to.port;
    assert_int_equal(dial(&other), 0); /* nobody listens there, but that is not known yet */
    assert_int_equal(dial(&other), -EAGAIN);
    assert_int_equal(dialer_active(dialer), 4);
    TURN_UNTIL(loop, result_count == 1);
    assert_int_equal(results[0], DIAL_REFUSED);
    assert_int_equal(dialer_active(dialer), 3);
    dialer_set_limits(dialer, &fewer);
    assert_int_equal(dial(&other), -EAGAIN);
    drop_fillers();
}

/* -- callbacks, ends */

static void dial_again(void *userdata, enum dial_result result, int fd)
{
    (void)userdata;
    assert_int_equal(result, DIAL_CONNECTED);
    close(fd);
    assert_int_equal(dial(&to), 0);
}

static void test_callback_may_dial_again(void **state)
{
    (void)state;
    const struct dialer_limits one = {.total = 1, .per_address = 1, .connect_us = LONG_US};
    dialer_set_limits(dialer, &one);
    assert_int_equal(dialer_dial(dialer, &to, dial_again, NULL), 0);
    TURN_UNTIL(loop, result_count == 1);
    assert_int_equal(results[0], DIAL_CONNECTED);
}

static void free_dialer(void *userdata, enum dial_result result, int fd)
{
    (void)result;
    if (fd >= 0)
        close(fd);
    ++*(unsigned *)userdata;
    dialer_free(dialer);
    dialer = NULL;
}

static void test_callback_may_free_the_dialer(void **state)
{
    (void)state;
    static const int errors[] = {0, ENETUNREACH};
    for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
        unsigned called = 0;
        if (dialer == NULL)
            assert_int_equal(dialer_new(loop, &limits, &dialer), 0);
        connect_error_wanted = errors[i];
        for (int k = 0; k < 3; k++)
            assert_int_equal(dialer_dial(dialer, &to, free_dialer, &called), 0);
        TURN_UNTIL(loop, called > 0);
        turn_some(loop);
        assert_int_equal(called, 1);
    }
}

static void test_freeing_calls_nobody_back(void **state)
{
    (void)state;
    assert_int_equal(dial(&to), 0);
    connect_error_wanted = ENETUNREACH;
    assert_int_equal(dial(&to), 0);
    dialer_free(dialer);
    dialer = NULL;
    turn_some(loop);
    assert_int_equal(result_count, 0);
}

static void test_without_memory(void **state)
{
    (void)state;
    int r = -ENOMEM;
    for (long n = 0; r < 0; n++) {
        struct dialer *fresh = NULL;
        fault_countdown = n;
        r = dialer_new(loop, &limits, &fresh);
        if (r == 0)
            r = dialer_dial(fresh, &to, on_done, &results);
        fault_countdown = -1;
        assert_true(r == 0 || r == -ENOMEM);
        if (r == 0)
            TURN_UNTIL(loop, result_count == 1);
        dialer_free(fresh);
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_connected),
        TEST(test_nobody_listens),
        TEST(test_what_connect_says_of_the_peer_comes_later),
        TEST(test_what_this_host_lacks_is_told_at_once),
        TEST(test_connection_to_ourselves_is_refused),
        TEST(test_privileged_ports_are_not_connected_to),
        TEST(test_peer_that_does_not_answer),
        TEST(test_limits_in_total_and_per_address),
        TEST(test_callback_may_dial_again),
        TEST(test_callback_may_free_the_dialer),
        TEST(test_freeing_calls_nobody_back),
        TEST(test_without_memory),
    };
    hash_setup();
    return cmocka_run_group_tests_name("dialer", tests, NULL, NULL);
}
