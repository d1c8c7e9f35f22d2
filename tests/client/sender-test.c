/* The sender against a server in the same process: answers in pieces, early, never, or nonsense.
 * Time is an argument, so that time-outs need no waiting.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/sender.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define SECOND 1000000ULL

struct server {
    int listener, connection;
    struct addr addr;
    struct sender sender;
};

static int setup(void **state)
{
    struct server *server = calloc(1, sizeof(*server));
    struct sockaddr_storage storage;
    socklen_t len = sizeof(storage);

    assert_int_equal(addr_parse("127.0.0.1:0", &server->addr), 0);
    len = addr_to_sockaddr(&server->addr, &storage);
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(server->listener, (struct sockaddr *)&storage, len), 0);
    assert_int_equal(listen(server->listener, 4), 0);
    len = sizeof(storage);
    assert_int_equal(getsockname(server->listener, (struct sockaddr *)&storage, &len), 0);
    assert_int_equal(addr_from_sockaddr((struct sockaddr *)&storage, len, &server->addr), 0);
    server->connection = -1;
    sender_init(&server->sender);
    *state = server;
    return 0;
}

static int teardown(void **state)
{
    struct server *server = *state;

    sender_deinit(&server->sender);
    if (server->connection >= 0)
        close(server->connection);
    close(server->listener);
    free(server);
    return 0;
}

static void start(struct server *server, const char *frame)
{
    assert_int_equal(sender_start(&server->sender, &server->addr, bytes_of(frame), 0), 0);
}

/* One turn, once there is something to do. */
static enum sender_outcome turn(struct server *server)
{
    struct pollfd fd = sender_pollfd(&server->sender);

    assert_int_equal(poll(&fd, 1, 10000), 1);
    return sender_turn(&server->sender, fd.revents, SECOND);
}

/* Sends `frame` as far as the server has it and owes the answer. */
static void hand_over(struct server *server, const char *frame)
{
    char got[256];
    size_t len = 0;

    start(server, frame);
    if (server->connection < 0) {
        assert_int_equal(turn(server), SENDER_PENDING);
        server->connection = accept(server->listener, NULL, NULL);
    } else {
        assert_int_equal(turn(server), SENDER_PENDING);
    }
    while (len < strlen(frame)) {
        ssize_t n = recv(server->connection, got + len, sizeof(got) - len, 0);
        assert_true(n > 0);
        len += (size_t)n;
    }
    assert_memory_equal(got, frame, len);
    assert_int_equal(server->sender.state, SENDER_AWAITING);
}

static void answer(struct server *server, const char *text)
{
    assert_int_equal(send(server->connection, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void test_stored_and_again_on_the_same_connection(void **state)
{
    struct server *server = *state;
    int fd;

    hand_over(server, "one\003");
    answer(server, "ack\003");
    assert_int_equal(turn(server), SENDER_STORED);
    fd = server->sender.fd;
    hand_over(server, "two\003");
    answer(server, "ack\003");
    assert_int_equal(turn(server), SENDER_STORED);
    assert_int_equal(server->sender.fd, fd);
}

static void test_an_answer_in_pieces(void **state)
{
    struct server *server = *state;
    static const char text[] = "err:unknown:no: such user\003";

    hand_over(server, "one\003");
    for (const char *c = text; *c; c++) {
        answer(server, (const char[]){*c, '\0'});
        assert_int_equal(turn(server), c[1] ? SENDER_PENDING : SENDER_REFUSED);
    }
    assert_string_equal(server->sender.code, "unknown");
    assert_string_equal(server->sender.reason, "no: such user");
}

static void test_no_answer(void **state)
{
    struct server *server = *state;

    hand_over(server, "one\003");
    assert_true(sender_due(&server->sender) > SECOND);
    assert_int_equal(sender_turn(&server->sender, 0, sender_due(&server->sender)), SENDER_UNKNOWN);
    assert_int_equal(server->sender.state, SENDER_IDLE);
    assert_int_equal(server->sender.fd, -1);
    assert_true(sender_due(&server->sender) == UINT64_MAX);
}

static void test_closed_without_an_answer(void **state)
{
    struct server *server = *state;

    hand_over(server, "one\003");
    answer(server, "ac");
    close(server->connection);
    server->connection = -1;
    enum sender_outcome outcome;
    while ((outcome = turn(server)) == SENDER_PENDING)
        ;
    assert_int_equal(outcome, SENDER_UNKNOWN);
    assert_true(server->sender.reason[0] != '\0');
}

static void test_nonsense_and_endless_answers(void **state)
{
    struct server *server = *state;
    char endless[3000];
    enum sender_outcome outcome;

    hand_over(server, "one\003");
    answer(server, "HTTP/1.1 400 Bad Request\003");
    assert_int_equal(turn(server), SENDER_UNKNOWN);
    close(server->connection);
    server->connection = -1;
    hand_over(server, "two\003");
    memset(endless, 'x', sizeof(endless) - 1);
    endless[sizeof(endless) - 1] = '\0';
    answer(server, endless);
    while ((outcome = turn(server)) == SENDER_PENDING)
        ;
    assert_int_equal(outcome, SENDER_UNKNOWN);
}

static void test_nobody_listens(void **state)
{
    struct server *server = *state;
    enum sender_outcome outcome = SENDER_FAILED;

    close(server->listener);
    server->listener = -1;
    if (sender_start(&server->sender, &server->addr, bytes_of("one\003"), 0) == 0)
        outcome = turn(server);
    assert_int_equal(outcome, SENDER_FAILED);
    assert_string_equal(server->sender.reason, "Connection refused");
    assert_int_equal(server->sender.state, SENDER_IDLE);
    server->listener = socket(AF_INET, SOCK_STREAM, 0);
}

static void test_a_refusal_before_all_was_written_ends_the_connection(void **state)
{
    struct server *server = *state;
    size_t size = 16 << 20; /* more than the system buffers */
    char *frame = malloc(size + 1);
    enum sender_outcome outcome;

    memset(frame, 'x', size);
    frame[size] = '\0';
    start(server, frame);
    assert_int_equal(turn(server), SENDER_PENDING);
    server->connection = accept(server->listener, NULL, NULL);
    assert_int_equal(server->sender.state, SENDER_WRITING);
    answer(server, "err:too-long:at most 16384 bytes\003");
    while ((outcome = turn(server)) == SENDER_PENDING)
        ;
    assert_int_equal(outcome, SENDER_REFUSED);
    assert_string_equal(server->sender.code, "too-long");
    assert_int_equal(server->sender.fd, -1);
    free(frame);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_stored_and_again_on_the_same_connection),
        TEST(test_an_answer_in_pieces),
        TEST(test_no_answer),
        TEST(test_closed_without_an_answer),
        TEST(test_nonsense_and_endless_answers),
        TEST(test_nobody_listens),
        TEST(test_a_refusal_before_all_was_written_ends_the_connection),
    };

    return cmocka_run_group_tests_name("sender", tests, NULL, NULL);
}
