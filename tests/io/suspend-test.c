/* Connections that are suspended and gone on with, as over a restart: nothing of a frame is lost,
 * no answer is, and what is ending anyway ends.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "tls-fixture.h"

#include "io/connection.h"

#include <errno.h>
#include <unistd.h>

#define FRAME_MAX 100

static struct loop *loop;
static struct tls_context *tls;
static struct metrics metrics;
static struct connection *connection;
static struct reply *held; /* of the last frame */
static char frame[FRAME_MAX + 1];
static char input[FRAME_MAX + 2]; /* what came with the descriptor */
static int suspended_fd;
static int client;
static struct addr client_addr;

static void on_frame(void *userdata, struct connection *which, struct bytes bytes,
                     struct reply *reply)
{
    memcpy(frame, bytes.data, bytes.len);
    frame[bytes.len] = '\0';
    held = reply;
}

static void on_refuse(void *userdata, struct connection *which, enum connection_refusal why,
                      struct reply *reply)
{
    reply_drop(reply, true);
}

static void on_suspended(void *userdata, struct connection *suspended, int fd, struct bytes bytes)
{
    assert_true(addr_equal(connection_peer(suspended), &client_addr));
    suspended_fd = fd;
    if (bytes.len > 0)
        memcpy(input, bytes.data, bytes.len);
    input[bytes.len] = '\0';
}

static void on_closed(void *userdata, struct connection *which, const struct addr *from)
{
    connection = NULL;
}

static void take_up(int fd)
{
    const struct connection_limits limits = {
        .frame_max = FRAME_MAX, .output_max = 4096, .owed_max = 1, .idle_us = 3600 * USEC_PER_SEC};
    const struct connection_handler handler = {
        .frame = on_frame, .refuse = on_refuse, .suspended = on_suspended, .closed = on_closed};

    assert_int_equal(connection_new(loop, fd, &client_addr, CONNECTION_DETECT, tls, &limits,
                                    &handler, &metrics, &connection),
                     0);
}

static int setup(void **state)
{
    int server;

    assert_int_equal(loop_new(&loop), 0);
    held = NULL;
    frame[0] = input[0] = '\0';
    suspended_fd = -1;
    tcp_pair(&server, &client, &client_addr);
    take_up(server);
    return 0;
}

static int teardown(void **state)
{
    if (connection)
        connection_close(connection);
    turn_some(loop);
    loop_free(loop);
    if (client >= 0)
        close(client);
    return 0;
}

static void half_a_frame_is_finished_by_the_successor(void **state)
{
    peer_send(loop, client, bytes_of("first ha"));
    turn_some(loop);
    connection_suspend(connection);
    TURN_UNTIL(loop, connection == NULL);
    assert_string_equal(input, "first ha");
    peer_send(loop, client, bytes_of("lf\003"));
    take_up(suspended_fd);
    assert_int_equal(connection_resume(connection, bytes_of(input)), 0);
    TURN_UNTIL(loop, held != NULL);
    assert_string_equal(frame, "first half");
    reply_send(held, bytes_of("ack\003"), false);
    peer_expect(loop, client, "ack\003");
}

static void whole_frames_that_came_along_need_no_more_bytes(void **state)
{
    peer_send(loop, client, bytes_of("one\003two\003"));
    TURN_UNTIL(loop, held != NULL);
    connection_suspend(connection); /* owed_max is 1: the second is still in the buffer */
    turn_some(loop);
    assert_non_null(connection); /* an answer is owed */
    reply_send(held, bytes_of("1\003"), false);
    held = NULL;
    TURN_UNTIL(loop, connection == NULL);
    peer_expect(loop, client, "1\003");
    assert_string_equal(input, "two\003");
    take_up(suspended_fd);
    assert_int_equal(connection_resume(connection, bytes_of(input)), 0);
    TURN_UNTIL(loop, held != NULL);
    assert_string_equal(frame, "two");
    reply_drop(held, false);
}

static void before_the_first_byte_too(void **state)
{
    peer_send(loop, client, bytes_of("x\003"));
    connection_suspend(connection);
    TURN_UNTIL(loop, connection == NULL);
    assert_string_equal(input, "");
    take_up(suspended_fd);
    TURN_UNTIL(loop, held != NULL);
    assert_string_equal(frame, "x");
    reply_drop(held, false);
}

/* What was read before cannot be the beginning of TLS. */
static void what_goes_on_is_plain(void **state)
{
    connection_suspend(connection);
    TURN_UNTIL(loop, connection == NULL);
    peer_send(loop, client, bytes_of("\x16\003"));
    take_up(suspended_fd);
    assert_int_equal(connection_resume(connection, bytes_of("a")), 0);
    TURN_UNTIL(loop, held != NULL);
    assert_string_equal(frame, "a\x16");
    reply_drop(held, false);
}

static void with_nothing_read_there_is_nothing_to_hand_over(void **state)
{
    connection_suspend(connection);
    TURN_UNTIL(loop, connection == NULL);
    assert_string_equal(input, "");
    take_up(suspended_fd);
    assert_int_equal(connection_resume(connection, bytes_of("")), 0);
    peer_send(loop, client, bytes_of("later\003"));
    TURN_UNTIL(loop, held != NULL);
    assert_string_equal(frame, "later");
    reply_drop(held, false);
}

static void a_connection_that_is_to_be_closed_is_closed(void **state)
{
    peer_send(loop, client, bytes_of("goodbye\003"));
    TURN_UNTIL(loop, held != NULL);
    connection_suspend(connection);
    reply_send(held, bytes_of("bye\003"), true);
    peer_expect(loop, client, "bye\003");
    peer_expect_end(loop, client);
    assert_int_equal(suspended_fd, -1);
}

static void a_peer_that_has_gone_is_not_handed_over(void **state)
{
    peer_send(loop, client, bytes_of("last words\003"));
    assert_int_equal(shutdown(client, SHUT_WR), 0);
    TURN_UNTIL(loop, held != NULL);
    connection_suspend(connection);
    reply_send(held, bytes_of("ack\003"), false);
    peer_expect(loop, client, "ack\003");
    TURN_UNTIL(loop, connection == NULL || suspended_fd >= 0);
    if (suspended_fd >= 0) /* its end was not read yet: the successor reads it */
        take_up(suspended_fd);
    TURN_UNTIL(loop, connection == NULL);
}

/* A writer that sent several frames and went without waiting for answers will not come again: what
 * it sent is taken all the same. */
static void frames_of_a_peer_that_has_gone_are_taken(void (*end)(struct connection *connection))
{
    peer_send(loop, client, bytes_of("one\003two\003three\003"));
    TURN_UNTIL(loop, held != NULL);
    peer_reset(client);
    client = -1;
    for (const char *const *text = (const char *const[]){"one", "two", "three", NULL}; *text;
         text++) {
        struct reply *reply = held;
        assert_non_null(reply);
        assert_string_equal(frame, *text);
        held = NULL;
        reply_send(reply, bytes_of("ack\003"), false);
        turn_some(loop);
        if (connection)
            end(connection);
    }
    TURN_UNTIL(loop, connection == NULL);
    assert_int_equal(suspended_fd, -1);
}

static void suspending_takes_what_a_peer_that_has_gone_left(void **state)
{
    frames_of_a_peer_that_has_gone_are_taken(connection_suspend);
}

static void finishing_takes_what_a_peer_that_has_gone_left(void **state)
{
    frames_of_a_peer_that_has_gone_are_taken(connection_finish);
}

static void more_than_a_frame_is_not_taken(void **state)
{
    const struct connection_limits limits = {.frame_max = FRAME_MAX};
    char text[FRAME_MAX + 3];

    memset(text, 'x', sizeof(text));
    assert_int_equal(connection_input_max(&limits), FRAME_MAX + 1);
    text[FRAME_MAX + 2] = '\0';
    assert_int_equal(connection_resume(connection, bytes_of(text)), -ENOBUFS);
}

static int group_setup(void **state)
{
    tls_setup(state);
    tls = plain_server();
    return 0;
}

static int group_teardown(void **state)
{
    tls_context_unref(tls);
    return tls_teardown(state);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(half_a_frame_is_finished_by_the_successor),
        CASE(whole_frames_that_came_along_need_no_more_bytes),
        CASE(before_the_first_byte_too),
        CASE(what_goes_on_is_plain),
        CASE(with_nothing_read_there_is_nothing_to_hand_over),
        CASE(a_connection_that_is_to_be_closed_is_closed),
        CASE(a_peer_that_has_gone_is_not_handed_over),
        CASE(suspending_takes_what_a_peer_that_has_gone_left),
        CASE(finishing_takes_what_a_peer_that_has_gone_left),
        CASE(more_than_a_frame_is_not_taken),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
