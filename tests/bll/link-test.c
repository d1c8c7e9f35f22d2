/* Links: which frames are taken from whom, on which carrier and in which order, and how each
 * version is answered.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "fixture.h"

#include "util/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define PLAIN_ADDRESS "127.0.0.1:50000"
#define FAR_ADDRESS                                                                                \
    "198.51.100.1:50000" /* neither version 1 nor plain version 2 are served to it */

static void strangers_may_do_little(void **state)
{
    struct line *line = line_open(*state, PLAIN_ADDRESS, false);

    assert_string_equal(line_ask(line, "ping"), "pong");
    assert_begins(line_ask(line, "send:k1:bob:hi"), "err:not-signed-on:k1:");
    assert_begins(line_ask(line, "passwd:pw-alice:new"), "err:not-signed-on:passwd:");
    assert_int_equal(line->role, BLL_LINK_STRANGER);
    assert_true(bll_link_idle(line->link));
}

static void what_only_the_server_says_is_malformed(void **state)
{
    static const char *const frames[] = {
        "welcome:s:k:1:3:Alice",
        "sent:k:1/*:1:1",
        "attached",
        "detached",
        "push:s:00000000000000000000000000000000",
        "msg:1/*:1:1:bob:Bob:hi",
        "pong",
        "err:busy:k:later",
    };
    struct line *line = line_open(*state, PLAIN_ADDRESS, true);
    char expected[40];

    for (size_t i = 0; i < ARRAY_SIZE(frames); i++) {
        snprintf(expected, sizeof(expected), "err:malformed:%.*s:", (int)strcspn(frames[i], ":"),
                 frames[i]);
        assert_begins(line_ask(line, "%s", frames[i]), expected);
    }
    assert_int_equal(counted(*state, METRIC_FRAMES_MALFORMED), ARRAY_SIZE(frames));
}

static void malformed_frames_are_told_why_and_change_nothing(void **state)
{
    static const struct {
        const char *frame, *answer;
    } cases[] = {
        {"hello", "err:malformed:hello:"},
        {"hello:2:alice:pw-alice", "err:malformed:hello:"},
        {"hello:2::pw-alice:laptop", "err:malformed:hello:"},
        {"hello:2:alice:pw-alice:lap/top", "err:malformed:hello:"},
        {"hello:3:alice:pw-alice:laptop", "err:version:hello:"},
        {"hello:1:alice:pw-alice:laptop", "err:version:hello:"},
        {"resume:x:1", "err:malformed:resume:"},
        {"resume:x:-1:00000000000000000000000000000000", "err:malformed:resume:"},
        {"resume:x:1:0000", "err:malformed:resume:"},
        {"ping:", "err:malformed:ping:"},
        {"goodbye:now", "err:malformed:goodbye:"},
    };
    struct line *line = line_open(*state, PLAIN_ADDRESS, false);

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        assert_begins(line_ask(line, "%s", cases[i].frame), cases[i].answer);
    assert_int_equal(line->role, BLL_LINK_STRANGER);
    assert_int_equal(counted(*state, METRIC_PASSWORDS_CHECKED), 0);
    (void)line_hello(line, "alice", "-");
}

static void version_1_makes_a_writer_where_it_is_served(void **state)
{
    struct line *line = line_open(*state, PLAIN_ADDRESS, false);
    struct line *far = line_open(*state, FAR_ADDRESS, false);

    (void)line_ask(line, "nonsense");
    assert_int_equal(line->role, BLL_LINK_STRANGER);
    (void)line_ask(line, "wrmsg:alice:wrong:bob:text");
    assert_int_equal(line->role, BLL_LINK_WRITER);
    (void)line_ask(far, "wrmsg:alice:pw-alice:bob:text");
    assert_int_equal(far->role, BLL_LINK_STRANGER);
    (void)line_hello(line, "alice", "-");
    assert_int_equal(line->role, BLL_LINK_SIGNED_ON);
    (void)line_ask(line, "wrmsg:alice:pw-alice:bob:text");
    assert_int_equal(line->role, BLL_LINK_SIGNED_ON);
}

static void goodbye_closes_whoever_says_it(void **state)
{
    static const char *const addresses[] = {PLAIN_ADDRESS, FAR_ADDRESS};
    struct answer answer;

    for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
        struct line *line = line_open(*state, addresses[i], false);
        line_frame(line, &answer, "goodbye");
        assert_true(answer.ended && answer.close);
        assert_string_equal(answer.text, "");
    }
}

static void without_tls_only_plain_networks_are_served(void **state)
{
    struct line *plain = line_open(*state, FAR_ADDRESS, false);
    struct line *secure = line_open(*state, FAR_ADDRESS, true);
    struct answer answer;

    line_frame(plain, &answer, "hello:2:alice:pw-alice:-");
    assert_true(answer.ended && answer.close);
    assert_begins(answer.text, "err:tls-required:hello:");
    line_frame(plain, &answer, "ping");
    assert_true(answer.ended && answer.close);
    assert_begins(answer.text, "err:tls-required:ping:");
    (void)line_hello(secure, "alice", "-");
    assert_int_equal(counted(*state, METRIC_PASSWORDS_CHECKED), 1);
}

/* Each version keeps its own rules on the same connection. */
static void both_versions_share_a_connection(void **state)
{
    struct fixture *fixture = *state;
    struct line *line = line_open(fixture, PLAIN_ADDRESS, false);

    assert_string_equal(line_ask(line, "wrmsg:alice:pw-alice:bob:one"), "ack");
    assert_string_equal(line_ask(line, "ping"), "pong");
    assert_begins(line_ask(line, "hello:2:alice:wrong:-"), "err:denied:hello:");
    assert_begins(line_ask(line, "wrmsg:alice:wrong:bob:two"),
                  "err:denied:unknown user, wrong password");
    (void)line_hello(line, "alice", "-");
    assert_string_equal(line_ask(line, "wrmsg:bob:pw-bob:alice:three"), "ack");
    assert_begins(line_ask(line, "wrmsg:bob:wrong:alice:four"), "err:denied:unknown user");
}

static void version_1_is_not_served_further_because_of_tls(void **state)
{
    struct line *line = line_open(*state, FAR_ADDRESS, true);

    assert_begins(line_ask(line, "wrmsg:alice:pw-alice:bob:hi"), "err:forbidden:this protocol");
}

/* Who has not said which version he speaks is answered as version 1 always did. */
static void unknown_verbs_are_answered_in_the_speakers_version(void **state)
{
    static const char *const frames[] = {"", "GET / HTTP/1.1", "poll:alice:pw-alice:10001",
                                         "HELLO"};
    struct line *plain = line_open(*state, PLAIN_ADDRESS, false);
    struct line *secure = line_open(*state, PLAIN_ADDRESS, true);

    for (size_t i = 0; i < ARRAY_SIZE(frames); i++) {
        const char *answer = line_ask(plain, "%s", frames[i]);
        assert_begins(answer, "err:malformed:");
        assert_true(strncmp(answer, "err:malformed:-:", 16) != 0);
        assert_begins(line_ask(secure, "%s", frames[i]), "err:malformed:-:");
    }
    (void)line_hello(plain, "alice", "-");
    assert_begins(line_ask(plain, "dance:#room"), "err:malformed:-:");
}

static void who_is_kicked_is_told_why(void **state)
{
    struct fixture *fixture = *state;
    struct line *first = line_open(fixture, PLAIN_ADDRESS, false);
    struct line *second = line_open(fixture, PLAIN_ADDRESS, false);
    struct line *other = line_open(fixture, PLAIN_ADDRESS, false);

    assert_false(bll_kick(fixture->bll, bytes_of("alice"), "enough"));
    (void)line_hello(first, "alice", "laptop");
    (void)line_hello(second, "alice", "-");
    (void)line_hello(other, "bob", "-");
    assert_string_equal(line_ask(first, "attach"), "attached");
    assert_true(bll_kick(fixture->bll, bytes_of("alice"), "enough"));
    assert_string_equal(line_take(first), "err:not-allowed:-:enough");
    assert_string_equal(line_take(second), "err:not-allowed:-:enough");
    assert_true(first->closing && second->closing);
    assert_false(other->closing);
    assert_false(bll_kick(fixture->bll, bytes_of("alice"), "enough"));
    (void)line_hello(line_open(fixture, PLAIN_ADDRESS, false), "alice", "laptop");
}

static void the_reason_for_closing_is_told_in_the_speakers_version(void **state)
{
    struct fixture *fixture = *state;
    struct line *plain = line_open(fixture, PLAIN_ADDRESS, false);
    struct line *secure = line_open(fixture, PLAIN_ADDRESS, true);
    struct answer answers[3] = {0};

    bll_refuse(fixture->bll, plain->link, PROTO_ERROR_TIMEOUT, &answers[0]);
    assert_string_equal(answers[0].text, "err:timeout:nothing complete arrived in time");
    bll_refuse(fixture->bll, NULL, PROTO_ERROR_TOO_LONG, &answers[1]);
    assert_string_equal(answers[1].text,
                        "err:too-long:the frame or its text is longer than allowed");
    bll_refuse(fixture->bll, secure->link, PROTO_ERROR_TIMEOUT, &answers[2]);
    assert_string_equal(answers[2].text, "err:timeout:-:nothing complete arrived in time");
    for (size_t i = 0; i < ARRAY_SIZE(answers); i++)
        assert_true(answers[i].ended && answers[i].close);
}

static void a_link_is_signed_on_once(void **state)
{
    struct fixture *fixture = *state;
    struct line *line = line_open(fixture, PLAIN_ADDRESS, false);
    struct welcomed session = line_hello(line, "alice", "-");

    assert_string_equal(session.name, "alice");
    assert_begins(line_ask(line, "hello:2:alice:pw-alice:-"), "err:malformed:hello:");
    assert_begins(line_ask(line, "%s", resume_frame_of(&session, fixture->real_ms)),
                  "err:malformed:resume:");
    assert_int_equal(line->role, BLL_LINK_SIGNED_ON);
}

/* Who does not wait for the welcome is served as if he had, whatever the sign-on has to wait for.
 */
static void frames_wait_for_the_sign_on_before_them(void **state)
{
    static const struct {
        const char *frame, *answer;
    } cases[] = {
        {"hello:2:alice:wrong:laptop", "err:denied:hello:"},
        {"send:k1:bob:too early", "err:not-signed-on:k1:"},
        {"hello:2:alice:pw-alice:laptop", "welcome:"},
        {"send:k2:bob:one", "sent:k2:"},
        {"hello:2:bob:pw-bob:-", "err:malformed:hello:"},
        {"ping", "pong"},
        {"passwd:wrong:new", "err:denied:passwd:"},
        {"send:k3:bob:two", "sent:k3:"},
    };
    struct answer answers[ARRAY_SIZE(cases)];

    for (int round = 0; round < 2; round++) { /* the second time the password is known */
        struct line *line = line_open(*state, PLAIN_ADDRESS, false);
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
            line_frame(line, &answers[i], "%s", cases[i].frame);
        assert_false(bll_link_idle(line->link));
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
            WAIT_FOR((struct fixture *)*state, answers[i].ended);
            assert_begins(answers[i].text, cases[i].answer);
        }
        settle(*state);
        assert_true(bll_link_idle(line->link));
    }
}

/* A stranger cannot fill the memory with what waits for his sign-on. */
static void what_waits_for_a_sign_on_is_limited(void **state)
{
    enum { COUNT = 100 };
    struct fixture *fixture = *state;
    struct line *line = line_open(fixture, PLAIN_ADDRESS, false);
    static struct answer hello, answers[COUNT], last;
    char text[8000];
    unsigned refused = 0;

    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    line_frame(line, &hello, "hello:2:alice:wrong:-");
    line_frame(line, &answers[0], "send:k0:bob:%s", text);
    line_frame(line, &answers[1], "send:k1:bob:%s", text);
    line_frame(line, &last, "send:k2:bob:%s", text);
    assert_true(last.ended);
    assert_begins(last.text, "err:busy:k2:");
    for (int i = 2; i < COUNT; i++) {
        line_frame(line, &answers[i], "send:k:bob:hi");
        refused += answers[i].ended;
    }
    assert_int_equal(refused, COUNT - 64);
    for (int i = 0; i < COUNT; i++)
        WAIT_FOR(fixture, answers[i].ended);
    assert_begins(answers[0].text, "err:not-signed-on:k0:");
    assert_begins(answers[COUNT - 1].text, "err:busy:k:");
}

/* What a client left behind that was killed in the middle of a frame. */
static void a_frame_without_its_end_is_one_of_version_1_alone(void **state)
{
    struct fixture *fixture = *state;
    struct line *line = line_open(fixture, PLAIN_ADDRESS, false);
    struct line *secure = line_open(fixture, PLAIN_ADDRESS, true);
    struct answer answers[5];

    bll_link_rest(line->link, bytes_of("wrmsg:alice:pw-alice:bob:hi"),
                  memset(&answers[0], 0, sizeof(answers[0])));
    WAIT_FOR(fixture, answers[0].ended);
    assert_string_equal(answers[0].text, "ack");
    (void)line_hello(line, "alice", "laptop");
    bll_link_rest(line->link, bytes_of("send:k1:bob:half a mess"),
                  memset(&answers[1], 0, sizeof(answers[1])));
    bll_link_rest(line->link, bytes_of("sen"), memset(&answers[2], 0, sizeof(answers[2])));
    bll_link_rest(secure->link, bytes_of("hello:2:alice:pw-alice:-"),
                  memset(&answers[3], 0, sizeof(answers[3])));
    bll_link_rest(secure->link, bytes_of("hel"), memset(&answers[4], 0, sizeof(answers[4])));
    for (size_t i = 1; i < ARRAY_SIZE(answers); i++) {
        assert_true(answers[i].ended);
        assert_string_equal(answers[i].text, "");
    }
    assert_begins(line_ask(line, "send:k1:bob:half a message"), "sent:k1:");
    assert_int_equal(counted(fixture, METRIC_WRITES_STORED), 2);
    assert_int_equal(secure->role, BLL_LINK_STRANGER);
}

/* Whatever is under way when a connection ends comes back to nobody. */
static void links_close_in_the_middle(void **state)
{
    static const char *const frames[] = {
        "hello:2:alice:pw-alice:-",
        "hello:2:alice:wrong:-",
        "hello:2:alice:pw-alice:laptop",
        "hello:2:nobody:pw:-",
    };
    struct fixture *fixture = *state;
    struct answer answers[ARRAY_SIZE(frames)], behind[ARRAY_SIZE(frames)], send, change;
    struct line *line;

    for (size_t i = 0; i < ARRAY_SIZE(frames); i++) {
        line = line_open(fixture, PLAIN_ADDRESS, false);
        line_frame(line, &answers[i], "%s", frames[i]);
        line_frame(line, &behind[i], "send:k0:bob:hi");
        line_close(line);
        assert_true(behind[i].ended);
    }
    for (size_t i = 0; i < ARRAY_SIZE(frames); i++)
        WAIT_FOR(fixture, answers[i].ended);
    line = line_open(fixture, PLAIN_ADDRESS, false);
    (void)line_hello(line, "alice", "laptop");
    line_frame(line, &send, "send:k1:bob:hi");
    line_frame(line, &change, "passwd:pw-alice:new");
    line_close(line);
    WAIT_FOR(fixture, send.ended && change.ended);
    assert_begins(send.text, "sent:k1:");
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(strangers_may_do_little),
        CASE(what_only_the_server_says_is_malformed),
        CASE(malformed_frames_are_told_why_and_change_nothing),
        CASE(version_1_makes_a_writer_where_it_is_served),
        CASE(goodbye_closes_whoever_says_it),
        CASE(without_tls_only_plain_networks_are_served),
        CASE(both_versions_share_a_connection),
        CASE(version_1_is_not_served_further_because_of_tls),
        CASE(unknown_verbs_are_answered_in_the_speakers_version),
        CASE(who_is_kicked_is_told_why),
        CASE(the_reason_for_closing_is_told_in_the_speakers_version),
        CASE(a_link_is_signed_on_once),
        CASE(frames_wait_for_the_sign_on_before_them),
        CASE(what_waits_for_a_sign_on_is_limited),
        CASE(a_frame_without_its_end_is_one_of_version_1_alone),
        CASE(links_close_in_the_middle),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
