/* What the tests of TLS share: an authority, certificates from it, contexts, and two sessions that
 * talk over a pair of sockets.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "pki.h"
#include "support.h"

#include "io/tls.h"

extern struct identity *authority, *stranger; /* the latter signed nothing that is believed */
extern struct identity *localhost, *alice;    /* from the authority */

/* Once for a program. */
int tls_setup(void **state);
int tls_teardown(void **state);

/* Contexts that must be possible. */
struct tls_context *server_context(const struct tls_server_config *config);
struct tls_context *client_context(const struct tls_client_config *config);
/* One that shows `localhost` and asks for nothing; one that takes anything. */
struct tls_context *plain_server(void);
struct tls_context *trusting_client(void);

struct talk {
    struct tls_session *server, *client;
    int server_fd, client_fd; /* non-blocking ends of a stream; closed by talk_end() unless -1 */
    int server_result, client_result; /* of the handshake */
};

/* Makes the sessions; drops the caller's references to both contexts. */
void talk_begin(struct talk *talk, struct tls_context *server, struct tls_context *client,
                const char *host);
/* Shakes hands until both are done or have failed. */
void talk_shake(struct talk *talk);
/* Sends `text` from `from` to `to`, which must get just that. */
void talk_pass(struct tls_session *from, struct tls_session *to, const char *text);
/* What `session` reads next, once it is not -EAGAIN. */
ssize_t talk_read(struct tls_session *session, char *data, size_t size);
void talk_end(struct talk *talk);
