/* Frames over a socket, plain and by TLS: in pieces, many at once, ends of every kind.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "support.h"

#include "io/channel.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The other end, which is the server's. */
struct peer {
    int fd;
    struct tls_session *tls; /* NULL: plain */
};

static char folder[64], certificate[96], key[96];
static struct tls_context *server, *client;

static int group_setup(void **state)
{
    char *error = NULL;

    strcpy(folder, "/tmp/multichat-channel-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(certificate, sizeof(certificate), "%s/certificate.pem", folder);
    snprintf(key, sizeof(key), "%s/key.pem", folder);
    if (tls_make_self_signed(certificate, key, "localhost", 1, &error) < 0)
        return -1;
    const struct tls_server_config server_config = {.certificate = certificate, .key = key};
    const struct tls_client_config client_config = {0};
    return tls_context_server(&server_config, &server, &error) < 0 ||
                   tls_context_client(&client_config, &client, &error) < 0
               ? -1
               : 0;
}

static int group_teardown(void **state)
{
    tls_context_unref(server);
    tls_context_unref(client);
    unlink(certificate);
    unlink(key);
    return rmdir(folder);
}

static void begin(struct channel *channel, struct peer *peer, bool secure)
{
    struct addr from;
    int fd;

    tcp_pair(&peer->fd, &fd, &from);
    peer->tls = NULL;
    if (secure)
        assert_int_equal(tls_session_new(server, peer->fd, NULL, &peer->tls), 0);
    channel_init(channel);
    assert_int_equal(channel_open(channel, fd, secure ? client : NULL, "localhost"), 0);
}

static void peer_close(struct peer *peer)
{
    tls_session_free(peer->tls);
    close(peer->fd);
    peer->fd = -1;
}

static void wait_for(const struct pollfd *fd)
{
    struct pollfd copy = *fd;

    (void)poll(&copy, 1, 20);
}

/* The next event of the channel that is not WAITING; the peer shakes hands meanwhile. */
static enum channel_event next(struct channel *channel, struct peer *peer, struct bytes *frame)
{
    short revents = 0;

    for (int i = 0; i < 1000; i++) {
        enum channel_event event = channel_turn(channel, revents, frame);
        struct pollfd fd = channel_pollfd(channel);
        if (event != CHANNEL_WAITING)
            return event;
        if (peer->tls && peer->fd >= 0)
            (void)!tls_session_handshake(peer->tls);
        wait_for(&fd);
        revents = fd.events;
    }
    fail_msg("nothing happened");
    return CHANNEL_WAITING;
}

static void peer_say(struct peer *peer, struct channel *channel, struct bytes bytes)
{
    while (bytes.len > 0) {
        ssize_t n = peer->tls ? tls_session_write(peer->tls, bytes)
                              : send(peer->fd, bytes.data, bytes.len, MSG_NOSIGNAL);
        if (n > 0) {
            bytes.data += n;
            bytes.len -= (size_t)n;
        } else {
            wait_for(&(struct pollfd){.fd = peer->fd, .events = POLLOUT});
        }
    }
}

/* Reads `len` bytes; the channel is turned meanwhile and must say nothing. */
static void peer_hear(struct peer *peer, struct channel *channel, char *ret, size_t len)
{
    struct bytes frame;

    for (int i = 0; len > 0; i++) {
        ssize_t n = peer->tls ? tls_session_read(peer->tls, ret, len) : recv(peer->fd, ret, len, 0);
        assert_true(i < 10000);
        if (n > 0) {
            ret += n;
            len -= (size_t)n;
            continue;
        }
        assert_int_equal(channel_turn(channel, 0, &frame), CHANNEL_WAITING);
        wait_for(&(struct pollfd){.fd = peer->fd, .events = POLLIN});
    }
}

static void open_channel(struct channel *channel, struct peer *peer, bool secure)
{
    struct bytes frame;

    begin(channel, peer, secure);
    assert_int_equal(next(channel, peer, &frame), CHANNEL_OPEN);
    assert_int_equal(channel->tls != NULL, secure);
    if (secure) /* what the client ended the handshake with */
        while (tls_session_handshake(peer->tls) != 1)
            wait_for(&(struct pollfd){.fd = peer->fd, .events = POLLIN});
}

static void test_frames_both_ways(void **state)
{
    for (int secure = 0; secure < 2; secure++) {
        struct channel channel;
        struct peer peer;
        struct bytes frame;
        char heard[16];

        open_channel(&channel, &peer, secure);
        peer_say(&peer, &channel, bytes_of("one\003two\003\003thr"));
        assert_int_equal(next(&channel, &peer, &frame), CHANNEL_FRAME);
        assert_true(bytes_is(frame, "one"));
        assert_int_equal(next(&channel, &peer, &frame), CHANNEL_FRAME);
        assert_true(bytes_is(frame, "two"));
        assert_int_equal(next(&channel, &peer, &frame), CHANNEL_FRAME);
        assert_true(bytes_is(frame, ""));
        assert_int_equal(channel_turn(&channel, 0, &frame), CHANNEL_WAITING);
        peer_say(&peer, &channel, bytes_of("ee\003"));
        assert_int_equal(next(&channel, &peer, &frame), CHANNEL_FRAME);
        assert_true(bytes_is(frame, "three"));
        assert_int_equal(channel_write(&channel, bytes_of("a\003b\003")), 0);
        peer_hear(&peer, &channel, heard, 4);
        assert_memory_equal(heard, "a\003b\003", 4);
        channel_close(&channel);
        channel_close(&channel);
        peer_close(&peer);
    }
}

static void test_what_was_written_before_it_was_open(void **state)
{
    struct channel channel;
    struct peer peer;
    struct bytes frame;
    char heard[8];

    begin(&channel, &peer, true);
    assert_int_equal(channel_write(&channel, bytes_of("early\003")), 0);
    assert_int_equal(next(&channel, &peer, &frame), CHANNEL_OPEN);
    peer_hear(&peer, &channel, heard, 6);
    assert_memory_equal(heard, "early\003", 6);
    channel_close(&channel);
    peer_close(&peer);
}

static void test_more_than_fits_at_once(void **state)
{
    for (int secure = 0; secure < 2; secure++) {
        static char block[CHANNEL_OUTPUT_MAX], heard[CHANNEL_OUTPUT_MAX];
        struct channel channel;
        struct peer peer;
        size_t written = 0;

        open_channel(&channel, &peer, secure);
        for (size_t i = 0; i < sizeof(block); i++)
            block[i] = (char)('a' + i % 26);
        /* Until the kernel takes no more, and then until the channel does not. */
        while (channel_write(&channel, (struct bytes){block, sizeof(block) / 2}) == 0)
            written += sizeof(block) / 2;
        assert_int_equal(channel_write(&channel, (struct bytes){block, sizeof(block)}), -ENOBUFS);
        assert_true(channel_pollfd(&channel).events & POLLOUT);
        while (written > 0) {
            peer_hear(&peer, &channel, heard, sizeof(block) / 2);
            assert_memory_equal(heard, block, sizeof(block) / 2);
            written -= sizeof(block) / 2;
        }
        assert_int_equal(channel_pollfd(&channel).events, POLLIN);
        channel_close(&channel);
        peer_close(&peer);
    }
}

static void test_a_frame_may_be_so_long_and_no_longer(void **state)
{
    static char text[CHANNEL_FRAME_MAX + 2];
    struct channel channel;
    struct peer peer;
    struct bytes frame;

    memset(text, 'x', sizeof(text));
    text[CHANNEL_FRAME_MAX] = 3;
    open_channel(&channel, &peer, false);
    peer_say(&peer, &channel, (struct bytes){text, CHANNEL_FRAME_MAX + 1});
    assert_int_equal(next(&channel, &peer, &frame), CHANNEL_FRAME);
    assert_int_equal(frame.len, CHANNEL_FRAME_MAX);
    text[CHANNEL_FRAME_MAX] = 'x';
    peer_say(&peer, &channel, (struct bytes){text, CHANNEL_FRAME_MAX + 1});
    assert_int_equal(next(&channel, &peer, &frame), CHANNEL_BROKEN);
    assert_non_null(strstr(channel.reason, "more than"));
    assert_int_equal(channel_turn(&channel, 0, &frame), CHANNEL_WAITING); /* it is closed */
    peer_close(&peer);
}

static void test_ends(void **state)
{
    for (int secure = 0; secure < 2; secure++) {
        struct channel channel;
        struct peer peer;
        struct bytes frame;
        char heard[8];

        /* Theirs, behind a last frame. */
        open_channel(&channel, &peer, secure);
        peer_say(&peer, &channel, bytes_of("last\003half"));
        if (secure)
            assert_int_equal(tls_session_shutdown(peer.tls), 0);
        shutdown(peer.fd, SHUT_WR);
        assert_int_equal(next(&channel, &peer, &frame), CHANNEL_FRAME);
        assert_true(bytes_is(frame, "last"));
        assert_int_equal(next(&channel, &peer, &frame), CHANNEL_CLOSED);
        peer_close(&peer);

        /* Ours: what comes is still taken. */
        open_channel(&channel, &peer, secure);
        assert_int_equal(channel_write(&channel, bytes_of("bye\003")), 0);
        channel_finish(&channel);
        peer_hear(&peer, &channel, heard, 4);
        assert_int_equal(secure ? tls_session_read(peer.tls, heard, 1) : recv(peer.fd, heard, 1, 0),
                         0);
        peer_say(&peer, &channel, bytes_of("still\003"));
        assert_int_equal(next(&channel, &peer, &frame), CHANNEL_FRAME);
        assert_true(bytes_is(frame, "still"));
        channel_close(&channel);
        peer_close(&peer);

        /* A break: with TLS also an end without its close_notify. */
        open_channel(&channel, &peer, secure);
        if (!secure)
            peer_reset(peer.fd);
        else
            shutdown(peer.fd, SHUT_WR);
        assert_int_equal(next(&channel, &peer, &frame), CHANNEL_BROKEN);
        assert_string_not_equal(channel.reason, "");
        if (secure)
            peer_close(&peer);
    }
}

static void test_who_speaks_no_tls(void **state)
{
    struct channel channel;
    struct peer peer;
    struct bytes frame;

    begin(&channel, &peer, true);
    tls_session_free(peer.tls);
    peer.tls = NULL;
    peer_say(&peer, &channel, bytes_of("HTTP/1.0 400 Bad Request\r\n\r\n"));
    assert_int_equal(next(&channel, &peer, &frame), CHANNEL_BROKEN);
    assert_string_not_equal(channel.reason, "");
    peer_close(&peer);
}

static void test_a_connection_that_is_refused(void **state)
{
    struct addr nobody;
    struct channel channel;
    struct peer peer = {.fd = -1};
    struct bytes frame;
    struct sockaddr_storage storage;
    socklen_t len;
    int fd = listen_somewhere(1, &nobody);

    close(fd);
    len = addr_to_sockaddr(&nobody, &storage);
    fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&storage, len), -1);
    assert_true(errno == EINPROGRESS || errno == ECONNREFUSED);
    channel_init(&channel);
    assert_int_equal(channel_open(&channel, fd, NULL, NULL), 0);
    assert_int_equal(next(&channel, &peer, &frame), CHANNEL_BROKEN);
    assert_string_equal(channel.reason, "Connection refused");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames_both_ways),
        cmocka_unit_test(test_what_was_written_before_it_was_open),
        cmocka_unit_test(test_more_than_fits_at_once),
        cmocka_unit_test(test_a_frame_may_be_so_long_and_no_longer),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_who_speaks_no_tls),
        cmocka_unit_test(test_a_connection_that_is_refused),
    };

    return cmocka_run_group_tests_name("channel", tests, group_setup, group_teardown);
}
