/* What the server proves itself with: its certificate to those who connect, and the secret that
 * sessions are derived from. Both are read at the start, by a reload, and by `multichatd --check`.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "daemon/certificate.h"
#include "daemon/secret.h"

struct identity {
    struct certificate certificate;
    uint8_t secret[SECRET_LEN];
};

/* Reads both, and makes what is missing. `previous` is what it takes the place of, or NULL. 0, or
 * -errno with the reason in words (freed by the caller; NULL when memory is out). */
MUST_USE int identity_load(const struct daemon_config *config, const struct identity *previous,
                           struct identity *ret, char **ret_error);

/* The same for a look: makes nothing, and what would be made may be missing. */
MUST_USE int identity_check(const struct daemon_config *config, char **ret_error);

/* Wipes the secret. Harmless on a zeroed struct. */
void identity_deinit(struct identity *identity);
