/* Who may administer: root, the daemon's own user, and the members of one group.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/attributes.h"

#include <stdbool.h>
#include <sys/types.h>

#define CONTROL_GROUP "multichat"

/* The id of CONTROL_GROUP, or (gid_t)-1 where there is none. A look-up that may block: at start
 * only, never from the loop. */
gid_t control_peer_group(void);

/* Whether the process that made the connection `fd` may administer; `group` is what
 * control_peer_group() said, and `ret_uid` is who it is. False also where that cannot be told. */
bool control_peer_allowed(int fd, gid_t group, uid_t *ret_uid);
