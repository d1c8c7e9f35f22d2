/* Who may administer.
 *
 * The kernel tells with whose identity the peer called connect(2), supplementary groups included
 * (unix(7), SO_PEERCRED and SO_PEERGROUPS); nothing the peer sends is asked.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/control-peer.h"

#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

gid_t control_peer_group(void)
{
    const struct group *group = getgrnam(CONTROL_GROUP);
    return group != NULL ? group->gr_gid : (gid_t)-1;
}

static bool in_groups(int fd, gid_t group)
{
    socklen_t len = 0;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &len) == 0 || errno != ERANGE)
        return false; /* none, or not to be told */
    gid_t *groups = malloc(len);
    bool found = false;
    if (groups != NULL && getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) == 0)
        for (size_t i = 0; i < len / sizeof *groups; i++)
            found = found || groups[i] == group;
    free(groups);
    return found;
}

bool control_peer_allowed(int fd, gid_t group, uid_t *ret_uid)
{
    struct ucred peer;
    socklen_t len = sizeof peer;
    *ret_uid = (uid_t)-1;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
        return false;
    *ret_uid = peer.uid;
    if (peer.uid == 0 || peer.uid == geteuid())
        return true;
    return group != (gid_t)-1 && (peer.gid == group || in_groups(fd, group));
}
