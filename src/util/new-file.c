/* New files: written beside their place under a name of their own, then linked into it, which
 * link(2) refuses where something is.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "util/new-file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int write_all(int fd, struct bytes content)
{
    size_t written = 0;
    while (written < content.len) {
        ssize_t count = write(fd, content.data + written, content.len - written);
        if (count < 0 && errno != EINTR)
            return -errno;
        if (count > 0)
            written += (size_t)count;
    }
    return 0;
}

static int fill(int fd, mode_t mode, struct bytes content)
{
    int r = write_all(fd, content);
    if (r == 0 && (fchmod(fd, mode) < 0 || fsync(fd) < 0))
        r = -errno;
    return r;
}

/* The name is on the disk when the folder is. */
static int sync_folder_of(const char *path)
{
    char copy[PATH_MAX];
    if ((size_t)snprintf(copy, sizeof copy, "%s", path) >= sizeof copy)
        return -ENAMETOOLONG;
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int r = fsync(fd) < 0 ? -errno : 0;
    close(fd);
    return r;
}

int new_file_write(const char *path, mode_t mode, struct bytes content)
{
    char temporary[PATH_MAX];
    if ((size_t)snprintf(temporary, sizeof temporary, "%s.XXXXXX", path) >= sizeof temporary)
        return -ENAMETOOLONG;
    int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int r = fill(fd, mode, content);
    close(fd);
    if (r == 0 && link(temporary, path) < 0)
        r = -errno;
    unlink(temporary);
    return r < 0 ? r : sync_folder_of(path);
}
