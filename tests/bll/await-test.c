/* What is acknowledged, as those who sent it ask for it (await), and what is not, as those who have
 * to get it do (unread).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "receiver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define AWAITS_MAX 64

static const char *inbox_named(struct client *whose, const char *userid)
{
    static char name[64];

    snprintf(name, sizeof(name), "%s%s", inbox_of(whose->line), userid);
    return name;
}

static void expect(const char *answer, const char *verb, const char *conversation, unsigned seq)
{
    char expected[100];

    snprintf(expected, sizeof(expected), "%s:%s:%u", verb, conversation, seq);
    assert_string_equal(answer, expected);
}

static void a_sender_is_told_when_it_was_acknowledged(void **state)
{
    struct fixture *fixture = *state;
    struct client alice = client(fixture, "alice", "laptop");
    struct client bob = attached(fixture, "bob", "laptop");
    char inbox[64];

    strcpy(inbox, inbox_named(&bob, "bob"));
    say_lines(fixture, 1, 3);
    expect(line_ask(alice.line, "await:%s:2", inbox), "awaiting", inbox, 2);
    expect(line_ask(alice.line, "await:%s:3", inbox), "awaiting", inbox, 3);
    ack(bob.line, inbox_of(bob.line), 1);
    expect_silence(alice.line);
    ack(bob.line, inbox_of(bob.line), 2);
    expect(line_take(alice.line), "acked", inbox, 2);
    expect_silence(alice.line);
    ack(bob.line, inbox_of(bob.line), 3);
    expect(line_take(alice.line), "acked", inbox, 3);
    expect(line_ask(alice.line, "await:%s:1", inbox), "acked", inbox, 1);
}

static void a_push_of_version_1_acknowledges(void **state)
{
    struct fixture *fixture = *state;
    struct client alice = client(fixture, "alice", "laptop");
    struct client bob = client(fixture, "bob", "laptop");
    char inbox[64];

    strcpy(inbox, inbox_named(&bob, "bob"));
    present(fixture, "bob", 20001);
    say_lines(fixture, 1, 1);
    expect(line_ask(alice.line, "await:%s:1", inbox), "awaiting", inbox, 1);
    expect_delivery(fixture, 20001, "line 1");
    expect(line_take(alice.line), "acked", inbox, 1);
}

/* Storage knows what was acknowledged before; whoever has to is told of the rest again. */
static void it_survives_a_restart(void **state)
{
    struct fixture *fixture = *state;
    struct client alice, bob = attached(fixture, "bob", "laptop");
    char inbox[64];

    strcpy(inbox, inbox_named(&bob, "bob"));
    say_lines(fixture, 1, 2);
    ack(bob.line, inbox_of(bob.line), 1);
    fixture_restart(fixture, true);
    alice = client(fixture, "alice", "laptop");
    expect(line_ask(alice.line, "await:%s:1", inbox), "acked", inbox, 1);
    expect(line_ask(alice.line, "await:%s:2", inbox), "awaiting", inbox, 2);
    bob = attached(fixture, "bob", "laptop");
    ack(bob.line, inbox_of(bob.line), 2);
    expect(line_take(alice.line), "acked", inbox, 2);
}

static void only_what_one_has_sent_to_somebody_is_awaited(void **state)
{
    struct fixture *fixture = *state;
    struct client alice = client(fixture, "alice", "laptop");
    struct client bob = client(fixture, "bob", "laptop");
    struct client carol = client(fixture, "carol", "laptop");
    char inbox[64];

    strcpy(inbox, inbox_named(&bob, "bob"));
    say_lines(fixture, 1, 1);
    say(fixture, "alice", "*", "to all");
    assert_begins(line_ask(carol.line, "await:%s:1", inbox), "err:unknown:await:");
    assert_begins(line_ask(bob.line, "await:%s:1", inbox), "err:unknown:await:");
    assert_begins(line_ask(alice.line, "await:%s:2", inbox), "err:unknown:await:");
    assert_begins(line_ask(alice.line, "await:9999/bob:1"), "err:unknown:await:");
    assert_begins(
        line_ask(alice.line, "await:%llu/*:1",
                 (unsigned long long)alice.line->link->account->subscriptions[0].conversation->id),
        "err:unknown:await:");
}

static void awaits_are_limited_and_end_with_their_link(void **state)
{
    struct fixture *fixture = *state;
    struct client alice = client(fixture, "alice", "laptop");
    struct client bob = attached(fixture, "bob", "laptop");
    char inbox[64];

    strcpy(inbox, inbox_named(&bob, "bob"));
    say_lines(fixture, 1, AWAITS_MAX + 1);
    for (unsigned i = 1; i <= AWAITS_MAX; i++)
        expect(line_ask(alice.line, "await:%s:%u", inbox, i), "awaiting", inbox, i);
    assert_begins(line_ask(alice.line, "await:%s:%u", inbox, AWAITS_MAX + 1), "err:busy:await:");
    line_close(alice.line);
    ack(bob.line, inbox_of(bob.line), 10);
    alice = client(fixture, "alice", "laptop");
    expect(line_ask(alice.line, "await:%s:11", inbox), "awaiting", inbox, 11);
    ack(bob.line, inbox_of(bob.line), 11);
    expect(line_take(alice.line), "acked", inbox, 11);
    expect_silence(alice.line);
}

/* -- unread ----------------------------------------------------------------------------------- */

static void what_is_not_acknowledged_is_unread(void **state)
{
    struct fixture *fixture = *state;
    struct client bob = attached(fixture, "bob", "laptop");
    struct client sender = client(fixture, "bob", "-");
    char expected[200];

    assert_string_equal(line_ask(bob.line, "unread"), "end:unread:0:");
    say_lines(fixture, 1, 3);
    say(fixture, "alice", "*", "to all");
    snprintf(expected, sizeof(expected), "waiting:%llu/*:1\003waiting:%s:3\003end:unread:2:",
             (unsigned long long)bob.line->link->account->subscriptions[0].conversation->id,
             inbox_named(&bob, "bob"));
    assert_string_equal(line_ask(bob.line, "unread"), expected);
    ack(bob.line, inbox_of(bob.line), 2);
    snprintf(expected, sizeof(expected), "waiting:%s:1\003end:unread:2:", inbox_named(&bob, "bob"));
    assert_non_null(strstr(line_ask(bob.line, "unread"), expected));
    assert_begins(line_ask(sender.line, "unread"), "err:malformed:unread:");
}

/* Whatever a device says itself it has read, if it has read what comes before. */
static void ones_own_words_are_not_unread(void **state)
{
    struct fixture *fixture = *state;
    struct client bob = client(fixture, "bob", "laptop");
    struct client phone = client(fixture, "bob", "phone");

    (void)line_ask(bob.line, "join:#lobby");
    (void)line_ask(bob.line, "send:k1:#lobby:hello");
    (void)line_ask(bob.line, "send:k2:*:hello");
    settle(fixture);
    assert_string_equal(line_ask(bob.line, "unread"), "end:unread:0:");
    assert_non_null(strstr(line_ask(phone.line, "unread"), "end:unread:2:"));
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_sender_is_told_when_it_was_acknowledged),
        CASE(a_push_of_version_1_acknowledges),
        CASE(it_survives_a_restart),
        CASE(only_what_one_has_sent_to_somebody_is_awaited),
        CASE(awaits_are_limited_and_end_with_their_link),
        CASE(what_is_not_acknowledged_is_unread),
        CASE(ones_own_words_are_not_unread),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
