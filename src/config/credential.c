/* Where credentials are.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "config/credential.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int credential_path(const char *name, char **ret)
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    char *path = NULL;
    if (folder != NULL && folder[0] != '\0' && asprintf(&path, "%s/%s", folder, name) < 0)
        return -ENOMEM;
    /* One that is there and cannot be read is for its reader to complain of. */
    if (path != NULL && access(path, F_OK) < 0 && errno == ENOENT) {
        free(path);
        path = NULL;
    }
    *ret = path;
    return 0;
}
