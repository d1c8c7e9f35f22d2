/* Reach: which connections to listeners are tried, and when, and what they have to prove.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "receiver.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void an_endpoint_proves_itself_before_anything_waits(void **state)
{
    struct fixture *fixture = *state;
    struct client bob = client(fixture, "bob", "laptop");
    struct line *push;
    struct bll_status status;

    assert_string_equal(poll_signed(fixture, &bob.session, HOME, 20001), "pushing");
    assert_int_equal(fixture->dial_count, 1);
    assert_int_equal(fixture->dials[0].to.port, 20001);
    assert_true(addr_same_host(&fixture->dials[0].to,
                               &(struct addr){.ip = {127, 0, 0, 1}, .family = AF_INET}));
    assert_false(fixture->dials[0].secure);
    assert_string_equal(poll_signed(fixture, &bob.session, HOME, 20001), "pushing");
    assert_int_equal(fixture->dials_ever, 1);
    push = dial_open(fixture);
    assert_string_equal(poll_signed(fixture, &bob.session, HOME, 20001), "pushing");
    line_prove(push, &bob.session);
    assert_string_equal(poll_signed(fixture, &bob.session, HOME, 20001), "idle");
    bll_status(fixture->bll, &status);
    assert_int_equal(status.streams, 1);
    say_lines(fixture, 1, 1);
    take_lines(push, 1, 1);
    ack(push, inbox_of(push), 1);
    pass(fixture, 29);
    assert_false(push->closing);
    assert_string_equal(poll_signed(fixture, &bob.session, HOME, 20001), "idle");
    pass(fixture, 1);
    assert_true(push->closing); /* nothing has gone over it for long */
    line_close(push);
    assert_string_equal(poll_signed(fixture, &bob.session, HOME, 20001), "idle");
    assert_int_equal(fixture->dial_count, 0);
    say_lines(fixture, 2, 1);
    assert_string_equal(poll_signed(fixture, &bob.session, HOME, 20001), "pushing");
    push = dial_open(fixture);
    line_prove(push, &bob.session);
    take_lines(push, 2, 1);
}

static void a_session_of_tls_is_pushed_to_with_tls(void **state)
{
    struct fixture *fixture = *state;
    struct client bob = {.fixture = fixture, .line = line_open(fixture, "203.0.113.7:1", true)};
    struct line *push;

    bob.session = line_hello(bob.line, "bob", "laptop");
    assert_string_equal(poll_signed(fixture, &bob.session, "203.0.113.7:9", 20001), "pushing");
    assert_true(fixture->dials[0].secure);
    push = dial_open(fixture);
    line_prove(push, &bob.session);
    assert_string_equal(poll_signed(fixture, &bob.session, "203.0.113.7:9", 20001), "idle");
}

/* Polls every second; the seconds until the next dial. */
static unsigned seconds_to_dial(struct fixture *fixture, const struct welcomed *session)
{
    unsigned seconds = 0;

    while (fixture->dial_count == 0) {
        pass(fixture, 1);
        seconds++;
        (void)poll_signed(fixture, session, HOME, 20001);
    }
    return seconds;
}

static void who_is_not_reached_is_tried_less_and_less_often(void **state)
{
    static const unsigned waits[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 256};
    struct fixture *fixture = *state;
    struct client bob = client(fixture, "bob", "laptop");
    struct line *push;

    (void)poll_signed(fixture, &bob.session, HOME, 20001);
    for (size_t i = 0; i < ARRAY_SIZE(waits); i++) {
        dial_fail(fixture, i % 2 ? BLL_DIAL_REFUSED : BLL_DIAL_FAILED);
        say_lines(fixture, (unsigned)i + 1, 1);
        assert_int_equal(fixture->dial_count, 0);
        assert_string_equal(poll_signed(fixture, &bob.session, HOME, 20001), "unreachable");
        assert_int_equal(seconds_to_dial(fixture, &bob.session), waits[i]);
    }
    push = dial_open(fixture);
    line_prove(push, &bob.session);
    take_lines(push, 1, ARRAY_SIZE(waits));
    ack(push, inbox_of(push), ARRAY_SIZE(waits));
    line_close(push);
    say_lines(fixture, 1 + ARRAY_SIZE(waits), 1);
    dial_fail(fixture, BLL_DIAL_FAILED);
    assert_int_equal(seconds_to_dial(fixture, &bob.session), 1); /* as if nothing had been */
    dial_fail(fixture, BLL_DIAL_FAILED);
}

static void who_proves_nothing_gets_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct client bob = client(fixture, "bob", "laptop");
    struct answer answer;
    struct line *push;

    say_lines(fixture, 1, 1);
    (void)poll_signed(fixture, &bob.session, HOME, 20001);
    push = dial_open(fixture);
    assert_memory_equal(line_take(push), "push:", 5);
    assert_string_equal(line_ask(push, "ping"), "pong");
    expect_silence(push);
    line_frame(push, &answer, "proof:%032d", 0);
    assert_true(answer.ended && answer.close);
    assert_string_equal(answer.text, "");
    line_frame(push, &answer, "proof:%032d", 0);
    assert_memory_equal(answer.text, "err:malformed:proof:", 20);
    expect_silence(push);
    line_close(push);
    assert_string_equal(poll_signed(fixture, &bob.session, HOME, 20001), "unreachable");
    assert_int_equal(seconds_to_dial(fixture, &bob.session), 1);
    push = dial_open(fixture); /* says nothing at all */
    assert_memory_equal(line_take(push), "push:", 5);
    pass(fixture, 9);
    assert_false(push->closing);
    pass(fixture, 1);
    assert_true(push->closing);
    line_close(push);
    assert_string_equal(poll_signed(fixture, &bob.session, HOME, 20001), "unreachable");
    assert_int_equal(counted(fixture, METRIC_DIALS_PROVEN), 0);
    assert_int_equal(counted(fixture, METRIC_DIALS_FAILED), 2);
    assert_int_equal(counted(fixture, METRIC_STREAMS_TIMED_OUT), 1);
}

/* It may be a server, ours even, or something that sends back what it gets: answers would be
 * answered for ever. */
static void what_is_no_proof_is_not_answered(void **state)
{
    static const char *const frames[] = {
        "err:malformed:push:this is the server's to say",
        "push:AQ:00000000000000000000000000000000",
        "220 mail.example ESMTP",
        "err:forbidden:version 1 is not served to this address",
        "wrmsg:bob:pw-bob:alice:text",
        "hello:2:bob:pw-bob:laptop",
        "attach",
        "ack:2/:1",
    };
    struct fixture *fixture = *state;
    struct client bob = client(fixture, "bob", "laptop");

    for (unsigned i = 0; i < ARRAY_SIZE(frames); i++) {
        struct answer answer;
        struct line *push;
        (void)poll_signed(fixture, &bob.session, HOME, 20001 + i);
        push = dial_open(fixture);
        line_frame(push, &answer, "%s", frames[i]);
        assert_true(answer.ended && answer.close);
        assert_string_equal(answer.text, "");
        line_close(push);
        assert_string_equal(poll_signed(fixture, &bob.session, HOME, 20001 + i), "unreachable");
    }
}

static void who_proves_a_session_of_the_secret_before_gets_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct client bob = client(fixture, "bob", "laptop");
    struct line *push;

    say_lines(fixture, 1, 1);
    (void)poll_signed(fixture, &bob.session, HOME, 20001);
    push = dial_open(fixture);
    fixture->config.secret[0] ^= 1;
    assert_int_equal(bll_reconfigure(fixture->bll, &fixture->config), 0);
    assert_true(push->closing);
    line_close(push);
    settle(fixture);
    assert_int_equal(fixture->dial_count, 0);
}

/* Each nonce is good once. */
static void a_proof_proves_one_connection(void **state)
{
    struct fixture *fixture = *state;
    struct client bob = client(fixture, "bob", "laptop");
    struct v2_frame push, proof = {.verb = V2_VERB_PROOF};
    struct answer answer;
    struct line *line;
    char frame[80];

    (void)poll_signed(fixture, &bob.session, HOME, 20001);
    line = dial_open(fixture);
    assert_int_equal(v2_parse(bytes_of(line_take(line)), &push, NULL), 0);
    v2_mac_proof(bob.session.key, push.session, push.nonce, proof.mac);
    frame[v2_build(&proof, frame, sizeof(frame)) - 1] = '\0';
    line_close(line);
    assert_int_equal(seconds_to_dial(fixture, &bob.session), 1);
    line = dial_open(fixture);
    line_frame(line, &answer, "%s", frame);
    assert_true(answer.ended && answer.close);
}

static void a_link_lost_before_its_proof_is_a_failure(void **state)
{
    struct fixture *fixture = *state;
    struct client bob = client(fixture, "bob", "laptop");

    (void)poll_signed(fixture, &bob.session, HOME, 20001);
    line_close(dial_open(fixture));
    assert_string_equal(poll_signed(fixture, &bob.session, HOME, 20001), "unreachable");
    assert_int_equal(seconds_to_dial(fixture, &bob.session), 1);
    dial_fail(fixture, BLL_DIAL_FAILED);
}

/* Otherwise it would be dialled and lost again without end. */
static void a_push_lost_before_anything_is_acknowledged_is_a_failure(void **state)
{
    struct fixture *fixture = *state;
    struct client bob = client(fixture, "bob", "laptop");
    struct line *push = pushed(&bob, 20001);

    say_lines(fixture, 1, 2);
    take_lines(push, 1, 2);
    line_close(push);
    assert_int_equal(fixture->dial_count, 0);
    assert_string_equal(poll_signed(fixture, &bob.session, HOME, 20001), "unreachable");
    assert_int_equal(seconds_to_dial(fixture, &bob.session), 1);
    push = dial_open(fixture);
    line_prove(push, &bob.session);
    take_lines(push, 1, 2);
    ack(push, inbox_of(push), 1);
    line_close(push); /* something got through: at once again */
    push = dial_open(fixture);
    line_prove(push, &bob.session);
    take_lines(push, 2, 1);
}

static void who_does_not_acknowledge_in_time_is_let_go(void **state)
{
    struct fixture *fixture = *state;
    struct client bob = attached(fixture, "bob", "laptop");
    struct line *push;

    say_lines(fixture, 1, 2);
    take_lines(bob.line, 1, 2);
    pass(fixture, 9);
    ack(bob.line, inbox_of(bob.line), 1); /* it goes on */
    pass(fixture, 9);
    assert_false(bob.line->closing);
    pass(fixture, 1);
    assert_true(bob.line->closing);
    assert_int_equal(counted(fixture, METRIC_STREAMS_TIMED_OUT), 1);
    line_close(bob.line);
    bob = client(fixture, "bob", "laptop");
    push = pushed(&bob, 20001);
    take_lines(push, 2, 1);
    pass(fixture, 10);
    assert_true(push->closing);
    line_close(push);
    assert_string_equal(poll_signed(fixture, &bob.session, HOME, 20001), "unreachable");
}

static void what_may_not_be_connected_to_is_not(void **state)
{
    static const char *const places[] = {"127.0.0.1:1", "192.0.2.9:1"};
    struct fixture *fixture = *state;
    struct client bob = client(fixture, "bob", "laptop");
    struct network excluded;

    assert_int_equal(network_parse("192.0.2.0/24", &excluded), 0);
    fixture->config.excluded_networks = &excluded;
    fixture->config.excluded_network_count = 1;
    assert_int_equal(bll_reconfigure(fixture->bll, &fixture->config), 0);
    assert_string_equal(poll_signed(fixture, &bob.session, places[0], 0), "unreachable");
    assert_string_equal(poll_signed(fixture, &bob.session, places[1], 20001), "unreachable");
    for (int i = 0; i < 100; i++) {
        pass(fixture, 10);
        assert_string_equal(poll_signed(fixture, &bob.session, places[1], 20001), "unreachable");
    }
    assert_int_equal(fixture->dials_ever, 0);
    fixture->config.excluded_network_count = 0; /* as it were in a reload */
    assert_int_equal(bll_reconfigure(fixture->bll, &fixture->config), 0);
    (void)poll_signed(fixture, &bob.session, places[1], 20001);
    assert_int_equal(fixture->dials_ever, 1);
    dial_fail(fixture, BLL_DIAL_FAILED);
}

static void a_user_tries_no_more_endpoints_than_his_share(void **state)
{
    struct fixture *fixture = *state;
    struct client bob = client(fixture, "bob", "laptop"), alice = client(fixture, "alice", "x");

    fixture->config.rates.dials_per_user = (struct rate){.per_minute = 6, .burst = 3};
    assert_int_equal(bll_reconfigure(fixture->bll, &fixture->config), 0);
    for (unsigned port = 20001; port < 20051; port++)
        (void)poll_signed(fixture, &bob.session, HOME, port);
    assert_int_equal(fixture->dials_ever, 3);
    assert_int_equal(counted(fixture, METRIC_DIALS_LIMITED), 47);
    (void)poll_signed(fixture, &alice.session, HOME, 20001);
    assert_int_equal(fixture->dials_ever, 4);
    assert_string_equal(poll_signed(fixture, &bob.session, HOME, 20050), "pushing");
    pass(fixture, 10);
    (void)poll_signed(fixture, &bob.session, HOME, 20050);
    assert_int_equal(fixture->dials_ever, 5);
    while (fixture->dial_count > 0)
        dial_fail(fixture, BLL_DIAL_FAILED);
}

static void dials_over_the_limit_wait_for_their_turn(void **state)
{
    struct fixture *fixture = *state;
    struct client bob = client(fixture, "bob", "laptop");

    fixture->dial_result = -EAGAIN;
    assert_string_equal(poll_signed(fixture, &bob.session, HOME, 20001), "pushing");
    fixture->dial_result = -EBUSY;
    bll_tick(fixture->bll);
    fixture->dial_result = 0;
    bll_tick(fixture->bll);
    assert_int_equal(fixture->dial_count, 1);
    dial_fail(fixture, BLL_DIAL_FAILED);
    pass(fixture, 1);
    fixture->dial_result = -ENETUNREACH;
    assert_string_equal(poll_signed(fixture, &bob.session, HOME, 20001), "unreachable");
    assert_int_equal(counted(fixture, METRIC_DIALS_FAILED), 2);
    assert_string_equal(poll_signed(fixture, &bob.session, HOME, 20001), "unreachable");
}

static void another_endpoint_has_to_prove_itself_anew(void **state)
{
    struct fixture *fixture = *state;
    struct client bob = client(fixture, "bob", "laptop");
    struct line *old, *push = pushed(&bob, 20001);

    assert_string_equal(poll_signed(fixture, &bob.session, HOME, 20002), "pushing");
    assert_int_equal(fixture->dials[0].to.port, 20002);
    assert_string_equal(poll_signed(fixture, &bob.session, "127.0.0.2:1", 20002), "pushing");
    assert_int_equal(fixture->dial_count, 2); /* the one before is given up */
    old = dial_open(fixture);
    assert_true(old->closing);
    expect_silence(old);
    line_close(old);
    say_lines(fixture, 1, 1);
    take_lines(push, 1, 1); /* the connection there is serves as long as it lasts */
    old = dial_open(fixture);
    assert_string_equal(poll_signed(fixture, &bob.session, "127.0.0.3:1", 20002), "pushing");
    assert_true(old->closing);
    line_close(old);
    old = push;
    push = dial_open(fixture);
    line_prove(push, &bob.session);
    assert_true(old->closing);
    take_lines(push, 1, 1);
}

static void an_attached_device_is_tried_now_and_then(void **state)
{
    struct fixture *fixture = *state;
    struct client bob = attached(fixture, "bob", "laptop");
    struct line *push;

    (void)poll_signed(fixture, &bob.session, HOME, 20001);
    dial_fail(fixture, BLL_DIAL_FAILED);
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < 29; i += 1) {
            pass(fixture, 1);
            assert_string_equal(poll_signed(fixture, &bob.session, HOME, 20001), "unreachable");
            assert_int_equal(fixture->dial_count, 0);
        }
        say_lines(fixture, (unsigned)round + 1, 1);
        take_lines(bob.line, (unsigned)round + 1, 1);
        ack(bob.line, inbox_of(bob.line), (unsigned)round + 1);
        pass(fixture, 1);
        assert_string_equal(poll_signed(fixture, &bob.session, HOME, 20001), "pushing");
        if (round < 4)
            dial_fail(fixture, BLL_DIAL_FAILED);
        /* By now the failures in a row make it rarer than that; as often it is not. */
        if (round < 4)
            device_of(&bob)->failures = 0;
    }
    push = dial_open(fixture);
    line_prove(push, &bob.session);
    assert_string_equal(line_take(bob.line), "detached");
    assert_string_equal(poll_signed(fixture, &bob.session, HOME, 20001), "idle");
    say_lines(fixture, 6, 1);
    take_lines(push, 6, 1);
}

static void who_detaches_is_pushed_to(void **state)
{
    struct fixture *fixture = *state;
    struct client bob = client(fixture, "bob", "laptop");
    struct line *push = pushed(&bob, 20001);

    assert_string_equal(line_ask(bob.line, "attach"), "attached");
    line_close(push);
    say_lines(fixture, 1, 1);
    take_lines(bob.line, 1, 1);
    assert_string_equal(line_ask(bob.line, "detach"), "detached");
    push = dial_open(fixture);
    line_prove(push, &bob.session);
    take_lines(push, 1, 1);
    line_close(bob.line);
}

/* While a try is under way the device attaches, and the try fails, or proves itself. */
static void a_try_goes_on_beside_an_attachment(void **state)
{
    struct fixture *fixture = *state;
    struct client bob = client(fixture, "bob", "laptop");
    struct line *push;

    (void)poll_signed(fixture, &bob.session, HOME, 20001);
    assert_string_equal(line_ask(bob.line, "attach"), "attached");
    dial_fail(fixture, BLL_DIAL_FAILED);
    say_lines(fixture, 1, 1);
    take_lines(bob.line, 1, 1);
    assert_string_equal(line_ask(bob.line, "detach"), "detached");
    assert_int_equal(seconds_to_dial(fixture, &bob.session), 30);
    assert_string_equal(line_ask(bob.line, "attach"), "attached");
    take_lines(bob.line, 1, 1);
    assert_string_equal(line_ask(bob.line, "detach"), "detached");
    push = dial_open(fixture);
    line_prove(push, &bob.session);
    take_lines(push, 1, 1);
}

static void who_is_away_is_not_dialled(void **state)
{
    struct fixture *fixture = *state;
    struct client bob = client(fixture, "bob", "laptop");

    line_close(pushed(&bob, 20001));
    pass(fixture, 11);
    say_lines(fixture, 1, 1);
    assert_int_equal(fixture->dial_count, 0);
    assert_string_equal(poll_signed(fixture, &bob.session, HOME, 20001), "pushing");
    dial_fail(fixture, BLL_DIAL_FAILED);
}

static void nobody_is_dialled_for_what_is_his_own(void **state)
{
    struct fixture *fixture = *state;
    struct client bob = client(fixture, "bob", "laptop");

    line_close(pushed(&bob, 20001));
    assert_memory_equal(line_ask(bob.line, "send:k1:*:mine"), "sent:k1:", 8);
    settle(fixture);
    assert_int_equal(fixture->dial_count, 0);
    assert_string_equal(poll_signed(fixture, &bob.session, HOME, 20001), "idle");
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(an_endpoint_proves_itself_before_anything_waits),
        CASE(a_session_of_tls_is_pushed_to_with_tls),
        CASE(who_is_not_reached_is_tried_less_and_less_often),
        CASE(who_proves_nothing_gets_nothing),
        CASE(what_is_no_proof_is_not_answered),
        CASE(who_proves_a_session_of_the_secret_before_gets_nothing),
        CASE(a_proof_proves_one_connection),
        CASE(a_link_lost_before_its_proof_is_a_failure),
        CASE(a_push_lost_before_anything_is_acknowledged_is_a_failure),
        CASE(who_does_not_acknowledge_in_time_is_let_go),
        CASE(what_may_not_be_connected_to_is_not),
        CASE(a_user_tries_no_more_endpoints_than_his_share),
        CASE(dials_over_the_limit_wait_for_their_turn),
        CASE(another_endpoint_has_to_prove_itself_anew),
        CASE(an_attached_device_is_tried_now_and_then),
        CASE(who_detaches_is_pushed_to),
        CASE(a_try_goes_on_beside_an_attachment),
        CASE(who_is_away_is_not_dialled),
        CASE(nobody_is_dialled_for_what_is_his_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
