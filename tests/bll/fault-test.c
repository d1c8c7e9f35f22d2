/* What happens when memory or storage fails, at every point where it can: each frame is answered
 * once, what was told to be stored is there once, and everything works again afterwards.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "fixture.h"

#include "../dal/driver-faulty.h"
#include "../lib/fault.h"
#include "dal/dal-private.h"
#include "util/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define ADDRESS "127.0.0.1:50000"

/* Rounds of housekeeping and of everything storage and pool have to say, until a frame has been
 * answered. */
#define ROUNDS_MAX 200

static void note_verified(void *userdata, int verified)
{
    *(bool *)userdata = true;
}

/* The requests by which it is waited for do not fail. */
static void let_pass(struct fixture *fixture)
{
    bool pinged = false, verified = false;
    long countdown = fault_countdown;

    fault_countdown = -1;
    assert_int_equal(dal_ping(note_done, &pinged), 0);
    assert_int_equal(
        password_pool_verify(fixture->pool, NULL, bytes_of("x"), note_verified, &verified), 0);
    fault_countdown = countdown;
    bll_tick(fixture->bll);
    WAIT_FOR(fixture, pinged && verified);
}

static void await_answer(struct fixture *fixture, const struct answer *answer)
{
    for (int round = 0; !answer->ended && round < ROUNDS_MAX; round++)
        let_pass(fixture);
    if (!answer->ended)
        fail_msg("a frame is not answered");
}

/* Asks until the answer is none of those that are worth another try. */
static const char *ask_until_done(struct fixture *fixture, struct line *line, const char *frame)
{
    static const char *const again[] = {
        "err:busy:", "err:unavailable:", "err:uncertain:", "err:internal:"};
    static struct answer answer;

    for (size_t i = 0; i < ROUNDS_MAX; i++) {
        bool done = true;
        line_frame(line, &answer, "%s", frame);
        await_answer(fixture, &answer);
        for (size_t j = 0; j < ARRAY_SIZE(again); j++)
            done = done && strncmp(answer.text, again[j], strlen(again[j])) != 0;
        if (done)
            return answer.text;
    }
    fail_msg("\"%s\" is answered %s for ever", frame, answer.text);
    return NULL;
}

/* -- memory ----------------------------------------------------------------------------------- */

/* Nothing of the users is in memory. */
static void forget_all(struct fixture *fixture)
{
    struct bll_status status;

    do {
        settle(fixture);
        fixture->now_us += fixture->config.forget_us + USEC_PER_SEC;
        bll_tick(fixture->bll);
        bll_status(fixture->bll, &status);
    } while (status.accounts > 0);
}

enum { HELLO, RESUME, SEND, SEND_UNKNOWN, WRITE, PASSWD, FRAMES };

/* With the n-th allocation of this thread failing; true if there were as many. */
static bool work_without_memory(struct fixture *fixture, const struct welcomed *session, long n)
{
    struct answer answers[FRAMES];
    struct line *lines[3];
    bool failed;

    forget_all(fixture);
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
        lines[i] = line_open(fixture, ADDRESS, true);
    fault_countdown = n;
    line_frame(lines[0], &answers[HELLO], "hello:2:alice:pw-alice:laptop");
    line_frame(lines[1], &answers[RESUME], "%s", resume_frame_of(session, fixture->real_ms));
    line_frame(lines[1], &answers[SEND], "send:k%ld:carol:hi", n);
    line_frame(lines[1], &answers[SEND_UNKNOWN], "send:l%ld:nobody:hi", n);
    line_frame(lines[2], &answers[WRITE], "wrmsg:carol:pw-carol:bob:hi");
    await_answer(fixture, &answers[HELLO]);
    line_frame(lines[0], &answers[PASSWD], "passwd:pw-alice:pw-alice");
    for (int i = 0; i < FRAMES; i++)
        await_answer(fixture, &answers[i]);
    failed = fault_countdown < 0;
    fault_countdown = -1;
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
        line_close(lines[i]);
    return failed;
}

static void an_allocation_fails(void **state)
{
    struct fixture *fixture = *state;
    struct line *line = line_open(fixture, ADDRESS, true);
    struct welcomed session = line_hello(line, "bob", "laptop");
    char frame[64];
    long n = 0;

    line_close(line);
    while (work_without_memory(fixture, &session, n)) {
        line = line_open(fixture, ADDRESS, true);
        snprintf(frame, sizeof(frame), "send:k%ld:carol:hi", n);
        assert_begins(ask_until_done(fixture, line, "hello:2:alice:pw-alice:laptop"), "welcome:");
        assert_begins(ask_until_done(fixture, line, frame), "sent:");
        line_close(line);
        n++;
    }
    assert_true(n > 30); /* or the faults did not happen */
}

/* -- asks without memory ---------------------------------------------------------------------- */

/* What alice asks, with the number of the round between two parts; the room #all is hers and bob's.
 */
static const struct {
    const char *before, *after;
} asks[] = {
    {"join:#r", ""},
    {"topic:#all:t", ""},
    {"access:#r", ":closed"},
    {"invite:#r", ":carol"},
    {"send:w", ":#ALL/bob:psst"},
    {"nick:Al", ""},
    {"who:#r", ""},
    {"rooms:#q", ""},
    {"look:#r", ""},
    {"history:#all:time:", ":0:9"},
    {"history:carol:time:", ":0:9"},
    {"part:#r", ""},
};

/* With the n-th allocation of this thread failing; true if there were as many. */
static bool ask_without_memory(struct fixture *fixture, struct line *line, const char *inbox,
                               long n)
{
    static struct answer answers[ARRAY_SIZE(asks)], unread, await;
    char frame[100];
    bool failed;

    fault_countdown = n;
    for (size_t i = 0; i < ARRAY_SIZE(asks); i++) {
        snprintf(frame, sizeof(frame), "%s%ld%s", asks[i].before, n, asks[i].after);
        line_frame(line, &answers[i], "%s", frame);
    }
    line_frame(line, &unread, "unread");
    line_frame(line, &await, "await:%s:1", inbox);
    for (size_t i = 0; i < ARRAY_SIZE(asks); i++)
        await_answer(fixture, &answers[i]);
    await_answer(fixture, &await);
    failed = fault_countdown < 0;
    fault_countdown = -1;
    return failed;
}

/* Each frame once, in order, whatever was short. */
static void take_in_order(struct line *line, const char *conversation, uint64_t *last)
{
    while (line->frame_count > 0) {
        struct v2_frame frame;
        const char *taken = line_take(line);
        assert_int_equal(v2_parse(bytes_of(taken), &frame, NULL), 0);
        if (!bytes_is(frame.conversation.name, conversation))
            continue;
        assert_int_equal(frame.seq, *last + 1);
        *last = frame.seq;
        assert_string_equal(line_ask(line, "ack:%llu/:%llu",
                                     (unsigned long long)frame.conversation.id,
                                     (unsigned long long)frame.seq),
                            "");
    }
}

static void an_allocation_fails_under_asks(void **state)
{
    struct fixture *fixture = *state;
    struct line *alice = line_open(fixture, ADDRESS, true);
    struct line *bob = line_open(fixture, ADDRESS, true);
    struct v2_frame sent;
    char inbox[40], frame[100], room[32];
    uint64_t notes = 1; /* alice's own joining is before bob's time */
    long n = 0;

    fixture->config.rooms_max = 10000;
    fixture->config.rooms_per_user = 1000;
    assert_int_equal(bll_reconfigure(fixture->bll, &fixture->config), 0);
    (void)line_hello(alice, "alice", "laptop");
    (void)line_hello(bob, "bob", "laptop");
    assert_begins(line_ask(alice, "join:#all"), "room:");
    assert_begins(line_ask(bob, "join:#all"), "room:");
    assert_string_equal(line_ask(bob, "attach"), "attached");
    assert_int_equal(v2_parse(bytes_of(line_ask(alice, "send:k0:carol:hi")), &sent, NULL), 0);
    snprintf(inbox, sizeof(inbox), "%llu/", (unsigned long long)sent.conversation.id);
    notes++; /* and so is his own */
    while (ask_without_memory(fixture, alice, inbox, n)) {
        snprintf(room, sizeof(room), "#s%ld", n);
        snprintf(frame, sizeof(frame), "join:%s", room);
        assert_begins(ask_until_done(fixture, alice, frame), "room:");
        snprintf(frame, sizeof(frame), "send:s%ld:%s:hi", n, room);
        assert_begins(ask_until_done(fixture, alice, frame), "sent:");
        snprintf(frame, sizeof(frame), "part:%s", room);
        assert_string_equal(ask_until_done(fixture, alice, frame), "done:part");
        snprintf(frame, sizeof(frame), "topic:#all:again %ld", n);
        assert_string_equal(ask_until_done(fixture, alice, frame), "done:topic");
        fixture->now_us += 2 * USEC_PER_SEC; /* streams that were short of memory go on */
        let_pass(fixture);
        settle(fixture);
        take_in_order(bob, "#all", &notes);
        n++;
    }
    assert_true(n > 30); /* or the faults did not happen */
    assert_true(notes > 2 * (uint64_t)n);
}

/* -- storage ---------------------------------------------------------------------------------- */

static int open_faulty(const struct dal_config *config, char **ret_error)
{
    return dal_open_driver(config, &driver_faulty, ret_error);
}

static int setup_faulty(void **state)
{
    struct fixture *fixture;
    int r = fixture_setup(state);

    fixture = *state;
    fixture->open_storage = open_faulty;
    faulty_plan(&(struct fault_plan){.countdown = -1});
    fixture_restart(fixture, true);
    return r;
}

struct log {
    bool done;
    unsigned found;
    const char *key;
};

static void count_key(void *userdata, enum dal_outcome outcome, struct message *const *messages,
                      size_t count)
{
    struct log *log = userdata;

    assert_int_equal(outcome, DAL_OK);
    for (size_t i = 0; i < count; i++)
        log->found += bytes_is(messages[i]->key, log->key);
    log->done = true;
}

static unsigned stored_times(struct fixture *fixture, uint64_t conversation, const char *key)
{
    struct log log = {.key = key};

    await_storage(fixture);
    assert_int_equal(dal_messages_read(conversation, 0, 10000, 1 << 24, count_key, &log), 0);
    WAIT_FOR(fixture, log.done);
    return log.found;
}

/* Three messages, one of them twice, while the n-th commit is cut off; true if there were as many.
 * Whatever was answered, saying it again until it is answered stores each once. */
static bool send_through_fault(struct fixture *fixture, struct line *line, int n, bool takes_effect)
{
    const struct fault_plan plan = {
        .countdown = n,
        .status = SQL_LOST,
        .commits_only = true,
        .takes_effect = takes_effect,
        .refused_opens = 1,
    };
    const char *const texts[] = {"a", "b", "a", "c"};
    struct answer answers[ARRAY_SIZE(texts)];
    char keys[ARRAY_SIZE(texts)][20], frame[64], first[600];

    faulty_plan(&plan);
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        snprintf(keys[i], sizeof(keys[i]), "%s%d%d", texts[i], n, takes_effect);
        line_frame(line, &answers[i], "send:%s:*:hi", keys[i]);
        if (i == 1)
            await_answer(fixture, &answers[i]); /* so the others are another commit */
    }
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        struct v2_frame sent;
        await_answer(fixture, &answers[i]);
        snprintf(frame, sizeof(frame), "send:%s:*:hi", keys[i]);
        snprintf(first, sizeof(first), "%s", answers[i].text);
        const char *settled = ask_until_done(fixture, line, frame);
        assert_int_equal(v2_parse(bytes_of(settled), &sent, NULL), 0);
        assert_int_equal(sent.verb, V2_VERB_SENT);
        if (strncmp(first, "sent:", 5) == 0)
            assert_string_equal(settled, first);
        assert_int_equal(stored_times(fixture, sent.conversation.id, keys[i]), 1);
    }
    return faulty_happened();
}

static void a_commit_is_cut_off(void **state)
{
    struct fixture *fixture = *state;
    struct line *line = line_open(fixture, ADDRESS, true);
    int n;

    (void)line_hello(line, "alice", "laptop");
    for (int takes_effect = 0; takes_effect < 2; takes_effect++) {
        for (n = 0; send_through_fault(fixture, line, n, takes_effect); n++)
            ;
        assert_true(n > 1);
    }
}

/* What one commit costs: beginning, inserting, committing. */
#define CALLS_OF_AN_INSERT 3

/* With a link that is signed on and the accounts in memory, nothing is asked of storage but to
 * store the message; what is refused costs it nothing. */
static void a_send_costs_its_insert_alone(void **state)
{
    struct fixture *fixture = *state;
    struct line *line = line_open(fixture, ADDRESS, true);
    struct welcomed session = line_hello(line, "alice", "laptop");

    assert_begins(line_ask(line, "send:k0:bob:bob is in memory"), "sent:");
    settle(fixture);
    for (int i = 1; i < 4; i++) {
        faulty_plan(&(struct fault_plan){.countdown = CALLS_OF_AN_INSERT, .status = SQL_FAILED});
        assert_begins(line_ask(line, "send:k%d:bob:hi", i), "sent:");
        assert_false(faulty_happened());
    }
    faulty_plan(&(struct fault_plan){.countdown = 0, .status = SQL_FAILED});
    line = line_open(fixture, ADDRESS, true);
    assert_begins(line_ask(line, "send:k9:bob:hi"), "err:not-signed-on:");
    assert_begins(line_ask(line, "%s", resume_frame_of(&session, fixture->real_ms - 61000)),
                  "err:time:");
    session.key[0] ^= 1;
    assert_begins(line_ask(line, "%s", resume_frame_of(&session, fixture->real_ms)),
                  "err:unknown-session:");
    assert_begins(line_ask(line, "hello:2:alice:pw-alice:laptop"), "welcome:");
    assert_begins(line_ask(line, "passwd:wrong:new"), "err:denied:");
    assert_begins(line_ask(line, "ping"), "pong");
    assert_false(faulty_happened());
    faulty_plan(&(struct fault_plan){.countdown = -1});
}

static bool opens(struct fixture *fixture, const char *password)
{
    struct line *line = line_open(fixture, ADDRESS, true);
    char frame[80];
    bool right;

    snprintf(frame, sizeof(frame), "hello:2:alice:%s:-", password);
    right = strncmp(ask_until_done(fixture, line, frame), "welcome:", 8) == 0;
    line_close(line);
    return right;
}

/* Commits are cut off while somebody signs on and changes his password: he is told, and one of the
 * two passwords is good, the new one if he was told so. */
static void a_commit_is_cut_off_under_a_sign_on(void **state)
{
    struct fixture *fixture = *state;
    char password[20] = "pw-alice", next[20];
    int happened = 0;

    for (int n = 0; n < 8; n++) {
        const struct fault_plan plan = {.countdown = n / 2,
                                        .status = SQL_LOST,
                                        .commits_only = true,
                                        .takes_effect = n % 2,
                                        .refused_opens = 1};
        struct line *line;
        struct answer hello, change;
        bool changed;

        snprintf(next, sizeof(next), "next%d", n);
        fixture_restart(fixture, true);
        line = line_open(fixture, ADDRESS, true);
        faulty_plan(&plan);
        line_frame(line, &hello, "hello:2:alice:%s:laptop%d", password, n);
        line_frame(line, &change, "passwd:%s:%s", password, next);
        await_answer(fixture, &hello);
        await_answer(fixture, &change);
        happened += faulty_happened();
        faulty_plan(&(struct fault_plan){.countdown = -1});
        changed = opens(fixture, next);
        assert_int_not_equal(opens(fixture, password), changed);
        if (strncmp(change.text, "welcome:", 8) == 0)
            assert_true(changed);
        if (changed)
            memcpy(password, next, sizeof(password));
    }
    assert_in_range(happened, 4, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_allocation_fails, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(an_allocation_fails_under_asks, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(a_send_costs_its_insert_alone, setup_faulty,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(a_commit_is_cut_off, setup_faulty, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_commit_is_cut_off_under_a_sign_on, setup_faulty,
                                        fixture_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
