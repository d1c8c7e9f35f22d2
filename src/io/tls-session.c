/* TLS sessions, over a BIO of our own: OpenSSL's would write without MSG_NOSIGNAL.
 *
 * A session that has failed stays so: `failure` is what every later call returns.
 *
 * OpenSSL reads ahead, one recv(2) for a whole buffer of records. So a session can hold bytes that
 * the descriptor does not tell of: tls_session_pending(). It holds nothing to go on with if the
 * last recv(2) said that there was no more (`dry`), whatever part of a record is there, or if it
 * has to write first.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/tls-private.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

/* What OpenSSL 3.0 was seen to take, in bytes. */
#define SESSION_MEMORY   15000
#define HANDSHAKE_MEMORY 30000
#define RECORD_MEMORY    17000

struct tls_session {
    struct tls_context *context;
    SSL *ssl;
    int fd;
    int failure;  /* 0 or -errno */
    int io_error; /* of the last recv() or send(): 0 or -errno */
    uint32_t events;
    bool dry;        /* reading cannot go on before the descriptor is ready */
    bool ended;      /* the peer's end of stream came */
    bool distrusted; /* the peer's certificate was refused */
    bool untold;     /* an end or a failure came after bytes that were returned first */
    bool writing;    /* a record waits to be written */
    bool named;      /* `host` was said */
    char host[TLS_HOST_MAX];
    char error[160];
};

/* -- what carries it -------------------------------------------------------------------------- */

static int socket_read(BIO *bio, char *data, int size)
{
    struct tls_session *session = BIO_get_data(bio);
    ssize_t count;
    do
        count = recv(session->fd, data, (size_t)size, MSG_DONTWAIT);
    while (count < 0 && errno == EINTR);
    BIO_clear_retry_flags(bio);
    session->io_error = count < 0 ? -errno : 0;
    session->dry = session->io_error == -EAGAIN;
    session->ended = count == 0;
    if (session->dry)
        BIO_set_retry_read(bio);
    return (int)count;
}

static int socket_write(BIO *bio, const char *data, int len)
{
    struct tls_session *session = BIO_get_data(bio);
    ssize_t count;
    do
        count = send(session->fd, data, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (count < 0 && errno == EINTR);
    BIO_clear_retry_flags(bio);
    session->io_error = count < 0 ? -errno : 0;
    if (session->io_error == -EAGAIN)
        BIO_set_retry_write(bio);
    return (int)count;
}

static long socket_control(BIO *bio, int command, long number, void *pointer)
{
    struct tls_session *session = BIO_get_data(bio);
    (void)number;
    (void)pointer;
    switch (command) {
    case BIO_CTRL_FLUSH: /* nothing is kept back */
        return 1;
    case BIO_CTRL_EOF:
        return session->ended;
    default:
        return 0;
    }
}

BIO_METHOD *tls_socket_method(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "socket");
    if (method != NULL && (BIO_meth_set_read(method, socket_read) != 1 ||
                           BIO_meth_set_write(method, socket_write) != 1 ||
                           BIO_meth_set_ctrl(method, socket_control) != 1)) {
        BIO_meth_free(method);
        return NULL;
    }
    return method;
}

/* -- the beginning and the end of a session --------------------------------------------------- */

struct tls_context *tls_context_of(const SSL *ssl)
{
    const struct tls_session *session = SSL_get_app_data(ssl);
    return session->context;
}

const char *tls_host_of(const SSL *ssl)
{
    const struct tls_session *session = SSL_get_app_data(ssl);
    return session->named ? session->host : NULL;
}

static bool is_address(const char *host)
{
    struct in6_addr scrap;
    return inet_pton(AF_INET, host, &scrap) == 1 || inet_pton(AF_INET6, host, &scrap) == 1;
}

/* An address is not sent as SNI (RFC 6066, 3), and is looked for in other fields of a certificate.
 */
static bool expect_host(struct tls_session *session)
{
    const char *host = session->host;
    bool address = is_address(host);
    if (!address && SSL_set_tlsext_host_name(session->ssl, host) != 1)
        return false;
    if (!session->context->verifies)
        return true;
    X509_VERIFY_PARAM *param = SSL_get0_param(session->ssl);
    SSL_set_hostflags(session->ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return address ? X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1
                   : SSL_set1_host(session->ssl, host) == 1;
}

static int name_host(struct tls_session *session, const char *host)
{
    if (host == NULL)
        return session->context->verifies ? -EINVAL : 0;
    if ((size_t)snprintf(session->host, sizeof session->host, "%s", host) >= sizeof session->host)
        return -ENAMETOOLONG;
    session->named = true;
    if (!expect_host(session))
        return -EINVAL;
    tls_tickets_offer(session->context->tickets, host, session->ssl);
    return 0;
}

static int open_session(struct tls_session *session, const char *host)
{
    session->ssl = SSL_new(session->context->ssl);
    BIO *bio = BIO_new(session->context->socket);
    if (session->ssl == NULL || bio == NULL) {
        BIO_free(bio);
        return -ENOMEM;
    }
    BIO_set_data(bio, session);
    BIO_set_init(bio, 1);
    SSL_set_bio(session->ssl, bio, bio);
    if (SSL_set_app_data(session->ssl, session) != 1)
        return -ENOMEM;
    if (session->context->server) {
        SSL_set_accept_state(session->ssl);
        return 0;
    }
    SSL_set_connect_state(session->ssl);
    return name_host(session, host);
}

int tls_session_new(struct tls_context *context, int fd, const char *host, struct tls_session **ret)
{
    struct tls_session *session = calloc(1, sizeof *session);
    if (session == NULL)
        return -ENOMEM;
    session->context = tls_context_ref(context);
    session->fd = fd;
    session->events = context->server ? POLLIN : POLLOUT;
    int r = open_session(session, host);
    ERR_clear_error();
    if (r < 0) {
        tls_session_free(session);
        return r;
    }
    *ret = session;
    return 0;
}

void tls_session_free(struct tls_session *session)
{
    if (session == NULL)
        return;
    SSL_free(session->ssl);
    ERR_clear_error();
    tls_context_unref(session->context);
    free(session);
}

/* -- talking ---------------------------------------------------------------------------------- */

static int fail(struct tls_session *session, int error)
{
    session->failure = error;
    if (error == -EPROTO)
        session->distrusted = tls_describe_failure(SSL_get_verify_result(session->ssl),
                                                   session->error, sizeof session->error);
    else
        snprintf(session->error, sizeof session->error, "%s", strerror(-error));
    ERR_clear_error();
    return error;
}

/* The socket failed, or ended. It need not be the end for the other direction: what a peer wrote
 * before it went can still be read after a write that failed. */
static int judge_socket(struct tls_session *session)
{
    if (session->ended || session->io_error == 0)
        return fail(session, -ECONNRESET);
    ERR_clear_error();
    snprintf(session->error, sizeof session->error, "%s", strerror(-session->io_error));
    return session->io_error;
}

static int wait_for(struct tls_session *session, uint32_t events)
{
    session->events = events;
    ERR_clear_error();
    return -EAGAIN;
}

/* The peer hung up in the middle, or without saying so. */
static bool is_end(void)
{
    unsigned long error = ERR_peek_error();
    return ERR_GET_LIB(error) == ERR_LIB_SSL &&
           ERR_GET_REASON(error) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
}

/* What `result`, of a call that did not succeed, means: 0 for an end in order, or -errno. */
static int judge(struct tls_session *session, int result)
{
    switch (SSL_get_error(session->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        return wait_for(session, POLLIN);
    case SSL_ERROR_WANT_WRITE:
        return wait_for(session, POLLOUT);
    case SSL_ERROR_ZERO_RETURN:
        ERR_clear_error();
        return 0;
    case SSL_ERROR_SYSCALL:
        return judge_socket(session);
    default:
        return fail(session, is_end() ? -ECONNRESET : -EPROTO);
    }
}

int tls_session_handshake(struct tls_session *session)
{
    if (session->failure < 0)
        return session->failure;
    ERR_clear_error();
    int result = SSL_do_handshake(session->ssl);
    if (result == 1) {
        ERR_clear_error();
        return 1;
    }
    int r = judge(session, result);
    if (r == -EAGAIN)
        return 0;
    return r < 0 ? r : fail(session, -ECONNRESET);
}

/* SSL_read() stops after each record, and records can be small. */
ssize_t tls_session_read(struct tls_session *session, void *data, size_t size)
{
    size_t total = 0, count;
    if (session->failure < 0)
        return session->failure;
    session->dry = session->untold = false;
    ERR_clear_error();
    do {
        count = 0;
        int result = SSL_read_ex(session->ssl, (char *)data + total, size - total, &count);
        total += count;
        if (result != 1) {
            int r = judge(session, result);
            session->untold = total > 0 && r != -EAGAIN;
            if (total == 0 && r == -EAGAIN && session->events == POLLOUT)
                session->dry = true;
            return total > 0 ? (ssize_t)total : r;
        }
    } while (total < size && tls_session_pending(session));
    return (ssize_t)total;
}

ssize_t tls_session_write(struct tls_session *session, struct bytes bytes)
{
    size_t count = 0;
    if (session->failure < 0)
        return session->failure;
    if (bytes.len == 0)
        return 0;
    ERR_clear_error();
    int result = SSL_write_ex(session->ssl, bytes.data, bytes.len, &count);
    session->writing = false;
    if (result == 1)
        return (ssize_t)count;
    int r = judge(session, result);
    session->writing = r == -EAGAIN;
    return r < 0 ? r : -EPIPE;
}

int tls_session_shutdown(struct tls_session *session)
{
    if (session->failure < 0)
        return session->failure;
    if (!SSL_is_init_finished(session->ssl))
        return -ENOTCONN;
    ERR_clear_error();
    int result = SSL_shutdown(session->ssl);
    if (result >= 0) {
        ERR_clear_error();
        return 0;
    }
    return judge(session, result);
}

/* -- asking ----------------------------------------------------------------------------------- */

uint32_t tls_session_events(const struct tls_session *session)
{
    return session->events;
}

bool tls_session_pending(const struct tls_session *session)
{
    return session->untold || (tls_session_begun(session) && !session->dry);
}

bool tls_session_begun(const struct tls_session *session)
{
    return session->failure == 0 && SSL_has_pending(session->ssl) == 1;
}

size_t tls_session_memory(const struct tls_session *session)
{
    size_t size = sizeof *session + SESSION_MEMORY;
    if (!SSL_is_init_finished(session->ssl))
        size += HANDSHAKE_MEMORY;
    if (tls_session_begun(session))
        size += RECORD_MEMORY;
    if (session->writing)
        size += RECORD_MEMORY;
    return size;
}

bool tls_session_fingerprint(const struct tls_session *session, uint8_t ret[TLS_FINGERPRINT_LEN])
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned len = sizeof digest;
    X509 *certificate = SSL_get0_peer_certificate(session->ssl);
    if (certificate == NULL || X509_digest(certificate, EVP_sha256(), digest, &len) != 1) {
        ERR_clear_error();
        return false;
    }
    assert(len == TLS_FINGERPRINT_LEN);
    memcpy(ret, digest, TLS_FINGERPRINT_LEN);
    return true;
}

bool tls_session_resumed(const struct tls_session *session)
{
    return SSL_session_reused(session->ssl) == 1;
}

bool tls_session_distrusted(const struct tls_session *session)
{
    return session->distrusted;
}

const char *tls_session_error(const struct tls_session *session)
{
    return session->error;
}
