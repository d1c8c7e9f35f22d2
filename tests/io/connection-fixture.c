/* The connection under test, its peer and its handler; they outlive each case only between start()
 * and stop().
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "connection-fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

struct loop *loop;
struct metrics metrics;
struct connection *connection; /* NULL once it is closed */
int client = -1;
struct addr client_addr;
enum manner manner;
unsigned frames;
char seen[65536]; /* frames, each followed by '|' */
struct reply *held[FRAMES_MAX];
unsigned held_count;
unsigned refusals[2];
unsigned closed;
static char huge[HUGE_LEN];

static void on_frame(void *userdata, const struct addr *from, struct bytes frame,
                     struct reply *reply)
{
    char answer[FRAME_MAX + 2];
    assert_ptr_equal(userdata, &metrics);
    assert_true(addr_equal(from, &client_addr));
    assert_true(frame.len <= FRAME_MAX);
    assert_true(frames < FRAMES_MAX);
    frames++;
    if (strlen(seen) + frame.len + 2 < sizeof seen) {
        strncat(seen, frame.data, frame.len);
        strcat(seen, "|");
    }
    switch (manner) {
    case ECHO:
        memcpy(answer, frame.data, frame.len);
        answer[frame.len] = '.';
        reply_send(reply, (struct bytes){.data = answer, .len = frame.len + 1}, false);
        break;
    case HOLD:
        held[held_count++] = reply;
        break;
    case HUGE:
        reply_send(reply, (struct bytes){.data = huge, .len = sizeof huge}, false);
        break;
    case CLOSE:
        connection_close(connection);
        assert_null(connection);
        reply_send(reply, bytes_of("to nobody"), false);
        break;
    }
}

static void on_refuse(void *userdata, const struct addr *from, enum connection_refusal why,
                      struct reply *reply)
{
    assert_ptr_equal(userdata, &metrics);
    assert_true(addr_equal(from, &client_addr));
    refusals[why]++;
    reply_send(reply, bytes_of(why == CONNECTION_TOO_LONG ? "too long." : "idle."), true);
}

static void on_closed(void *userdata, struct connection *which, const struct addr *from)
{
    assert_ptr_equal(userdata, &metrics);
    assert_true(addr_equal(from, &client_addr));
    if (connection != NULL)
        assert_ptr_equal(which, connection);
    connection = NULL;
    closed++;
}

const struct connection_handler handler = {
    .frame = on_frame, .refuse = on_refuse, .closed = on_closed, .userdata = &metrics};

/* A new pair of peer and connection, everything counted from 0. */
void start(enum manner how, unsigned owed_max, uint64_t idle_us)
{
    const struct connection_limits limits = {
        .frame_max = FRAME_MAX, .output_max = OUTPUT_MAX, .owed_max = owed_max, .idle_us = idle_us};
    int server;
    manner = how;
    frames = held_count = closed = refusals[0] = refusals[1] = 0;
    seen[0] = '\0';
    metrics = (struct metrics){{0}};
    tcp_pair(&server, &client, &client_addr);
    assert_int_equal(
        connection_new(loop, server, &client_addr, &limits, &handler, &metrics, &connection), 0);
    assert_false(connection_busy(connection));
}

void stop(void)
{
    if (connection != NULL)
        connection_close(connection);
    assert_int_equal(closed, 1);
    while (held_count > 0)
        reply_drop(held[--held_count], false);
    if (client >= 0)
        close(client);
    client = -1;
    turn_some(loop);
}

int setup(void **state)
{
    (void)state;
    memset(huge, 'h', sizeof huge);
    return loop_new(&loop);
}

int teardown(void **state)
{
    (void)state;
    loop_free(loop);
    return 0;
}

void say(const char *text)
{
    peer_send(loop, client, bytes_of(text));
}

void hang_up_sending(void)
{
    assert_int_equal(shutdown(client, SHUT_WR), 0);
}

/* Answers the held reply number `i` with "<i>;". */
void answer_held(unsigned i, bool close)
{
    char text[16];
    snprintf(text, sizeof text, "%u;", i);
    reply_send(held[i], bytes_of(text), close);
}
