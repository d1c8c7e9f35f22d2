/* TLS from the other side, while the loop turns.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "sealed-peer.h"

#include <errno.h>

struct tls_context *server_tls, *client_tls;
struct tls_session *peer;

const struct connection_limits patient = {.frame_max = FRAME_MAX,
                                          .output_max = OUTPUT_MAX,
                                          .owed_max = OWED_MAX,
                                          .idle_us = LONG_US,
                                          .frame_us = LONG_US};

void begin(enum manner how, const struct connection_limits *limits)
{
    start_with(how, CONNECTION_DETECT, server_tls, limits);
    assert_int_equal(tls_session_new(client_tls, client, NULL, &peer), 0);
}

void finish(void)
{
    tls_session_free(peer);
    peer = NULL;
    stop();
}

void shake_hands(void)
{
    int result = 0;
    TURN_UNTIL(loop, (result = tls_session_handshake(peer)) != 0);
    if (result < 0)
        fail_msg("no handshake: %s", tls_session_error(peer));
    TURN_UNTIL(loop, opened == 1);
}

void begin_shaken(enum manner how, const struct connection_limits *limits)
{
    begin(how, limits);
    shake_hands();
}

void say_sealed(const char *text)
{
    size_t len = strlen(text);
    ssize_t count = -EAGAIN;
    TURN_UNTIL(loop, (count = tls_session_write(peer, bytes_of(text))) != -EAGAIN);
    assert_int_equal(count, len);
}

ssize_t hear_some(char *data, size_t size)
{
    ssize_t count = -EAGAIN;
    TURN_UNTIL(loop, (count = tls_session_read(peer, data, size)) != -EAGAIN);
    return count;
}

void hear(const char *text)
{
    char data[4096];
    size_t len = strlen(text), got = 0;
    while (got < len) {
        ssize_t count = hear_some(data + got, len - got);
        if (count <= 0)
            fail_msg("instead of \"%s\": %zd", text + got, count);
        got += (size_t)count;
    }
    data[got] = '\0';
    assert_string_equal(data, text);
}

void hear_the_end(void)
{
    char data[1];
    assert_int_equal(hear_some(data, sizeof data), 0);
    peer_expect_end(loop, client);
}

int sealed_setup(void **state)
{
    tls_setup(state);
    server_tls = plain_server();
    client_tls = trusting_client();
    return setup(state);
}

int sealed_teardown(void **state)
{
    tls_context_unref(server_tls);
    tls_context_unref(client_tls);
    teardown(state);
    return tls_teardown(state);
}
