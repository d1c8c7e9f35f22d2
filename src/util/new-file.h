/* Files that are made once, whole or not at all: secrets, keys, certificates.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/attributes.h"
#include "util/bytes.h"

#include <sys/types.h>

/* Makes the file `path` with `content` and `mode`, on the disk when this returns. Nobody sees it
 * before it is whole, and what is there already is never replaced. 0, -EEXIST, or another -errno.
 */
MUST_USE int new_file_write(const char *path, mode_t mode, struct bytes content);
