/* Streams for which memory fails: the n-th allocation, for every n. What could not be sent then is
 * sent later, once and in order.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "receiver.h"

#include "tests/lib/fault.h"
#include "util/clock.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define LINES 5

/* Storage answers; the request by which that is waited for does not fail. */
static void let_pass(struct fixture *fixture)
{
    bool pinged = false;
    long countdown = fault_countdown;

    fault_countdown = -1;
    assert_int_equal(dal_ping(note_done, &pinged), 0);
    fault_countdown = countdown;
    WAIT_FOR(fixture, pinged);
}

/* Everything a stream does: it begins, reads pages, sends, is acknowledged, ends, is dialled. */
static void go_through_it(struct client *bob)
{
    struct fixture *fixture = bob->fixture;
    struct answer answer;

    line_frame(bob->line, &answer, "attach");
    for (int i = 0; i < 3; i++)
        let_pass(fixture);
    line_frame(bob->line, &answer, "ack:%s:1", inbox_of(bob->line));
    bll_turn_end(fixture->bll);
    (void)poll_signed(fixture, &bob->session, HOME, 20001);
    line_frame(bob->line, &answer, "detach");
    let_pass(fixture);
    bll_tick(fixture->bll);
    let_pass(fixture);
}

static void expect_the_rest(struct client *bob)
{
    struct fixture *fixture = bob->fixture;
    struct line *push;
    unsigned acked;

    fixture->dial_result = 0;
    line_close(bob->line);
    pass(fixture, 2);
    pass(fixture, 2);
    (void)poll_signed(fixture, &bob->session, HOME, 20001);
    push = dial_open(fixture);
    line_prove(push, &bob->session);
    acked = (unsigned)cursor_of(push->link->device, inbox_of(push));
    assert_true(acked <= 1);
    take_lines(push, acked + 1, LINES - acked);
    expect_silence(push);
}

/* False: less than that was allocated. */
static bool fail_allocation(struct fixture *fixture, long n)
{
    struct client bob;
    bool failed;

    fixture->config.tail_max = 0;
    assert_int_equal(bll_reconfigure(fixture->bll, &fixture->config), 0);
    say_lines(fixture, 1, LINES);
    bob = client(fixture, "bob", "laptop");
    bob.line->mute = true;
    fixture->dial_result = -EAGAIN;
    fault_countdown = n;
    go_through_it(&bob);
    failed = fault_countdown < 0;
    fault_countdown = -1;
    expect_the_rest(&bob);
    return failed;
}

static void a_stream_bears_every_want_of_memory(void **state)
{
    bool failed = true;

    for (long n = 0; failed; n++) {
        void *fixture;
        (void)fixture_setup(&fixture);
        failed = fail_allocation(fixture, n);
        (void)fixture_teardown(&fixture);
        assert_true(n < 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_bears_every_want_of_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
