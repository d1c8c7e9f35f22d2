/* passwd: from its answer on the new password alone is good, and one session.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "fixture.h"

#include "auth/password.h"
#include "util/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define ADDRESS "127.0.0.1:50000"

static struct line *open_line(void **state)
{
    return line_open(*state, ADDRESS, true);
}

static const char *resume(struct line *line, const struct welcomed *session)
{
    return line_ask(line, "%s", resume_frame_of(session, line->fixture->real_ms));
}

static const char *hello(void **state, const char *userid, const char *password)
{
    return line_ask(open_line(state), "hello:2:%s:%s:-", userid, password);
}

static void note_account(void *userdata, enum dal_outcome outcome,
                         const struct dal_account *account)
{
    *(bool *)userdata = true;
}

static void set_password(struct fixture *fixture, const char *userid, const char *password)
{
    struct password_cost cost = {.operations = 1, .memory = 8 << 20};
    char hash[PASSWORD_HASH_MAX];
    bool done = false;

    assert_int_equal(password_hash(&cost, bytes_of(password), hash), 0);
    assert_int_equal(dal_user_set_password(bytes_of(userid), hash, note_done, &done), 0);
    WAIT_FOR(fixture, done);
    bll_account_changed(fixture->bll, bytes_of(userid));
}

/* Everything the old password could open is asked at the moment of the answer, before anything else
 * has had its turn. */
static void the_old_password_opens_nothing_after_the_answer(void **state)
{
    struct fixture *fixture = *state;
    struct line *line = open_line(state);
    struct welcomed session = line_hello(line, "alice", "laptop"), renewed;
    struct answer changed, written, greeted, resumed;

    present(fixture, "alice", 10001); /* a version 1 client, by the old password */
    line_frame(line, &changed, "passwd:pw-alice:new-one");
    WAIT_FOR(fixture, changed.ended);
    renewed = parse_welcome(changed.text);
    poll_from(fixture, "alice", "pw-alice", "127.0.0.1:40000", 10001);
    frame_from(fixture, "127.0.0.1:1", "wrmsg:alice:pw-alice:bob:hi", &written);
    line_frame(open_line(state), &greeted, "hello:2:alice:pw-alice:-");
    line_frame(open_line(state), &resumed, "%s", resume_frame_of(&session, fixture->real_ms));
    WAIT_FOR(fixture, written.ended && greeted.ended && resumed.ended);
    assert_begins(written.text, "err:denied:");
    assert_begins(greeted.text, "err:denied:hello:");
    assert_begins(resumed.text, "err:unknown-session:");
    WAIT_FOR(fixture, counted(fixture, METRIC_POLLS_DENIED) == 1);
    assert_string_equal(send_text(fixture, "bob", "alice", "not for who polled before"), "ack");
    expect_no_push(fixture);
    /* And the new one everything. */
    assert_begins(hello(state, "alice", "new-one"), "welcome:");
    assert_begins(resume(open_line(state), &renewed), "welcome:");
    assert_begins(line_ask(line, "send:k1:bob:hi"), "sent:k1:");
    assert_int_equal(line->frame_count, 0);
    assert_false(line->closing);
}

static void every_other_session_ends(void **state)
{
    struct line *line = open_line(state), *same = open_line(state), *phone = open_line(state),
                *bob = open_line(state);
    struct welcomed session = line_hello(line, "alice", "laptop"), renewed;

    assert_begins(resume(same, &session), "welcome:");
    (void)line_hello(phone, "alice", "phone");
    (void)line_hello(bob, "bob", "laptop");
    renewed = parse_welcome(line_ask(line, "passwd:pw-alice:new-one"));
    assert_string_not_equal(renewed.session, session.session);
    assert_memory_not_equal(renewed.key, session.key, sizeof(session.key));
    assert_string_equal(renewed.name, "alice");
    assert_begins(line_take(same), "err:unknown-session:-:");
    assert_begins(line_take(phone), "err:unknown-session:-:");
    assert_true(same->closing && phone->closing && !line->closing && !bob->closing);
    assert_int_equal(line->frame_count + bob->frame_count, 0);
}

static void the_new_password_outlives_a_restart(void **state)
{
    struct fixture *fixture = *state;
    struct line *line = open_line(state);
    struct welcomed renewed;

    (void)line_hello(line, "alice", "-");
    renewed = parse_welcome(line_ask(line, "passwd:pw-alice:new-one"));
    fixture_restart(fixture, true);
    assert_begins(resume(open_line(state), &renewed), "welcome:");
    assert_begins(hello(state, "alice", "pw-alice"), "err:denied:");
    assert_begins(hello(state, "alice", "new-one"), "welcome:");
}

static void a_wrong_old_password_changes_nothing_and_costs_a_failure(void **state)
{
    struct fixture *fixture = *state;
    struct line *line = open_line(state);
    struct welcomed session = line_hello(line, "alice", "laptop");

    fixture->config.rates.failures_per_address = (struct rate){.per_minute = 60, .burst = 2};
    assert_int_equal(bll_reconfigure(fixture->bll, &fixture->config), 0);
    assert_begins(line_ask(line, "passwd:wrong:new-one"), "err:denied:passwd:");
    assert_begins(line_ask(line, "passwd:pw-bob:new-one"), "err:denied:passwd:");
    assert_begins(line_ask(line, "passwd:pw-alice:new-one"), "err:limited:passwd:1000 ms ");
    assert_begins(line_ask(line, "send:k1:bob:still signed on"), "sent:k1:");
    fixture->now_us += USEC_PER_SEC;
    assert_begins(resume(open_line(state), &session), "welcome:");
    assert_begins(hello(state, "alice", "pw-alice"), "welcome:");
}

static void a_password_that_may_not_be_one_is_refused(void **state)
{
    struct line *line = open_line(state);

    (void)line_hello(line, "alice", "-");
    assert_begins(line_ask(line, "passwd:pw-alice:"), "err:malformed:passwd:");
    assert_begins(line_ask(line, "passwd:pw-alice:new:one"), "err:malformed:passwd:");
    assert_begins(line_ask(line, "passwd:pw-alice:new\x01one"), "err:malformed:passwd:");
    assert_begins(line_ask(line, "passwd:pw-alice"), "err:malformed:passwd:");
    assert_begins(hello(state, "alice", "pw-alice"), "welcome:");
}

/* Of two at once one is refused: it would rest on a password that is the old one by then. */
static void two_changes_at_once_are_one(void **state)
{
    struct fixture *fixture = *state;
    struct line *lines[2] = {open_line(state), open_line(state)};
    struct answer answers[2];
    unsigned welcomed = 0;

    for (int i = 0; i < 2; i++)
        (void)line_hello(lines[i], "alice", "-");
    for (int i = 0; i < 2; i++)
        line_frame(lines[i], &answers[i], "passwd:pw-alice:new-%d", i);
    for (int i = 0; i < 2; i++) {
        char password[8];
        WAIT_FOR(fixture, answers[i].ended);
        bool won = strncmp(answers[i].text, "welcome:", 8) == 0;
        snprintf(password, sizeof(password), "new-%d", i);
        welcomed += won;
        assert_begins(hello(state, "alice", password), won ? "welcome:" : "err:denied:");
    }
    assert_int_equal(welcomed, 1);
    assert_begins(hello(state, "alice", "pw-alice"), "err:denied:");
}

/* He does so, and it is known, while the new one is being hashed: what is left of the old one is
 * not enough. */
static void the_administrator_changes_it_first(void **state)
{
    struct fixture *fixture = *state;
    struct password_cost cost = {.operations = 1, .memory = 8 << 20};
    struct line *line = open_line(state);
    char hash[PASSWORD_HASH_MAX];
    bool done = false, loaded = false;
    struct answer answer;

    (void)line_hello(line, "alice", "laptop");
    assert_int_equal(password_hash(&cost, bytes_of("given"), hash), 0);
    line_frame(line, &answer, "passwd:pw-alice:new-one");
    assert_int_equal(dal_user_set_password(bytes_of("alice"), hash, note_done, &done), 0);
    await_from_storage(fixture, &done);
    bll_account_changed(fixture->bll, bytes_of("alice"));
    /* The only reader is done with the account when it is done with this. */
    assert_int_equal(dal_account_find(bytes_of("alice"), note_account, &loaded), 0);
    await_from_storage(fixture, &loaded);
    assert_false(answer.ended);
    WAIT_FOR(fixture, answer.ended);
    assert_begins(answer.text, "err:unknown-session:passwd:");
    assert_begins(hello(state, "alice", "given"), "welcome:");
    assert_begins(hello(state, "alice", "new-one"), "err:denied:");
}

/* Whichever of the two is stored last is good, and nothing else. */
static void the_administrator_changes_it_too(void **state)
{
    struct fixture *fixture = *state;
    struct line *line = open_line(state);
    struct answer answer;
    bool own;

    (void)line_hello(line, "alice", "laptop");
    line_frame(line, &answer, "passwd:pw-alice:new-one");
    set_password(fixture, "alice", "given");
    WAIT_FOR(fixture, answer.ended);
    settle(fixture);
    own = strncmp(hello(state, "alice", "new-one"), "welcome:", 8) == 0;
    assert_begins(hello(state, "alice", "given"), own ? "err:denied:" : "welcome:");
    assert_begins(hello(state, "alice", "pw-alice"), "err:denied:");
    if (strncmp(answer.text, "welcome:", 8) == 0 && !own)
        assert_begins(line_take(line), "err:unknown-session:-:");
}

static void the_user_is_deleted_meanwhile(void **state)
{
    struct fixture *fixture = *state;
    struct line *line = open_line(state);
    struct answer answer;
    bool done = false;

    (void)line_hello(line, "alice", "laptop");
    line_frame(line, &answer, "passwd:pw-alice:new-one");
    assert_int_equal(dal_user_delete(bytes_of("alice"), note_done, &done), 0);
    WAIT_FOR(fixture, done);
    bll_account_changed(fixture->bll, bytes_of("alice"));
    WAIT_FOR(fixture, answer.ended);
    assert_begins(answer.text, "err:");
    assert_begins(line_take(line), "err:unknown-session:-:");
    assert_begins(hello(state, "alice", "new-one"), "err:denied:");
}

/* The connection goes; the change is made all the same, or not at all. */
static void the_connection_closes_meanwhile(void **state)
{
    struct fixture *fixture = *state;
    struct line *line = open_line(state);
    struct answer answer;

    (void)line_hello(line, "alice", "laptop");
    line_frame(line, &answer, "passwd:pw-alice:new-one");
    line_close(line);
    WAIT_FOR(fixture, answer.ended);
    settle(fixture);
    bool stays = strncmp(hello(state, "alice", "pw-alice"), "welcome:", 8) == 0;
    assert_begins(hello(state, "alice", "new-one"), stays ? "err:denied:" : "welcome:");
}

static void a_change_need_not_be_finished(void **state)
{
    struct line *line = open_line(state);
    struct answer answer;

    (void)line_hello(line, "alice", "laptop");
    line_frame(line, &answer, "passwd:pw-alice:new-one");
    assert_int_equal(fixture_teardown(state), 0);
    assert_true(answer.ended);
    assert_int_equal(fixture_setup(state), 0);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_old_password_opens_nothing_after_the_answer),
        CASE(every_other_session_ends),
        CASE(the_new_password_outlives_a_restart),
        CASE(a_wrong_old_password_changes_nothing_and_costs_a_failure),
        CASE(a_password_that_may_not_be_one_is_refused),
        CASE(two_changes_at_once_are_one),
        CASE(the_administrator_changes_it_first),
        CASE(the_administrator_changes_it_too),
        CASE(the_user_is_deleted_meanwhile),
        CASE(the_connection_closes_meanwhile),
        CASE(a_change_need_not_be_finished),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
