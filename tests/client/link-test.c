/* A link against a server that the test plays: signing on in every way, and every way it fails.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/known-servers.h"
#include "client/link.h"
#include "link-peer.h"

#include <stdio.h>
#include <string.h>

static struct link links[2];

static int setup_with(bool tls)
{
    if (peer_setup(tls) < 0)
        return -1;
    return link_init(&links[0], peer.account) < 0 || link_init(&links[1], peer.account) < 0 ? -1
                                                                                            : 0;
}

static int setup(void **state)
{
    return setup_with(false);
}

static int setup_secure(void **state)
{
    return setup_with(true);
}

static int teardown(void **state)
{
    link_deinit(&links[0]);
    link_deinit(&links[1]);
    return peer_teardown();
}

/* The next event of a link, waiting for it. */
static enum link_event next(struct link *link, struct v2_frame *ret)
{
    struct v2_frame frame;
    short revents = 0;

    for (;;) {
        enum link_event event = link_turn(link, revents, clock_monotonic_us(), &frame);
        if (event != LINK_WAITING) {
            if (ret)
                *ret = frame;
            return event;
        }
        struct pollfd fd = link_pollfd(link);
        assert_int_equal(poll(&fd, 1, 20000), 1);
        revents = fd.revents;
    }
}

/* Turns a link until it has nothing more to do. */
static void settle(struct link *link)
{
    struct pollfd fd;
    short revents = 0;

    do {
        assert_int_equal(link_turn(link, revents, clock_monotonic_us(), NULL), LINK_WAITING);
        fd = link_pollfd(link);
        revents = 0;
        if (poll(&fd, 1, 0) > 0)
            revents = fd.revents;
    } while (revents);
}

static void connect_link(struct link *link)
{
    link_open(link, &peer.addr);
    settle(link);
    peer_accept();
    while (link->state == LINK_CONNECTING)
        settle(link);
}

/* Signs on by password. */
static void sign_on(struct link *link)
{
    account_give_password(peer.account, "pass word");
    connect_link(link);
    assert_string_equal(peer_frame(), "hello:2:alice:pass word:laptop");
    peer_say(PEER_WELCOME("one"));
    assert_int_equal(next(link, NULL), LINK_SIGNED_ON);
}

static void test_the_password_is_awaited_without_a_connection(void **state)
{
    struct link *link = &links[0];

    link_open(link, &peer.addr);
    settle(link);
    assert_int_equal(peer.wanted, 1);
    assert_int_equal(link->state, LINK_ASKING);
    assert_true(link_due(link) == UINT64_MAX);
    assert_true(accept(peer.listener, NULL, NULL) < 0);
    account_give_password(peer.account, "secret");
    settle(link);
    peer_accept();
    while (link->state == LINK_CONNECTING)
        settle(link);
    assert_string_equal(peer_frame(), "hello:2:alice:secret:laptop");
}

static void test_hello_once_then_resume(void **state)
{
    struct v2_frame frame;
    char text[128];
    uint8_t mac[V2_MAC_LEN];

    sign_on(&links[0]);
    assert_string_equal(links[0].session.name, "one");
    peer_say("pong");
    peer_say("later:of a server to come");
    peer_say("detached");
    assert_int_equal(next(&links[0], &frame), LINK_FRAME);
    assert_int_equal(frame.verb, V2_VERB_PONG);
    assert_int_equal(next(&links[0], &frame), LINK_FRAME);
    assert_int_equal(frame.verb, V2_VERB_DETACHED);
    link_close(&links[0]);
    peer_hang_up();
    connect_link(&links[1]);
    const char *resume = peer_frame();
    assert_int_equal(strncmp(resume, "resume:one:170000000", 20), 0);
    snprintf(text, sizeof(text), "%s", resume);
    assert_int_equal(v2_parse(bytes_of(text), &frame, NULL), 0);
    v2_mac_resume(links[1].session.key, bytes_of("one"), frame.time_ms, mac);
    assert_true(v2_mac_equal(mac, frame.mac));
    peer_say(PEER_WELCOME("one"));
    assert_int_equal(next(&links[1], NULL), LINK_SIGNED_ON);
    assert_int_equal(peer.wanted, 0);
}

static void test_frames_out(void **state)
{
    const struct v2_frame send = {.verb = V2_VERB_SEND,
                                  .key = bytes_of("k1"),
                                  .to = bytes_of("bob"),
                                  .text = bytes_of("a:b\nc")};
    const struct v2_frame wrong = {
        .verb = V2_VERB_SEND, .key = bytes_of("k 1"), .to = bytes_of("bob"), .text = bytes_of("x")};

    sign_on(&links[0]);
    assert_int_equal(link_write(&links[0], &send), 0);
    assert_string_equal(peer_frame(), "send:k1:bob:a:b\nc");
    assert_int_equal(link_write(&links[0], &wrong), -EINVAL);
}

static void test_an_unknown_session_is_followed_by_hello(void **state)
{
    sign_on(&links[0]);
    link_close(&links[0]);
    peer_hang_up();
    connect_link(&links[0]);
    assert_int_equal(strncmp(peer_frame(), "resume:one:", 11), 0);
    peer_say("err:unknown-session:resume:there is no such session");
    settle(&links[0]);
    assert_string_equal(peer_frame(), "hello:2:alice:pass word:laptop");
    peer_say(PEER_WELCOME("two"));
    assert_int_equal(next(&links[0], NULL), LINK_SIGNED_ON);
    assert_string_equal(links[0].session.name, "two");
    assert_string_equal(peer.told, "");
}

/* As after a start: there is a session in the file, and no password. */
static void test_a_session_that_ended_asks_for_the_password(void **state)
{
    struct v2_frame welcome;

    assert_int_equal(v2_parse(bytes_of(PEER_WELCOME("old")), &welcome, NULL), 0);
    account_welcome(peer.account, &welcome, false);
    connect_link(&links[0]);
    assert_int_equal(strncmp(peer_frame(), "resume:old:", 11), 0);
    assert_int_equal(peer.wanted, 0);
    peer_say("err:unknown-session:resume:there is no such session");
    settle(&links[0]);
    assert_int_equal(peer.wanted, 1);
    assert_int_equal(links[0].state, LINK_ASKING); /* and not connected meanwhile */
    peer_hang_up();
    account_give_password(peer.account, "secret");
    settle(&links[0]);
    peer_accept();
    while (links[0].state == LINK_CONNECTING)
        settle(&links[0]);
    assert_string_equal(peer_frame(), "hello:2:alice:secret:laptop");
}

static void test_the_servers_time_is_taken_over(void **state)
{
    char text[128];

    sign_on(&links[0]);
    link_close(&links[0]);
    peer_hang_up();
    connect_link(&links[0]);
    assert_int_equal(strncmp(peer_frame(), "resume:one:17000000", 19), 0);
    snprintf(text, sizeof(text), "err:time:resume:%llu is the time here", 1800000000000ULL);
    peer_say(text);
    settle(&links[0]);
    assert_int_equal(strncmp(peer_frame(), "resume:one:18000000", 19), 0);
    peer_say(text); /* that cannot be */
    assert_int_equal(next(&links[0], NULL), LINK_BROKEN);
}

static void test_denied_for_all(void **state)
{
    account_give_password(peer.account, "wrong");
    connect_link(&links[0]);
    (void)peer_frame();
    link_open(&links[1], &peer.addr);
    settle(&links[1]);
    assert_int_equal(links[1].state, LINK_ASKING); /* until it is known what came of the hello */
    peer_say("err:denied:hello:no such user, or not his password");
    assert_int_equal(next(&links[0], NULL), LINK_REFUSED);
    assert_int_equal(next(&links[1], NULL), LINK_REFUSED);
    assert_int_equal(account_refusal(peer.account), ACCOUNT_DENIED);
    assert_string_equal(peer.told,
                        "refused as alice: no such user, or not his password (denied)\n");
    peer_hang_up();
    link_open(&links[0], &peer.addr);
    assert_int_equal(next(&links[0], NULL), LINK_REFUSED);
    assert_true(accept(peer.listener, NULL, NULL) < 0); /* not even connected */
    account_try_again(peer.account);
    connect_link(&links[0]);
    assert_string_equal(peer_frame(), "hello:2:alice:wrong:laptop");
}

static void test_two_at_once_say_hello_once(void **state)
{
    int first;

    account_give_password(peer.account, "secret");
    link_open(&links[0], &peer.addr);
    link_open(&links[1], &peer.addr);
    for (size_t i = 0; i < 2; i++) { /* both connect before either has said anything */
        assert_int_equal(link_turn(&links[i], 0, clock_monotonic_us(), NULL), LINK_WAITING);
        assert_int_equal(links[i].state, LINK_CONNECTING);
    }
    peer_accept();
    first = peer.fd;
    while (links[0].state == LINK_CONNECTING)
        settle(&links[0]);
    peer.fd = -1;
    peer_accept();
    while (links[1].state == LINK_CONNECTING)
        settle(&links[1]);
    assert_int_equal(links[1].state, LINK_HELD);
    assert_true(peer_heard_nothing());
    int second = peer.fd;
    peer.fd = first;
    assert_string_equal(peer_frame(), "hello:2:alice:secret:laptop");
    peer_say(PEER_WELCOME("one"));
    assert_int_equal(next(&links[0], NULL), LINK_SIGNED_ON);
    settle(&links[1]);
    peer.fd = second;
    assert_int_equal(strncmp(peer_frame(), "resume:one:", 11), 0);
    close(first);
}

static void test_put_off(void **state)
{
    static const struct {
        const char *answer, *code;
        uint64_t pause_us;
    } cases[] = {
        {"err:limited:hello:1500 ms to wait", "limited", 1500000},
        {"err:busy:hello:10 too many", "busy", 0},
        {"err:unavailable:hello:away", "unavailable", 0},
        {"err:internal:hello:sorry", "internal", 0},
    };

    account_give_password(peer.account, "secret");
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        connect_link(&links[0]);
        (void)peer_frame();
        peer_say(cases[i].answer);
        assert_int_equal(next(&links[0], NULL), LINK_BROKEN);
        assert_string_equal(links[0].code, cases[i].code);
        assert_string_equal(links[0].reason, strrchr(cases[i].answer, ':') + 1);
        assert_int_equal(links[0].pause_us, cases[i].pause_us);
        assert_int_equal(links[0].state, LINK_CLOSED);
        peer_hang_up();
    }
    assert_string_equal(peer.told, "");
}

static void test_turned_away(void **state)
{
    static const char *const answers[] = {"err:tls-required:hello:not in clear",
                                          "err:version:hello:not here", "err:new-code:hello:what"};

    account_give_password(peer.account, "secret");
    for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
        connect_link(&links[0]);
        (void)peer_frame();
        peer_say(answers[i]);
        assert_int_equal(next(&links[0], NULL), LINK_REFUSED);
        peer_hang_up();
        account_try_again(peer.account);
    }
    assert_non_null(strstr(peer.told, "not in clear (tls-required); do without --no-tls"));
}

static void test_nonsense(void **state)
{
    static const char *const answers[] = {"HTTP/1.1 400 Bad Request", "ack", "pong", "welcome:x"};

    account_give_password(peer.account, "secret");
    for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
        connect_link(&links[0]);
        (void)peer_frame();
        peer_say(answers[i]);
        assert_int_equal(next(&links[0], NULL), LINK_BROKEN);
        assert_true(links[0].reason[0] != '\0');
        assert_string_equal(links[0].code, "");
        peer_hang_up();
    }
}

static void test_ends_at_every_point(void **state)
{
    account_give_password(peer.account, "secret");
    connect_link(&links[0]);
    peer_hang_up(); /* after hello, unanswered */
    assert_int_equal(next(&links[0], NULL), LINK_BROKEN);
    connect_link(&links[0]);
    assert_string_equal(peer_frame(), "hello:2:alice:secret:laptop"); /* it may be said again */
    assert_int_equal(link_turn(&links[0], 0, link_due(&links[0]), NULL), LINK_BROKEN);
    assert_string_equal(links[0].reason, "Connection timed out");
    peer_hang_up();
    sign_on(&links[0]);
    assert_true(link_due(&links[0]) == UINT64_MAX);
    peer_hang_up();
    assert_int_equal(next(&links[0], NULL), LINK_BROKEN);
    close(peer.listener);
    peer.listener = -1;
    link_open(&links[0], &peer.addr);
    assert_int_equal(next(&links[0], NULL), LINK_BROKEN);
    assert_string_equal(links[0].reason, "Connection refused");
    link_close(&links[0]);
}

/* -- over TLS --------------------------------------------------------------------------------- */

/* A server with a certificate of its own, in NAME.pem. */
static struct tls_context *make_server(const char *name)
{
    char certificate[128], key[128], *error = NULL;
    struct tls_context *context;

    snprintf(certificate, sizeof(certificate), "%s/%s.pem", home, name);
    snprintf(key, sizeof(key), "%s/%s-key.pem", home, name);
    assert_int_equal(tls_make_self_signed(certificate, key, "localhost", 10, &error), 0);
    const struct tls_server_config config = {.certificate = certificate, .key = key};
    assert_int_equal(tls_context_server(&config, &context, &error), 0);
    return context;
}

/* What comes of connecting to the server, which must not be told a byte. */
static enum link_event meet_in_silence(struct tls_context *server)
{
    struct tls_session *theirs;
    enum link_event event;
    char byte;

    account_give_password(peer.account, "secret");
    link_open(&links[0], &peer.addr);
    settle(&links[0]);
    peer_accept();
    fcntl(peer.fd, F_SETFL, O_NONBLOCK);
    assert_int_equal(tls_session_new(server, peer.fd, NULL, &theirs), 0);
    do {
        struct pollfd fds[] = {link_pollfd(&links[0]),
                               {.fd = peer.fd, .events = (short)tls_session_events(theirs)}};
        (void)poll(fds, 2, 20);
        (void)!tls_session_handshake(theirs);
        event = link_turn(&links[0], fds[0].revents, clock_monotonic_us(), NULL);
    } while (event == LINK_WAITING);
    peer_await(peer.fd, POLLIN);
    assert_true(tls_session_read(theirs, &byte, 1) <= 0);
    tls_session_free(theirs);
    tls_context_unref(server);
    return event;
}

/* Another certificate than the known one. */
static void test_not_a_word_to_a_stranger(void **state)
{
    struct known_server known;
    char path[128];

    snprintf(path, sizeof(path), "%s/.local/share/multichat", home);
    int folder = open(path, O_RDONLY | O_DIRECTORY);
    assert_int_equal(known_servers_learn(folder, "localhost:9002", "SHA256:00", &known), 0);
    close(folder);
    assert_int_equal(meet_in_silence(make_server("stranger")), LINK_REFUSED);
    assert_int_equal(account_refusal(peer.account), ACCOUNT_UNTRUSTED);
    assert_non_null(strstr(peer.told, "SHOWS ANOTHER CERTIFICATE"));
}

/* With a CA the handshake itself fails, and it is no server that is away. */
static void test_a_certificate_of_another_ca(void **state)
{
    char ca[128], *error = NULL;

    tls_context_unref(make_server("authority"));
    snprintf(ca, sizeof(ca), "%s/authority.pem", home);
    trust_close(peer.trust);
    account_close(peer.account);
    link_deinit(&links[0]);
    assert_int_equal(config_table_set(&settings_table, &peer.settings, "tls.ca", ca, "", &error),
                     0);
    assert_int_equal(peer_open(), 0);
    assert_int_equal(link_init(&links[0], peer.account), 0);
    assert_int_equal(meet_in_silence(make_server("stranger")), LINK_REFUSED);
    assert_int_equal(account_refusal(peer.account), ACCOUNT_UNTRUSTED);
    assert_non_null(strstr(peer.told, "the server localhost is not trusted: "));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_the_password_is_awaited_without_a_connection),
        TEST(test_hello_once_then_resume),
        TEST(test_frames_out),
        TEST(test_an_unknown_session_is_followed_by_hello),
        TEST(test_a_session_that_ended_asks_for_the_password),
        TEST(test_the_servers_time_is_taken_over),
        TEST(test_denied_for_all),
        TEST(test_two_at_once_say_hello_once),
        TEST(test_put_off),
        TEST(test_turned_away),
        TEST(test_nonsense),
        TEST(test_ends_at_every_point),
        cmocka_unit_test_setup_teardown(test_not_a_word_to_a_stranger, setup_secure, teardown),
        cmocka_unit_test_setup_teardown(test_a_certificate_of_another_ca, setup_secure, teardown),
    };

    return cmocka_run_group_tests_name("link", tests, NULL, NULL);
}
