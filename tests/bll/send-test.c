/* Sends of version 2: where they go, the key that makes them exactly once, and what they may cost.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "fixture.h"

#include "util/clock.h"
#include "util/cursor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ADDRESS       "127.0.0.1:50000"
#define OTHER_ADDRESS "192.0.2.9:50000"

static struct line *signed_on(struct fixture *fixture, const char *userid, const char *device)
{
    struct line *line = line_open(fixture, ADDRESS, true);

    (void)line_hello(line, userid, device);
    return line;
}

struct sent {
    char key[V2_CKEY_MAX + 1];
    uint64_t conversation, seq, time_ms;
    char name[V2_RECIPIENT_MAX + 1];
};

static struct sent parse_sent(const char *text)
{
    struct sent sent;
    struct v2_frame frame;

    if (v2_parse(bytes_of(text), &frame, NULL) < 0 || frame.verb != V2_VERB_SENT)
        fail_msg("not a sent: %s", text);
    snprintf(sent.key, sizeof(sent.key), "%.*s", BYTES_ARG(frame.key));
    snprintf(sent.name, sizeof(sent.name), "%.*s", BYTES_ARG(frame.conversation.name));
    sent.conversation = frame.conversation.id;
    sent.seq = frame.seq;
    sent.time_ms = frame.time_ms;
    return sent;
}

struct log {
    bool done;
    size_t count;
    struct message *messages[32];
};

static void note_messages(void *userdata, enum dal_outcome outcome, struct message *const *messages,
                          size_t count)
{
    struct log *log = userdata;

    assert_int_equal(outcome, DAL_OK);
    for (log->count = 0; log->count < count; log->count++)
        log->messages[log->count] = message_ref(messages[log->count]);
    log->done = true;
}

/* What storage has of a conversation. */
static struct log read_log(struct fixture *fixture, uint64_t conversation)
{
    struct log log = {0};

    assert_int_equal(
        dal_messages_read(conversation, 0, ARRAY_SIZE(log.messages), 1 << 20, note_messages, &log),
        0);
    WAIT_FOR(fixture, log.done);
    return log;
}

static void free_log(struct log *log)
{
    for (size_t i = 0; i < log->count; i++)
        message_unref(log->messages[i]);
}

static void expect_log(struct fixture *fixture, uint64_t conversation, size_t count)
{
    struct log log = read_log(fixture, conversation);

    assert_int_equal(log.count, count);
    free_log(&log);
}

static void limit(struct fixture *fixture, struct bll_rates rates)
{
    fixture->config.rates = rates;
    assert_int_equal(bll_reconfigure(fixture->bll, &fixture->config), 0);
}

static void an_answer_tells_where_the_message_is(void **state)
{
    struct fixture *fixture = *state;
    struct line *line = signed_on(fixture, "alice", "laptop");
    struct sent first = parse_sent(line_ask(line, "send:k.1_-Z:bob:one"));
    struct sent second = parse_sent(line_ask(line, "send:k2:bob:two:with a colon"));
    struct log log;

    assert_string_equal(first.key, "k.1_-Z");
    assert_string_equal(first.name, "bob");
    assert_int_equal(first.seq, 1);
    assert_true(first.time_ms > 0);
    assert_int_equal(second.conversation, first.conversation);
    assert_int_equal(second.seq, 2);
    log = read_log(fixture, first.conversation);
    assert_int_equal(log.count, 2);
    assert_true(bytes_is(log.messages[1]->text, "two:with a colon"));
    assert_true(bytes_is(log.messages[1]->userid, "alice"));
    assert_int_equal(log.messages[0]->time_ms, first.time_ms);
    free_log(&log);
}

static void everyone_rooms_and_inboxes_have_names(void **state)
{
    struct fixture *fixture = *state;
    struct line *line;
    struct sent sent;

    fixture_add_room(fixture, "#lobby");
    fixture_join(fixture, "#lobby", "alice");
    line = signed_on(fixture, "alice", "-");
    sent = parse_sent(line_ask(line, "send:k1:*:hi"));
    assert_string_equal(sent.name, "*");
    assert_string_equal(parse_sent(line_ask(line, "send:k2:#lobby:hi")).name, "#lobby");
    assert_string_equal(parse_sent(line_ask(line, "send:k3:alice:to myself")).name, "alice");
}

static void what_cannot_be_sent_is_refused_by_its_key(void **state)
{
    static const struct {
        const char *to, *answer;
    } cases[] = {
        {"nobody", "err:unknown:k1:"},    {"#nowhere", "err:unknown:k1:"},
        {"#lobby", "err:not-member:k1:"}, {"#lobby/bob", "err:not-member:k1:"},
        {"%", "err:unknown:k1:"},         {"b b", "err:unknown:k1:"},
        {"#", "err:unknown:k1:"},
    };
    struct fixture *fixture = *state;
    struct line *line = signed_on(fixture, "alice", "-");
    char *text = malloc(16386);

    fixture_add_room(fixture, "#lobby");
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        assert_begins(line_ask(line, "send:k1:%s:hi", cases[i].to), cases[i].answer);
    assert_non_null(text);
    memset(text, 'x', 16385);
    text[16385] = '\0';
    assert_begins(line_ask(line, "send:k1:bob:%s", text), "err:too-long:k1:");
    assert_begins(line_ask(line, "send:k1:bob:%s", text + 1), "sent:k1:"); /* it is still unused */
    free(text);
    assert_begins(line_ask(line, "send:k:1:bob:hi"), "err:unknown:k:");
    assert_begins(line_ask(line, "send::bob:hi"), "err:malformed:send:");
    assert_begins(line_ask(line, "send:k2::hi"), "err:malformed:k2:");
    assert_begins(line_ask(line, "send:k2:bob:"), "err:malformed:k2:");
    assert_begins(line_ask(line, "send:k2"), "err:malformed:send:");
    assert_begins(line_ask(line, "send:k 2:bob:hi"), "err:malformed:send:");
}

/* -- keys ------------------------------------------------------------------------------------- */

static void the_same_key_gives_the_first_answer(void **state)
{
    struct fixture *fixture = *state;
    struct line *line = signed_on(fixture, "alice", "laptop"), *other;
    char first[600];
    struct sent sent;

    strcpy(first, line_ask(line, "send:k1:bob:hi"));
    sent = parse_sent(first);
    assert_string_equal(line_ask(line, "send:k1:bob:hi"), first);
    assert_string_equal(line_ask(line, "send:k1:bob:another text"), first);
    other = line_open(fixture, OTHER_ADDRESS, true);
    (void)line_hello(other, "alice", "phone");
    assert_string_equal(line_ask(other, "send:k1:bob:hi"), first);
    fixture_restart(fixture, true);
    line = signed_on(fixture, "alice", "-");
    assert_string_equal(line_ask(line, "send:k1:bob:hi"), first);
    expect_log(fixture, sent.conversation, 1);
    /* A key is its sender's own. */
    line = signed_on(fixture, "carol", "-");
    assert_int_equal(parse_sent(line_ask(line, "send:k1:bob:hi")).seq, 2);
}

/* The first is still on its way when the others come. */
static void a_key_is_used_once_at_a_time_too(void **state)
{
    struct fixture *fixture = *state;
    struct line *line = signed_on(fixture, "alice", "laptop");
    struct answer answers[5];
    struct sent sent;

    for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
        line_frame(line, &answers[i], "send:k1:bob:hi");
        if (i % 2)
            bll_turn_end(fixture->bll);
    }
    assert_false(answers[0].ended); /* bob is being loaded */
    for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
        WAIT_FOR(fixture, answers[i].ended);
        assert_string_equal(answers[i].text, answers[0].text);
    }
    sent = parse_sent(answers[0].text);
    expect_log(fixture, sent.conversation, 1);
}

static void a_key_is_used_for_one_conversation(void **state)
{
    struct fixture *fixture = *state;
    struct line *line = signed_on(fixture, "alice", "laptop");
    struct sent everyone, first = parse_sent(line_ask(line, "send:k1:bob:hi"));
    struct answer answers[2];

    assert_begins(line_ask(line, "send:k1:carol:hi"), "err:key-used:k1:");
    assert_begins(line_ask(line, "send:k1:*:hi"), "err:key-used:k1:");
    everyone = parse_sent(line_ask(line, "send:k2:*:hi"));
    assert_int_equal(everyone.seq, 1);
    assert_int_equal(parse_sent(line_ask(line, "send:k1:bob:hi")).seq, first.seq);
    line_frame(line, &answers[0], "send:k3:bob:hi");
    line_frame(line, &answers[1], "send:k3:*:hi");
    WAIT_FOR(fixture, answers[0].ended && answers[1].ended);
    assert_begins(answers[0].text, "sent:k3:");
    assert_begins(answers[1].text, "err:key-used:k3:");
    expect_log(fixture, everyone.conversation, 1);
}

/* The answer may have been lost; what was stored is not told to have been refused. */
static void a_key_keeps_its_answer_when_its_sender_has_left_the_room(void **state)
{
    struct fixture *fixture = *state;
    struct line *line = signed_on(fixture, "alice", "laptop");
    char first[600];

    fixture_add_room(fixture, "#tea");
    fixture_join(fixture, "#tea", "alice");
    strcpy(first, line_ask(line, "send:k1:#tea:hi"));
    assert_begins(first, "sent:k1:");
    assert_begins(line_ask(line, "send:k2:bob:hi"), "sent:k2:");
    fixture_order(fixture, ROOM_REMOVE, "#tea", "alice");
    bll_account_changed(fixture->bll, bytes_of("alice"));
    assert_string_equal(line_ask(line, "send:k1:#tea:hi"), first);
    assert_begins(line_ask(line, "send:k2:#tea:hi"), "err:key-used:k2:");
    assert_begins(line_ask(line, "send:k3:#tea:hi"), "err:not-member:k3:");
}

/* Version 1 messages have keys too, which no client can say. */
static void keys_of_the_versions_never_meet(void **state)
{
    struct fixture *fixture = *state;
    struct line *line = signed_on(fixture, "alice", "-");
    struct sent sent;
    struct log log;

    assert_string_equal(send_text(fixture, "alice", "bob", "from version 1"), "ack");
    sent = parse_sent(line_ask(line, "send:k1:bob:from version 2"));
    assert_int_equal(sent.seq, 2);
    log = read_log(fixture, sent.conversation);
    assert_int_equal(log.count, 2);
    assert_int_equal(log.messages[0]->key.data[0], ':');
    assert_true(bytes_is(log.messages[1]->key, "k1"));
    free_log(&log);
}

static void what_is_sent_in_order_is_stored_in_order(void **state)
{
    enum { COUNT = 20 };
    struct fixture *fixture = *state;
    struct line *line = signed_on(fixture, "alice", "laptop");
    struct answer answers[COUNT];
    struct log log;

    for (int i = 0; i < COUNT; i++) {
        line_frame(line, &answers[i], "send:k%d:bob:%d", i, i);
        if (i == 3) /* she is being loaded anew while she goes on */
            bll_account_changed(fixture->bll, bytes_of("alice"));
        if (i == 5)
            bll_account_changed(fixture->bll, bytes_of("bob"));
    }
    for (int i = 0; i < COUNT; i++) {
        WAIT_FOR(fixture, answers[i].ended);
        assert_int_equal(parse_sent(answers[i].text).seq, i + 1);
    }
    log = read_log(fixture, parse_sent(answers[0].text).conversation);
    assert_int_equal(log.count, COUNT);
    for (uint64_t i = 0; i < COUNT; i++) {
        uint64_t number;
        assert_int_equal(bytes_to_u64(log.messages[i]->text, COUNT, &number), 0);
        assert_int_equal(number, i);
    }
    free_log(&log);
}

/* -- whose message it is ---------------------------------------------------------------------- */

static void a_message_knows_the_device_it_came_from(void **state)
{
    struct fixture *fixture = *state;
    struct line *laptop = signed_on(fixture, "alice", "laptop");
    struct line *phone = signed_on(fixture, "alice", "phone");
    struct line *none = signed_on(fixture, "alice", "-");
    uint64_t conversation = parse_sent(line_ask(laptop, "send:k1:*:one")).conversation;
    struct log log;

    assert_begins(line_ask(phone, "send:k2:*:two"), "sent:");
    assert_begins(line_ask(laptop, "send:k3:*:three"), "sent:");
    assert_begins(line_ask(none, "send:k4:*:four"), "sent:");
    log = read_log(fixture, conversation);
    assert_int_equal(log.count, 4);
    assert_true(log.messages[0]->origin != 0 && log.messages[1]->origin != 0);
    assert_int_not_equal(log.messages[0]->origin, log.messages[1]->origin);
    assert_int_equal(log.messages[2]->origin, log.messages[0]->origin);
    assert_int_equal(log.messages[3]->origin, 0); /* all her devices get it */
    free_log(&log);
}

/* -- what changes while it is under way -------------------------------------------------------- */

/* What the administrator has just allowed may be done at once. */
static void a_membership_holds_for_the_next_message(void **state)
{
    struct fixture *fixture = *state;
    struct line *line = signed_on(fixture, "alice", "laptop");
    struct answer answer;

    fixture_add_room(fixture, "#lobby");
    assert_begins(line_ask(line, "send:k1:#lobby:hi"), "err:not-member:");
    fixture_order(fixture, ROOM_JOIN, "#lobby", "alice");
    bll_account_changed(fixture->bll, bytes_of("alice"));
    line_frame(line, &answer, "send:k1:#lobby:hi");
    assert_false(answer.ended);
    WAIT_FOR(fixture, answer.ended);
    assert_begins(answer.text, "sent:k1:");
}

static void who_is_put_out_sends_nothing_more(void **state)
{
    struct fixture *fixture = *state;
    struct line *line = signed_on(fixture, "alice", "laptop");
    uint64_t conversation = parse_sent(line_ask(line, "send:k1:bob:hi")).conversation;
    struct answer answer;
    bool done = false;

    assert_int_equal(dal_user_set_disabled(bytes_of("alice"), true, note_done, &done), 0);
    WAIT_FOR(fixture, done);
    bll_account_changed(fixture->bll, bytes_of("alice"));
    line_frame(line, &answer, "send:k2:bob:too late");
    WAIT_FOR(fixture, answer.ended);
    assert_begins(answer.text, "err:unknown-session:k2:");
    expect_log(fixture, conversation, 1);
}

static void a_recipient_is_deleted_meanwhile(void **state)
{
    struct fixture *fixture = *state;
    struct line *line = signed_on(fixture, "alice", "laptop");
    struct answer answer;
    bool done = false;

    assert_begins(line_ask(line, "send:k1:bob:hi"), "sent:");
    assert_int_equal(dal_user_delete(bytes_of("bob"), note_done, &done), 0);
    line_frame(line, &answer, "send:k2:bob:hi");
    WAIT_FOR(fixture, done && answer.ended);
    assert_begins(answer.text, "err:unknown:k2:");
}

static void sends_need_not_be_finished(void **state)
{
    struct fixture *fixture = *state;
    struct line *line = signed_on(fixture, "alice", "laptop");
    struct answer stored, resolving, waiting;

    assert_begins(line_ask(line, "send:k1:*:hi"), "sent:");
    line_frame(line, &stored, "send:k2:*:hi");
    line_frame(line, &resolving, "send:k3:bob:hi");
    bll_account_changed(fixture->bll, bytes_of("alice"));
    line_frame(line, &waiting, "send:k4:bob:hi");
    assert_int_equal(fixture_teardown(state), 0);
    assert_true(stored.ended && resolving.ended && waiting.ended);
    assert_begins(stored.text, "sent:k2:"); /* what is queued is carried out */
    assert_int_equal(fixture_setup(state), 0);
}

/* -- rates ------------------------------------------------------------------------------------ */

static void sends_of_a_user_are_limited(void **state)
{
    struct fixture *fixture = *state;
    struct line *line = signed_on(fixture, "alice", "laptop"), *bob;

    bob = signed_on(fixture, "bob", "-");
    limit(fixture, (struct bll_rates){.sends_per_user = {.per_minute = 60, .burst = 2}});
    assert_begins(line_ask(line, "send:k1:bob:hi"), "sent:");
    assert_begins(line_ask(line, "send:k1:bob:hi"), "sent:"); /* coming again is not free */
    assert_begins(line_ask(line, "send:k2:bob:hi"), "err:limited:k2:1000 ms ");
    /* Wherever he writes from, and in whichever version. */
    assert_begins(send_text(fixture, "alice", "bob", "hi"), "err:limited:1000 ms ");
    assert_begins(line_ask(bob, "send:k1:alice:hi"), "sent:");
    fixture->now_us += USEC_PER_SEC;
    assert_string_equal(send_text(fixture, "alice", "bob", "hi"), "ack");
    assert_begins(line_ask(line, "send:k2:bob:hi"), "err:limited:k2:1000 ms ");
    assert_int_equal(counted(fixture, METRIC_WRITES_LIMITED), 3);
}

static void sends_of_an_address_are_limited(void **state)
{
    struct fixture *fixture = *state;
    struct line *alice = signed_on(fixture, "alice", "-"), *bob = signed_on(fixture, "bob", "-");
    struct line *elsewhere = line_open(fixture, OTHER_ADDRESS, true);

    (void)line_hello(elsewhere, "alice", "-");
    limit(fixture, (struct bll_rates){.sends_per_address = {.per_minute = 60, .burst = 2},
                                      .sends_per_user = {.per_minute = 60, .burst = 4}});
    assert_begins(line_ask(alice, "send:k1:*:hi"), "sent:");
    assert_begins(line_ask(bob, "send:k1:*:hi"), "sent:");
    for (int i = 0; i < 8; i++) /* what is refused costs its user nothing */
        assert_begins(line_ask(alice, "send:k2:*:hi"), "err:limited:k2:1000 ms ");
    assert_begins(line_ask(elsewhere, "send:k3:*:hi"), "sent:");
    assert_begins(line_ask(elsewhere, "send:k4:*:hi"), "sent:");
    assert_begins(line_ask(elsewhere, "send:k5:*:hi"), "err:limited:k5:");
}

static void bulk_users_are_not_limited(void **state)
{
    struct fixture *fixture = *state;
    struct line *line = signed_on(fixture, "alice", "-"), *bob = signed_on(fixture, "bob", "-");
    bool done = false;

    limit(fixture, (struct bll_rates){.sends_per_address = {.per_minute = 60, .burst = 3},
                                      .sends_per_user = {.per_minute = 60, .burst = 2}});
    assert_int_equal(dal_user_set_bulk(bytes_of("alice"), true, note_done, &done), 0);
    WAIT_FOR(fixture, done);
    bll_account_changed(fixture->bll, bytes_of("alice"));
    settle(fixture);
    for (int i = 0; i < 10; i++)
        assert_begins(line_ask(line, "send:k%d:*:hi", i), "sent:");
    assert_string_equal(send_text(fixture, "alice", "bob", "hi"), "ack");
    assert_begins(line_ask(bob, "send:k1:*:hi"), "sent:"); /* nor do they cost the others */
    done = false;
    assert_int_equal(dal_user_set_bulk(bytes_of("alice"), false, note_done, &done), 0);
    WAIT_FOR(fixture, done);
    bll_account_changed(fixture->bll, bytes_of("alice"));
    settle(fixture);
    assert_begins(line_ask(line, "send:l1:*:hi"), "sent:");
    assert_begins(line_ask(line, "send:l2:*:hi"), "sent:");
    assert_begins(line_ask(line, "send:l3:*:hi"), "err:limited:l3:");
    assert_false(line->closing); /* the session is as good as it was */
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(an_answer_tells_where_the_message_is),
        CASE(everyone_rooms_and_inboxes_have_names),
        CASE(what_cannot_be_sent_is_refused_by_its_key),
        CASE(the_same_key_gives_the_first_answer),
        CASE(a_key_is_used_once_at_a_time_too),
        CASE(a_key_is_used_for_one_conversation),
        CASE(a_key_keeps_its_answer_when_its_sender_has_left_the_room),
        CASE(keys_of_the_versions_never_meet),
        CASE(what_is_sent_in_order_is_stored_in_order),
        CASE(a_message_knows_the_device_it_came_from),
        CASE(a_membership_holds_for_the_next_message),
        CASE(who_is_put_out_sends_nothing_more),
        CASE(a_recipient_is_deleted_meanwhile),
        CASE(sends_need_not_be_finished),
        CASE(sends_of_a_user_are_limited),
        CASE(sends_of_an_address_are_limited),
        CASE(bulk_users_are_not_limited),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
