/* What a client of version 2 does, for tests.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "receiver.h"

#include "util/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct client client(struct fixture *fixture, const char *userid, const char *device)
{
    struct client client = {.fixture = fixture, .line = line_open(fixture, HOME, false)};

    client.session = line_hello(client.line, userid, device);
    return client;
}

struct client attached(struct fixture *fixture, const char *userid, const char *device)
{
    struct client one = client(fixture, userid, device);

    assert_string_equal(line_ask(one.line, "attach"), "attached");
    assert_int_equal(one.line->role, BLL_LINK_STREAM);
    settle(fixture);
    return one;
}

/* Polls and lets the server prove that it gets through. */
struct line *pushed(struct client *one, unsigned port)
{
    struct line *line;

    assert_string_equal(poll_signed(one->fixture, &one->session, HOME, port), "pushing");
    line = dial_open(one->fixture);
    line_prove(line, &one->session);
    assert_int_equal(line->role, BLL_LINK_STREAM);
    return line;
}

struct device *device_of(struct client *one)
{
    return one->line->link->device;
}

const char *inbox_of(const struct line *line)
{
    static char conversation[32];

    snprintf(conversation, sizeof(conversation), "%llu/",
             (unsigned long long)line->link->account->inbox);
    return conversation;
}

/* The text of the next message over the line, which is of `conversation` ("5/") and number `seq`.
 */
const char *take_message(struct line *line, const char *text, uint64_t seq)
{
    static char conversation[32];
    struct v2_frame frame;
    const char *taken = line_take(line);

    if (v2_parse(bytes_of(taken), &frame, NULL) < 0 || frame.verb != V2_VERB_MSG)
        fail_msg("no message: %s", taken);
    assert_true(bytes_is(frame.text, text));
    assert_int_equal(frame.seq, seq);
    snprintf(conversation, sizeof(conversation), "%llu/",
             (unsigned long long)frame.conversation.id);
    return conversation;
}

void ack(struct line *line, const char *conversation, uint64_t seq)
{
    assert_string_equal(line_ask(line, "ack:%s:%llu", conversation, (unsigned long long)seq), "");
    bll_turn_end(line->fixture->bll);
}

void expect_silence(struct line *line)
{
    settle(line->fixture);
    assert_int_equal(line->frame_count, 0);
}

void say(struct fixture *fixture, const char *from, const char *to, const char *text)
{
    assert_string_equal(send_text(fixture, from, to, text), "ack");
}

/* `count` messages of alice to bob: "line 1", "line 2", … */
void say_lines(struct fixture *fixture, unsigned first, unsigned count)
{
    for (unsigned i = first; i < first + count; i++) {
        char text[24];
        snprintf(text, sizeof(text), "line %u", i);
        say(fixture, "alice", "bob", text);
    }
    settle(fixture);
}

void take_lines(struct line *line, unsigned first, unsigned count)
{
    for (unsigned i = first; i < first + count; i++) {
        char text[24];
        snprintf(text, sizeof(text), "line %u", i);
        (void)take_message(line, text, i);
    }
}

uint64_t cursor_of(struct device *device, const char *conversation)
{
    int index = account_subscription(device->account, strtoull(conversation, NULL, 10));

    assert_true(index >= 0);
    return device->cursors[index].acked;
}

void pass(struct fixture *fixture, uint64_t seconds)
{
    fixture->now_us += seconds * USEC_PER_SEC;
    fixture->real_ms += seconds * 1000;
    bll_tick(fixture->bll);
}
