/* Sign-on: who gets in, who is told what, and what a change of the account does to it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "fixture.h"

#include "util/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void right_password_is_accepted_and_remembered(void **state)
{
    struct fixture *fixture = *state;
    struct bll_status status;

    present(fixture, "alice", 10001);
    assert_int_equal(counted(fixture, METRIC_POLLS_ACCEPTED), 1);
    settle(fixture);
    assert_int_equal(counted(fixture, METRIC_PASSWORDS_CHECKED), 1);
    for (int i = 0; i < 100; i++)
        poll_from(fixture, "alice", "pw-alice", "127.0.0.1:40000", 10001);
    assert_int_equal(counted(fixture, METRIC_PASSWORDS_CHECKED), 1);
    assert_int_equal(counted(fixture, METRIC_POLLS_ACCEPTED), 101);
    bll_status(fixture->bll, &status);
    assert_int_equal(status.present, 1);
    assert_int_equal(status.devices, 1);
}

static void disable(struct fixture *fixture, const char *userid, bool disabled)
{
    bool done = false;

    assert_int_equal(dal_user_set_disabled(bytes_of(userid), disabled, note_done, &done), 0);
    WAIT_FOR(fixture, done);
    bll_account_changed(fixture->bll, bytes_of(userid));
}

static void unknown_wrong_and_disabled_are_told_alike(void **state)
{
    struct fixture *fixture = *state;
    struct answer unknown, wrong, disabled;

    disable(fixture, "carol", true);
    frame_from(fixture, "127.0.0.1:1234", "wrmsg:nobody:pw:bob:hi", &unknown);
    frame_from(fixture, "127.0.0.1:1234", "wrmsg:alice:pw:bob:hi", &wrong);
    frame_from(fixture, "127.0.0.1:1234", "wrmsg:carol:pw-carol:bob:hi", &disabled);
    WAIT_FOR(fixture, unknown.ended && wrong.ended && disabled.ended);
    /* Each took a slow hash. */
    assert_int_equal(counted(fixture, METRIC_PASSWORDS_CHECKED), 3);
    assert_memory_equal(unknown.text, "err:denied:", 11);
    assert_string_equal(unknown.text, wrong.text);
    assert_string_equal(unknown.text, disabled.text);
    assert_int_equal(counted(fixture, METRIC_WRITES_DENIED), 3);
}

static void wrong_password_in_a_poll_is_counted_and_makes_nobody_present(void **state)
{
    struct fixture *fixture = *state;
    struct bll_status status;

    poll_from(fixture, "alice", "wrong", "127.0.0.1:40000", 10001);
    poll_from(fixture, "nobody", "pw", "127.0.0.1:40000", 10001);
    WAIT_FOR(fixture, counted(fixture, METRIC_POLLS_DENIED) == 2);
    bll_status(fixture->bll, &status);
    assert_int_equal(status.present, 0);
    assert_int_equal(status.devices, 0);
    assert_int_equal(status.accounts, 1); /* nobody has left no trace */
}

static void wrong_passwords_do_not_hold_up_the_right_one(void **state)
{
    struct fixture *fixture = *state;
    struct answer wrong[8], right;

    present(fixture, "alice", 10001);
    for (int i = 0; i < 8; i++) {
        char frame[64];
        snprintf(frame, sizeof(frame), "wrmsg:alice:wrong-%d:bob:hi", i);
        frame_from(fixture, "127.0.0.1:1234", frame, &wrong[i]);
    }
    frame_from(fixture, "127.0.0.1:1234", "wrmsg:alice:pw-alice:bob:hi", &right);
    await_from_storage(fixture, &right.ended);
    assert_string_equal(right.text, "ack");
    assert_false(wrong[0].ended);
    WAIT_FOR(fixture, wrong[7].ended);
    for (int i = 0; i < 8; i++)
        assert_memory_equal(wrong[i].text, "err:denied:", 11);
}

static void what_waits_for_an_account_is_limited(void **state)
{
    struct fixture *fixture = *state;
    struct answer answers[9];

    for (int i = 0; i < 9; i++) {
        char frame[64];
        snprintf(frame, sizeof(frame), "wrmsg:alice:wrong-%d:bob:hi", i);
        frame_from(fixture, "127.0.0.1:1234", frame, &answers[i]);
    }
    assert_true(answers[8].ended);
    assert_memory_equal(answers[8].text, "err:busy:", 9);
    WAIT_FOR(fixture, answers[7].ended);
    assert_memory_equal(answers[7].text, "err:denied:", 11);
}

/* Polls get half of what there is for an address, messages all of it. */
static void what_waits_for_an_address_is_limited(void **state)
{
    struct fixture *fixture = *state;
    struct answer answers[9], other;
    char text[64];

    for (unsigned i = 0; i < 9; i++) {
        snprintf(text, sizeof(text), "user%u", i);
        poll_from(fixture, text, "pw", "127.0.0.1:40000", 10001);
    }
    assert_int_equal(counted(fixture, METRIC_POLLS_DROPPED), 1);
    for (unsigned i = 0; i < 9; i++) {
        snprintf(text, sizeof(text), "wrmsg:user%u:pw:bob:hi", 100 + i);
        frame_from(fixture, "127.0.0.1:1234", text, &answers[i]);
    }
    assert_false(answers[7].ended);
    assert_true(answers[8].ended);
    assert_memory_equal(answers[8].text, "err:busy:", 9);
    frame_from(fixture, "192.0.2.7:1234", "wrmsg:alice:pw-alice:bob:hi", &other);
    WAIT_FOR(fixture, other.ended);
    assert_string_equal(other.text, "ack");
    WAIT_FOR(fixture, counted(fixture, METRIC_POLLS_DENIED) == 8 && answers[7].ended);
    poll_from(fixture, "user1", "pw", "127.0.0.1:40000", 10001);
    WAIT_FOR(fixture, counted(fixture, METRIC_POLLS_DENIED) == 9);
}

static void same_poll_waits_once(void **state)
{
    struct fixture *fixture = *state;

    for (int i = 0; i < 50; i++)
        poll_from(fixture, "alice", "pw-alice", "127.0.0.1:40000", 10001);
    WAIT_FOR(fixture, counted(fixture, METRIC_POLLS_ACCEPTED) == 1);
    settle(fixture);
    assert_int_equal(counted(fixture, METRIC_POLLS_ACCEPTED), 1);
    assert_int_equal(counted(fixture, METRIC_POLLS_DROPPED), 0);
}

static void networks_that_are_not_served_are_refused(void **state)
{
    struct fixture *fixture = *state;
    struct answer answer;

    poll_from(fixture, "alice", "pw-alice", "198.51.100.1:40000", 10001);
    assert_int_equal(counted(fixture, METRIC_POLLS_FORBIDDEN), 1);
    frame_from(fixture, "[2001:db8::1]:1234", "wrmsg:alice:pw-alice:bob:hi", &answer);
    assert_true(answer.ended);
    assert_memory_equal(answer.text, "err:forbidden:", 14);
    settle(fixture);
    assert_int_equal(counted(fixture, METRIC_PASSWORDS_CHECKED), 0);
}

static void malformed_input_is_counted_and_changes_nothing(void **state)
{
    static const char *const datagrams[] = {"",
                                            "poll",
                                            "poll:",
                                            "poll:alice:pw-alice:",
                                            "poll:alice::10001",
                                            "poll::pw:1",
                                            "wrmsg:a:b:c:d",
                                            "poll:alice:pw-alice:0",
                                            "poll:alice:pw-alice:65536"};
    struct fixture *fixture = *state;
    struct addr from = address("127.0.0.1:40000");
    struct answer answer;

    for (size_t i = 0; i < ARRAY_SIZE(datagrams); i++)
        assert_int_equal(bll_datagram(fixture->bll, &from, bytes_of(datagrams[i]), NULL, 0), 0);
    assert_int_equal(counted(fixture, METRIC_POLLS_MALFORMED), ARRAY_SIZE(datagrams));
    frame_from(fixture, "127.0.0.1:1", "GET / HTTP/1.1", &answer);
    assert_true(answer.ended && !answer.close);
    assert_memory_equal(answer.text, "err:malformed:", 14);
    frame_from(fixture, "127.0.0.1:1", "wrmsg:alice:pw-alice::hi", &answer);
    assert_memory_equal(answer.text, "err:malformed:", 14);
}

static void goodbye_closes(void **state)
{
    struct answer answer;

    frame_from(*state, "127.0.0.1:1", "goodbye", &answer);
    assert_true(answer.ended && answer.close);
    assert_string_equal(answer.text, "");
}

static void a_changed_password_holds_at_once(void **state)
{
    struct fixture *fixture = *state;
    struct password_cost cost = {.operations = 1, .memory = 8 << 20};
    char hash[PASSWORD_HASH_MAX];
    struct answer before, after;
    bool done = false;

    present(fixture, "alice", 10001);
    assert_int_equal(password_hash(&cost, bytes_of("new"), hash), 0);
    assert_int_equal(dal_user_set_password(bytes_of("alice"), hash, note_done, &done), 0);
    WAIT_FOR(fixture, done);
    bll_account_changed(fixture->bll, bytes_of("alice"));
    frame_from(fixture, "127.0.0.1:1", "wrmsg:alice:pw-alice:bob:hi", &before);
    frame_from(fixture, "127.0.0.1:1", "wrmsg:alice:new:bob:hi", &after);
    WAIT_FOR(fixture, before.ended && after.ended);
    assert_memory_equal(before.text, "err:denied:", 11);
    assert_string_equal(after.text, "ack");
    /* Who polled with the old one gets nothing more. */
    assert_string_equal(send_text(fixture, "bob", "alice", "secret"), "ack");
    expect_no_push(fixture);
    poll_from(fixture, "alice", "new", "127.0.0.1:40000", 10005);
    expect_delivery(fixture, 10005, "secret");
}

static void note_account(void *userdata, enum dal_outcome outcome,
                         const struct dal_account *account)
{
    *(bool *)userdata = true;
}

/* The password is changed, and the account loaded anew, while the slow hash is being computed. */
static void a_password_changed_while_the_old_one_is_verified_holds_at_once(void **state)
{
    struct fixture *fixture = *state;
    struct password_cost cost = {.operations = 1, .memory = 8 << 20};
    char hash[PASSWORD_HASH_MAX];
    struct answer old, new;
    bool done = false, loaded = false;

    assert_string_equal(send_text(fixture, "bob", "alice", "loads her account"), "ack");
    assert_int_equal(password_hash(&cost, bytes_of("new"), hash), 0);
    frame_from(fixture, "127.0.0.1:1", "wrmsg:alice:pw-alice:bob:hi", &old);
    frame_from(fixture, "127.0.0.1:1", "wrmsg:alice:new:bob:hi", &new);
    assert_int_equal(dal_user_set_password(bytes_of("alice"), hash, note_done, &done), 0);
    await_from_storage(fixture, &done);
    bll_account_changed(fixture->bll, bytes_of("alice"));
    /* The only reader is done with the account when it is done with this. */
    assert_int_equal(dal_account_find(bytes_of("alice"), note_account, &loaded), 0);
    await_from_storage(fixture, &loaded);
    WAIT_FOR(fixture, old.ended && new.ended);
    assert_memory_equal(old.text, "err:denied:", 11);
    assert_string_equal(new.text, "ack");
    assert_memory_equal(send_text(fixture, "alice", "bob", "with the old one"), "err:denied:", 11);
}

/* Goes down in the middle of it: nothing is left behind. */
static void a_verification_need_not_be_finished(void **state)
{
    struct answer answer;

    assert_string_equal(send_text(*state, "bob", "alice", "loads her account"), "ack");
    frame_from(*state, "127.0.0.1:1", "wrmsg:alice:pw-alice:bob:hi", &answer);
    assert_int_equal(fixture_teardown(state), 0);
    assert_true(answer.ended);
    assert_memory_equal(answer.text, "err:unavailable:", 16);
    assert_int_equal(fixture_setup(state), 0);
}

static void disabling_and_enabling_hold_at_once(void **state)
{
    struct fixture *fixture = *state;

    assert_string_equal(send_text(fixture, "alice", "bob", "one"), "ack");
    disable(fixture, "alice", true);
    assert_memory_equal(send_text(fixture, "alice", "bob", "two"), "err:denied:", 11);
    disable(fixture, "alice", false);
    assert_string_equal(send_text(fixture, "alice", "bob", "three"), "ack");
}

static void a_deleted_user_is_gone_at_once(void **state)
{
    struct fixture *fixture = *state;
    bool done = false;

    present(fixture, "bob", 10002);
    assert_string_equal(send_text(fixture, "alice", "bob", "one"), "ack");
    WAIT_FOR(fixture, fixture->push_count == 1);
    assert_int_equal(dal_user_delete(bytes_of("bob"), note_done, &done), 0);
    WAIT_FOR(fixture, done);
    bll_account_changed(fixture->bll, bytes_of("bob"));
    settle(fixture);
    end_push(fixture, BLL_PUSH_DELIVERED);
    assert_memory_equal(send_text(fixture, "alice", "bob", "two"), "err:unknown:", 12);
    assert_memory_equal(send_text(fixture, "bob", "alice", "three"), "err:denied:", 11);
    expect_no_push(fixture);
}

/* Deleted and added again before anybody looked: his devices are not those of the first one. */
static void a_user_added_again_is_another_one(void **state)
{
    struct fixture *fixture = *state;
    bool done = false;

    present(fixture, "bob", 10002);
    assert_string_equal(send_text(fixture, "alice", "bob", "to the first"), "ack");
    WAIT_FOR(fixture, fixture->push_count == 1);
    assert_int_equal(dal_user_delete(bytes_of("bob"), note_done, &done), 0);
    WAIT_FOR(fixture, done);
    fixture_add_user(fixture, "bob");
    bll_account_changed(fixture->bll, bytes_of("bob"));
    settle(fixture);
    assert_string_equal(send_text(fixture, "alice", "bob", "to the second"), "ack");
    present(fixture, "bob", 10002);
    end_push(fixture, BLL_PUSH_DELIVERED);
    expect_delivery(fixture, 10002, "to the second");
    fixture_restart(fixture, true);
    present(fixture, "bob", 10002);
    expect_no_push(fixture);
}

static void a_message_of_limit_length_passes_and_one_more_byte_does_not(void **state)
{
    struct fixture *fixture = *state;
    char text[16386];

    memset(text, 'x', sizeof(text));
    text[16385] = '\0';
    assert_memory_equal(send_text(fixture, "alice", "bob", text), "err:too-long:", 13);
    text[16384] = '\0';
    assert_string_equal(send_text(fixture, "alice", "bob", text), "ack");
}

static void forgotten_accounts_come_back(void **state)
{
    struct fixture *fixture = *state;
    struct bll_status status;

    present(fixture, "bob", 10002);
    settle(fixture);
    fixture->now_us += 3601 * USEC_PER_SEC;
    bll_tick(fixture->bll);
    bll_tick(fixture->bll);
    bll_status(fixture->bll, &status);
    assert_int_equal(status.accounts, 0);
    assert_int_equal(status.devices, 0);
    assert_string_equal(send_text(fixture, "alice", "bob", "after"), "ack");
    present(fixture, "bob", 10002);
    expect_delivery(fixture, 10002, "after");
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(right_password_is_accepted_and_remembered),
        CASE(unknown_wrong_and_disabled_are_told_alike),
        CASE(wrong_password_in_a_poll_is_counted_and_makes_nobody_present),
        CASE(wrong_passwords_do_not_hold_up_the_right_one),
        CASE(what_waits_for_an_account_is_limited),
        CASE(what_waits_for_an_address_is_limited),
        CASE(same_poll_waits_once),
        CASE(networks_that_are_not_served_are_refused),
        CASE(malformed_input_is_counted_and_changes_nothing),
        CASE(goodbye_closes),
        CASE(a_changed_password_holds_at_once),
        CASE(a_password_changed_while_the_old_one_is_verified_holds_at_once),
        CASE(a_verification_need_not_be_finished),
        CASE(disabling_and_enabling_hold_at_once),
        CASE(a_deleted_user_is_gone_at_once),
        CASE(a_user_added_again_is_another_one),
        CASE(a_message_of_limit_length_passes_and_one_more_byte_does_not),
        CASE(forgotten_accounts_come_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
