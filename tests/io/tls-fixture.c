/* Both sides of a handshake take turns in one thread.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "tls-fixture.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define TRIES 1000

struct identity *authority, *stranger;
struct identity *localhost, *alice;

int tls_setup(void **state)
{
    (void)state;
    pki_begin();
    authority = pki_authority("authority", NULL);
    stranger = pki_authority("stranger", NULL);
    localhost = pki_certificate("localhost", authority, -DAY, DAY);
    alice = pki_certificate("alice", authority, -DAY, DAY);
    return 0;
}

int tls_teardown(void **state)
{
    (void)state;
    pki_free(authority);
    pki_free(stranger);
    pki_free(localhost);
    pki_free(alice);
    pki_end();
    return 0;
}

struct tls_context *server_context(const struct tls_server_config *config)
{
    struct tls_context *context = NULL;
    char *error = NULL;
    if (tls_context_server(config, &context, &error) < 0)
        fail_msg("no server context: %s", error);
    return context;
}

struct tls_context *client_context(const struct tls_client_config *config)
{
    struct tls_context *context = NULL;
    char *error = NULL;
    if (tls_context_client(config, &context, &error) < 0)
        fail_msg("no client context: %s", error);
    return context;
}

struct tls_context *plain_server(void)
{
    return server_context(&(struct tls_server_config){.certificate = localhost->certificate_file,
                                                      .key = localhost->key_file});
}

struct tls_context *trusting_client(void)
{
    return client_context(&(struct tls_client_config){.ca = NULL});
}

void talk_begin(struct talk *talk, struct tls_context *server, struct tls_context *client,
                const char *host)
{
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    *talk = (struct talk){.server_fd = fds[0], .client_fd = fds[1]};
    assert_int_equal(tls_session_new(server, fds[0], NULL, &talk->server), 0);
    assert_int_equal(tls_session_new(client, fds[1], host, &talk->client), 0);
    tls_context_unref(server);
    tls_context_unref(client);
}

void talk_shake(struct talk *talk)
{
    for (int i = 0; i < TRIES && (talk->server_result == 0 || talk->client_result == 0); i++) {
        if (talk->client_result == 0)
            talk->client_result = tls_session_handshake(talk->client);
        if (talk->server_result == 0)
            talk->server_result = tls_session_handshake(talk->server);
    }
    if (talk->server_result == 0 || talk->client_result == 0)
        fail_msg("no end of the handshake");
}

ssize_t talk_read(struct tls_session *session, char *data, size_t size)
{
    ssize_t count = -EAGAIN;
    for (int i = 0; i < TRIES && count == -EAGAIN; i++)
        count = tls_session_read(session, data, size);
    return count;
}

void talk_pass(struct tls_session *from, struct tls_session *to, const char *text)
{
    char data[1000];
    assert_int_equal(tls_session_write(from, bytes_of(text)), strlen(text));
    assert_int_equal(talk_read(to, data, sizeof data), strlen(text));
    assert_memory_equal(data, text, strlen(text));
}

void talk_end(struct talk *talk)
{
    tls_session_free(talk->server);
    tls_session_free(talk->client);
    if (talk->server_fd >= 0)
        close(talk->server_fd);
    if (talk->client_fd >= 0)
        close(talk->client_fd);
}
