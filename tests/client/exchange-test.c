/* The exchange, carried by a courier, against a server that the test plays: answers and refusals,
 * lists in pages, what comes later, and connections that break in between.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/courier.h"
#include "client/exchange.h"
#include "link-peer.h"
#include "tests/lib/fault.h"

#include <stdio.h>
#include <string.h>

static struct courier courier;
static struct exchange *exchange;
static uint64_t now;
static char told[4096]; /* what calls were told */
static unsigned unreachable;

static void take_courier_report(void *userdata, const struct courier_report *report)
{
    unreachable += report->event == COURIER_UNREACHABLE;
}

/* A line for each thing that is told, with the call's name in front. */
static void take_report(void *userdata, const struct exchange_report *report)
{
    static const char *const names[] = {[EXCHANGE_ROW] = "row",
                                        [EXCHANGE_PAGE] = "page",
                                        [EXCHANGE_DONE] = "done",
                                        [EXCHANGE_REFUSED] = "refused",
                                        [EXCHANGE_FAILED] = "failed"};
    const struct v2_frame *frame = report->past ? report->past : report->row;
    size_t len = strlen(told);
    FILE *out = fmemopen(told + len, sizeof(told) - len, "w");

    assert_non_null(out);
    fprintf(out, "%s %s", (const char *)userdata, names[report->event]);
    if (frame)
        fprintf(out, " %s %.*s%.*s", v2_verb_name(frame->verb), BYTES_ARG(frame->conversation.name),
                BYTES_ARG(frame->userid));
    if (report->answer)
        fprintf(out, " %s", v2_verb_name(report->answer->verb));
    if (report->event == EXCHANGE_PAGE || report->event == EXCHANGE_DONE)
        fprintf(out, " %llu [%.*s]", (unsigned long long)report->rows, BYTES_ARG(report->next));
    if (report->event == EXCHANGE_REFUSED || report->event == EXCHANGE_FAILED)
        fprintf(out, " %s (%s)%s%s", report->reason, report->code,
                report->error >= 0 ? " known" : "", report->shut_out ? " out" : "");
    fprintf(out, "\n");
    fclose(out);
}

static void expect(const char *expected)
{
    assert_string_equal(told, expected);
    told[0] = '\0';
}

static int setup(void **state)
{
    told[0] = '\0';
    unreachable = 0;
    now = clock_monotonic_us();
    if (peer_setup(false) < 0 || exchange_new(&exchange) < 0 ||
        courier_init(&courier, peer.account, NULL, take_courier_report, NULL) < 0)
        return -1;
    courier_set_exchange(&courier, exchange);
    account_give_password(peer.account, "secret");
    return 0;
}

static int teardown(void **state)
{
    courier_deinit(&courier);
    exchange_free(exchange);
    return peer_teardown();
}

static void turn(void)
{
    struct pollfd fd = courier_pollfd(&courier);
    short revents = 0;

    do {
        courier_turn(&courier, &peer.addr, revents, now);
        fd = courier_pollfd(&courier);
        revents = fd.fd >= 0 && poll(&fd, 1, 0) > 0 ? fd.revents : 0;
    } while (revents);
}

static void await_turn(void)
{
    struct pollfd fd = courier_pollfd(&courier);

    assert_int_equal(poll(&fd, 1, 20000), 1);
    turn();
}

static void say(const char *frame)
{
    peer_say(frame);
    await_turn();
}

/* Takes the connection, and signs the courier on. */
static void let_in(void)
{
    turn();
    peer_accept();
    while (courier.link.state == LINK_CONNECTING)
        turn();
    (void)peer_frame();
    say(PEER_WELCOME("one"));
    assert_int_equal(courier.link.state, LINK_UP);
}

/* The connection breaks, and the time for another one comes. */
static void break_off(void)
{
    peer_hang_up();
    await_turn();
    assert_int_equal(courier.link.state, LINK_CLOSED);
    now = courier_due(&courier);
}

static void expect_frame(const char *expected)
{
    assert_string_equal(peer_frame(), expected);
}

static long call_with(const char *name, const char *text, const struct exchange_options *options)
{
    struct v2_frame request;

    assert_int_equal(v2_parse(bytes_of(text), &request, NULL), 0);
    return exchange_call(exchange, &request, options, take_report, (void *)(uintptr_t)name);
}

static long call(const char *name, const char *text)
{
    long number = call_with(name, text, NULL);

    assert_true(number > 0);
    return number;
}

#define ROOM(name) "room:17/" name ":1:open:member:3:the topic"

static void test_answers_in_order(void **state)
{
    call("a", "join:#lobby");
    call("b", "topic:#lobby:the topic");
    call("c", "nick:Alice B");
    call("d", "look:#1");
    let_in();
    expect_frame("join:#lobby");
    expect_frame("topic:#lobby:the topic");
    expect_frame("nick:Alice B");
    expect_frame("look:#1");
    say(ROOM("#lobby"));
    expect("a done room 0 []\n");
    say("done:topic");
    say("named:Alice B");
    say(ROOM("#lobby"));
    expect("b done done 0 []\nc done named 0 []\nd done room 0 []\n");
    assert_int_equal(exchange_count(exchange), 0);
    assert_false(exchange_needs_link(exchange));
}

static void test_link_is_let_go_when_idle(void **state)
{
    call("a", "part:#lobby");
    let_in();
    say("done:part");
    assert_true(courier_busy(&courier));
    turn();
    now = courier_due(&courier);
    turn();
    assert_false(courier_busy(&courier));
    assert_int_equal(courier_due(&courier), UINT64_MAX);
}

static void test_refusals_are_told(void **state)
{
    call("a", "join:#closed");
    call("b", "nick:Bob");
    call("c", "part:#lobby");
    let_in();
    say("err:closed:join:this room is closed");
    say("err:newer-code:nick:no");
    say("err:not-member:part:you are not in it");
    expect("a refused this room is closed (closed) known\n"
           "b refused no (newer-code)\n"
           "c refused you are not in it (not-member) known\n");
}

static void test_one_page(void **state)
{
    call("a", "who:#lobby");
    let_in();
    expect_frame("who:#lobby");
    say("member:alice:present:operator:Alice");
    say("member:bob:absent:member:Bob");
    expect(""); /* all or nothing */
    say("end:who:2:bob");
    expect("a row member alice\na row member bob\na done end 2 [bob]\n");
}

static void test_pages_are_followed(void **state)
{
    const struct exchange_options all = {.rows = EXCHANGE_ALL_ROWS};

    assert_true(call_with("a", "rooms", &all) > 0);
    let_in();
    expect_frame("rooms");
    peer_say(ROOM("#a"));
    say("end:rooms:1:x-1");
    expect("a row room #a\na page 1 [x-1]\n");
    expect_frame("rooms:x-1");
    peer_say(ROOM("#b"));
    say("end:rooms:1:");
    expect("a row room #b\na done end 2 []\n");
}

static void test_rows_are_limited(void **state)
{
    const struct exchange_options some = {.rows = 3};

    assert_true(call_with("a", "history:#lobby:time:0:0:2", &some) > 0);
    let_in();
    expect_frame("history:#lobby:time:0:0:2");
    peer_say("past:msg:17/#lobby:8:1000:bob:Bob:x");
    peer_say("past:note:17/#lobby:9:1000:joined:-:carol:Carol:");
    say("end:history:2:p8");
    expect("a row msg #lobbybob\na row note #lobbycarol\na page 2 [p8]\n");
    expect_frame("history:#lobby:time:0:p8:1");
    peer_say("past:whisper:9/bob:7:1000:17/#lobby:alice:Alice:psst");
    say("end:history:1:p7");
    expect("a row whisper bobalice\na done end 3 [p7]\n");
}

static void test_a_page_that_breaks_off_is_asked_for_again(void **state)
{
    const struct exchange_options all = {.rows = EXCHANGE_ALL_ROWS};

    assert_true(call_with("a", "rooms", &all) > 0);
    let_in();
    expect_frame("rooms");
    peer_say(ROOM("#a"));
    say("end:rooms:1:x-1");
    expect("a row room #a\na page 1 [x-1]\n");
    say(ROOM("#b"));
    break_off();
    expect("");
    assert_int_equal(unreachable, 1);
    let_in();
    expect_frame("rooms:x-1");
    peer_say(ROOM("#b"));
    say("end:rooms:1:");
    expect("a row room #b\na done end 2 []\n");
}

static void test_a_change_that_was_done_is_done(void **state)
{
    call("a", "part:#lobby");
    call("b", "part:#other");
    let_in();
    expect_frame("part:#lobby");
    expect_frame("part:#other");
    break_off();
    let_in();
    expect_frame("part:#lobby");
    expect_frame("part:#other");
    say("err:not-member:part:you are not in it");
    say("done:part");
    expect("a done done 0 []\nb done done 0 []\n");
}

static void test_awaits_until_acknowledged(void **state)
{
    const struct exchange_options forever = {.timeout_us = UINT64_MAX};

    assert_true(call_with("a", "await:9/bob:4", &forever) > 0);
    assert_true(call_with("b", "await:9/bob:5", &forever) > 0);
    let_in();
    expect_frame("await:9/bob:4");
    expect_frame("await:9/bob:5");
    say("awaiting:9/bob:4");
    say("acked:9/bob:5");
    expect("b done acked 0 []\n");
    break_off();
    let_in();
    expect_frame("await:9/bob:4");
    say("awaiting:9/bob:4");
    say("acked:9/bob:7"); /* nobody asked: of one that was cancelled */
    expect("");
    say("acked:9/bob:4");
    expect("a done acked 0 []\n");
}

static void test_a_link_that_only_waits_is_pinged(void **state)
{
    const struct exchange_options forever = {.timeout_us = UINT64_MAX};

    assert_true(call_with("a", "await:9/bob:4", &forever) > 0);
    let_in();
    expect_frame("await:9/bob:4");
    say("awaiting:9/bob:4");
    for (int i = 0; i < 3; i++) {
        now = courier_due(&courier);
        turn();
        expect_frame("ping");
        assert_true(peer_heard_nothing());
        say("pong");
        assert_int_equal(unreachable, 0);
    }
    now = courier_due(&courier);
    turn();
    expect_frame("ping");
    now = courier_due(&courier); /* it is dead */
    turn();
    assert_int_equal(unreachable, 1);
    peer_hang_up();
    now = courier_due(&courier);
    let_in();
    expect_frame("await:9/bob:4");
    say("acked:9/bob:4");
    expect("a done acked 0 []\n");
    turn();
    assert_true(courier_due(&courier) < UINT64_MAX); /* to close the link, and nothing else */
    now = courier_due(&courier);
    turn();
    assert_false(courier_busy(&courier));
}

static void test_limited_is_waited_for(void **state)
{
    call("a", "rooms");
    call("b", "unread");
    let_in();
    expect_frame("rooms");
    expect_frame("unread");
    say("err:limited:rooms:2000 ms until the next");
    say("end:unread:0:");
    expect("b done end 0 []\n");
    assert_true(peer_heard_nothing());
    assert_true(courier_due(&courier) <= now + 2000 * USEC_PER_MSEC);
    now += 2000 * USEC_PER_MSEC;
    turn();
    expect_frame("rooms");
    say("err:limited:rooms:40000 ms until the next"); /* longer than there is time */
    expect("a refused 40000 ms until the next (limited) known\n");
}

static void test_trouble_is_told_when_time_is_over(void **state)
{
    call("a", "rooms");
    let_in();
    expect_frame("rooms");
    say("err:unavailable:rooms:storage is away");
    expect("");
    now += EXCHANGE_TIMEOUT_US + USEC_PER_SEC;
    turn();
    expect("a failed storage is away (unavailable)\n");
}

static void test_nobody_there(void **state)
{
    call("a", "rooms");
    courier_turn(&courier, NULL, 0, now);
    assert_true(courier_due(&courier) > now); /* not at once: no address is known */
    now = courier_due(&courier);
    courier_turn(&courier, NULL, 0, now);
    expect("a failed no answer came in time ()\n");
}

static void test_no_answers(void **state)
{
    const struct exchange_options forever = {.timeout_us = UINT64_MAX};

    assert_true(call_with("a", "rooms", &forever) > 0);
    let_in();
    now = courier_due(&courier);
    turn();
    assert_int_equal(unreachable, 1);
    peer_hang_up();
    now = courier_due(&courier);
    let_in();
    expect_frame("rooms");
    say("end:rooms:0:");
    expect("a done end 0 []\n");
}

static void test_cancelled_calls_are_not_told(void **state)
{
    long first, second;

    first = call("a", "who:#lobby");
    second = call("b", "who:#other");
    call("c", "rooms");
    exchange_cancel(exchange, second);
    let_in();
    expect_frame("who:#lobby");
    expect_frame("rooms");
    exchange_cancel(exchange, first);
    assert_int_equal(exchange_count(exchange), 1);
    say("member:alice:present:operator:Alice");
    say("end:who:1:");
    say("end:rooms:0:");
    expect("c done end 0 []\n");
    exchange_cancel(exchange, first);
}

static void cancel_at_first(void *userdata, const struct exchange_report *report)
{
    take_report((void *)(uintptr_t) "x", report);
    exchange_cancel(exchange, *(long *)userdata);
}

static void test_cancelled_in_the_middle_of_a_page(void **state)
{
    const struct v2_frame request = {.verb = V2_VERB_ROOMS};
    const struct exchange_options all = {.rows = EXCHANGE_ALL_ROWS};
    long number = exchange_call(exchange, &request, &all, cancel_at_first, &number);

    let_in();
    peer_say(ROOM("#a"));
    peer_say(ROOM("#b"));
    say("end:rooms:2:x");
    expect("x row room #a\n");
    assert_false(exchange_needs_link(exchange));
}

static void test_shut_out(void **state)
{
    call("a", "rooms");
    turn();
    peer_accept();
    while (courier.link.state == LINK_CONNECTING)
        turn();
    say("err:denied:hello:wrong password");
    expect("a failed not signed on () out\n");
    call("b", "rooms"); /* at once */
    assert_int_equal(courier_due(&courier), 0);
    turn();
    expect("b failed not signed on () out\n");
    assert_int_equal(courier_due(&courier), UINT64_MAX);
}

static void test_a_session_that_ended_is_replaced(void **state)
{
    call("a", "rooms");
    let_in();
    expect_frame("rooms");
    say("err:unknown-session:rooms:it has ended");
    peer_hang_up();
    now = courier_due(&courier);
    let_in();
    expect_frame("rooms");
    say("end:rooms:0:");
    expect("a done end 0 []\n");
}

static void test_a_flood_is_not_kept(void **state)
{
    static char frame[1000] = "past:msg:17/#lobby:8:1000:bob:Bob:";

    memset(frame + strlen(frame), 'x', sizeof(frame) - strlen(frame) - 1);
    call("a", "history:*:number:0:0:200");
    let_in();
    for (size_t sent = 0; sent < EXCHANGE_PAGE_MAX + sizeof(frame); sent += sizeof(frame)) {
        peer_say(frame);
        turn();
    }
    say("end:history:200:");
    expect("a failed the answer is longer than it may be ()\n");
}

static void test_without_memory(void **state)
{
    struct v2_frame row;

    fault_countdown = 0;
    assert_int_equal(call_with("a", "rooms", NULL), -ENOMEM);
    fault_countdown = -1;
    assert_int_equal(exchange_count(exchange), 0);
    call("a", "rooms");
    let_in();
    assert_int_equal(v2_parse(bytes_of(ROOM("#a")), &row, NULL), 0);
    fault_countdown = 0;
    assert_true(exchange_take(exchange, &row, now));
    fault_countdown = -1;
    assert_true(exchange_take(exchange, &row, now)); /* a page that is not whole is not told */
    say("end:rooms:2:");
    expect("a failed out of memory ()\n");
}

static void test_what_is_no_request_is_not_taken(void **state)
{
    assert_int_equal(call_with("a", "send:key:bob:text", NULL), -EINVAL);
    assert_int_equal(call_with("a", "ping", NULL), -EINVAL);
    const struct v2_frame empty = {.verb = V2_VERB_JOIN};
    assert_int_equal(exchange_call(exchange, &empty, NULL, take_report, NULL), -EINVAL);
    for (size_t i = 0; i < EXCHANGE_CALLS_MAX; i++)
        call("a", "rooms");
    assert_int_equal(call_with("a", "rooms", NULL), -ENOBUFS);
}

static void test_an_answer_to_nothing_breaks_the_link(void **state)
{
    call("a", "rooms");
    let_in();
    say("end:who:0:");
    assert_int_equal(unreachable, 1);
    expect("");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_answers_in_order),
        CASE(test_link_is_let_go_when_idle),
        CASE(test_refusals_are_told),
        CASE(test_one_page),
        CASE(test_pages_are_followed),
        CASE(test_rows_are_limited),
        CASE(test_a_page_that_breaks_off_is_asked_for_again),
        CASE(test_a_change_that_was_done_is_done),
        CASE(test_awaits_until_acknowledged),
        CASE(test_a_link_that_only_waits_is_pinged),
        CASE(test_limited_is_waited_for),
        CASE(test_trouble_is_told_when_time_is_over),
        CASE(test_nobody_there),
        CASE(test_no_answers),
        CASE(test_cancelled_calls_are_not_told),
        CASE(test_cancelled_in_the_middle_of_a_page),
        CASE(test_shut_out),
        CASE(test_a_session_that_ended_is_replaced),
        CASE(test_a_flood_is_not_kept),
        CASE(test_without_memory),
        CASE(test_what_is_no_request_is_not_taken),
        CASE(test_an_answer_to_nothing_breaks_the_link),
    };

    return cmocka_run_group_tests_name("exchange", tests, NULL, NULL);
}
