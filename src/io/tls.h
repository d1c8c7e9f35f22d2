/* TLS 1.3, and nothing older, with OpenSSL: contexts (certificate, key, whom to trust) and sessions
 * over non-blocking sockets. OpenSSL's headers stay inside the files tls-*.
 *
 * A context is immutable and counted: what is open keeps the one it began with, so a reload swaps
 * contexts for new connections alone. The daemon's reactor and each of the client's threads use
 * sessions of their own; a context may be shared by threads.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/attributes.h"
#include "util/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define TLS_FIRST_BYTE           0x16 /* of a TLS hello */
#define TLS_FINGERPRINT_LEN      32   /* SHA-256 of a certificate (DER) */
#define TLS_FINGERPRINT_TEXT_MAX 104  /* "SHA256:AB:CD:…" and its NUL */

struct tls_context;
struct tls_session;

/* -- contexts --------------------------------------------------------------------------------- */

enum tls_peers {
    TLS_PEERS_ANY,      /* a certificate is not asked for */
    TLS_PEERS_OPTIONAL, /* asked for, and verified if there is one */
    TLS_PEERS_REQUIRED, /* without a valid one there is no session */
};

/* The side that shows its certificate: also on connections it makes itself (pushes). */
struct tls_server_config {
    const char *certificate; /* PEM file: the chain */
    const char *key;         /* PEM file */
    const char *ca;  /* PEM file that peers' certificates are verified against; NULL: none */
    const char *crl; /* PEM file of revoked ones, from every authority of a chain; NULL: none */
    enum tls_peers peers;
    /* The context that this one takes the place of, or NULL: its tickets stay good if they say the
     * same, that is unless certificate, ca, crl or peers have changed. */
    const struct tls_context *previous;
};

/* Reads the files. Session tickets are on. 0, or -errno with the reason, which names the file, in
 * `*ret_error` (freed by the caller; NULL if there was no memory for it). */
MUST_USE int tls_context_server(const struct tls_server_config *config, struct tls_context **ret,
                                char **ret_error);

/* The side that judges the other's certificate. With `ca` ("" for the system's) it must verify and
 * be for the host asked for in tls_session_new(); with NULL anything is taken, and the caller
 * compares the fingerprint before it says anything. */
struct tls_client_config {
    const char *ca;
    const char *certificate, *key; /* of its own, for servers that ask for one; NULL: none */
};
MUST_USE int tls_context_client(const struct tls_client_config *config, struct tls_context **ret,
                                char **ret_error);

struct tls_context *tls_context_ref(struct tls_context *context);
void tls_context_unref(struct tls_context *context); /* takes NULL */

/* The fingerprint of a server context's own certificate. */
void tls_context_fingerprint(const struct tls_context *context, uint8_t ret[TLS_FINGERPRINT_LEN]);

/* When that certificate ends: seconds since the epoch. */
uint64_t tls_context_expires(const struct tls_context *context);

/* Makes an ECDSA P-256 key and a certificate signed with it (for `name`, valid for `days`) and
 * writes them to PEM files of mode 0600 and 0644, whole or not at all, never over what is there. A
 * key that is there without its certificate is taken. 0, -EEXIST for the certificate, or another
 * -errno, with the reason in `*ret_error`. */
MUST_USE int tls_make_self_signed(const char *certificate, const char *key, const char *name,
                                  unsigned days, char **ret_error);

/* "SHA256:" and pairs of digits with colons. */
const char *tls_fingerprint_format(const uint8_t fingerprint[TLS_FINGERPRINT_LEN],
                                   char text[TLS_FINGERPRINT_TEXT_MAX]);

/* -- sessions --------------------------------------------------------------------------------- */

/* A session over `fd`, a connected non-blocking socket that stays the caller's. The role comes from
 * the context, not from who connected. `host` (client contexts) is sent as SNI and, with a CA, is
 * what the certificate must be for; it may be NULL without one. Client contexts remember the newest
 * ticket of each host and offer it again by themselves. 0 or -errno. */
MUST_USE int tls_session_new(struct tls_context *context, int fd, const char *host,
                             struct tls_session **ret);
/* Takes NULL. Does not close the descriptor. */
void tls_session_free(struct tls_session *session);

/* Goes on with the handshake: 1 when it is done, 0 when it waits (tls_session_events()), or -errno,
 * -EPROTO with tls_session_error() in words: no common version, a certificate that is refused … */
MUST_USE int tls_session_handshake(struct tls_session *session);

/* Like recv(2) and send(2) on a non-blocking socket: the count, 0 at an end of stream in order
 * (close_notify), -EAGAIN, -ECONNRESET for an end without close_notify, or another -errno. Both go
 * on with the handshake first where it is not done. */
MUST_USE ssize_t tls_session_read(struct tls_session *session, void *data, size_t size);
MUST_USE ssize_t tls_session_write(struct tls_session *session, struct bytes bytes);

/* Sends close_notify: 0, -EAGAIN, or -errno. */
MUST_USE int tls_session_shutdown(struct tls_session *session);

/* What the session is waiting for on its descriptor: EPOLLIN or EPOLLOUT (their values are those of
 * POLLIN and POLLOUT) after a -EAGAIN. */
uint32_t tls_session_events(const struct tls_session *session);

/* True if tls_session_read() would return bytes, or tell of an end, though the descriptor has none.
 */
bool tls_session_pending(const struct tls_session *session);

/* True if the session holds bytes that have been received and not been read, be it a part of what
 * tls_session_read() can only return as a whole. */
bool tls_session_begun(const struct tls_session *session);

/* Bytes of memory it takes now (an estimate). */
size_t tls_session_memory(const struct tls_session *session);

/* Of the peer's certificate, once the handshake is done; false if it showed none. */
bool tls_session_fingerprint(const struct tls_session *session, uint8_t ret[TLS_FINGERPRINT_LEN]);

/* True if the handshake was cut short by a ticket. */
bool tls_session_resumed(const struct tls_session *session);

/* True if the handshake failed because the peer's certificate was refused. */
bool tls_session_distrusted(const struct tls_session *session);

/* What went wrong, in words; static or the session's. */
const char *tls_session_error(const struct tls_session *session);
