/* Signing on over a link, by password and by session: who gets in, who is told what, what it costs
 * whom, and what ends a session.
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

#define ADDRESS       "127.0.0.1:50000"
#define OTHER_ADDRESS "192.0.2.9:50000"
#define FAR_ADDRESS   "198.51.100.1:50000" /* TLS alone is served to it */

static struct line *open_line(void **state)
{
    return line_open(*state, ADDRESS, true);
}

static const char *resume(struct line *line, const struct welcomed *session)
{
    return line_ask(line, "%s", resume_frame_of(session, line->fixture->real_ms));
}

static const char *ask_on_new_line(struct fixture *fixture, const char *frame)
{
    return line_ask(line_open(fixture, ADDRESS, true), "%s", frame);
}

static void limit(struct fixture *fixture, struct bll_rates rates)
{
    fixture->config.rates = rates;
    assert_int_equal(bll_reconfigure(fixture->bll, &fixture->config), 0);
}

/* Storage has done `done`, and the unit has been told of it. */
static void changed(struct fixture *fixture, const char *userid, const bool *done)
{
    WAIT_FOR(fixture, *done);
    bll_account_changed(fixture->bll, bytes_of(userid));
    settle(fixture);
}

static void disable(struct fixture *fixture, const char *userid, bool disabled)
{
    bool done = false;

    assert_int_equal(dal_user_set_disabled(bytes_of(userid), disabled, note_done, &done), 0);
    changed(fixture, userid, &done);
}

static void revoke(struct fixture *fixture, const char *userid)
{
    bool done = false;

    assert_int_equal(dal_user_revoke(bytes_of(userid), note_done, &done), 0);
    changed(fixture, userid, &done);
}

static void delete (struct fixture *fixture, const char *userid)
{
    bool done = false;

    assert_int_equal(dal_user_delete(bytes_of(userid), note_done, &done), 0);
    changed(fixture, userid, &done);
}

static void set_password(struct fixture *fixture, const char *userid, const char *password)
{
    struct password_cost cost = {.operations = 1, .memory = 8 << 20};
    char hash[PASSWORD_HASH_MAX];
    bool done = false;

    assert_int_equal(password_hash(&cost, bytes_of(password), hash), 0);
    assert_int_equal(dal_user_set_password(bytes_of(userid), hash, note_done, &done), 0);
    changed(fixture, userid, &done);
}

static void expect_ended(struct line *line)
{
    assert_begins(line_take(line), "err:unknown-session:-:");
    assert_true(line->closing);
    assert_begins(line_ask(line, "send:late:bob:hi"), "err:not-signed-on:late:");
}

static void a_welcome_tells_what_the_client_needs(void **state)
{
    struct fixture *fixture = *state;
    struct line *line = open_line(state);
    struct welcomed session;

    fixture->real_ms = 1712345678901;
    session = line_hello(line, "alice", "laptop");
    assert_int_equal(session.time_ms, 1712345678901);
    assert_int_equal(session.poll_seconds, 3);
    assert_string_equal(session.name, "alice");
    assert_int_equal(line->role, BLL_LINK_SIGNED_ON);
    assert_int_equal(counted(fixture, METRIC_SIGNONS), 1);
    assert_int_equal(line->frame_count, 0);
}

/* The second time the password is known, and costs no hash. */
static void the_same_device_has_many_sessions(void **state)
{
    struct fixture *fixture = *state;
    struct line *first = open_line(state), *second = open_line(state);
    struct welcomed one = line_hello(first, "alice", "laptop");
    struct welcomed two = line_hello(second, "alice", "laptop");

    assert_string_not_equal(one.session, two.session);
    assert_memory_not_equal(one.key, two.key, sizeof(one.key));
    assert_int_equal(counted(fixture, METRIC_PASSWORDS_CHECKED), 1);
    assert_begins(resume(open_line(state), &one), "welcome:");
    assert_begins(resume(open_line(state), &two), "welcome:");
}

static void unknown_wrong_and_disabled_are_told_alike(void **state)
{
    static const char *const frames[] = {
        "hello:2:nobody:pw-nobody:laptop",
        "hello:2:alice:wrong:laptop",
        "hello:2:bob:pw-bob:laptop",
        "hello:2:alice:wrong:-",
    };
    struct fixture *fixture = *state;
    char words[600] = "";

    disable(fixture, "bob", true);
    for (size_t i = 0; i < ARRAY_SIZE(frames); i++) {
        const char *answer = ask_on_new_line(fixture, frames[i]);
        assert_begins(answer, "err:denied:hello:");
        if (i > 0)
            assert_string_equal(answer, words);
        snprintf(words, sizeof(words), "%s", answer);
    }
    /* Each of them costs the hash: the time tells nothing either. */
    assert_int_equal(counted(fixture, METRIC_PASSWORDS_CHECKED), ARRAY_SIZE(frames));
    assert_int_equal(counted(fixture, METRIC_SIGNONS_DENIED), ARRAY_SIZE(frames));
    assert_int_equal(counted(fixture, METRIC_SIGNONS), 0);
}

/* -- resume ----------------------------------------------------------------------------------- */

static void a_session_is_resumed_without_the_password(void **state)
{
    struct fixture *fixture = *state;
    struct welcomed session = line_hello(open_line(state), "alice", "laptop");
    struct line *line = open_line(state);
    struct welcomed again = parse_welcome(resume(line, &session));

    assert_string_equal(again.session, session.session);
    assert_memory_equal(again.key, session.key, sizeof(session.key));
    assert_int_equal(line->role, BLL_LINK_SIGNED_ON);
    assert_begins(line_ask(line, "send:k1:bob:hi"), "sent:k1:");
    assert_int_equal(counted(fixture, METRIC_PASSWORDS_CHECKED), 1);
}

static void a_session_outlives_a_restart(void **state)
{
    struct fixture *fixture = *state;
    struct welcomed with = line_hello(open_line(state), "alice", "laptop");
    struct welcomed without = line_hello(open_line(state), "bob", "-");
    struct answer answers[4];
    struct line *line;

    fixture_restart(fixture, true);
    /* Several at once: they wait for one query. */
    for (size_t i = 0; i < ARRAY_SIZE(answers); i++)
        line_frame(open_line(state), &answers[i], "%s", resume_frame_of(&with, fixture->real_ms));
    assert_false(answers[0].ended);
    for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
        WAIT_FOR(fixture, answers[i].ended);
        assert_string_equal(parse_welcome(answers[i].text).session, with.session);
    }
    line = open_line(state);
    assert_begins(resume(line, &without), "welcome:");
    assert_begins(line_ask(line, "send:k1:alice:hi"), "sent:k1:");
    assert_int_equal(counted(fixture, METRIC_PASSWORDS_CHECKED), 2);
}

/* The account is being loaded by its userid already when the session asks for it by its id. */
static void an_account_is_found_by_userid_and_by_id_at_once(void **state)
{
    struct fixture *fixture = *state;
    struct welcomed session = line_hello(open_line(state), "alice", "laptop");
    struct answer hello, resumed, third;

    fixture_restart(fixture, true);
    line_frame(open_line(state), &hello, "hello:2:alice:pw-alice:phone");
    line_frame(open_line(state), &resumed, "%s", resume_frame_of(&session, fixture->real_ms));
    line_frame(open_line(state), &third, "hello:2:alice:wrong:-");
    WAIT_FOR(fixture, hello.ended && resumed.ended && third.ended);
    (void)parse_welcome(hello.text);
    (void)parse_welcome(resumed.text);
    assert_begins(third.text, "err:denied:");
}

static void what_is_not_signed_with_the_key_is_not_told_apart(void **state)
{
    struct fixture *fixture = *state;
    struct welcomed session = line_hello(open_line(state), "alice", "laptop"), other;
    struct welcomed cases[4];
    char words[600] = "";

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        cases[i] = session;
    cases[0].key[31] ^= 1;                                         /* another key */
    cases[1].session[20] = session.session[20] == 'A' ? 'B' : 'A'; /* a name made up */
    strcpy(cases[2].session, "nonsense");
    other = line_hello(open_line(state), "bob", "-"); /* somebody else's key */
    memcpy(cases[3].key, other.key, sizeof(other.key));
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const char *answer = resume(open_line(state), &cases[i]);
        assert_begins(answer, "err:unknown-session:resume:");
        if (i > 0)
            assert_string_equal(answer, words);
        snprintf(words, sizeof(words), "%s", answer);
    }
    assert_int_equal(counted(fixture, METRIC_SIGNONS_ENDED), ARRAY_SIZE(cases));
}

/* Only who has the key is told that his clock is wrong, and what the right time is. */
static void a_resume_is_good_for_a_minute(void **state)
{
    struct fixture *fixture = *state;
    struct welcomed session = line_hello(open_line(state), "alice", "laptop"), wrong = session;
    uint64_t now = fixture->real_ms;
    char expected[80];

    wrong.key[0] ^= 1;
    snprintf(expected, sizeof(expected), "err:time:resume:%llu ", (unsigned long long)now);
    assert_begins(line_ask(open_line(state), "%s", resume_frame_of(&session, now - 60000)),
                  "welcome:");
    assert_begins(line_ask(open_line(state), "%s", resume_frame_of(&session, now + 60000)),
                  "welcome:");
    assert_begins(line_ask(open_line(state), "%s", resume_frame_of(&session, now - 60001)),
                  expected);
    assert_begins(line_ask(open_line(state), "%s", resume_frame_of(&session, now + 60001)),
                  expected);
    assert_begins(line_ask(open_line(state), "%s", resume_frame_of(&session, 0)), expected);
    assert_begins(line_ask(open_line(state), "%s", resume_frame_of(&wrong, 0)),
                  "err:unknown-session:");
    /* A client that was told goes on. */
    struct line *line = open_line(state);
    assert_begins(line_ask(line, "%s", resume_frame_of(&session, 0)), expected);
    assert_begins(resume(line, &session), "welcome:");
}

static void a_session_keeps_to_its_carrier(void **state)
{
    struct fixture *fixture = *state;
    struct welcomed secure = line_hello(open_line(state), "alice", "laptop");
    struct welcomed plain = line_hello(line_open(fixture, ADDRESS, false), "alice", "laptop");

    assert_begins(resume(line_open(fixture, ADDRESS, false), &secure), "err:unknown-session:");
    assert_begins(resume(line_open(fixture, FAR_ADDRESS, true), &secure), "welcome:");
    assert_begins(resume(line_open(fixture, OTHER_ADDRESS, false), &plain), "welcome:");
    assert_begins(resume(line_open(fixture, ADDRESS, true), &plain), "welcome:");
    assert_begins(resume(line_open(fixture, FAR_ADDRESS, true), &plain), "err:unknown-session:");
}

/* Its connection may be handed over to the next server, which would not know of it. */
static void nobody_signs_on_while_it_stops(void **state)
{
    struct fixture *fixture = *state;
    struct line *line = line_open(fixture, "127.0.0.1:50000", false);
    struct welcomed session = line_hello(line, "alice", "laptop");

    line = line_open(fixture, "127.0.0.1:50001", false);
    bll_quiesce(fixture->bll);
    assert_begins(line_ask(line, "hello:2:alice:pw-alice:laptop"), "err:unavailable:hello:");
    assert_begins(line_ask(line, "%s", resume_frame_of(&session, fixture->real_ms)),
                  "err:unavailable:resume:");
    assert_int_equal(line->role, BLL_LINK_STRANGER);
}

static void sessions_of_another_secret_are_unknown(void **state)
{
    struct fixture *fixture = *state;
    struct line *line = open_line(state);
    struct welcomed session = line_hello(line, "alice", "laptop");

    assert_int_equal(bll_reconfigure(fixture->bll, &fixture->config), 0);
    assert_int_equal(line->frame_count, 0); /* it is the same one */
    fixture->config.secret[0] ^= 1;
    assert_int_equal(bll_reconfigure(fixture->bll, &fixture->config), 0);
    expect_ended(line);
    assert_begins(resume(open_line(state), &session), "err:unknown-session:");
    (void)line_hello(open_line(state), "alice", "laptop");
}

/* -- what ends sessions ----------------------------------------------------------------------- */

static void set_another_password(struct fixture *fixture, const char *userid)
{
    set_password(fixture, userid, "another");
}

static void disable_and_enable(struct fixture *fixture, const char *userid)
{
    disable(fixture, userid, true);
    disable(fixture, userid, false);
    revoke(fixture, userid); /* enabled again, the session would be good as well */
}

static void delete_and_add(struct fixture *fixture, const char *userid)
{
    bool done = false;

    assert_int_equal(dal_user_delete(bytes_of(userid), note_done, &done), 0);
    WAIT_FOR(fixture, done);
    fixture_add_user(fixture, userid);
    bll_account_changed(fixture->bll, bytes_of(userid));
    settle(fixture);
}

static void (*const endings[])(struct fixture *fixture, const char *userid) = {
    set_another_password, revoke, delete, delete_and_add, disable_and_enable,
};

/* Open links hear of it and are closed; the session cannot be resumed, and whoever else is signed
 * on notices nothing. */
static void sessions_end_with_what_they_rest_on(void **state)
{
    struct fixture *fixture = *state;

    for (size_t i = 0; i < ARRAY_SIZE(endings); i++) {
        struct line *lines[2] = {open_line(state), open_line(state)}, *other = open_line(state);
        struct welcomed session;
        char userid[20];
        snprintf(userid, sizeof(userid), "user%zu", i);
        fixture_add_user(fixture, userid);
        session = line_hello(lines[0], userid, "laptop");
        (void)line_hello(lines[1], userid, "-");
        (void)line_hello(other, "bob", "-");
        endings[i](fixture, userid);
        expect_ended(lines[0]);
        expect_ended(lines[1]);
        assert_begins(resume(open_line(state), &session), "err:unknown-session:");
        assert_int_equal(other->frame_count, 0);
        assert_begins(line_ask(other, "ping"), "pong");
    }
}

/* The same where nothing of the account is in memory: storage knows. */
static void ended_sessions_stay_ended_after_a_restart(void **state)
{
    struct fixture *fixture = *state;

    for (size_t i = 0; i < ARRAY_SIZE(endings); i++) {
        struct welcomed session;
        char userid[20];
        snprintf(userid, sizeof(userid), "user%zu", i);
        fixture_add_user(fixture, userid);
        session = line_hello(open_line(state), userid, "laptop");
        endings[i](fixture, userid);
        fixture_restart(fixture, true);
        for (int n = 0; n < 2; n++) /* the second time from memory */
            assert_begins(resume(open_line(state), &session), "err:unknown-session:");
    }
}

static void a_disabled_user_is_out_at_once(void **state)
{
    struct fixture *fixture = *state;
    struct line *line = open_line(state);
    struct welcomed session = line_hello(line, "alice", "laptop");

    disable(fixture, "alice", true);
    expect_ended(line);
    assert_begins(resume(open_line(state), &session), "err:unknown-session:");
    assert_begins(ask_on_new_line(fixture, "hello:2:alice:pw-alice:-"), "err:denied:");
    disable(fixture, "alice", false);
    (void)line_hello(open_line(state), "alice", "laptop");
}

struct noted {
    bool done;
    uint64_t device;
};

static void note_device(void *userdata, enum dal_outcome outcome, const struct dal_account *account)
{
    struct noted *noted = userdata;

    assert_int_equal(outcome, DAL_OK);
    assert_int_equal(account->device_count, 1);
    noted->device = account->devices[0].id;
    noted->done = true;
}

static void note_user_id(void *userdata, enum dal_outcome outcome,
                         const struct dal_account *account)
{
    assert_int_equal(outcome, DAL_OK);
    *(uint64_t *)userdata = account->user.id;
}

static uint64_t user_id(struct fixture *fixture, const char *userid)
{
    uint64_t id = 0;

    assert_int_equal(dal_account_find(bytes_of(userid), note_user_id, &id), 0);
    WAIT_FOR(fixture, id != 0);
    return id;
}

static void a_session_ends_with_its_device(void **state)
{
    struct fixture *fixture = *state;
    struct line *line = open_line(state), *sender = open_line(state);
    struct welcomed session = line_hello(line, "alice", "laptop");
    struct noted noted = {0};
    bool done = false;

    (void)line_hello(sender, "alice", "-");
    assert_int_equal(dal_account_find(bytes_of("alice"), note_device, &noted), 0);
    WAIT_FOR(fixture, noted.done);
    assert_int_equal(dal_device_delete(user_id(fixture, "alice"), noted.device, note_done, &done),
                     0);
    changed(fixture, "alice", &done);
    expect_ended(line);
    assert_begins(resume(open_line(state), &session), "err:unknown-session:");
    assert_int_equal(sender->frame_count, 0);
    (void)line_hello(open_line(state), "alice", "laptop");
}

/* -- hostile order ---------------------------------------------------------------------------- */

/* The user is deleted between the right password and the welcome. */
static void a_user_is_deleted_while_signing_on(void **state)
{
    struct fixture *fixture = *state;
    struct answer hello, send;
    struct line *line = open_line(state);
    bool done = false;

    assert_string_equal(send_text(fixture, "alice", "bob", "her password is known"), "ack");
    line_frame(line, &hello, "hello:2:alice:pw-alice:laptop");
    assert_int_equal(dal_user_delete(bytes_of("alice"), note_done, &done), 0);
    bll_account_changed(fixture->bll, bytes_of("alice"));
    WAIT_FOR(fixture, done);
    bll_account_changed(fixture->bll, bytes_of("alice"));
    line_frame(line, &send, "send:k1:bob:hi");
    WAIT_FOR(fixture, hello.ended && send.ended);
    settle(fixture);
    assert_begins(ask_on_new_line(fixture, "hello:2:alice:pw-alice:-"), "err:denied:");
    if (line->frame_count == 0)
        assert_begins(hello.text, "err:");
    else
        expect_ended(line);
}

/* The password is changed while the device is being made for the old one, and that is known before
 * the device is. */
static void a_password_is_changed_while_signing_on(void **state)
{
    struct fixture *fixture = *state;
    struct password_cost cost = {.operations = 1, .memory = 8 << 20};
    struct line *line = open_line(state);
    char hash[PASSWORD_HASH_MAX];
    bool done = false, others[64];
    struct answer hello;

    assert_string_equal(send_text(fixture, "alice", "bob", "her password is known"), "ack");
    assert_int_equal(password_hash(&cost, bytes_of("new"), hash), 0);
    assert_int_equal(dal_user_set_password(bytes_of("alice"), hash, note_done, &done), 0);
    await_from_storage(fixture, &done);
    for (size_t i = 0; i < ARRAY_SIZE(others); i++) /* the device waits behind these */
        assert_int_equal(dal_user_set_disabled(bytes_of("carol"), false, note_done, &others[i]), 0);
    line_frame(line, &hello, "hello:2:alice:pw-alice:laptop");
    bll_account_changed(fixture->bll, bytes_of("alice"));
    assert_false(hello.ended);
    WAIT_FOR(fixture, hello.ended);
    assert_begins(hello.text, "err:denied:hello:");
    assert_int_equal(line->role, BLL_LINK_STRANGER);
    assert_begins(ask_on_new_line(fixture, "hello:2:alice:pw-alice:-"), "err:denied:");
    assert_begins(ask_on_new_line(fixture, "hello:2:alice:new:-"), "welcome:");
}

/* Goes down in the middle of everything: each is answered, and nothing is left behind. */
static void sign_ons_need_not_be_finished(void **state)
{
    struct fixture *fixture = *state;
    struct welcomed session = line_hello(open_line(state), "alice", "laptop");
    struct answer answers[4];

    fixture_restart(fixture, true);
    line_frame(open_line(state), &answers[0], "hello:2:alice:pw-alice:phone");
    line_frame(open_line(state), &answers[1], "hello:2:bob:pw-bob:-");
    line_frame(open_line(state), &answers[2], "hello:2:nobody:pw:phone");
    line_frame(open_line(state), &answers[3], "%s", resume_frame_of(&session, fixture->real_ms));
    assert_int_equal(fixture_teardown(state), 0);
    for (size_t i = 0; i < ARRAY_SIZE(answers); i++)
        assert_true(answers[i].ended);
    assert_int_equal(fixture_setup(state), 0);
}

/* -- rates ------------------------------------------------------------------------------------ */

static void sign_ons_of_an_address_are_limited(void **state)
{
    struct fixture *fixture = *state;
    struct welcomed session = line_hello(open_line(state), "alice", "laptop");

    limit(fixture, (struct bll_rates){.signons_per_address = {.per_minute = 60, .burst = 3}});
    (void)line_hello(open_line(state), "alice", "laptop");
    assert_begins(resume(open_line(state), &session), "welcome:");
    assert_begins(resume(open_line(state), &session), "welcome:");
    assert_begins(resume(open_line(state), &session), "err:limited:resume:1000 ms ");
    assert_begins(ask_on_new_line(fixture, "hello:2:alice:pw-alice:-"),
                  "err:limited:hello:1000 ms ");
    /* Others are not concerned. */
    (void)line_hello(line_open(fixture, OTHER_ADDRESS, true), "alice", "laptop");
    fixture->now_us += USEC_PER_SEC / 2;
    assert_begins(resume(open_line(state), &session), "err:limited:resume:500 ms ");
    fixture->now_us += USEC_PER_SEC / 2;
    assert_begins(resume(open_line(state), &session), "welcome:");
    assert_int_equal(counted(fixture, METRIC_SIGNONS_LIMITED), 3);
}

/* Who tries passwords is slowed down, not whose they would be. */
static void failures_cost_their_address_and_not_the_user(void **state)
{
    struct fixture *fixture = *state;

    limit(fixture, (struct bll_rates){.failures_per_address = {.per_minute = 60, .burst = 3}});
    for (int i = 0; i < 3; i++)
        assert_begins(ask_on_new_line(fixture, "hello:2:alice:wrong:-"), "err:denied:");
    assert_int_equal(counted(fixture, METRIC_PASSWORDS_CHECKED), 3);
    assert_begins(ask_on_new_line(fixture, "hello:2:alice:wrong:-"), "err:limited:hello:1000 ms ");
    assert_begins(ask_on_new_line(fixture, "hello:2:alice:pw-alice:-"), "err:limited:hello:");
    assert_int_equal(counted(fixture, METRIC_PASSWORDS_CHECKED), 3); /* no hash for it */
    (void)line_hello(line_open(fixture, OTHER_ADDRESS, true), "alice", "-");
    fixture->now_us += USEC_PER_SEC;
    (void)line_hello(open_line(state), "alice", "-");
    (void)line_hello(open_line(state), "alice", "-"); /* success is free */
}

/* Tries that wait together do not get past the limit together. */
static void failures_at_once_count_too(void **state)
{
    struct fixture *fixture = *state;
    struct answer answers[6];
    unsigned limited = 0;

    limit(fixture, (struct bll_rates){.failures_per_address = {.per_minute = 60, .burst = 2}});
    for (unsigned i = 0; i < ARRAY_SIZE(answers); i++)
        line_frame(open_line(state), &answers[i], "hello:2:alice:wrong%u:-", i);
    for (unsigned i = 0; i < ARRAY_SIZE(answers); i++) {
        WAIT_FOR(fixture, answers[i].ended);
        limited += strncmp(answers[i].text, "err:limited:", 12) == 0;
    }
    assert_int_equal(limited, ARRAY_SIZE(answers) - 2);
    assert_int_equal(counted(fixture, METRIC_PASSWORDS_CHECKED), 2);
}

static void what_waits_for_an_account_is_limited(void **state)
{
    struct fixture *fixture = *state;
    struct answer answers[10];
    struct line *last = NULL;

    for (unsigned i = 0; i < ARRAY_SIZE(answers); i++) {
        last = line_open(fixture, ADDRESS, true);
        line_frame(last, &answers[i], "hello:2:alice:wrong%u:-", i);
    }
    assert_true(answers[8].ended && answers[9].ended);
    assert_begins(answers[9].text, "err:busy:hello:");
    for (unsigned i = 0; i < 8; i++)
        WAIT_FOR(fixture, answers[i].ended);
    (void)line_hello(last, "alice", "-"); /* refused so, he may try again */
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_welcome_tells_what_the_client_needs),
        CASE(the_same_device_has_many_sessions),
        CASE(unknown_wrong_and_disabled_are_told_alike),
        CASE(a_session_is_resumed_without_the_password),
        CASE(a_session_outlives_a_restart),
        CASE(an_account_is_found_by_userid_and_by_id_at_once),
        CASE(what_is_not_signed_with_the_key_is_not_told_apart),
        CASE(a_resume_is_good_for_a_minute),
        CASE(a_session_keeps_to_its_carrier),
        CASE(nobody_signs_on_while_it_stops),
        CASE(sessions_of_another_secret_are_unknown),
        CASE(sessions_end_with_what_they_rest_on),
        CASE(ended_sessions_stay_ended_after_a_restart),
        CASE(a_disabled_user_is_out_at_once),
        CASE(a_session_ends_with_its_device),
        CASE(a_user_is_deleted_while_signing_on),
        CASE(a_password_is_changed_while_signing_on),
        CASE(sign_ons_need_not_be_finished),
        CASE(sign_ons_of_an_address_are_limited),
        CASE(failures_cost_their_address_and_not_the_user),
        CASE(failures_at_once_count_too),
        CASE(what_waits_for_an_account_is_limited),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
