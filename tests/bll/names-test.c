/* Display names: taken, refused, told to the others, and what becomes of what was said before.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "receiver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void a_name_is_changed_and_told(void **state)
{
    struct fixture *fixture = *state;
    struct client alice = client(fixture, "alice", "laptop");
    struct client bob = attached(fixture, "bob", "laptop");
    const char *note;

    assert_string_equal(line_ask(alice.line, "nick:\uc568\ub9ac\uc2a4"),
                        "named:\uc568\ub9ac\uc2a4");
    note = line_take(bob.line);
    assert_begins(note, "note:");
    assert_non_null(strstr(note, ":renamed:-:alice:\uc568\ub9ac\uc2a4:alice"));
    assert_string_equal(line_ask(alice.line, "nick:\uc568\ub9ac\uc2a4"),
                        "named:\uc568\ub9ac\uc2a4"); /* it was so before */
    expect_silence(bob.line);
    line_close(alice.line);
    alice = client(fixture, "alice", "laptop");
    assert_string_equal(alice.session.name, "\uc568\ub9ac\uc2a4");
}

/* Each room, and everyone, has a note of it in its log. */
static void every_room_is_told(void **state)
{
    struct fixture *fixture = *state;
    struct client alice = client(fixture, "alice", "laptop");
    struct client bob = attached(fixture, "bob", "laptop");

    (void)line_ask(alice.line, "join:#a");
    (void)line_ask(alice.line, "join:#b");
    (void)line_ask(bob.line, "join:#a");
    (void)line_ask(bob.line, "join:#b");
    assert_string_equal(line_ask(alice.line, "nick:Al"), "named:Al");
    for (int i = 0; i < 3; i++)
        assert_non_null(strstr(line_take(bob.line), ":renamed:-:alice:Al:alice"));
    expect_silence(bob.line);
}

static void names_that_look_alike_are_taken(void **state)
{
    static const char *const taken[] = {"bob", "BOB", "\uff22ob", "Carla", "cARLA", "Carol"};
    struct fixture *fixture = *state;
    struct client alice = client(fixture, "alice", "laptop");
    struct client carol = client(fixture, "carol", "laptop");

    assert_string_equal(line_ask(carol.line, "nick:Carla"), "named:Carla");
    for (size_t i = 0; i < ARRAY_SIZE(taken); i++)
        assert_begins(line_ask(alice.line, "nick:%s", taken[i]), "err:taken:nick:");
    assert_string_equal(line_ask(carol.line, "nick:Carol"), "named:Carol"); /* her own */
    assert_string_equal(line_ask(alice.line, "nick:carla"), "named:carla"); /* free again */
    assert_begins(line_ask(alice.line, "nick:a b"), "err:malformed:nick:a name may not");
    assert_begins(line_ask(alice.line, "nick:a#b"), "err:malformed:nick:a name may not");
}

/* What was said, and what is on its way, bears the name of then. */
static void messages_bear_the_name_of_then(void **state)
{
    struct fixture *fixture = *state;
    struct client alice = client(fixture, "alice", "laptop");
    struct client bob = attached(fixture, "bob", "laptop");
    struct answer before, change, after;

    line_frame(alice.line, &before, "send:k1:bob:before");
    line_frame(alice.line, &change, "nick:Al");
    line_frame(alice.line, &after, "send:k2:bob:meanwhile");
    WAIT_FOR(fixture, before.ended && change.ended && after.ended);
    (void)line_ask(alice.line, "send:k3:bob:after");
    settle(fixture);
    for (int i = 0; i < 4; i++) {
        const char *frame = line_take(bob.line);
        if (strncmp(frame, "note:", 5) == 0)
            continue;
        assert_non_null(strstr(frame, strstr(frame, ":after") ? ":alice:Al:" : ":alice:alice:"));
    }
    expect_silence(bob.line);
}

static void a_rename_outlives_a_load_that_began_before(void **state)
{
    struct fixture *fixture = *state;
    struct client alice = client(fixture, "alice", "laptop");
    struct client bob = attached(fixture, "bob", "laptop");
    struct answer change;

    line_frame(alice.line, &change, "nick:Al");
    bll_account_changed(fixture->bll, bytes_of("alice"));
    WAIT_FOR(fixture, change.ended);
    settle(fixture);
    (void)line_take(bob.line);
    (void)line_ask(alice.line, "send:k1:bob:hello");
    assert_non_null(strstr(line_take(bob.line), ":alice:Al:hello"));
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_name_is_changed_and_told),
        CASE(every_room_is_told),
        CASE(names_that_look_alike_are_taken),
        CASE(messages_bear_the_name_of_then),
        CASE(a_rename_outlives_a_load_that_began_before),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
