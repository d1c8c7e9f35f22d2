/* The server's secret, which the keys of all sessions are derived from.
 *
 * It comes from the credential "server-secret", else from the file the configuration names, which
 * is made where it is missing. A file that anyone but its owner may read, or of another size, is
 * refused: a secret that is not one is worse than a server that does not start.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/attributes.h"

#include <stdbool.h>
#include <stdint.h>

#define SECRET_LEN 32

/* Reads it, from `file` where there is no credential; `make`: makes the file where it is missing,
 * once however many processes do so at a time. 0; 1 if it is missing and not to be made; or -errno
 * with the reason in words (freed by the caller; NULL when memory is out). */
MUST_USE int secret_load(const char *file, bool make, uint8_t ret[SECRET_LEN], char **ret_error);
