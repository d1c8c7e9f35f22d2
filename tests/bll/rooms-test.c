/* Rooms as those in them know them: made, joined and left, looked at and listed, opened and closed,
 * and what each of it tells the others.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "receiver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* What the room is called on the wire ("7/#lobby"), if the answer tells of it as it should:
 * `rest` is what comes after the small number. */
static const char *told(const char *answer, const char *rest)
{
    static char conversation[100];
    struct v2_frame frame;
    const char *end;

    if (v2_parse(bytes_of(answer), &frame, NULL) < 0 || frame.verb != V2_VERB_ROOM)
        fail_msg("no room: %s", answer);
    snprintf(conversation, sizeof(conversation), "%llu/%.*s",
             (unsigned long long)frame.conversation.id, BYTES_ARG(frame.conversation.name));
    end = strchr(answer + strlen("room:") + strlen(conversation) + 1, ':') + 1;
    assert_string_equal(end, rest);
    return conversation;
}

static void take_note_of(struct line *line, const char *kind, const char *from, const char *text)
{
    struct v2_frame frame;
    const char *taken = line_take(line);

    if (v2_parse(bytes_of(taken), &frame, NULL) < 0 || frame.verb != V2_VERB_NOTE)
        fail_msg("no note: %s", taken);
    if (!bytes_is(frame.kind, kind) || !bytes_is(frame.userid, from) || !bytes_is(frame.text, text))
        fail_msg("not %s by %s (%s): %s", kind, from, text, taken);
}

/* -- joining and leaving ---------------------------------------------------------------------- */

static void who_joins_first_makes_the_room(void **state)
{
    struct fixture *fixture = *state;
    struct client alice = client(fixture, "alice", "laptop");
    struct client bob = client(fixture, "bob", "laptop");
    char lobby[100];

    strcpy(lobby, told(line_ask(alice.line, "join:#lobby"), "open:operator:1:"));
    assert_string_equal(told(line_ask(bob.line, "join:#LOBBY"), "open:member:2:"), lobby);
    assert_string_equal(told(line_ask(bob.line, "join:#1"), "open:member:2:"), lobby);
    assert_string_equal(told(line_ask(bob.line, "look:#\uff2cobby"), "open:member:2:"), lobby);
    assert_begins(line_ask(alice.line, "join:#12"), "err:unknown:join:");
    assert_begins(line_ask(alice.line, "look:#nowhere"), "err:unknown:look:there is no such room");
    assert_begins(line_ask(alice.line, "join:#a b"), "err:malformed:join:a name may not");
    assert_begins(line_ask(alice.line, "join:#"), "err:malformed:join:a name may not be empty");
}

static void rooms_may_be_the_administrators_to_make(void **state)
{
    struct fixture *fixture = *state;
    struct client alice = client(fixture, "alice", "laptop");

    fixture->config.rooms_by_anyone = false;
    assert_int_equal(bll_reconfigure(fixture->bll, &fixture->config), 0);
    assert_begins(line_ask(alice.line, "join:#lobby"), "err:unknown:join:");
    fixture_add_room(fixture, "#lobby");
    (void)told(line_ask(alice.line, "join:#lobby"), "open:member:1:");
}

static void rooms_are_limited(void **state)
{
    struct fixture *fixture = *state;
    struct client alice = client(fixture, "alice", "laptop");
    struct client bob = client(fixture, "bob", "laptop");

    fixture->config.rooms_max = 2;
    fixture->config.rooms_per_user = 1;
    assert_int_equal(bll_reconfigure(fixture->bll, &fixture->config), 0);
    (void)told(line_ask(alice.line, "join:#a"), "open:operator:1:");
    assert_begins(line_ask(alice.line, "join:#b"), "err:full:join:");
    (void)told(line_ask(bob.line, "join:#b"), "open:operator:1:");
    assert_string_equal(line_ask(bob.line, "part:#b"), "done:part");
    assert_begins(line_ask(bob.line, "join:#c"), "err:full:join:");
}

/* The others, and his other devices, are told; the device on which it was done is not. */
static void joining_and_leaving_are_told_to_those_present(void **state)
{
    struct fixture *fixture = *state;
    struct client alice = attached(fixture, "alice", "laptop");
    struct client bob = attached(fixture, "bob", "laptop");
    struct client other = attached(fixture, "bob", "phone");

    (void)line_ask(alice.line, "join:#lobby");
    (void)told(line_ask(bob.line, "join:#lobby"), "open:member:2:");
    take_note_of(alice.line, "joined", "bob", "");
    take_note_of(other.line, "joined", "bob", "");
    assert_begins(line_ask(bob.line, "send:k1:#lobby:hello"), "sent:k1:");
    (void)take_message(alice.line, "hello", 3);
    (void)take_message(other.line, "hello", 3);
    assert_string_equal(line_ask(bob.line, "part:#1"), "done:part");
    take_note_of(alice.line, "left", "bob", "");
    take_note_of(other.line, "left", "bob", "");
    assert_begins(line_ask(bob.line, "part:#lobby"), "err:not-member:part:");
    assert_begins(line_ask(bob.line, "send:k2:#lobby:hello"), "err:not-member:k2:");
    assert_begins(line_ask(alice.line, "send:k1:#lobby:alone"), "sent:k1:");
    expect_silence(alice.line);
    expect_silence(bob.line);
    expect_silence(other.line);
}

/* What was said while he was away is the others'; what he had not read before is gone with it. */
static void who_comes_back_begins_anew(void **state)
{
    struct fixture *fixture = *state;
    struct client alice = client(fixture, "alice", "laptop");
    struct client bob = client(fixture, "bob", "laptop");

    (void)line_ask(alice.line, "join:#lobby");
    (void)line_ask(bob.line, "join:#lobby");
    (void)line_ask(alice.line, "send:k1:#lobby:unread");
    (void)line_ask(bob.line, "part:#lobby");
    (void)line_ask(alice.line, "send:k2:#lobby:among ourselves");
    (void)line_ask(bob.line, "join:#lobby");
    (void)line_ask(alice.line, "send:k3:#lobby:welcome back");
    fixture_restart(fixture, true);
    bob = attached(fixture, "bob", "laptop");
    (void)take_message(bob.line, "welcome back", 7);
    expect_silence(bob.line);
}

/* What he had read of it, and was not stored yet, holds nobody up. */
static void who_leaves_leaves_no_cursor_behind(void **state)
{
    struct fixture *fixture = *state;
    struct client alice = client(fixture, "alice", "laptop");
    struct client bob = attached(fixture, "bob", "laptop");
    char room[100];

    strcpy(room, told(line_ask(alice.line, "join:#lobby"), "open:operator:1:"));
    (void)line_ask(bob.line, "join:#lobby");
    (void)line_ask(alice.line, "send:k1:#lobby:hello");
    (void)take_message(bob.line, "hello", 3);
    ack(bob.line, room, 3);
    (void)line_ask(bob.line, "part:#lobby");
    while (!bll_flush_cursors(fixture->bll))
        fixture_step(fixture, "the cursors to be stored");
}

/* One comes, and what flows to the others goes on: their windows and what they have read stay. */
static void a_join_disturbs_no_flow(void **state)
{
    struct fixture *fixture = *state;
    struct client alice = attached(fixture, "alice", "laptop");
    struct client bob = attached(fixture, "bob", "laptop");
    char inbox[32];

    fixture->config.window_messages = 4;
    assert_int_equal(bll_reconfigure(fixture->bll, &fixture->config), 0);
    (void)line_ask(alice.line, "join:#lobby");
    say_lines(fixture, 1, 40); /* more than the window takes, read in pages */
    strcpy(inbox, inbox_of(bob.line));
    (void)told(line_ask(bob.line, "join:#lobby"), "open:member:2:");
    for (unsigned i = 1; i <= 40; i++) {
        char text[24];
        snprintf(text, sizeof(text), "line %u", i);
        (void)take_message(bob.line, text, i);
        ack(bob.line, inbox, i);
        if (i == 20)
            (void)line_ask(bob.line, "part:#lobby");
        if (i == 30)
            (void)line_ask(bob.line, "join:#hall");
    }
    assert_int_equal(cursor_of(device_of(&bob), inbox), 40);
    expect_silence(bob.line);
}

/* What storage was asked before a join does not take it away again. */
static void a_join_outlives_a_load_that_began_before(void **state)
{
    struct fixture *fixture = *state;
    struct client alice = client(fixture, "alice", "laptop");
    struct client bob = attached(fixture, "bob", "laptop");
    struct answer joined;

    (void)line_ask(alice.line, "join:#lobby");
    line_frame(bob.line, &joined, "join:#lobby");
    bll_account_changed(fixture->bll, bytes_of("bob"));
    WAIT_FOR(fixture, joined.ended);
    bll_account_changed(fixture->bll, bytes_of("bob"));
    settle(fixture);
    assert_begins(line_ask(bob.line, "send:k1:#lobby:hello"), "sent:k1:");
}

static void version_1_gets_no_notes(void **state)
{
    struct fixture *fixture = *state;
    struct client alice = client(fixture, "alice", "laptop");
    struct client bob = client(fixture, "bob", "laptop");

    present(fixture, "carol", 20001);
    (void)line_ask(alice.line, "join:#lobby");
    fixture_join(fixture, "#lobby", "carol");
    (void)line_ask(bob.line, "join:#lobby");
    (void)line_ask(bob.line, "topic:#lobby:of this and that");
    (void)line_ask(bob.line, "nick:Robert");
    (void)line_ask(bob.line, "part:#lobby");
    expect_no_push(fixture);
    (void)line_ask(alice.line, "send:k1:#lobby:hello");
    expect_delivery(fixture, 20001, "hello");
    expect_no_push(fixture);
}

/* -- closed rooms ----------------------------------------------------------------------------- */

static void a_closed_room_needs_an_invitation(void **state)
{
    struct fixture *fixture = *state;
    struct client alice = client(fixture, "alice", "laptop");
    struct client bob = attached(fixture, "bob", "laptop");
    struct client carol = client(fixture, "carol", "laptop");

    (void)line_ask(alice.line, "join:#den");
    (void)line_ask(carol.line, "join:#den");
    assert_begins(line_ask(carol.line, "access:#den:closed"), "err:not-allowed:access:");
    assert_string_equal(line_ask(alice.line, "access:#den:closed"), "done:access");
    assert_begins(line_ask(bob.line, "join:#den"), "err:closed:join:");
    assert_string_equal(line_ask(bob.line, "rooms"), "end:rooms:0:");
    assert_begins(line_ask(carol.line, "invite:#den:bob"), "err:not-allowed:invite:");
    assert_begins(line_ask(alice.line, "invite:#den:nobody"), "err:unknown:invite:");
    assert_string_equal(line_ask(alice.line, "invite:#den:bob"), "done:invite");
    assert_non_null(strstr(line_take(bob.line), "/#den:alice:alice:"));
    (void)told(line_ask(bob.line, "look:#den"), "closed:invited:2:");
    (void)told(line_ask(bob.line, "join:#den"), "closed:member:3:");
    assert_begins(line_ask(bob.line, "topic:#den:mine"), "err:not-allowed:topic:");
    assert_string_equal(line_ask(bob.line, "part:#den"), "done:part");
    assert_begins(line_ask(bob.line, "join:#den"), "err:closed:join:"); /* it is used up */
}

static void who_is_removed_is_told_and_gets_no_more(void **state)
{
    struct fixture *fixture = *state;
    struct client alice = client(fixture, "alice", "laptop");
    struct client bob = attached(fixture, "bob", "laptop");
    struct client carol = attached(fixture, "carol", "laptop");

    (void)line_ask(alice.line, "join:#lobby");
    (void)line_ask(bob.line, "join:#lobby");
    (void)line_ask(carol.line, "join:#lobby");
    take_note_of(bob.line, "joined", "carol", "");
    assert_begins(line_ask(carol.line, "remove:#lobby:bob"), "err:not-allowed:remove:");
    assert_begins(line_ask(alice.line, "remove:#lobby:nobody"), "err:unknown:remove:");
    assert_string_equal(line_ask(alice.line, "remove:#lobby:bob"), "done:remove");
    assert_string_equal(line_ask(alice.line, "remove:#lobby:bob"),
                        "err:not-member:remove:bob is not a member of this room");
    take_note_of(bob.line, "removed", "alice", "bob");
    take_note_of(carol.line, "removed", "alice", "bob");
    (void)line_ask(alice.line, "send:k1:#lobby:hello");
    (void)take_message(carol.line, "hello", 5);
    expect_silence(bob.line);
    assert_begins(line_ask(bob.line, "who:#lobby"), "err:not-member:who:");
}

/* Put out and in again by the administrator before memory has looked: what was said meanwhile is
 * the others'. */
static void who_comes_back_behind_the_scenes_begins_anew(void **state)
{
    struct fixture *fixture = *state;
    struct client alice = client(fixture, "alice", "laptop");
    struct client bob = client(fixture, "bob", "laptop");

    (void)line_ask(alice.line, "join:#lobby");
    fixture_join(fixture, "#lobby", "bob");
    fixture_order(fixture, ROOM_REMOVE, "#lobby", "bob");
    (void)line_ask(alice.line, "send:k1:#lobby:among ourselves");
    fixture_join(fixture, "#lobby", "bob");
    assert_string_equal(line_ask(bob.line, "unread"), "end:unread:0:");
    (void)line_ask(alice.line, "send:k2:#lobby:hello");
    settle(fixture);
    assert_non_null(strstr(line_ask(bob.line, "unread"), "/#lobby:1\003end:unread:1:"));
}

/* Whoever polls is connected to for it, and is asked for no acknowledgement in vain. */
static void who_is_removed_while_nothing_flows_is_told(void **state)
{
    struct fixture *fixture = *state;
    struct client alice = client(fixture, "alice", "laptop");
    struct client bob = client(fixture, "bob", "laptop");
    struct line *line;
    char room[100];

    strcpy(room, told(line_ask(alice.line, "join:#lobby"), "open:operator:1:"));
    (void)line_ask(bob.line, "join:#lobby");
    line = pushed(&bob, 20001);
    pass(fixture, 31);
    assert_true(line->closing);
    line_close(line);
    assert_string_equal(poll_signed(fixture, &bob.session, HOME, 20001), "idle");
    (void)line_ask(alice.line, "remove:#lobby:bob");
    assert_begins(line_ask(bob.line, "send:k1:#lobby:hello"), "err:not-member:");
    assert_begins(line_ask(bob.line, "who:#lobby"), "err:not-member:");
    assert_string_equal(line_ask(bob.line, "unread"), "end:unread:0:");
    (void)line_ask(alice.line, "send:k1:#lobby:among ourselves");
    line = dial_open(fixture);
    line_prove(line, &bob.session);
    take_note_of(line, "removed", "alice", "bob");
    ack(line, room, 3);
    expect_silence(line);
    pass(fixture, 1);
    assert_begins(line_ask(line, "ack:%s:3", room), "err:unknown:ack:");
}

/* He has some time for it. */
static void who_does_not_take_the_last_of_a_room_does_without(void **state)
{
    struct fixture *fixture = *state;
    struct client alice = client(fixture, "alice", "laptop");
    struct client bob = attached(fixture, "bob", "laptop");
    struct client phone = client(fixture, "bob", "phone");

    (void)line_ask(alice.line, "join:#lobby");
    (void)line_ask(phone.line, "join:#lobby");
    (void)line_ask(alice.line, "send:k1:#lobby:hello");
    take_note_of(bob.line, "joined", "bob", "");
    (void)take_message(bob.line, "hello", 3);
    (void)line_ask(phone.line, "part:#lobby");
    take_note_of(bob.line, "left", "bob", "");
    fixture->config.push_deliver_us *= 10;
    assert_int_equal(bll_reconfigure(fixture->bll, &fixture->config), 0);
    assert_int_equal(device_of(&bob)->account->subscription_count, 3);
    pass(fixture, 11);
    assert_int_equal(device_of(&bob)->account->subscription_count, 2);
    assert_false(bob.line->closing);
    (void)line_ask(phone.line, "join:#lobby"); /* and it is another time */
    take_note_of(bob.line, "joined", "bob", "");
    expect_silence(bob.line);
}

static void topics_are_told(void **state)
{
    struct fixture *fixture = *state;
    struct client alice = attached(fixture, "alice", "laptop");
    struct client bob = client(fixture, "bob", "laptop");

    (void)line_ask(alice.line, "join:#lobby");
    assert_begins(line_ask(bob.line, "topic:#lobby:mine"), "err:not-member:topic:");
    assert_begins(line_ask(alice.line, "topic:#lobby:a\u2028b"), "err:malformed:topic:a topic");
    (void)line_ask(bob.line, "join:#lobby");
    take_note_of(alice.line, "joined", "bob", "");
    assert_string_equal(line_ask(bob.line, "topic:#lobby:this: and that"), "done:topic");
    take_note_of(alice.line, "topic", "bob", "this: and that");
    (void)told(line_ask(alice.line, "look:#lobby"), "open:operator:2:this: and that");
    assert_string_equal(line_ask(bob.line, "topic:#lobby:this: and that"), "done:topic");
    assert_string_equal(line_ask(bob.line, "topic:#lobby:"), "done:topic");
    take_note_of(alice.line, "topic", "bob", "");
    expect_silence(alice.line);
}

/* -- lists ------------------------------------------------------------------------------------ */

/* The answer's frames, one after the other; ends with "". */
static const char *next_frame(const char **at)
{
    static char frame[600];
    size_t len = strcspn(*at, "\003");

    assert_true(len < sizeof(frame));
    memcpy(frame, *at, len);
    frame[len] = '\0';
    *at += len + ((*at)[len] != '\0');
    return frame;
}

static void rooms_are_listed_in_pages(void **state)
{
    struct fixture *fixture = *state;
    struct client alice = client(fixture, "alice", "laptop");
    char room[16], expected[64];
    const char *at;

    for (int i = 0; i < V2_ROOMS_PAGE + 3; i++) {
        snprintf(room, sizeof(room), "#r%03d", i);
        fixture_add_room(fixture, room);
    }
    at = line_ask(alice.line, "rooms");
    for (int i = 0; i < V2_ROOMS_PAGE; i++) {
        snprintf(expected, sizeof(expected), "/#r%03d:%d:open:none:0:", i, i + 1);
        assert_non_null(strstr(next_frame(&at), expected));
    }
    assert_string_equal(next_frame(&at), "end:rooms:100:#r099");
    at = line_ask(alice.line, "rooms:#r099");
    for (int i = 0; i < 3; i++)
        assert_begins(next_frame(&at), "room:");
    assert_string_equal(next_frame(&at), "end:rooms:3:");
}

static void members_are_listed_with_who_is_present(void **state)
{
    struct fixture *fixture = *state;
    struct client alice = client(fixture, "alice", "laptop");
    struct client bob = client(fixture, "bob", "laptop");
    const char *at;

    (void)line_ask(alice.line, "join:#lobby");
    (void)line_ask(bob.line, "join:#lobby");
    fixture_join(fixture, "#lobby", "carol");
    line_close(bob.line);
    at = line_ask(alice.line, "who:#Lobby");
    assert_string_equal(next_frame(&at), "member:alice:present:operator:alice");
    assert_string_equal(next_frame(&at), "member:bob:absent:member:bob");
    assert_string_equal(next_frame(&at), "member:carol:absent:member:carol");
    assert_string_equal(next_frame(&at), "end:who:3:");
    present(fixture, "carol", 20001);
    at = line_ask(alice.line, "who:#lobby:bob");
    assert_string_equal(next_frame(&at), "member:carol:present:member:carol");
    assert_string_equal(next_frame(&at), "end:who:1:");
    at = line_ask(alice.line, "who:*");
    for (int i = 0; i < 3; i++)
        assert_begins(next_frame(&at), "member:");
    assert_string_equal(next_frame(&at), "end:who:3:");
    assert_begins(line_ask(alice.line, "who:#nowhere"), "err:unknown:who:");
}

/* Whoever has just been put in by the administrator may ask at once. */
static void a_new_member_need_not_wait_for_memory(void **state)
{
    struct fixture *fixture = *state;
    struct client alice = client(fixture, "alice", "laptop");

    fixture_add_room(fixture, "#lobby");
    assert_begins(line_ask(alice.line, "who:#lobby"), "err:not-member:who:");
    fixture_put_in(fixture, "#lobby", "alice");
    assert_begins(line_ask(alice.line, "who:#lobby"), "member:alice:");
}

/* -- limits ----------------------------------------------------------------------------------- */

static void changes_and_requests_are_limited(void **state)
{
    struct fixture *fixture = *state;
    struct client alice = client(fixture, "alice", "laptop");

    fixture->config.rates.changes_per_user = (struct rate){.per_minute = 60, .burst = 1};
    fixture->config.rates.requests_per_user = (struct rate){.per_minute = 60, .burst = 2};
    assert_int_equal(bll_reconfigure(fixture->bll, &fixture->config), 0);
    (void)told(line_ask(alice.line, "join:#lobby"), "open:operator:1:");
    assert_begins(line_ask(alice.line, "nick:Al"), "err:limited:nick:1000 ms");
    (void)told(line_ask(alice.line, "look:#lobby"), "open:operator:1:");
    assert_begins(line_ask(alice.line, "unread"), "end:unread:");
    assert_begins(line_ask(alice.line, "rooms"), "err:limited:rooms:");
    assert_int_equal(counted(fixture, METRIC_ASKS_LIMITED), 2);
    pass(fixture, 1);
    assert_string_equal(line_ask(alice.line, "nick:Al"), "named:Al");
}

static void asks_under_way_are_limited(void **state)
{
    enum { ASKS = 17 };
    struct fixture *fixture = *state;
    struct client alice = client(fixture, "alice", "laptop");
    struct answer answers[ASKS];

    for (int i = 0; i < ASKS; i++)
        line_frame(alice.line, &answers[i], "rooms");
    assert_begins(answers[ASKS - 1].text, "err:busy:rooms:");
    WAIT_FOR(fixture, answers[ASKS - 2].ended);
    settle(fixture);
    for (int i = 0; i < ASKS - 1; i++)
        assert_string_equal(answers[i].text, "end:rooms:0:");
    assert_string_equal(line_ask(alice.line, "rooms"), "end:rooms:0:");
}

static void a_link_closes_in_the_middle_of_asks(void **state)
{
    static const char *const frames[] = {"join:#lobby", "topic:#lobby:new",           "who:#lobby",
                                         "nick:Al",     "history:#lobby:time:0:0:10", "rooms",
                                         "part:#lobby"};
    struct fixture *fixture = *state;
    struct answer answers[ARRAY_SIZE(frames)];
    struct client alice = client(fixture, "alice", "laptop");

    for (size_t i = 0; i < ARRAY_SIZE(frames); i++)
        line_frame(alice.line, &answers[i], "%s", frames[i]);
    line_close(alice.line);
    for (size_t i = 0; i < ARRAY_SIZE(frames); i++)
        WAIT_FOR(fixture, answers[i].ended);
    alice = client(fixture, "alice", "laptop");
    assert_string_equal(alice.session.name, "Al");
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(who_joins_first_makes_the_room),
        CASE(rooms_may_be_the_administrators_to_make),
        CASE(rooms_are_limited),
        CASE(joining_and_leaving_are_told_to_those_present),
        CASE(who_comes_back_begins_anew),
        CASE(who_leaves_leaves_no_cursor_behind),
        CASE(a_join_disturbs_no_flow),
        CASE(a_join_outlives_a_load_that_began_before),
        CASE(version_1_gets_no_notes),
        CASE(a_closed_room_needs_an_invitation),
        CASE(who_is_removed_is_told_and_gets_no_more),
        CASE(who_comes_back_behind_the_scenes_begins_anew),
        CASE(who_is_removed_while_nothing_flows_is_told),
        CASE(who_does_not_take_the_last_of_a_room_does_without),
        CASE(topics_are_told),
        CASE(rooms_are_listed_in_pages),
        CASE(members_are_listed_with_who_is_present),
        CASE(a_new_member_need_not_wait_for_memory),
        CASE(changes_and_requests_are_limited),
        CASE(asks_under_way_are_limited),
        CASE(a_link_closes_in_the_middle_of_asks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
