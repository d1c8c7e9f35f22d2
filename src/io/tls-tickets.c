/* Tickets of sessions: with one the next handshake needs neither certificate nor signature.
 *
 * A server keeps nothing: the ticket is the session, under a key of the context, which the next
 * context takes over. The session's context id, a digest of what peers are judged by, sees to it
 * that no ticket outlives a change of that (tls-context.c).
 *
 * A client keeps the newest ticket of each host, and offers a copy: a session that ends badly is
 * marked as not to be resumed by OpenSSL, and threads must not share one.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/tls-private.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define HOSTS_MAX 8 /* remembered; the one that came first makes room */

struct ticket {
    char host[TLS_HOST_MAX];
    SSL_SESSION *session;
};

struct tls_tickets {
    pthread_mutex_t lock;
    struct ticket items[HOSTS_MAX];
    unsigned next; /* to be replaced */
};

/* -- clients ---------------------------------------------------------------------------------- */

static struct ticket *find(struct tls_tickets *tickets, const char *host)
{
    for (unsigned i = 0; i < HOSTS_MAX; i++)
        if (tickets->items[i].session != NULL && strcmp(tickets->items[i].host, host) == 0)
            return &tickets->items[i];
    return NULL;
}

static void keep(struct tls_tickets *tickets, const char *host, SSL_SESSION *session)
{
    struct ticket *ticket = find(tickets, host);
    if (ticket == NULL) {
        ticket = &tickets->items[tickets->next];
        tickets->next = (tickets->next + 1) % HOSTS_MAX;
        strcpy(ticket->host, host);
    }
    SSL_SESSION_free(ticket->session);
    ticket->session = session;
}

/* OpenSSL's: 0, as the session is not kept itself. */
static int on_new(SSL *ssl, SSL_SESSION *session)
{
    const char *host = tls_host_of(ssl);
    struct tls_tickets *tickets = tls_context_of(ssl)->tickets;
    SSL_SESSION *copy = host != NULL ? SSL_SESSION_dup(session) : NULL;
    if (copy == NULL)
        return 0;
    pthread_mutex_lock(&tickets->lock);
    keep(tickets, host, copy);
    pthread_mutex_unlock(&tickets->lock);
    return 0;
}

int tls_tickets_new(SSL_CTX *ssl, struct tls_tickets **ret)
{
    struct tls_tickets *tickets = calloc(1, sizeof *tickets);
    if (tickets == NULL)
        return -ENOMEM;
    pthread_mutex_init(&tickets->lock, NULL);
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ssl, on_new);
    *ret = tickets;
    return 0;
}

void tls_tickets_free(struct tls_tickets *tickets)
{
    if (tickets == NULL)
        return;
    for (unsigned i = 0; i < HOSTS_MAX; i++)
        SSL_SESSION_free(tickets->items[i].session);
    pthread_mutex_destroy(&tickets->lock);
    free(tickets);
}

void tls_tickets_offer(struct tls_tickets *tickets, const char *host, SSL *ssl)
{
    pthread_mutex_lock(&tickets->lock);
    struct ticket *ticket = find(tickets, host);
    SSL_SESSION *copy = ticket != NULL ? SSL_SESSION_dup(ticket->session) : NULL;
    pthread_mutex_unlock(&tickets->lock);
    if (copy != NULL)
        (void)SSL_set_session(ssl, copy); /* without it, the handshake is a whole one */
    SSL_SESSION_free(copy);
    ERR_clear_error();
}

/* -- servers ---------------------------------------------------------------------------------- */

int tls_tickets_go_on(SSL_CTX *ssl, const struct tls_context *previous)
{
    unsigned char keys[128];
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
    if (SSL_CTX_set_num_tickets(ssl, 1) != 1)
        return -EINVAL;
    if (previous == NULL)
        return 0;
    long len = SSL_CTX_get_tlsext_ticket_keys(previous->ssl, NULL, 0);
    bool taken = len > 0 && len <= (long)sizeof keys &&
                 SSL_CTX_get_tlsext_ticket_keys(previous->ssl, keys, len) == 1 &&
                 SSL_CTX_set_tlsext_ticket_keys(ssl, keys, len) == 1;
    OPENSSL_cleanse(keys, sizeof keys);
    ERR_clear_error();
    return taken ? 0 : -EINVAL;
}
