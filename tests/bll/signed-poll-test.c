/* The ladder of signed polls: who falls off which rung, and what each costs.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "receiver.h"

#include "tests/lib/fault.h"
#include "util/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct poll {
    char datagram[V2_POLL_MAX];
    size_t len;
};

static struct poll poll_at(const struct welcomed *session, uint64_t time_ms, unsigned port)
{
    struct poll poll;
    long len = v2_build_poll(bytes_of(session->session), time_ms, (uint16_t)port, session->key,
                             poll.datagram, sizeof(poll.datagram));

    assert_true(len > 0);
    poll.len = (size_t)len;
    return poll;
}

/* The length of the answer. */
static size_t submit(struct fixture *fixture, const char *from, const struct poll *poll)
{
    struct addr addr = address(from);
    char answer[V2_POLL_MAX];

    return bll_datagram(fixture->bll, &addr,
                        (struct bytes){.data = poll->datagram, .len = poll->len}, answer,
                        sizeof(answer));
}

/* It falls off that rung: one is counted there and nowhere else, nobody answers, and the device
 * knows nothing of it. */
static void expect_drop(struct client *one, const char *from, const struct poll *poll,
                        enum metric rung)
{
    struct fixture *fixture = one->fixture;
    struct device before = *device_of(one);
    struct metrics counted_before = fixture->metrics;

    assert_int_equal(submit(fixture, from, poll), 0);
    for (int i = 0; i < METRIC_COUNT; i++)
        assert_int_equal(fixture->metrics.value[i] - counted_before.value[i], i == (int)rung);
    assert_memory_equal(&before, device_of(one), sizeof(before));
    assert_int_equal(fixture->dial_count, 0);
}

static void polls_that_cannot_be_parsed_are_malformed(void **state)
{
    static const char *const datagrams[] = {
        "poll2:",
        "poll2:x:1:10001",
        "poll2:x:1:80:00000000000000000000000000000000",
        "poll2:x:1:65536:00000000000000000000000000000000",
        "poll2:x:-1:10001:00000000000000000000000000000000",
        "poll2:x:1:10001:0000",
        "poll2:x y:1:10001:00000000000000000000000000000000",
    };
    struct client bob = client(*state, "bob", "laptop");

    for (size_t i = 0; i < ARRAY_SIZE(datagrams); i++) {
        struct poll poll = {.len = strlen(datagrams[i])};
        memcpy(poll.datagram, datagrams[i], poll.len);
        expect_drop(&bob, HOME, &poll, METRIC_POLLS_MALFORMED);
    }
}

static void whoever_changes_a_poll_forges_it(void **state)
{
    struct fixture *fixture = *state;
    struct client bob = client(fixture, "bob", "laptop");
    struct poll right = poll_at(&bob.session, fixture->real_ms + 1, 20001);

    /* A digit of anything: the session, the time, the port, the MAC. */
    for (size_t i = strlen("poll2:"); i < right.len; i++) {
        struct poll wrong = right;
        wrong.datagram[i] = right.datagram[i] == '1' ? '2' : '1';
        if (wrong.datagram[i] == right.datagram[i] || right.datagram[i] == ':')
            continue;
        expect_drop(&bob, HOME, &wrong, METRIC_POLLS_FORGED);
    }
    assert_true(submit(fixture, HOME, &right) > 0);
    bll_turn_end(fixture->bll);
    dial_fail(fixture, BLL_DIAL_FAILED);
}

static void the_key_of_one_session_is_none_of_another(void **state)
{
    struct fixture *fixture = *state;
    struct client bob = client(fixture, "bob", "laptop"), alice = client(fixture, "alice", "x");
    struct welcomed mixed = bob.session;
    struct poll poll;

    memcpy(mixed.key, alice.session.key, sizeof(mixed.key));
    poll = poll_at(&mixed, fixture->real_ms + 1, 20001);
    expect_drop(&bob, HOME, &poll, METRIC_POLLS_FORGED);
    memset(fixture->config.secret, 7, sizeof(fixture->config.secret));
    poll = poll_at(&bob.session, fixture->real_ms + 1, 20001);
    assert_int_equal(bll_reconfigure(fixture->bll, &fixture->config), 0);
    assert_int_equal(submit(fixture, HOME, &poll), 0);
    assert_int_equal(counted(fixture, METRIC_POLLS_FORGED), 2);
}

static void times_that_are_far_off_are_late(void **state)
{
    struct fixture *fixture = *state;
    struct client bob = client(fixture, "bob", "laptop");
    uint64_t start = fixture->real_ms;
    struct poll poll = poll_at(&bob.session, start + 60001, 0);

    expect_drop(&bob, HOME, &poll, METRIC_POLLS_LATE);
    poll = poll_at(&bob.session, start, 0); /* somebody may have heard it before the start */
    expect_drop(&bob, HOME, &poll, METRIC_POLLS_LATE);
    poll = poll_at(&bob.session, start - 1, 0);
    expect_drop(&bob, HOME, &poll, METRIC_POLLS_LATE);
    fixture->real_ms += 70000;
    poll = poll_at(&bob.session, start + 9999, 0);
    expect_drop(&bob, HOME, &poll, METRIC_POLLS_LATE);
    poll = poll_at(&bob.session, start + 10000, 0);
    assert_true(submit(fixture, HOME, &poll) > 0);
    poll = poll_at(&bob.session, fixture->real_ms + 60000, 0);
    assert_true(submit(fixture, HOME, &poll) > 0);
    fixture_restart(fixture, true);
    assert_int_equal(submit(fixture, HOME, &poll), 0); /* heard before the start, and in time */
    assert_int_equal(counted(fixture, METRIC_POLLS_UNLOADED), 1);
}

static void sessions_in_plain_are_for_networks_that_may(void **state)
{
    struct fixture *fixture = *state;
    struct client bob = client(fixture, "bob", "laptop");
    struct poll poll = poll_at(&bob.session, fixture->real_ms + 1, 0);

    expect_drop(&bob, "203.0.113.5:1", &poll, METRIC_POLLS_FORBIDDEN);
    assert_true(submit(fixture, "192.0.2.5:1", &poll) > 0);
}

static void a_poll_counts_once(void **state)
{
    struct fixture *fixture = *state;
    struct client bob = client(fixture, "bob", "laptop");
    struct poll first = poll_at(&bob.session, fixture->real_ms + 10, 0);
    struct poll before = poll_at(&bob.session, fixture->real_ms + 9, 0);
    struct poll after = poll_at(&bob.session, fixture->real_ms + 11, 0);

    assert_true(submit(fixture, HOME, &first) > 0);
    expect_drop(&bob, "127.0.0.9:1", &first, METRIC_POLLS_REPLAYED);
    expect_drop(&bob, HOME, &before, METRIC_POLLS_REPLAYED);
    assert_true(submit(fixture, HOME, &after) > 0);
    assert_int_equal(counted(fixture, METRIC_POLLS_ACCEPTED), 2);
}

static void a_poll_counts_once_however_soon_accounts_are_forgotten(void **state)
{
    struct fixture *fixture = *state;
    struct client bob = client(fixture, "bob", "laptop");
    struct poll poll = poll_at(&bob.session, fixture->real_ms + V2_TIME_SLACK_MS, 0);

    assert_true(submit(fixture, HOME, &poll) > 0);
    line_close(bob.line);
    for (unsigned seconds = 0; seconds <= 2 * V2_TIME_SLACK_MS / 1000; seconds += 10) {
        fixture->now_us += 2 * fixture->config.forget_us;
        bll_tick(fixture->bll);
        settle(fixture); /* cursors are stored */
        assert_int_equal(submit(fixture, HOME, &poll), 0);
        settle(fixture);
        assert_int_equal(submit(fixture, HOME, &poll), 0);
        fixture->real_ms += 10000;
    }
    fixture->now_us += 2 * fixture->config.forget_us;
    bll_tick(fixture->bll);
    assert_null(account_find(fixture->bll, bytes_of("bob")));
}

static void an_account_is_loaded_by_one_query(void **state)
{
    struct fixture *fixture = *state;
    struct client bob = client(fixture, "bob", "laptop");

    fixture_restart(fixture, true);
    assert_string_equal(poll_signed(fixture, &bob.session, HOME, 0), "");
    assert_string_equal(poll_signed(fixture, &bob.session, HOME, 0), "");
    assert_int_equal(counted(fixture, METRIC_POLLS_UNLOADED), 2);
    settle(fixture);
    assert_string_equal(poll_signed(fixture, &bob.session, HOME, 0), "unreachable");
}

static void who_has_no_device_any_more_is_told_so(void **state)
{
    struct fixture *fixture = *state;
    struct client bob = client(fixture, "bob", "laptop"), none = client(fixture, "alice", "-");
    bool done = false;

    assert_string_equal(poll_signed(fixture, &none.session, HOME, 0), "unknown");
    assert_int_equal(dal_user_delete(bytes_of("bob"), note_done, &done), 0);
    WAIT_FOR(fixture, done);
    bll_account_changed(fixture->bll, bytes_of("bob"));
    settle(fixture);
    assert_string_equal(poll_signed(fixture, &bob.session, HOME, 0), ""); /* he may be loaded */
    settle(fixture);
    assert_string_equal(poll_signed(fixture, &bob.session, HOME, 0), "unknown");
    assert_int_equal(counted(fixture, METRIC_POLLS_ENDED), 2);
}

/* A query needs memory for its request, so there is none either. */
static void no_poll_of_who_is_in_memory_allocates(void **state)
{
    struct fixture *fixture = *state;
    struct client bob = client(fixture, "bob", "laptop");
    const long many = 1000000;
    struct poll polls[6];

    line_close(pushed(&bob, 20001));
    polls[0] = poll_at(&bob.session, fixture->real_ms + 1, 20001); /* accepted */
    polls[1] = polls[0];                                           /* replayed */
    polls[2] = poll_at(&bob.session, fixture->real_ms + 2, 20001); /* forged */
    polls[2].datagram[polls[2].len - 1] = polls[2].datagram[polls[2].len - 1] == '0' ? '1' : '0';
    polls[3] = poll_at(&bob.session, fixture->real_ms + 99999, 20001); /* late */
    polls[4] = poll_at(&bob.session, fixture->real_ms + 3, 20001);     /* malformed */
    polls[4].len = 20;
    polls[5] = poll_at(&bob.session, fixture->real_ms + 4, 0); /* accepted, to another endpoint */
    fault_countdown = many;
    for (size_t i = 0; i < ARRAY_SIZE(polls); i++)
        (void)submit(fixture, HOME, &polls[i]);
    assert_int_equal(fault_countdown, many);
    fault_countdown = -1;
    assert_int_equal(counted(fixture, METRIC_POLLS_ACCEPTED), 3);
    assert_int_equal(counted(fixture, METRIC_POLLS_REPLAYED), 1);
    assert_int_equal(counted(fixture, METRIC_POLLS_FORGED), 1);
    assert_int_equal(counted(fixture, METRIC_POLLS_LATE), 1);
    assert_int_equal(counted(fixture, METRIC_POLLS_MALFORMED), 1);
}

/* A message for many is built once, and sending it to each takes no memory of this unit's. */
static void a_message_for_many_is_built_once(void **state)
{
    enum { RECEIVERS = 40 };
    struct fixture *fixture = *state;
    struct client receivers[RECEIVERS];
    struct conversation *everyone = NULL;
    struct message *message = NULL;
    const long many = 1000000;
    size_t len;

    fixture->config.devices_max = RECEIVERS;
    assert_int_equal(bll_reconfigure(fixture->bll, &fixture->config), 0);
    for (unsigned i = 0; i < RECEIVERS; i++) {
        char name[16];
        snprintf(name, sizeof(name), "d%u", i);
        receivers[i] = attached(fixture, i % 2 ? "bob" : "carol", name);
        receivers[i].line->mute = true;
    }
    say(fixture, "alice", "*", "the first, which makes room"); /* in the windows, for the frame */
    settle(fixture);
    everyone = device_of(&receivers[0])->account->subscriptions[0].conversation;
    assert_int_equal(everyone->kind, CONVERSATION_EVERYONE);
    len = receivers[0].line->written;
    assert_int_equal(message_new(&(struct message){.conversation = everyone->id,
                                                   .seq = everyone->end + 1,
                                                   .time_ms = fixture->real_ms,
                                                   .sender = 1,
                                                   .userid = bytes_of("alice"),
                                                   .name = bytes_of("alice"),
                                                   .text = bytes_of("the second takes it all")},
                                 &message),
                     0);
    everyone->end++;
    fault_countdown = many;
    for (unsigned i = 0; i < RECEIVERS; i++)
        assert_true(stream_offer(fixture->bll, device_of(&receivers[i]), 0, message));
    assert_int_equal(fault_countdown, many);
    fault_countdown = -1;
    for (unsigned i = 0; i < RECEIVERS; i++)
        assert_true(receivers[i].line->written > len);
    message_unref(message);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(polls_that_cannot_be_parsed_are_malformed),
        CASE(whoever_changes_a_poll_forges_it),
        CASE(the_key_of_one_session_is_none_of_another),
        CASE(times_that_are_far_off_are_late),
        CASE(sessions_in_plain_are_for_networks_that_may),
        CASE(a_poll_counts_once),
        CASE(a_poll_counts_once_however_soon_accounts_are_forgotten),
        CASE(an_account_is_loaded_by_one_query),
        CASE(who_has_no_device_any_more_is_told_so),
        CASE(no_poll_of_who_is_in_memory_allocates),
        CASE(a_message_for_many_is_built_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
