/* The certificate the daemon shows, with its key and whom it trusts: where they come from, and
 * when the certificate ends.
 *
 * They come from the files the configuration names, else from the credentials "tls-certificate"
 * and "tls-key", else from a pair of the daemon's own making, made where it is missing.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "config/daemon-config.h"
#include "io/tls.h"

#define CERTIFICATE_SOON_DAYS 14 /* that a certificate's end is told of before it comes */

struct certificate {
    struct tls_context *context; /* NULL: none yet */
    const char *source;          /* "files", "credentials" or "self-signed" */
    uint64_t expires_s;          /* seconds since the epoch */
    char fingerprint[TLS_FINGERPRINT_TEXT_MAX];
};

/* Reads it all; `make`: makes a pair of our own where it is wanted and missing. `previous` is what
 * it takes the place of, or NULL. 0; 1 if it is missing and not to be made; or -errno with the
 * reason in words (freed by the caller; NULL when memory is out). */
MUST_USE int certificate_load(const struct daemon_config *config, bool make,
                              const struct certificate *previous, struct certificate *ret,
                              char **ret_error);

/* Harmless on a zeroed struct. What is open keeps the context. */
void certificate_deinit(struct certificate *certificate);

/* Logs which one it is, and warns if it ends soon. */
void certificate_log(const struct certificate *certificate);

/* Warns if it ends soon or has ended. */
void certificate_warn(const struct certificate *certificate);

#define CERTIFICATE_DATE_MAX 32

/* "2026-11-21T10:00:00Z": when it ends. */
const char *certificate_expires(const struct certificate *certificate,
                                char text[CERTIFICATE_DATE_MAX]);
