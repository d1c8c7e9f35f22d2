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
unsigned refusals[3];
unsigned opened;
bool secure;
unsigned drained;
unsigned closed;
static char huge[HUGE_LEN];

static void on_frame(void *userdata, struct connection *which, struct bytes frame,
                     struct reply *reply)
{
    char answer[FRAME_MAX + 2];
    assert_ptr_equal(userdata, &metrics);
    assert_ptr_equal(which, connection);
    assert_int_equal(opened, 1);
    assert_true(frame.len <= FRAME_MAX);
    assert_true(frames < FRAMES_MAX);
    frames++;
    if (strlen(seen) + frame.len + 2 < sizeof seen) {
        strncat(seen, frame.data, frame.len);
        strcat(seen, connection_frame_ended(which) ? "|" : "/");
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

static void on_opened(void *userdata, struct connection *which, bool is_secure)
{
    assert_ptr_equal(userdata, &metrics);
    assert_ptr_equal(which, connection);
    assert_true(addr_equal(connection_peer(which), &client_addr));
    assert_int_equal(frames, 0);
    secure = is_secure;
    opened++;
}

static void on_drained(void *userdata, struct connection *which)
{
    assert_ptr_equal(userdata, &metrics);
    assert_ptr_equal(which, connection);
    drained++;
}

static void on_refuse(void *userdata, struct connection *which, enum connection_refusal why,
                      struct reply *reply)
{
    static const char *const words[] = {[CONNECTION_TOO_LONG] = "too long.",
                                        [CONNECTION_IDLE] = "idle.",
                                        [CONNECTION_SLOW] = "slow."};
    assert_ptr_equal(userdata, &metrics);
    assert_ptr_equal(which, connection);
    refusals[why]++;
    reply_send(reply, bytes_of(words[why]), true);
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

const struct connection_handler handler = {.opened = on_opened,
                                           .frame = on_frame,
                                           .drained = on_drained,
                                           .refuse = on_refuse,
                                           .closed = on_closed,
                                           .userdata = &metrics};

void start_with(enum manner how, enum connection_carrier carrier, struct tls_context *tls,
                const struct connection_limits *limits)
{
    int server;
    manner = how;
    frames = held_count = opened = drained = closed = 0;
    memset(refusals, 0, sizeof refusals);
    seen[0] = '\0';
    metrics = (struct metrics){{0}};
    tcp_pair(&server, &client, &client_addr);
    assert_int_equal(connection_new(loop, server, &client_addr, carrier, tls, limits, &handler,
                                    &metrics, &connection),
                     0);
    assert_false(connection_busy(connection));
}

void start(enum manner how, unsigned owed_max, uint64_t idle_us)
{
    start_with(how, CONNECTION_PLAIN, NULL,
               &(struct connection_limits){.frame_max = FRAME_MAX,
                                           .output_max = OUTPUT_MAX,
                                           .owed_max = owed_max,
                                           .idle_us = idle_us});
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
