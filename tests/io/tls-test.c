/* TLS sessions: handshakes that succeed and fail, bytes, ends.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "tls-fixture.h"

#include "tests/lib/fault.h"

#include <errno.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* -- handshakes */

static void test_both_sides_talk(void **state)
{
    (void)state;
    struct talk talk;
    talk_begin(&talk, plain_server(), trusting_client(), NULL);
    talk_shake(&talk);
    assert_int_equal(talk.server_result, 1);
    assert_int_equal(talk.client_result, 1);
    talk_pass(talk.client, talk.server, "hello");
    talk_pass(talk.server, talk.client, "welcome");
    assert_false(tls_session_resumed(talk.server));
    talk_end(&talk);
}

static void test_fingerprint_is_the_certificates(void **state)
{
    (void)state;
    struct talk talk;
    uint8_t own[TLS_FINGERPRINT_LEN], seen[TLS_FINGERPRINT_LEN];
    unsigned len = sizeof own;
    char text[TLS_FINGERPRINT_TEXT_MAX];
    struct tls_context *server = plain_server();
    tls_context_fingerprint(server, own);
    talk_begin(&talk, server, trusting_client(), NULL);
    assert_false(tls_session_fingerprint(talk.client, seen));
    talk_shake(&talk);
    assert_true(tls_session_fingerprint(talk.client, seen));
    assert_memory_equal(own, seen, sizeof own);
    assert_int_equal(X509_digest(localhost->certificate, EVP_sha256(), own, &len), 1);
    assert_memory_equal(own, seen, sizeof own);
    assert_false(tls_session_fingerprint(talk.server, seen)); /* the client showed none */
    assert_int_equal(strlen(tls_fingerprint_format(own, text)), TLS_FINGERPRINT_TEXT_MAX - 2);
    assert_memory_equal(text, "SHA256:", 7);
    talk_end(&talk);
}

static struct tls_context *verifying_client(struct identity *ca)
{
    return client_context(&(struct tls_client_config){.ca = ca->certificate_file});
}

static void test_host_is_verified(void **state)
{
    (void)state;
    static const struct {
        const char *host;
        bool right;
    } cases[] = {{"localhost", true},       {"LOCALHOST", true},  {"127.0.0.1", true},
                 {"elsewhere.test", false}, {"127.0.0.2", false}, {"::1", false},
                 {"sub.localhost", false}};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct talk talk;
        talk_begin(&talk, plain_server(), verifying_client(authority), cases[i].host);
        talk_shake(&talk);
        assert_int_equal(talk.client_result, cases[i].right ? 1 : -EPROTO);
        assert_int_equal(talk.server_result, cases[i].right ? 1 : -EPROTO);
        if (!cases[i].right)
            assert_non_null(strstr(tls_session_error(talk.client), "certificate is refused"));
        talk_end(&talk);
    }
}

static void test_verifying_needs_a_host(void **state)
{
    (void)state;
    struct tls_context *context = verifying_client(authority);
    struct tls_session *session;
    char host[300];
    memset(host, 'x', sizeof host - 1);
    host[sizeof host - 1] = '\0';
    assert_int_equal(tls_session_new(context, 0, NULL, &session), -EINVAL);
    assert_int_equal(tls_session_new(context, 0, host, &session), -ENAMETOOLONG);
    tls_context_unref(context);
}

static void test_certificate_of_another_authority_is_refused(void **state)
{
    (void)state;
    struct talk talk;
    talk_begin(&talk, plain_server(), verifying_client(stranger), "localhost");
    talk_shake(&talk);
    assert_int_equal(talk.client_result, -EPROTO);
    assert_int_equal(talk.server_result, -EPROTO);
    assert_string_equal(
        tls_session_error(talk.client),
        "the peer's certificate is refused: unable to get local issuer certificate");
    assert_string_equal(tls_session_error(talk.server),
                        "the peer does not know who signed the certificate");
    assert_true(tls_session_distrusted(talk.client));
    assert_false(tls_session_distrusted(talk.server));
    assert_int_equal(tls_session_write(talk.client, bytes_of("secret")), -EPROTO);
    talk_end(&talk);
}

static void test_expired_certificate_is_refused(void **state)
{
    (void)state;
    struct talk talk;
    struct identity *old = pki_certificate("old.test", authority, -2 * DAY, -DAY);
    struct tls_context *server = server_context(
        &(struct tls_server_config){.certificate = old->certificate_file, .key = old->key_file});
    talk_begin(&talk, server, verifying_client(authority), "old.test");
    talk_shake(&talk);
    assert_int_equal(talk.client_result, -EPROTO);
    assert_string_equal(tls_session_error(talk.client),
                        "the peer's certificate is refused: certificate has expired");
    talk_end(&talk);
    pki_free(old);
}

/* -- peers' certificates */

/* Shakes hands with `shown` (or NULL) in the client's hand: the server's result. */
static int judge_peer(struct talk *talk, const struct tls_server_config *settings,
                      struct identity *shown)
{
    struct tls_server_config server = *settings;
    struct tls_client_config client = {.ca = NULL};
    server.certificate = localhost->certificate_file;
    server.key = localhost->key_file;
    if (shown != NULL) {
        client.certificate = shown->certificate_file;
        client.key = shown->key_file;
    }
    talk_begin(talk, server_context(&server), client_context(&client), NULL);
    talk_shake(talk);
    return talk->server_result;
}

static void test_peers_are_verified(void **state)
{
    (void)state;
    struct identity *bob = pki_certificate("bob", authority, -DAY, DAY);
    struct identity *expired = pki_certificate("expired", authority, -2 * DAY, -DAY);
    struct identity *mallory = pki_certificate("mallory", stranger, -DAY, DAY);
    const char *ca = authority->certificate_file;
    const char *crl = pki_crl("crl.pem", authority, bob);
    const struct tls_server_config any = {.peers = TLS_PEERS_ANY},
                                   optional = {.ca = ca, .peers = TLS_PEERS_OPTIONAL},
                                   required = {.ca = ca, .peers = TLS_PEERS_REQUIRED},
                                   revoking = {.ca = ca, .crl = crl, .peers = TLS_PEERS_REQUIRED};
    const struct {
        const struct tls_server_config *server;
        struct identity *shown;
        const char *why; /* NULL: it is taken */
    } cases[] = {
        {&any, NULL, NULL},
        {&any, mallory, NULL},
        {&optional, NULL, NULL},
        {&optional, alice, NULL},
        {&optional, mallory,
         "the peer's certificate is refused: unable to get local issuer certificate"},
        {&required, NULL, "the peer shows no certificate"},
        {&required, alice, NULL},
        {&required, bob, NULL},
        {&required, expired, "the peer's certificate is refused: certificate has expired"},
        {&revoking, alice, NULL},
        {&revoking, bob, "the peer's certificate is refused: certificate revoked"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct talk talk;
        int result = judge_peer(&talk, cases[i].server, cases[i].shown);
        assert_int_equal(result, cases[i].why == NULL ? 1 : -EPROTO);
        if (cases[i].why != NULL) {
            char data[10];
            assert_string_equal(tls_session_error(talk.server), cases[i].why);
            /* The client is done before the verdict, which it then reads. */
            assert_int_equal(talk_read(talk.client, data, sizeof data), -EPROTO);
            assert_non_null(strstr(tls_session_error(talk.client), "certificate"));
        }
        talk_end(&talk);
    }
    pki_free(bob);
    pki_free(expired);
    pki_free(mallory);
}

/* -- other protocols */

/* A client of OpenSSL's own that speaks nothing newer than `version`. */
static int shake_with_version(int version, char *words, size_t size)
{
    int fds[2], result = 0;
    struct tls_session *session;
    struct tls_context *context = plain_server();
    SSL_CTX *old = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_max_proto_version(old, version);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    SSL *client = SSL_new(old);
    assert_int_equal(SSL_set_fd(client, fds[1]), 1);
    assert_int_equal(tls_session_new(context, fds[0], NULL, &session), 0);
    while (result == 0) {
        (void)SSL_connect(client);
        result = tls_session_handshake(session);
    }
    snprintf(words, size, "%s", tls_session_error(session));
    tls_session_free(session);
    tls_context_unref(context);
    SSL_free(client);
    SSL_CTX_free(old);
    close(fds[0]);
    close(fds[1]);
    return result;
}

static void test_older_versions_are_refused(void **state)
{
    (void)state;
    char words[200];
    assert_int_equal(shake_with_version(TLS1_2_VERSION, words, sizeof words), -EPROTO);
    assert_string_equal(words, "the peer does not speak TLS 1.3");
    assert_int_equal(shake_with_version(TLS1_3_VERSION, words, sizeof words), 1);
}

/* What a session of ours makes of `bytes` from its peer, who then hangs up. */
static int shake_with_bytes(struct tls_context *context, struct bytes bytes, char *words,
                            size_t size)
{
    int fds[2], result = 0;
    struct tls_session *session;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    assert_int_equal(tls_session_new(context, fds[0], NULL, &session), 0);
    assert_int_equal(send(fds[1], bytes.data, bytes.len, MSG_NOSIGNAL), bytes.len);
    assert_int_equal(shutdown(fds[1], SHUT_WR), 0);
    while (result == 0)
        result = tls_session_handshake(session);
    snprintf(words, size, "%s", tls_session_error(session));
    tls_session_free(session);
    tls_context_unref(context);
    close(fds[0]);
    close(fds[1]);
    return result;
}

#define BYTES(literal) ((struct bytes){.data = literal, .len = sizeof literal - 1})

static void test_other_protocols_are_refused(void **state)
{
    (void)state;
    static const struct {
        struct bytes bytes;
        int result;
    } cases[] = {
        {BYTES("GET / HTTP/1.1\r\n\r\n"), -EPROTO},
        {BYTES("SSH-2.0-OpenSSH_9.2\r\n"), -EPROTO},
        {BYTES("\x16\x03\x01\xff\xff garbage after the first byte"), -EPROTO},
        {BYTES("\x16garbage after the first byte"), -EPROTO},
        {BYTES("\x16\x03\x01\x00\x00"), -ECONNRESET},
        {BYTES("\x17\x03\x03\x00\x05hello"), -EPROTO},
        {BYTES("\x16\x03\x01\x02\x00\x01"), -ECONNRESET},
        {BYTES("\x16"), -ECONNRESET},
        {BYTES(""), -ECONNRESET},
    };
    char words[200];
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        int result = shake_with_bytes(plain_server(), cases[i].bytes, words, sizeof words);
        if (result != cases[i].result)
            fail_msg("case %zu: %s", i, words);
        assert_string_not_equal(words, "");
    }
    assert_int_equal(shake_with_bytes(trusting_client(), BYTES("err:malformed:hello:x\003"), words,
                                      sizeof words),
                     -EPROTO);
    assert_string_equal(words, "the peer does not speak TLS");
}

/* Each byte of the handshake on its own, passed on by a relay. */
static void test_handshake_byte_by_byte(void **state)
{
    (void)state;
    struct talk talk;
    int fds[2];
    struct tls_context *context = trusting_client();
    talk_begin(&talk, plain_server(), tls_context_ref(context), NULL);
    tls_session_free(talk.client);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    assert_int_equal(tls_session_new(context, fds[0], NULL, &talk.client), 0);
    for (int i = 0; i < 100000 && (talk.server_result == 0 || talk.client_result == 0); i++) {
        char byte;
        if (talk.client_result == 0)
            talk.client_result = tls_session_handshake(talk.client);
        if (talk.server_result == 0)
            talk.server_result = tls_session_handshake(talk.server);
        if (recv(fds[1], &byte, 1, 0) == 1)
            assert_int_equal(send(talk.client_fd, &byte, 1, 0), 1);
        if (recv(talk.client_fd, &byte, 1, 0) == 1)
            assert_int_equal(send(fds[1], &byte, 1, 0), 1);
    }
    assert_int_equal(talk.server_result, 1);
    assert_int_equal(talk.client_result, 1);
    talk_end(&talk);
    tls_context_unref(context);
    close(fds[0]);
    close(fds[1]);
}

/* -- bytes */

static void test_waiting_is_said(void **state)
{
    (void)state;
    struct talk talk;
    char data[10];
    talk_begin(&talk, plain_server(), trusting_client(), NULL);
    assert_int_equal(tls_session_handshake(talk.server), 0);
    assert_int_equal(tls_session_events(talk.server), POLLIN);
    talk_shake(&talk);
    assert_int_equal(tls_session_read(talk.server, data, sizeof data), -EAGAIN);
    assert_int_equal(tls_session_events(talk.server), POLLIN);
    assert_false(tls_session_pending(talk.server));
    talk_end(&talk);
}

static void test_many_records_are_read_at_once(void **state)
{
    (void)state;
    struct talk talk;
    char data[1000];
    talk_begin(&talk, plain_server(), trusting_client(), NULL);
    talk_shake(&talk);
    for (int i = 0; i < 100; i++)
        assert_int_equal(tls_session_write(talk.client, bytes_of("word\003")), 5);
    assert_int_equal(tls_session_read(talk.server, data, 7), 7);
    assert_true(tls_session_pending(talk.server));
    assert_int_equal(recv(talk.server_fd, data, 1, MSG_PEEK), -1); /* the socket has no more */
    assert_int_equal(tls_session_read(talk.server, data, sizeof data), 493);
    assert_false(tls_session_pending(talk.server));
    talk_end(&talk);
}

/* The end comes with the last bytes, and no event would tell of it. */
static void test_end_behind_bytes_is_pending(void **state)
{
    (void)state;
    struct talk talk;
    char data[100];
    talk_begin(&talk, plain_server(), trusting_client(), NULL);
    talk_shake(&talk);
    assert_int_equal(tls_session_write(talk.client, bytes_of("last")), 4);
    assert_int_equal(tls_session_write(talk.client, bytes_of("words")), 5);
    assert_int_equal(tls_session_shutdown(talk.client), 0);
    assert_int_equal(tls_session_read(talk.server, data, sizeof data), 9);
    assert_true(tls_session_pending(talk.server));
    assert_int_equal(tls_session_read(talk.server, data, sizeof data), 0);
    assert_false(tls_session_pending(talk.server));
    talk_end(&talk);
}

static void fill_socket(int fd)
{
    static const char junk[4096];
    while (send(fd, junk, sizeof junk, MSG_DONTWAIT) > 0)
        continue;
}

/* A new key is owed before anything else, and cannot be written: whoever went on reading what has
 * been read ahead would turn in circles. */
static void test_reading_that_has_to_write_first_is_not_pending(void **state)
{
    (void)state;
    struct talk talk;
    char data[100];
    int result = 0;
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(context);
    talk_begin(&talk, plain_server(), trusting_client(), NULL);
    assert_int_equal(SSL_set_fd(ssl, talk.client_fd), 1);
    while (result != 1) {
        result = SSL_connect(ssl);
        assert_true(tls_session_handshake(talk.server) >= 0);
    }
    assert_int_equal(tls_session_handshake(talk.server), 1);
    assert_int_equal(SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED), 1);
    assert_int_equal(SSL_do_handshake(ssl), 1);
    assert_int_equal(SSL_write(ssl, "word", 4), 4);
    fill_socket(talk.server_fd);

    assert_int_equal(tls_session_read(talk.server, data, 1), 1);
    assert_true(tls_session_pending(talk.server));
    assert_int_equal(tls_session_write(talk.server, bytes_of("answer")), -EAGAIN);
    assert_int_equal(tls_session_read(talk.server, data, sizeof data), -EAGAIN);
    assert_int_equal(tls_session_events(talk.server), POLLOUT);
    assert_true(tls_session_begun(talk.server));
    assert_false(tls_session_pending(talk.server));

    while (recv(talk.client_fd, data, sizeof data, MSG_DONTWAIT) > 0)
        continue;
    assert_int_equal(tls_session_read(talk.server, data, sizeof data), 3);
    SSL_free(ssl);
    SSL_CTX_free(context);
    talk_end(&talk);
}

/* A peer that does not read: writing stops, and goes on from a buffer that has moved and grown. */
static void test_writing_goes_on_where_it_stopped(void **state)
{
    (void)state;
    enum { SIZE = 4 * 1024 * 1024, STEP = 100000 };
    static char got[65536];
    struct talk talk;
    size_t sent = 0, received = 0, end = STEP;
    bool stopped = false;
    char *text = malloc(SIZE);
    for (size_t i = 0; i < SIZE; i++)
        text[i] = (char)(i * 7 + i / 1000);
    talk_begin(&talk, plain_server(), trusting_client(), NULL);
    talk_shake(&talk);
    while (received < SIZE) {
        char *moved = malloc(end - sent + 1);
        memcpy(moved, text + sent, end - sent);
        ssize_t count =
            tls_session_write(talk.server, (struct bytes){.data = moved, .len = end - sent});
        free(moved);
        if (count > 0)
            sent += (size_t)count;
        if (count > 0)
            continue;
        end = end + STEP < SIZE ? end + STEP : SIZE;
        if (count == -EAGAIN) {
            stopped = true;
            assert_int_equal(tls_session_events(talk.server), POLLOUT);
        }
        count = tls_session_read(talk.client, got, sizeof got);
        if (count > 0)
            assert_memory_equal(got, text + received, (size_t)count);
        if (count > 0)
            received += (size_t)count;
    }
    assert_true(stopped);
    talk_end(&talk);
    free(text);
}

/* -- ends */

static void test_end_in_order(void **state)
{
    (void)state;
    struct talk talk;
    char data[10];
    talk_begin(&talk, plain_server(), trusting_client(), NULL);
    talk_shake(&talk);
    assert_int_equal(tls_session_shutdown(talk.client), 0);
    assert_int_equal(talk_read(talk.server, data, sizeof data), 0);
    assert_int_equal(talk_read(talk.server, data, sizeof data), 0);
    talk_pass(talk.server, talk.client, "answer"); /* the other direction is open */
    assert_int_equal(tls_session_shutdown(talk.server), 0);
    assert_int_equal(talk_read(talk.client, data, sizeof data), 0);
    talk_end(&talk);
}

static void test_end_without_a_word_is_a_reset(void **state)
{
    (void)state;
    struct talk talk;
    char data[10];
    talk_begin(&talk, plain_server(), trusting_client(), NULL);
    talk_shake(&talk);
    assert_int_equal(shutdown(talk.client_fd, SHUT_WR), 0);
    assert_int_equal(talk_read(talk.server, data, sizeof data), -ECONNRESET);
    assert_int_equal(tls_session_read(talk.server, data, sizeof data), -ECONNRESET);
    assert_int_equal(tls_session_shutdown(talk.server), -ECONNRESET);
    talk_end(&talk);
}

/* Altered bytes, here in the middle of what was sealed. */
static void test_altered_bytes_are_an_end(void **state)
{
    (void)state;
    struct talk talk;
    unsigned char record[200];
    char data[100];
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    talk_begin(&talk, plain_server(), trusting_client(), NULL);
    talk_shake(&talk);
    assert_int_equal(tls_session_write(talk.client, bytes_of("send:1:bob:text")), 15);
    ssize_t len = recv(talk.server_fd, record, sizeof record, 0);
    assert_true(len > 15);
    record[10] ^= 1;
    assert_int_equal(send(talk.client_fd, record, (size_t)len, 0), len);
    assert_int_equal(talk_read(talk.server, data, sizeof data), -EPROTO);
    assert_int_equal(tls_session_write(talk.server, bytes_of("x")), -EPROTO);
    talk_end(&talk);
    close(fds[0]);
    close(fds[1]);
}

/* No signal ends the process: SIGPIPE has its default here. */
static void test_peer_that_is_gone(void **state)
{
    (void)state;
    struct talk talk;
    char data[10];
    talk_begin(&talk, plain_server(), trusting_client(), NULL);
    assert_int_equal(tls_session_handshake(talk.client), 0);
    close(talk.client_fd);
    talk.client_fd = -1;
    assert_true(tls_session_handshake(talk.server) < 0);
    talk_end(&talk);

    talk_begin(&talk, plain_server(), trusting_client(), NULL);
    talk_shake(&talk);
    assert_int_equal(tls_session_write(talk.client, bytes_of("last")), 4);
    assert_int_equal(tls_session_read(talk.client, data, sizeof data), -EAGAIN); /* the ticket */
    close(talk.client_fd);
    talk.client_fd = -1;
    assert_int_equal(tls_session_write(talk.server, bytes_of("answer")), -EPIPE);
    assert_int_equal(tls_session_read(talk.server, data, sizeof data), 4);
    assert_true(tls_session_shutdown(talk.server) < 0);
    talk_end(&talk);
}

/* A client that says its word and goes, without waiting for its ticket. */
static void test_client_that_does_not_wait_is_heard(void **state)
{
    (void)state;
    struct talk talk;
    char data[10];
    talk_begin(&talk, plain_server(), trusting_client(), NULL);
    while (talk.client_result == 0) {
        talk.client_result = tls_session_handshake(talk.client);
        if (talk.client_result == 0)
            assert_int_equal(tls_session_handshake(talk.server), 0);
    }
    assert_int_equal(tls_session_write(talk.client, bytes_of("word")), 4);
    assert_int_equal(tls_session_shutdown(talk.client), 0);
    close(talk.client_fd);
    talk.client_fd = -1;
    assert_int_equal(tls_session_handshake(talk.server), 1);
    assert_int_equal(talk_read(talk.server, data, sizeof data), 4);
    assert_int_equal(talk_read(talk.server, data, sizeof data), 0);
    talk_end(&talk);
}

/* -- want of memory: the n-th allocation, OpenSSL's among them, fails, for every n */

static void *allocate(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return malloc(size);
}

static void *reallocate(void *data, size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return realloc(data, size);
}

static void release(void *data, const char *file, int line)
{
    (void)file;
    (void)line;
    free(data);
}

/* A visit that may come to nothing. */
static bool try_to_visit(struct tls_context *server, struct tls_context *client)
{
    int fds[2];
    char data[10];
    struct tls_session *sessions[2] = {NULL, NULL};
    int results[2] = {0, 0};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    bool well = tls_session_new(server, fds[0], NULL, &sessions[0]) == 0 &&
                tls_session_new(client, fds[1], "localhost", &sessions[1]) == 0;
    while (well && (results[0] == 0 || results[1] == 0)) {
        for (int i = 0; i < 2; i++)
            if (results[i] == 0)
                results[i] = tls_session_handshake(sessions[i]);
        well = results[0] >= 0 && results[1] >= 0;
    }
    well = well && tls_session_write(sessions[0], bytes_of("word")) == 4 &&
           talk_read(sessions[1], data, sizeof data) == 4 && tls_session_shutdown(sessions[0]) == 0;
    for (int i = 0; i < 2; i++) {
        tls_session_free(sessions[i]);
        close(fds[i]);
    }
    return well;
}

static void test_sessions_without_memory(void **state)
{
    (void)state;
    struct tls_context *server = plain_server(), *client = trusting_client();
    bool all_succeeded = false;
    for (long n = 0; !all_succeeded; n++) {
        fault_countdown = n;
        bool well = try_to_visit(server, client);
        all_succeeded = fault_countdown >= 0;
        fault_countdown = -1;
        assert_true(well || !all_succeeded);
    }
    tls_context_unref(server);
    tls_context_unref(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_sides_talk),
        cmocka_unit_test(test_fingerprint_is_the_certificates),
        cmocka_unit_test(test_host_is_verified),
        cmocka_unit_test(test_verifying_needs_a_host),
        cmocka_unit_test(test_certificate_of_another_authority_is_refused),
        cmocka_unit_test(test_expired_certificate_is_refused),
        cmocka_unit_test(test_peers_are_verified),
        cmocka_unit_test(test_older_versions_are_refused),
        cmocka_unit_test(test_other_protocols_are_refused),
        cmocka_unit_test(test_handshake_byte_by_byte),
        cmocka_unit_test(test_waiting_is_said),
        cmocka_unit_test(test_many_records_are_read_at_once),
        cmocka_unit_test(test_end_behind_bytes_is_pending),
        cmocka_unit_test(test_reading_that_has_to_write_first_is_not_pending),
        cmocka_unit_test(test_writing_goes_on_where_it_stopped),
        cmocka_unit_test(test_end_in_order),
        cmocka_unit_test(test_end_without_a_word_is_a_reset),
        cmocka_unit_test(test_altered_bytes_are_an_end),
        cmocka_unit_test(test_peer_that_is_gone),
        cmocka_unit_test(test_client_that_does_not_wait_is_heard),
        cmocka_unit_test(test_sessions_without_memory),
    };
    if (CRYPTO_set_mem_functions(allocate, reallocate, release) != 1)
        return 1;
    return cmocka_run_group_tests_name("tls", tests, tls_setup, tls_teardown);
}
