/* Whom to take for the server: by its certificate.
 *
 * One of three, by the settings:
 *   plain     tls.use is false: no TLS at all
 *   CA        tls.ca is set: the certificate must verify, and be for the name in `server`
 *   pinned    else: the certificate that was seen first is the server's, and no other ever after.
 *             Which that is stands in $XDG_DATA_HOME/multichat/known_servers, a line for each
 *             server: HOST:PORT SHA256:…; lines that begin with # and what is not understood are
 *             kept as they are.
 *
 * Connections to the server and those it makes to us are judged alike. Constant after
 * trust_open(), but for what is in the file; any thread may ask.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "client/settings.h"
#include "io/tls.h"
#include "util/attributes.h"

#include <stdbool.h>

#define TRUST_SYSTEM "system" /* tls.ca: the CAs of the system */

struct trust;

/* Asks the user whether a server that is seen for the first time is the one he means; `shown` is
 * its fingerprint. It may take its time: what is at the other end has been told nothing. */
typedef bool (*trust_confirm_fn)(void *userdata, const char *server, const char *shown);

/* 0, or -errno with the reason in words (freed by the caller, NULL only when memory is out). The
 * settings are borrowed. */
MUST_USE int trust_open(const struct settings *settings, struct trust **ret, char **ret_error);
void trust_close(struct trust *trust); /* takes NULL */
/* To be set while one thread alone judges. Without it a server is learned unasked. */
void trust_set_confirm(struct trust *trust, trust_confirm_fn confirm, void *userdata);

/* What to open TLS sessions with; NULL: plain connections. */
struct tls_context *trust_context(const struct trust *trust);
/* For tls_session_new(). */
const char *trust_host(const struct trust *trust);

enum trust_verdict {
    TRUST_KNOWN,   /* it is the server */
    TRUST_LEARNED, /* seen for the first time, and known from now on: `*ret_text` tells of it */
    TRUST_REFUSED, /* it is not, or that cannot be told: `*ret_text` says why */
};

/* Judges who is at the other end of `session`, whose handshake is done; NULL for a plain one.
 * `first_use`: a server that is not known yet may be learned, which is for connections that we
 * made. `*ret_text` is one or more lines for the user, freed by the caller; NULL when there is
 * nothing to tell or memory is out. */
MUST_USE enum trust_verdict trust_judge(struct trust *trust, const struct tls_session *session,
                                        bool first_use, char **ret_text);
