/* Small files in a folder: see folder.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_SIZE 4096
#define NAME_SIZE 65 /* of "NAME.new" with its NUL */

void folder_close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

int folder_make(const char *path)
{
    char *copy = strdup(path);
    int fd;

    if (!copy)
        return -ENOMEM;
    for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(copy, 0700); /* what is wrong shows when it is opened */
        *slash = '/';
    }
    free(copy);
    (void)mkdir(path, 0700);
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int folder_make_at(int parent, const char *name)
{
    int fd;

    if (mkdirat(parent, name, 0700) < 0 && errno != EEXIST)
        return -errno;
    fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int folder_lock(int folder, int flags)
{
    CLEANUP(folder_close_fd)
    int fd = openat(folder, FOLDER_LOCK, O_RDWR | O_CLOEXEC | flags, 0600);
    struct stat st;
    int taken;

    if (fd < 0)
        return -errno;
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        return errno == EWOULDBLOCK ? -EAGAIN : -errno;
    if (fstat(fd, &st) < 0)
        return -errno;
    if (st.st_nlink == 0) /* its folder was removed between our open and our lock */
        return -EAGAIN;
    taken = fd;
    fd = -1;
    return taken;
}

int folder_take_turn(int folder, const char *name)
{
    int fd = openat(folder, name, O_RDWR | O_CLOEXEC | O_CREAT, 0600), r = 0;

    if (fd < 0)
        return -errno;
    do
        r = flock(fd, LOCK_EX);
    while (r < 0 && errno == EINTR);
    if (r < 0) {
        r = -errno;
        close(fd);
        return r;
    }
    return fd;
}

int folder_read(int folder, const char *name, struct buffer *ret)
{
    CLEANUP(folder_close_fd) int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    for (;;) {
        char *space, past;
        long room = buffer_reserve(ret, READ_SIZE, &space);
        bool full = room == -ENOBUFS;
        if (room < 0 && !full)
            return (int)room;
        ssize_t n = full ? read(fd, &past, 1) : read(fd, space, (size_t)room);
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n == 0)
            return 0;
        if (n > 0 && full)
            return -ENOBUFS;
        if (n > 0)
            buffer_commit(ret, (size_t)n);
    }
}

int folder_write(int fd, struct bytes bytes)
{
    while (bytes.len > 0) {
        ssize_t n = write(fd, bytes.data, bytes.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        bytes.data += n;
        bytes.len -= (size_t)n;
    }
    return 0;
}

static int write_new(int folder, const char *name, struct bytes content)
{
    CLEANUP(folder_close_fd)
    int fd = openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int r;

    if (fd < 0)
        return -errno;
    r = folder_write(fd, content);
    if (r == 0 && fsync(fd) < 0)
        r = -errno;
    return r;
}

int folder_replace(int folder, const char *name, struct bytes content)
{
    char new_name[NAME_SIZE];
    int r;

    snprintf(new_name, sizeof(new_name), "%s.new", name);
    r = write_new(folder, new_name, content);
    if (r == 0 && renameat(folder, new_name, folder, name) < 0)
        r = -errno;
    if (r < 0) {
        (void)unlinkat(folder, new_name, 0);
        return r;
    }
    return fsync(folder) < 0 ? -errno : 0;
}
