/* Whispers: from one member of a room to another, and to nobody else.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "receiver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void join_all(struct fixture *fixture, const char *first, const char *second)
{
    const char *const userids[] = {first, second};

    for (size_t i = 0; i < ARRAY_SIZE(userids); i++) {
        struct client one = client(fixture, userids[i], "door");
        assert_begins(line_ask(one.line, "join:#lobby"), "room:");
        line_close(one.line);
    }
}

static void a_whisper_reaches_the_other_alone(void **state)
{
    struct fixture *fixture = *state;
    struct client alice, bob, carol;
    const char *frame;

    join_all(fixture, "alice", "bob");
    join_all(fixture, "alice", "carol");
    alice = attached(fixture, "alice", "laptop");
    bob = attached(fixture, "bob", "laptop");
    carol = attached(fixture, "carol", "laptop");
    while (bob.line->frame_count > 0)
        (void)line_take(bob.line);
    while (carol.line->frame_count > 0)
        (void)line_take(carol.line);
    while (alice.line->frame_count > 0)
        (void)line_take(alice.line);
    assert_non_null(strstr(line_ask(alice.line, "send:k1:#Lobby/bob:psst: you"), "/bob:1:"));
    frame = line_take(bob.line);
    assert_begins(frame, "whisper:");
    assert_non_null(strstr(frame, "/bob:1:"));
    assert_non_null(strstr(frame, "/#lobby:alice:alice:psst: you"));
    expect_silence(carol.line);
    expect_silence(alice.line);
    ack(bob.line, inbox_of(bob.line), 1);
    /* Once more under its key, and by the number. */
    assert_non_null(strstr(line_ask(alice.line, "send:k1:#lobby/bob:psst: you"), "/bob:1:"));
    assert_non_null(strstr(line_ask(alice.line, "send:k2:#1/bob:again"), "/bob:2:"));
    assert_non_null(strstr(line_take(bob.line), "/#lobby:alice:alice:again"));
}

static void it_is_refused_unless_both_are_members(void **state)
{
    struct fixture *fixture = *state;
    struct client alice = client(fixture, "alice", "laptop");
    struct client carol = client(fixture, "carol", "laptop");

    join_all(fixture, "alice", "bob");
    assert_string_equal(line_ask(alice.line, "send:k1:#lobby/carol:hi"),
                        "err:not-member:k1:carol is not a member of #lobby");
    assert_string_equal(line_ask(alice.line, "send:k2:#lobby/nobody:hi"),
                        "err:not-member:k2:nobody is not a member of #lobby");
    assert_string_equal(line_ask(carol.line, "send:k3:#lobby/bob:hi"),
                        "err:not-member:k3:you are not a member of #lobby");
    assert_string_equal(line_ask(carol.line, "send:k4:#nowhere/bob:hi"),
                        "err:not-member:k4:you are not a member of #nowhere");
    assert_begins(line_ask(alice.line, "send:k5:#lobby/alice:hi"), "err:malformed:k5:");
    assert_begins(line_ask(alice.line, "send:k6:#lobby/:hi"), "err:unknown:k6:");
    assert_begins(line_ask(alice.line, "send:k7:#/bob:hi"), "err:unknown:k7:");
    assert_begins(line_ask(alice.line, "send:k8:lobby/bob:hi"), "err:unknown:k8:");
}

/* Who has left keeps the answer to what he sent before, and can send nothing new. */
static void what_was_whispered_before_keeps_its_answer(void **state)
{
    struct fixture *fixture = *state;
    struct client alice = client(fixture, "alice", "laptop");
    char first[200];

    join_all(fixture, "alice", "bob");
    strcpy(first, line_ask(alice.line, "send:k1:#lobby/bob:hi"));
    assert_begins(first, "sent:k1:");
    assert_string_equal(line_ask(alice.line, "part:#lobby"), "done:part");
    assert_string_equal(line_ask(alice.line, "send:k1:#lobby/bob:hi"), first);
    assert_begins(line_ask(alice.line, "send:k2:#lobby/bob:hi"), "err:not-member:k2:you");
    assert_begins(line_ask(alice.line, "send:k1:#lobby/carol:hi"), "err:key-used:k1:");
}

/* The room is in nobody's memory when it is read, and it may be gone altogether. */
static void it_knows_its_room_after_a_restart(void **state)
{
    struct fixture *fixture = *state;
    struct client alice = client(fixture, "alice", "laptop"), bob;
    bool deleted = false;

    join_all(fixture, "alice", "bob");
    (void)line_ask(alice.line, "send:k1:#lobby/bob:psst");
    bob = client(fixture, "bob", "door");
    (void)line_ask(bob.line, "part:#lobby");
    fixture_restart(fixture, true);
    bob = attached(fixture, "bob", "laptop");
    assert_non_null(strstr(line_take(bob.line), "/#lobby:alice:alice:psst"));
    line_close(bob.line);
    assert_int_equal(dal_room_delete(bytes_of("#lobby"), note_done, &deleted), 0);
    WAIT_FOR(fixture, deleted);
    bll_account_changed(fixture->bll, bytes_of("alice"));
    fixture_restart(fixture, true);
    bob = attached(fixture, "bob", "laptop");
    (void)take_message(bob.line, "psst", 1);
}

static void version_1_gets_it_as_a_message(void **state)
{
    struct fixture *fixture = *state;
    struct client alice = client(fixture, "alice", "laptop");

    present(fixture, "bob", 20001);
    join_all(fixture, "alice", "bob");
    (void)line_ask(alice.line, "send:k1:#lobby/bob:psst");
    expect_delivery(fixture, 20001, "psst");
    assert_string_equal(send_text(fixture, "bob", "#lobby/alice", "what?"), "ack");
    assert_begins(send_text(fixture, "carol", "#lobby/alice", "what?"), "err:not-member:");
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_whisper_reaches_the_other_alone),
        CASE(it_is_refused_unless_both_are_members),
        CASE(what_was_whispered_before_keeps_its_answer),
        CASE(it_knows_its_room_after_a_restart),
        CASE(version_1_gets_it_as_a_message),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
