/* The courier against a server that the test plays: many at a time and in order, answers that are
 * lost, refused, late, or for something else.
 *
 * Time is an argument, so that pauses need no waiting.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/courier.h"
#include "link-peer.h"

#include <stdio.h>
#include <string.h>

#define MESSAGES_MAX 1000

static struct courier courier;
static struct outbox *outbox;
static uint64_t now = 1000 * USEC_PER_SEC;
static char events[512]; /* what was reported: "stored bob\n" … */
static uint64_t pause_us;

static void take_report(void *userdata, const struct courier_report *report)
{
    static const char *const names[] = {
        [COURIER_STORED] = "stored",           [COURIER_REFUSED] = "refused",
        [COURIER_LIMITED] = "limited",         [COURIER_POSTPONED] = "postponed",
        [COURIER_UNREACHABLE] = "unreachable", [COURIER_SHUT_OUT] = "shut-out",
        [COURIER_UNREADABLE] = "unreadable",   [COURIER_DAMAGED] = "damaged",
    };
    size_t len = strlen(events);

    pause_us = report->pause_us;
    snprintf(events + len, sizeof(events) - len, "%s %s%s%s\n", names[report->event],
             report->recipient, report->code[0] ? " " : "", report->code);
}

static void expect(const char *expected)
{
    assert_string_equal(events, expected);
    events[0] = '\0';
}

static int setup(void **state)
{
    char path[96];

    events[0] = '\0';
    if (peer_setup(false) < 0)
        return -1;
    snprintf(path, sizeof(path), "%s/outbox", home);
    if (outbox_open(path, MESSAGES_MAX, 1 << 24, &outbox) < 0)
        return -1;
    account_give_password(peer.account, "secret");
    return courier_init(&courier, peer.account, outbox, take_report, NULL);
}

static int teardown(void **state)
{
    courier_deinit(&courier);
    outbox_close(outbox);
    return peer_teardown();
}

static void add(const char *to, const char *text)
{
    assert_int_equal(outbox_add(outbox, bytes_of(to), bytes_of(text), NULL), 0);
}

static void turn(void)
{
    struct pollfd fd = courier_pollfd(&courier);
    short revents = 0;

    do {
        courier_turn(&courier, &peer.addr, revents, now);
        fd = courier_pollfd(&courier);
        revents = fd.fd >= 0 && poll(&fd, 1, 0) > 0 ? fd.revents : 0;
    } while (revents);
}

/* Turns once there is something to be read. */
static void await_turn(void)
{
    struct pollfd fd = courier_pollfd(&courier);

    assert_int_equal(poll(&fd, 1, 20000), 1);
    turn();
}

/* Takes the connection, and signs the courier on. */
static void let_in(void)
{
    turn();
    peer_accept();
    while (courier.link.state == LINK_CONNECTING)
        turn();
    const char *frame = peer_frame();
    assert_true(strncmp(frame, "hello:", 6) == 0 || strncmp(frame, "resume:", 7) == 0);
    peer_say(PEER_WELCOME("one"));
    await_turn();
    assert_int_equal(courier.link.state, LINK_UP);
}

/* The next frame is a send of this text; its key is copied to `key`. */
static void expect_send(const char *text, char key[V2_CKEY_MAX + 1])
{
    struct v2_frame frame;

    assert_int_equal(v2_parse(bytes_of(peer_frame()), &frame, NULL), 0);
    assert_int_equal(frame.verb, V2_VERB_SEND);
    assert_true(bytes_is(frame.text, text));
    snprintf(key, V2_CKEY_MAX + 1, "%.*s", BYTES_ARG(frame.key));
}

static void say_sent(const char *key)
{
    char text[256];

    snprintf(text, sizeof(text), "sent:%s:5/bob:1:1700000000000", key);
    peer_say(text);
}

static void say_err(const char *code, const char *key, const char *reason)
{
    char text[256];

    snprintf(text, sizeof(text), "err:%s:%s:%s", code, key, reason);
    peer_say(text);
}

static void test_many_at_a_time_in_order(void **state)
{
    char text[16], keys[MESSAGES_MAX][V2_CKEY_MAX + 1];
    const int count = 3 * COURIER_WINDOW;
    int said = 0;

    for (int i = 0; i < count; i++) {
        snprintf(text, sizeof(text), "%d", i);
        add("bob", text);
    }
    let_in();
    while (said < count) {
        int last = said + COURIER_WINDOW < count ? said + COURIER_WINDOW : count;
        for (int i = said; i < last; i++) {
            snprintf(text, sizeof(text), "%d", i);
            expect_send(text, keys[i]);
        }
        assert_true(peer_heard_nothing()); /* the window is full */
        for (; said < last; said++)
            say_sent(keys[said]);
        await_turn();
        while (courier.flight_count > 0 && outbox_count(outbox) > (size_t)(count - said))
            await_turn();
        events[0] = '\0';
    }
    assert_int_equal(outbox_count(outbox), 0);
}

static void test_answers_in_another_order(void **state)
{
    char keys[3][V2_CKEY_MAX + 1];

    add("bob", "0");
    add("carol", "1");
    add("#room", "2");
    let_in();
    expect_send("0", keys[0]);
    expect_send("1", keys[1]);
    expect_send("2", keys[2]);
    say_sent(keys[2]);
    say_sent(keys[0]);
    say_err("unknown", keys[1], "no such user");
    while (outbox_count(outbox) > 0)
        await_turn();
    expect("stored #room\nstored bob\nrefused carol unknown\n");
}

/* The answer is lost: the same key is sent again, by the next run too. */
static void test_the_same_key_after_a_lost_answer(void **state)
{
    char first[V2_CKEY_MAX + 1], again[V2_CKEY_MAX + 1], path[96];

    add("bob", "text");
    let_in();
    expect_send("text", first);
    peer_hang_up();
    await_turn();
    expect("unreachable \n");
    assert_int_equal(outbox_count(outbox), 1);
    assert_int_equal(courier.flight_count, 0);
    turn();
    assert_int_equal(courier.link.state, LINK_CLOSED); /* not before its time */
    assert_in_range(courier_due(&courier), now + 100000, now + 400000);
    now = courier_due(&courier);
    let_in();
    expect_send("text", again);
    assert_string_equal(first, again);
    peer_hang_up();
    courier_deinit(&courier); /* this run ends here */
    outbox_close(outbox);
    snprintf(path, sizeof(path), "%s/outbox", home);
    assert_int_equal(outbox_open(path, 10, 1 << 20, &outbox), 0);
    assert_int_equal(courier_init(&courier, peer.account, outbox, take_report, NULL), 0);
    add("bob", "said now");
    let_in();
    expect_send("text", again);
    assert_string_equal(first, again);
    assert_true(peer_heard_nothing()); /* what was left goes alone: nothing can overtake it */
    say_sent(again);
    await_turn();
    expect("stored bob\n");
    expect_send("said now", again);
    say_sent(again);
    await_turn();
    expect("stored bob\n");
    assert_int_equal(outbox_count(outbox), 0);
}

static void test_no_answer_at_all(void **state)
{
    char key[V2_CKEY_MAX + 1];

    add("bob", "text");
    let_in();
    expect_send("text", key);
    assert_true(courier_due(&courier) > now);
    now = courier_due(&courier);
    turn();
    expect("unreachable \n");
    assert_int_equal(courier.link.state, LINK_CLOSED);
    assert_int_equal(outbox_count(outbox), 1);
}

static void test_postponed_with_growing_pauses(void **state)
{
    static const char *const codes[] = {"busy", "unavailable", "uncertain", "internal", "timeout"};
    char key[V2_CKEY_MAX + 1], expected[64];
    uint64_t pause, before = 0;

    add("bob", "text");
    let_in();
    for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
        expect_send("text", key);
        say_err(codes[i], key, "not now");
        await_turn();
        snprintf(expected, sizeof(expected), "postponed bob %s\n", codes[i]);
        expect(expected);
        pause = courier_due(&courier) - now;
        assert_true(pause > before);
        before = pause * 6 / 5; /* twice as long, give or take */
        turn();
        assert_true(peer_heard_nothing());
        now += pause;
        turn(); /* over the same link */
    }
    expect_send("text", key);
    say_sent(key);
    await_turn();
    expect("stored bob\n");
    assert_int_equal(courier.pause, 0);
}

/* The server puts off all that is on its way: that is one misfortune, not many. */
static void test_many_postponed_at_once_are_put_off_once(void **state)
{
    char keys[COURIER_WINDOW][V2_CKEY_MAX + 1], key[V2_CKEY_MAX + 1];

    for (int i = 0; i < COURIER_WINDOW; i++)
        add("bob", "text");
    let_in();
    for (int i = 0; i < COURIER_WINDOW; i++)
        expect_send("text", keys[i]);
    for (int i = 0; i < COURIER_WINDOW; i++)
        say_err("busy", keys[i], "not now");
    while (courier.flight_count > 0)
        await_turn();
    assert_in_range(courier_due(&courier), now + 100000, now + 400000);
    now = courier_due(&courier);
    turn();
    expect_send("text", key);
    assert_string_equal(key, keys[0]);
    events[0] = '\0';
}

/* A server that asks for an absurd pause does not silence the client for good. */
static void test_no_pause_is_longer_than_the_longest(void **state)
{
    char key[V2_CKEY_MAX + 1];

    add("bob", "text");
    let_in();
    expect_send("text", key);
    say_err("limited", key, "999999999999999999 ms to wait");
    await_turn();
    expect("limited bob limited\n");
    assert_int_equal(pause_us, LINK_PAUSE_MAX_US);
    assert_int_equal(courier_due(&courier), now + LINK_PAUSE_MAX_US);
}

/* One that is behind another must not overtake it where the server counts. */
static void test_limited_waits_as_told_and_goes_on_one_by_one(void **state)
{
    char keys[3][V2_CKEY_MAX + 1], key[V2_CKEY_MAX + 1];

    add("bob", "0");
    add("bob", "1");
    add("bob", "2");
    let_in();
    for (int i = 0; i < 3; i++)
        expect_send((const char[]){(char)('0' + i), '\0'}, keys[i]);
    for (int i = 0; i < 3; i++)
        say_err("limited", keys[i], "7000 ms to wait");
    while (courier.flight_count > 0)
        await_turn();
    expect("limited bob limited\nlimited bob limited\nlimited bob limited\n");
    assert_int_equal(pause_us, 7 * USEC_PER_SEC);
    assert_int_equal(courier_due(&courier), now + 7 * USEC_PER_SEC);
    now += 7 * USEC_PER_SEC;
    turn();
    for (int i = 0; i < 3; i++) {
        expect_send((const char[]){(char)('0' + i), '\0'}, key);
        assert_string_equal(key, keys[i]);
        assert_true(peer_heard_nothing());
        say_sent(key);
        await_turn();
    }
    expect("stored bob\nstored bob\nstored bob\n");
    for (int i = 0; i < 2 * COURIER_WINDOW; i++) /* all is well again for a while */
        add("bob", "more");
    turn();
    for (int i = 3; i < COURIER_WINDOW; i++) {
        expect_send("more", key);
        assert_true(peer_heard_nothing());
        say_sent(key);
        await_turn();
    }
    for (int i = 0; i < COURIER_WINDOW; i++)
        expect_send("more", key);
    events[0] = '\0';
}

static void test_a_session_that_ends_in_between(void **state)
{
    char key[V2_CKEY_MAX + 1], again[V2_CKEY_MAX + 1];

    add("bob", "text");
    let_in();
    expect_send("text", key);
    say_err("unknown-session", "-", "another password");
    await_turn();
    peer_hang_up();
    expect("");
    assert_false(account_session(peer.account, NULL));
    now = courier_due(&courier);
    let_in();
    expect_send("text", again);
    assert_string_equal(key, again);
}

static void test_shut_out_until_the_user_says_so(void **state)
{
    add("bob", "text");
    turn();
    peer_accept();
    while (courier.link.state == LINK_CONNECTING)
        turn();
    assert_string_equal(peer_frame(), "hello:2:alice:secret:laptop");
    say_err("denied", "hello", "no");
    await_turn();
    peer_hang_up();
    expect("shut-out \n");
    assert_string_equal(peer.told, "refused as alice: no (denied)\n");
    assert_true(courier_due(&courier) == UINT64_MAX);
    now += 3600 * USEC_PER_SEC;
    turn();
    assert_int_equal(courier.link.state, LINK_CLOSED);
    assert_int_equal(outbox_count(outbox), 1);
    account_try_again(peer.account);
    courier_resume(&courier);
    let_in();
}

static void test_limited_at_the_door(void **state)
{
    add("bob", "text");
    turn();
    peer_accept();
    while (courier.link.state == LINK_CONNECTING)
        turn();
    (void)peer_frame();
    say_err("limited", "hello", "60000 ms to wait");
    await_turn();
    expect("limited  limited\n");
    assert_int_equal(courier_due(&courier), now + 60 * USEC_PER_SEC);
}

static void test_an_idle_link_is_closed(void **state)
{
    char key[V2_CKEY_MAX + 1];

    turn();
    assert_int_equal(courier.link.state, LINK_CLOSED); /* nothing to do, nothing opened */
    add("bob", "text");
    let_in();
    expect_send("text", key);
    say_sent(key);
    await_turn();
    assert_int_equal(courier.link.state, LINK_UP);
    add("bob", "more"); /* over the same link */
    turn();
    expect_send("more", key);
    say_sent(key);
    await_turn();
    assert_true(courier_due(&courier) > now);
    now = courier_due(&courier);
    turn();
    assert_int_equal(courier.link.state, LINK_CLOSED);
    assert_true(courier_due(&courier) == UINT64_MAX);
    expect("stored bob\nstored bob\n");
}

/* The server is tired of an idle link: that is nobody's trouble. */
static void test_the_server_ends_an_idle_link(void **state)
{
    char key[V2_CKEY_MAX + 1];

    add("bob", "text");
    let_in();
    expect_send("text", key);
    say_sent(key);
    await_turn();
    say_err("timeout", "-", "idle");
    await_turn();
    peer_hang_up();
    expect("stored bob\n");
    assert_int_equal(courier.link.state, LINK_CLOSED);
    add("bob", "more");
    now += USEC_PER_SEC;
    let_in();
    expect_send("more", key);
}

/* The server does not read such a frame to its end, names no key, and hangs up. */
static void test_a_frame_that_is_too_long_for_the_server(void **state)
{
    char keys[3][V2_CKEY_MAX + 1], again[V2_CKEY_MAX + 1];

    add("bob", "0");
    add("bob", "too long");
    add("bob", "2");
    let_in();
    expect_send("0", keys[0]);
    expect_send("too long", keys[1]);
    expect_send("2", keys[2]);
    say_sent(keys[0]);
    say_err("too-long", "-", "at most 7 bytes");
    while (courier.flight_count > 1)
        await_turn();
    peer_hang_up();
    await_turn();
    expect("stored bob\nrefused bob too-long\nunreachable \n");
    now = courier_due(&courier);
    let_in();
    expect_send("2", again);
    assert_string_equal(again, keys[2]);
}

static void test_an_answer_to_nothing(void **state)
{
    char key[V2_CKEY_MAX + 1];

    add("bob", "text");
    let_in();
    expect_send("text", key);
    say_sent("another-key");
    await_turn();
    expect("unreachable \n");
    assert_int_equal(outbox_count(outbox), 1);
}

/* More than the link takes at a time. */
static void test_long_texts(void **state)
{
    const size_t size = CLIENT_TEXT_MAX;
    char *text = malloc(size + 1), key[V2_CKEY_MAX + 1];

    memset(text, 'x', size);
    text[size] = '\0';
    for (int i = 0; i < 8; i++)
        add("bob", text);
    let_in();
    for (int i = 0; i < 8; i++) {
        while (poll(&(struct pollfd){.fd = peer.fd, .events = POLLIN}, 1, 0) == 0)
            await_turn();
        turn();
        expect_send(text, key);
        say_sent(key);
        turn();
    }
    while (outbox_count(outbox) > 0)
        await_turn();
    free(text);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_many_at_a_time_in_order),
        TEST(test_answers_in_another_order),
        TEST(test_the_same_key_after_a_lost_answer),
        TEST(test_no_answer_at_all),
        TEST(test_postponed_with_growing_pauses),
        TEST(test_many_postponed_at_once_are_put_off_once),
        TEST(test_no_pause_is_longer_than_the_longest),
        TEST(test_limited_waits_as_told_and_goes_on_one_by_one),
        TEST(test_a_session_that_ends_in_between),
        TEST(test_shut_out_until_the_user_says_so),
        TEST(test_limited_at_the_door),
        TEST(test_an_idle_link_is_closed),
        TEST(test_the_server_ends_an_idle_link),
        TEST(test_a_frame_that_is_too_long_for_the_server),
        TEST(test_an_answer_to_nothing),
        TEST(test_long_texts),
    };

    return cmocka_run_group_tests_name("courier", tests, NULL, NULL);
}
