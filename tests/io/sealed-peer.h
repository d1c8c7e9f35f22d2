/* A peer of the connection under test that talks TLS to it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "connection-fixture.h"
#include "tls-fixture.h"

extern struct tls_context *server_tls, *client_tls;
extern struct tls_session *peer;

/* Limits that are not reached. */
extern const struct connection_limits patient;

/* Once for a program. */
int sealed_setup(void **state);
int sealed_teardown(void **state);

/* A new pair of a connection that detects its carrier, and a peer that has not said anything. */
void begin(enum manner how, const struct connection_limits *limits);
void shake_hands(void);
/* Both of them. */
void begin_shaken(enum manner how, const struct connection_limits *limits);
void finish(void);

void say_sealed(const char *text);
/* What comes next: the count, or -errno. */
ssize_t hear_some(char *data, size_t size);
/* Reads exactly what `text` says. */
void hear(const char *text);
/* Fails unless the end comes next, in the order of TLS and of TCP. */
void hear_the_end(void);
