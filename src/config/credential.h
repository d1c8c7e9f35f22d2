/* Credentials: files that the service manager hands over for this run of the program
 * (LoadCredential= in systemd.exec(5)).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/attributes.h"

/* The path of the credential `name` in $CREDENTIALS_DIRECTORY, or NULL in `*ret` where there is
 * none. Freed by the caller. 0 or -ENOMEM. */
MUST_USE int credential_path(const char *name, char **ret);
