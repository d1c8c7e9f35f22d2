/* What the files of TLS share; nobody else includes it, or OpenSSL.
 *
 * OpenSSL's queue of errors belongs to the thread. Each function that calls OpenSSL empties it
 * before it returns, and SSL_get_error() wants it empty before the call it judges.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "io/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdatomic.h>

#define TLS_HOST_MAX 256 /* bytes of a host's name with its NUL */

struct tls_context {
    atomic_uint references;
    SSL_CTX *ssl;
    BIO_METHOD *socket;          /* what carries its sessions */
    struct tls_tickets *tickets; /* of client contexts: what their hosts gave */
    bool server;
    bool verifies; /* client: the certificate must be for the host */
    uint8_t fingerprint[TLS_FINGERPRINT_LEN];
};

/* -- tls-words.c ------------------------------------------------------------------------------ */

/* Empties the queue of errors; what it said last, in words. */
const char *tls_take_error(void);
/* The same of a handshake that failed, into `text`; `verified` is SSL_get_verify_result(). True if
 * the peer's certificate was refused. */
bool tls_describe_failure(long verified, char *text, size_t size);

/* Puts the formatted words into `*ret_error` (NULL if there is no memory) and returns `error`. */
int tls_complain(char **ret_error, int error, const char *format, ...) PRINTF_LIKE(3, 4);

/* -- tls-pem.c -------------------------------------------------------------------------------- */

/* A PEM file in memory, to be parsed and hashed as the same bytes. */
struct tls_pem {
    const char *path;
    char *data;
    size_t len;
};

/* 0 or -errno with the reason. */
int tls_pem_read(struct tls_pem *pem, const char *path, char **ret_error);
/* Wipes it. Takes a zeroed one. */
void tls_pem_free(struct tls_pem *pem);

/* Calls `take(userdata, certificate)`, which owns it and returns 0 to stop, for each certificate;
 * how many there were, or -errno with the reason. */
typedef bool (*tls_take_certificate_fn)(void *userdata, X509 *certificate);
int tls_pem_certificates(const struct tls_pem *pem, tls_take_certificate_fn take, void *userdata,
                         char **ret_error);
int tls_pem_crls(const struct tls_pem *pem, X509_STORE *store, char **ret_error);
int tls_pem_key(const struct tls_pem *pem, EVP_PKEY **ret, char **ret_error);

/* -- tls-tickets.c ---------------------------------------------------------------------------- */

/* Client contexts: 0 or -ENOMEM. */
int tls_tickets_new(SSL_CTX *ssl, struct tls_tickets **ret);
void tls_tickets_free(struct tls_tickets *tickets);
/* Has `ssl`, about to connect to `host`, offer what the host gave last. */
void tls_tickets_offer(struct tls_tickets *tickets, const char *host, SSL *ssl);

/* Server contexts: the tickets that `previous` (or NULL) has given are good in `ssl` too. */
int tls_tickets_go_on(SSL_CTX *ssl, const struct tls_context *previous);

/* -- tls-session.c ---------------------------------------------------------------------------- */

/* A method for BIOs over non-blocking sockets that never raises SIGPIPE; NULL without memory. */
BIO_METHOD *tls_socket_method(void);
/* The context and the host (NULL: none was said) of a session. */
struct tls_context *tls_context_of(const SSL *ssl);
const char *tls_host_of(const SSL *ssl);
