/* Streams: messages of version 2 over connections that are attached or proven, their
 * acknowledgements, and what becomes of them when a connection ends at any point.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "receiver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* -- attached --------------------------------------------------------------------------------- */

static void an_attached_device_gets_its_messages_at_once(void **state)
{
    struct fixture *fixture = *state;
    struct client bob = attached(fixture, "bob", "laptop");
    const char *frame;
    char expected[64], inbox[32];

    say(fixture, "alice", "bob", "hello: you");
    frame = line_take(bob.line);
    snprintf(inbox, sizeof(inbox), "%llu/", (unsigned long long)device_of(&bob)->account->inbox);
    snprintf(expected, sizeof(expected), "msg:%sbob:1:", inbox);
    assert_memory_equal(frame, expected, strlen(expected));
    assert_string_equal(strstr(frame, ":alice"), ":alice:alice:hello: you");
    assert_int_equal(cursor_of(device_of(&bob), inbox), 0);
    ack(bob.line, inbox, 1);
    assert_int_equal(cursor_of(device_of(&bob), inbox), 1);
    assert_int_equal(counted(fixture, METRIC_MESSAGES_DELIVERED), 1);
    expect_silence(bob.line);
}

static void note_stored(void *userdata, enum dal_outcome outcome, struct message *message,
                        bool again)
{
    struct fixture *fixture = userdata;

    assert_int_equal(outcome, DAL_OK);
    bll_stored(fixture->bll, message);
}

/* As the administrator does, who has a way of his own into storage. */
static void what_others_have_stored_flows_at_once(void **state)
{
    struct fixture *fixture = *state;
    struct client bob = attached(fixture, "bob", "laptop");
    struct message *message;
    struct message from = {
        .conversation = device_of(&bob)->account->inbox,
        .userid = bytes_of("root"),
        .name = bytes_of("Root"),
        .key = bytes_of(":1"),
        .text = bytes_of("hello"),
    };

    for (int known = 1; known >= 0; known--) {
        if (!known)
            from.conversation++; /* carol's, who is not in memory */
        from.key = bytes_of(known ? ":1" : ":2");
        assert_int_equal(message_new(&from, &message), 0);
        assert_int_equal(dal_message_store(message, note_stored, fixture), 0);
        message_unref(message);
        settle(fixture);
    }
    (void)take_message(bob.line, "hello", 1);
    expect_silence(bob.line);
}

static void what_waited_comes_in_order_when_it_attaches(void **state)
{
    struct fixture *fixture = *state;
    struct client bob;

    say_lines(fixture, 1, 100); /* several pages */
    bob = attached(fixture, "bob", "laptop");
    WAIT_FOR(fixture, bob.line->frame_count == 100);
    take_lines(bob.line, 1, 100);
    expect_silence(bob.line);
    say(fixture, "alice", "bob", "line 101");
    take_lines(bob.line, 101, 1);
}

static void what_was_not_acknowledged_is_sent_again(void **state)
{
    struct fixture *fixture = *state;
    struct client bob = attached(fixture, "bob", "laptop");
    char inbox[32];

    say_lines(fixture, 1, 5);
    strcpy(inbox, take_message(bob.line, "line 1", 1));
    take_lines(bob.line, 2, 4);
    ack(bob.line, inbox, 2);
    line_close(bob.line);
    bob = attached(fixture, "bob", "laptop");
    take_lines(bob.line, 3, 3);
    ack(bob.line, inbox, 5);
    assert_string_equal(line_ask(bob.line, "detach"), "detached");
    assert_int_equal(bob.line->role, BLL_LINK_SIGNED_ON);
    assert_string_equal(line_ask(bob.line, "attach"), "attached");
    expect_silence(bob.line);
}

/* It comes after what the new stream has to begin with. */
static void a_page_that_the_stream_before_asked_for_is_not_taken(void **state)
{
    struct fixture *fixture = *state;
    struct client bob, again;

    fixture->config.tail_max = 0;
    assert_int_equal(bll_reconfigure(fixture->bll, &fixture->config), 0);
    say_lines(fixture, 1, 100);
    bob = client(fixture, "bob", "laptop");
    again = client(fixture, "bob", "laptop");
    assert_string_equal(line_ask(bob.line, "attach"), "attached");
    bll_turn_end(fixture->bll);
    WAIT_FOR(fixture, bob.line->frame_count > 0);
    assert_true(device_of(&bob)->reading);
    assert_string_equal(line_ask(again.line, "attach"), "attached");
    take_lines(again.line, 1, 100);
}

static void attaching_and_detaching_twice_changes_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct client bob = attached(fixture, "bob", "laptop");

    say_lines(fixture, 1, 1);
    take_lines(bob.line, 1, 1);
    assert_string_equal(line_ask(bob.line, "attach"), "attached");
    expect_silence(bob.line);
    assert_string_equal(line_ask(bob.line, "detach"), "detached");
    assert_string_equal(line_ask(bob.line, "detach"), "detached");
    say_lines(fixture, 2, 1);
    expect_silence(bob.line);
}

static void without_a_device_nothing_is_attached_nor_acknowledged(void **state)
{
    struct line *line = line_open(*state, HOME, false);

    assert_memory_equal(line_ask(line, "attach"), "err:not-signed-on:attach:", 25);
    (void)line_hello(line, "bob", "-");
    assert_memory_equal(line_ask(line, "attach"), "err:malformed:attach:", 21);
    assert_memory_equal(line_ask(line, "ack:1/:1"), "err:malformed:ack:", 18);
    assert_memory_equal(line_ask(line, "proof:%032d", 0), "err:malformed:proof:", 20);
}

/* -- acknowledgements ------------------------------------------------------------------------- */

static void acknowledgements_that_make_no_sense_change_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct client bob = attached(fixture, "bob", "laptop");
    char inbox[32];

    say_lines(fixture, 1, 3);
    strcpy(inbox, take_message(bob.line, "line 1", 1));
    take_lines(bob.line, 2, 2);
    assert_memory_equal(line_ask(bob.line, "ack:%s:4", inbox), "err:malformed:ack:", 18);
    assert_memory_equal(line_ask(bob.line, "ack:4711/x:1"), "err:unknown:ack:", 16);
    assert_memory_equal(line_ask(bob.line, "ack:%s:0", inbox), "err:malformed:ack:", 18);
    assert_memory_equal(line_ask(bob.line, "ack:%s:-1", inbox), "err:malformed:ack:", 18);
    assert_int_equal(cursor_of(device_of(&bob), inbox), 0);
    ack(bob.line, inbox, 3);
    ack(bob.line, inbox, 1); /* late */
    assert_int_equal(cursor_of(device_of(&bob), inbox), 3);
}

/* Its own store knows that they have been shown. */
static void what_was_not_sent_can_be_acknowledged(void **state)
{
    struct fixture *fixture = *state;
    struct client bob;
    char inbox[32];

    say_lines(fixture, 1, 50);
    bob = client(fixture, "bob", "laptop");
    snprintf(inbox, sizeof(inbox), "%llu/", (unsigned long long)device_of(&bob)->account->inbox);
    ack(bob.line, inbox, 10);
    assert_string_equal(line_ask(bob.line, "attach"), "attached");
    bll_turn_end(fixture->bll);
    ack(bob.line, inbox, 30); /* while what comes after 10 is being read */
    take_lines(bob.line, 31, 20);
    ack(bob.line, inbox, 50);
    expect_silence(bob.line);
}

static void conversations_are_acknowledged_in_any_order(void **state)
{
    struct fixture *fixture = *state;
    struct client bob;
    char everyone[32], inbox[32];

    fixture->config.window_messages = 4;
    assert_int_equal(bll_reconfigure(fixture->bll, &fixture->config), 0);
    bob = attached(fixture, "bob", "laptop");
    say(fixture, "alice", "*", "all 1");
    say(fixture, "alice", "bob", "bob 1");
    say(fixture, "alice", "*", "all 2");
    say(fixture, "alice", "bob", "bob 2");
    say(fixture, "alice", "*", "all 3");
    say(fixture, "alice", "bob", "bob 3");
    strcpy(everyone, take_message(bob.line, "all 1", 1));
    strcpy(inbox, take_message(bob.line, "bob 1", 1));
    (void)take_message(bob.line, "all 2", 2);
    (void)take_message(bob.line, "bob 2", 2);
    expect_silence(bob.line);
    ack(bob.line, inbox, 2);
    (void)take_message(bob.line, "all 3", 3);
    (void)take_message(bob.line, "bob 3", 3);
    ack(bob.line, inbox, 3);
    line_close(bob.line);
    bob = attached(fixture, "bob", "laptop");
    (void)take_message(bob.line, "all 1", 1);
    (void)take_message(bob.line, "all 2", 2);
    (void)take_message(bob.line, "all 3", 3);
    ack(bob.line, everyone, 3);
    expect_silence(bob.line);
}

/* -- windows ---------------------------------------------------------------------------------- */

static void no_more_than_a_window_is_under_way(void **state)
{
    struct fixture *fixture = *state;
    struct client bob;
    char inbox[32];

    fixture->config.window_messages = 4;
    assert_int_equal(bll_reconfigure(fixture->bll, &fixture->config), 0);
    say_lines(fixture, 1, 3);
    bob = attached(fixture, "bob", "laptop");
    say_lines(fixture, 4, 97); /* beyond the window some wait in the tail, some in storage */
    strcpy(inbox, take_message(bob.line, "line 1", 1));
    take_lines(bob.line, 2, 3);
    expect_silence(bob.line);
    for (unsigned seq = 1; seq <= 96; seq++) {
        ack(bob.line, inbox, seq);
        take_lines(bob.line, seq + 4, 1);
        assert_int_equal(bob.line->frame_count, 0);
    }
    ack(bob.line, inbox, 100);
    expect_silence(bob.line);
}

static void no_more_bytes_than_a_window_are_under_way(void **state)
{
    struct fixture *fixture = *state;
    struct client bob;
    char inbox[32], text[1001];

    memset(text, 'x', 1000);
    text[1000] = '\0';
    fixture->config.window_bytes = 2500;
    assert_int_equal(bll_reconfigure(fixture->bll, &fixture->config), 0);
    bob = attached(fixture, "bob", "laptop");
    for (int i = 0; i < 4; i++)
        say(fixture, "alice", "bob", text);
    strcpy(inbox, take_message(bob.line, text, 1));
    (void)take_message(bob.line, text, 2);
    expect_silence(bob.line);
    ack(bob.line, inbox, 1);
    (void)take_message(bob.line, text, 3);
    expect_silence(bob.line);
    fixture->config.window_bytes = 10; /* one always fits */
    assert_int_equal(bll_reconfigure(fixture->bll, &fixture->config), 0);
    ack(bob.line, inbox, 2);
    expect_silence(bob.line);
    ack(bob.line, inbox, 3);
    (void)take_message(bob.line, text, 4);
}

static void output_that_does_not_leave_holds_up_the_stream(void **state)
{
    struct fixture *fixture = *state;
    struct client bob = attached(fixture, "bob", "laptop");

    bob.line->waiting = 64 * 1024;
    say_lines(fixture, 1, 2);
    expect_silence(bob.line);
    bob.line->waiting = 1000;
    bll_link_drained(bob.line->link);
    take_lines(bob.line, 1, 2);
    bob.line->waiting = 64 * 1024;
    say_lines(fixture, 3, 1);
    bob.line->waiting = 1000; /* and nobody says so */
    pass(fixture, 1);
    take_lines(bob.line, 3, 1);
}

/* -- his own ---------------------------------------------------------------------------------- */

static void a_device_does_not_get_what_it_sent_to_many(void **state)
{
    struct fixture *fixture = *state;
    struct client bob = attached(fixture, "bob", "laptop");
    struct client phone = attached(fixture, "bob", "phone");
    char everyone[32];

    assert_memory_equal(line_ask(bob.line, "send:k1:*:mine 1"), "sent:k1:", 8);
    strcpy(everyone, take_message(phone.line, "mine 1", 1));
    assert_int_equal(cursor_of(device_of(&bob), everyone), 1);
    say(fixture, "alice", "*", "hers 2");
    (void)take_message(bob.line, "hers 2", 2);
    assert_memory_equal(line_ask(bob.line, "send:k3:*:mine 3"), "sent:k3:", 8);
    assert_memory_equal(line_ask(bob.line, "send:k4:*:mine 4"), "sent:k4:", 8);
    say(fixture, "alice", "*", "hers 5");
    (void)take_message(bob.line, "hers 5", 5);
    expect_silence(bob.line);
    assert_int_equal(cursor_of(device_of(&bob), everyone), 1);
    ack(bob.line, everyone, 2);
    assert_int_equal(cursor_of(device_of(&bob), everyone), 4);
    line_close(bob.line);
    bob = attached(fixture, "bob", "laptop");
    (void)take_message(bob.line, "hers 5", 5);
    expect_silence(bob.line);
    /* To himself he writes what he wants to read. */
    assert_memory_equal(line_ask(bob.line, "send:k5:bob:note"), "sent:k5:", 8);
    (void)take_message(bob.line, "note", 1);
    (void)take_message(phone.line, "hers 2", 2);
}

/* -- a newer stream --------------------------------------------------------------------------- */

static void a_newer_attachment_takes_over(void **state)
{
    struct fixture *fixture = *state;
    struct client old = attached(fixture, "bob", "laptop"), bob;
    char inbox[32];

    say_lines(fixture, 1, 3);
    strcpy(inbox, take_message(old.line, "line 1", 1));
    take_lines(old.line, 2, 2);
    ack(old.line, inbox, 1);
    bob = attached(fixture, "bob", "laptop");
    assert_string_equal(line_take(old.line), "detached");
    assert_int_equal(old.line->role, BLL_LINK_SIGNED_ON);
    take_lines(bob.line, 2, 2);
    ack(old.line, inbox, 2); /* what the older one got counts still */
    line_close(old.line);
    say_lines(fixture, 4, 1);
    take_lines(bob.line, 4, 1);
    ack(bob.line, inbox, 4);
    expect_silence(bob.line);
    assert_int_equal(cursor_of(device_of(&bob), inbox), 4);
}

static void a_push_takes_over_and_is_taken_over(void **state)
{
    struct fixture *fixture = *state;
    struct client bob = attached(fixture, "bob", "laptop");
    struct line *push;

    say_lines(fixture, 1, 1);
    take_lines(bob.line, 1, 1);
    push = pushed(&bob, 20001);
    assert_string_equal(line_take(bob.line), "detached");
    take_lines(push, 1, 1);
    assert_string_equal(poll_signed(fixture, &bob.session, HOME, 20001), "pushing");
    ack(push, inbox_of(push), 1);
    assert_string_equal(poll_signed(fixture, &bob.session, HOME, 20001), "idle");
    assert_string_equal(line_ask(bob.line, "attach"), "attached");
    assert_true(push->closing);
    expect_silence(push);
    assert_string_equal(poll_signed(fixture, &bob.session, HOME, 20001), "idle");
    say_lines(fixture, 2, 1);
    take_lines(bob.line, 2, 1);
    line_close(push);
    assert_memory_equal(line_ask(push = bob.line, "ping"), "pong", 5);
}

/* -- changes of the account ------------------------------------------------------------------- */

static void leave_room(struct fixture *fixture, const char *room, const char *userid)
{
    fixture_order(fixture, ROOM_REMOVE, room, userid);
    bll_account_changed(fixture->bll, bytes_of(userid));
    settle(fixture);
}

static void memberships_change_while_messages_flow(void **state)
{
    struct fixture *fixture = *state;
    struct client bob = attached(fixture, "bob", "laptop");
    char room[32];

    fixture_add_room(fixture, "#tea");
    fixture_join(fixture, "#tea", "alice");
    say(fixture, "alice", "#tea", "before");
    say_lines(fixture, 1, 1);
    take_lines(bob.line, 1, 1);
    fixture_join(fixture, "#tea", "bob");
    say(fixture, "alice", "#tea", "kettle");
    strcpy(room, take_message(bob.line, "kettle", 2));
    say_lines(fixture, 2, 1);
    take_lines(bob.line, 2, 1);
    ack(bob.line, inbox_of(bob.line), 1);
    assert_string_equal(poll_signed(fixture, &bob.session, HOME, 0), "unreachable");
    leave_room(fixture, "#tea", "bob");
    say(fixture, "alice", "#tea", "unheard");
    assert_memory_equal(line_ask(bob.line, "ack:%s:2", room), "err:unknown:ack:", 16);
    ack(bob.line, inbox_of(bob.line), 2);
    expect_silence(bob.line);
    /* Nothing of the room is waited for: in this time it would be let go. */
    pass(fixture, 100);
    assert_false(bob.line->closing);
    assert_true(bll_link_idle(bob.line->link));
}

/* No acknowledgement will come that makes room in the window. */
static void leaving_a_room_that_filled_the_window_lets_others_through(void **state)
{
    struct fixture *fixture = *state;
    struct client bob;

    fixture->config.window_messages = 2;
    assert_int_equal(bll_reconfigure(fixture->bll, &fixture->config), 0);
    fixture_add_room(fixture, "#tea");
    fixture_join(fixture, "#tea", "alice");
    fixture_join(fixture, "#tea", "bob");
    bob = attached(fixture, "bob", "laptop");
    say(fixture, "alice", "#tea", "kettle");
    say(fixture, "alice", "#tea", "pot");
    (void)take_message(bob.line, "kettle", 1);
    (void)take_message(bob.line, "pot", 2);
    say_lines(fixture, 1, 1);
    expect_silence(bob.line);
    leave_room(fixture, "#tea", "bob");
    take_lines(bob.line, 1, 1);
    ack(bob.line, inbox_of(bob.line), 1);
}

static void expect_ended(struct client *one)
{
    settle(one->fixture);
    assert_memory_equal(line_take(one->line), "err:unknown-session:-:", 22);
    assert_true(one->line->closing);
    assert_null(one->line->link->stream);
}

static void who_is_disabled_or_revoked_gets_no_more(void **state)
{
    struct fixture *fixture = *state;
    struct client bob = attached(fixture, "bob", "laptop"), phone = client(fixture, "bob", "phone");
    struct client carol = client(fixture, "carol", "laptop");
    struct line *push = pushed(&phone, 20001), *dialled;
    bool done = false;

    (void)poll_signed(fixture, &carol.session, HOME, 20002);
    dialled = dial_open(fixture);
    assert_int_equal(dal_user_revoke(bytes_of("bob"), note_done, &done), 0);
    WAIT_FOR(fixture, done);
    bll_account_changed(fixture->bll, bytes_of("bob"));
    expect_ended(&bob);
    expect_ended(&phone);
    assert_memory_equal(line_take(push), "err:unknown-session:-:", 22);
    assert_true(push->closing);
    say_lines(fixture, 1, 1);
    expect_silence(push);
    assert_string_equal(poll_signed(fixture, &bob.session, HOME, 0), "unknown");
    done = false;
    assert_int_equal(dal_user_set_disabled(bytes_of("carol"), true, note_done, &done), 0);
    WAIT_FOR(fixture, done);
    bll_account_changed(fixture->bll, bytes_of("carol"));
    settle(fixture);
    assert_true(dialled->closing);
    assert_string_equal(poll_signed(fixture, &carol.session, HOME, 20002), "unknown");
}

static void who_is_deleted_gets_no_more(void **state)
{
    struct fixture *fixture = *state;
    struct client bob = attached(fixture, "bob", "laptop"), phone = client(fixture, "bob", "phone");
    bool done = false;

    say_lines(fixture, 1, 40); /* a page may be under way, a try is */
    (void)poll_signed(fixture, &phone.session, HOME, 20001);
    (void)poll_signed(fixture, &bob.session, HOME, 20002);
    assert_string_equal(line_ask(phone.line, "attach"), "attached");
    bll_turn_end(fixture->bll);
    assert_int_equal(dal_user_delete(bytes_of("bob"), note_done, &done), 0);
    WAIT_FOR(fixture, done);
    bll_account_changed(fixture->bll, bytes_of("bob"));
    settle(fixture);
    assert_true(bob.line->closing && phone.line->closing);
    line_close(bob.line);
    line_close(phone.line);
    dial_fail(fixture, BLL_DIAL_FAILED);
    line_close(dial_open(fixture));
    settle(fixture);
    assert_null(account_find(fixture->bll, bytes_of("bob")));
}

static void a_device_that_is_deleted_gets_no_more(void **state)
{
    struct fixture *fixture = *state;
    struct client bob = attached(fixture, "bob", "laptop"),
                  phone = attached(fixture, "bob", "phone");
    bool done = false;

    assert_int_equal(
        dal_device_delete(device_of(&bob)->account->id, device_of(&bob)->id, note_done, &done), 0);
    WAIT_FOR(fixture, done);
    bll_account_changed(fixture->bll, bytes_of("bob"));
    expect_ended(&bob);
    assert_string_equal(poll_signed(fixture, &bob.session, HOME, 0), "unknown");
    say_lines(fixture, 1, 1);
    take_lines(phone.line, 1, 1);
}

/* -- stopping, and storage -------------------------------------------------------------------- */

static void a_quiesced_unit_sends_nothing_and_takes_acknowledgements(void **state)
{
    struct fixture *fixture = *state;
    struct client bob = attached(fixture, "bob", "laptop"), phone = client(fixture, "bob", "phone");
    struct line *dialled;

    say_lines(fixture, 1, 2);
    take_lines(bob.line, 1, 2);
    (void)poll_signed(fixture, &phone.session, HOME, 20001);
    bll_quiesce(fixture->bll);
    assert_false(bll_link_idle(bob.line->link));
    say_lines(fixture, 3, 1);
    expect_silence(bob.line);
    dialled = dial_open(fixture);
    assert_true(dialled->closing);
    expect_silence(dialled);
    (void)poll_signed(fixture, &phone.session, HOME, 20002);
    assert_int_equal(fixture->dial_count, 0);
    assert_memory_equal(line_ask(phone.line, "attach"), "err:unavailable:attach:", 23);
    ack(bob.line, inbox_of(bob.line), 2);
    expect_silence(bob.line);
    assert_true(bll_link_idle(bob.line->link));
    WAIT_FOR(fixture, bll_flush_cursors(fixture->bll));
    fixture_restart(fixture, false);
    bob = attached(fixture, "bob", "laptop");
    take_lines(bob.line, 3, 1);
    expect_silence(bob.line);
}

static void a_session_survives_a_restart_and_is_pushed_to(void **state)
{
    struct fixture *fixture = *state;
    struct client bob = client(fixture, "bob", "laptop");
    struct line *push;

    fixture_restart(fixture, true);
    say_lines(fixture, 1, 1);
    WAIT_FOR(fixture, poll_signed(fixture, &bob.session, HOME, 20001)[0] != '\0' ||
                          (settle(fixture), false));
    push = dial_open(fixture);
    line_prove(push, &bob.session);
    take_lines(push, 1, 1);
}

static void storage_that_is_away_holds_up_a_stream_and_no_more(void **state)
{
    struct fixture *fixture = *state;
    struct client bob;
    char away[80];

    fixture->config.tail_max = 0;
    assert_int_equal(bll_reconfigure(fixture->bll, &fixture->config), 0);
    say_lines(fixture, 1, 50);
    bob = client(fixture, "bob", "laptop");
    snprintf(away, sizeof(away), "%s-away", fixture->folder);
    settle(fixture);
    dal_close();
    assert_int_equal(rename(fixture->folder, away), 0);
    assert_int_equal(dal_open(&fixture->storage, NULL), 0);
    assert_string_equal(line_ask(bob.line, "attach"), "attached");
    expect_silence(bob.line);
    assert_int_equal(rename(away, fixture->folder), 0);
    await_storage(fixture);
    pass(fixture, 1);
    take_lines(bob.line, 1, 50);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(an_attached_device_gets_its_messages_at_once),
        CASE(what_others_have_stored_flows_at_once),
        CASE(what_waited_comes_in_order_when_it_attaches),
        CASE(what_was_not_acknowledged_is_sent_again),
        CASE(a_page_that_the_stream_before_asked_for_is_not_taken),
        CASE(attaching_and_detaching_twice_changes_nothing),
        CASE(without_a_device_nothing_is_attached_nor_acknowledged),
        CASE(acknowledgements_that_make_no_sense_change_nothing),
        CASE(what_was_not_sent_can_be_acknowledged),
        CASE(conversations_are_acknowledged_in_any_order),
        CASE(no_more_than_a_window_is_under_way),
        CASE(no_more_bytes_than_a_window_are_under_way),
        CASE(output_that_does_not_leave_holds_up_the_stream),
        CASE(a_device_does_not_get_what_it_sent_to_many),
        CASE(a_newer_attachment_takes_over),
        CASE(a_push_takes_over_and_is_taken_over),
        CASE(memberships_change_while_messages_flow),
        CASE(leaving_a_room_that_filled_the_window_lets_others_through),
        CASE(who_is_disabled_or_revoked_gets_no_more),
        CASE(who_is_deleted_gets_no_more),
        CASE(a_device_that_is_deleted_gets_no_more),
        CASE(a_quiesced_unit_sends_nothing_and_takes_acknowledgements),
        CASE(a_session_survives_a_restart_and_is_pushed_to),
        CASE(storage_that_is_away_holds_up_a_stream_and_no_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
