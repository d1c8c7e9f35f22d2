/* Small files in a folder of the user's own: made, read, and replaced whole or not at all.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/attributes.h"
#include "util/buffer.h"
#include "util/bytes.h"

#define FOLDER_LOCK "lock" /* the file whose lock says that a folder is in use */

/* Opens the folder `path`, making it and its parents, for the user alone, as far as they are
 * missing. The descriptor or -errno. */
MUST_USE int folder_make(const char *path);

/* Opens the folder `name` in `parent`, making it if need be. The descriptor or -errno. */
MUST_USE int folder_make_at(int parent, const char *name);

/* Takes the lock of `folder` without waiting; `flags` are O_CREAT or 0. It is held while the
 * descriptor that is returned is open, and ends with the process. -EAGAIN when somebody holds it
 * or is removing it; another -errno. */
MUST_USE int folder_lock(int folder, int flags);

/* For processes that take turns at a file in `folder`: waits for the lock of the file `name`, which
 * is made. It is held while the descriptor that is returned is open. -errno. */
MUST_USE int folder_take_turn(int folder, const char *name);

/* Appends the content of the file `name` to `ret`, whose limit it may not exceed. 0, -ENOENT,
 * -ENOBUFS, -errno. */
MUST_USE int folder_read(int folder, const char *name, struct buffer *ret);

/* Writes all of `bytes`. 0 or -errno, and then a part may be written. */
MUST_USE int folder_write(int fd, struct bytes bytes);

/* Puts a file with `content` (mode 0600) in the place of `name`, durably: after a crash there is
 * the old one or the new one. 0 or -errno. `name` has at most 60 bytes; what is being written is
 * called NAME.new, which means nothing after a crash. */
MUST_USE int folder_replace(int folder, const char *name, struct bytes content);

/* For CLEANUP(): closes a descriptor, if it is one. */
void folder_close_fd(int *fd);
