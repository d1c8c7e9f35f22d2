/* See sd_pid_notify_with_fds(3) and FileDescriptorStoreMax= in systemd.service(5).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/descriptor-store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#if HAVE_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

#define NAME_PREFIX "connection-"

bool descriptor_store_usable(void)
{
    return HAVE_SYSTEMD && getenv("NOTIFY_SOCKET") != NULL;
}

bool descriptor_store_knows(const char *name)
{
    return strncmp(name, NAME_PREFIX, sizeof(NAME_PREFIX) - 1) == 0 && strlen(name) < KEPT_NAME_MAX;
}

static int notify(const char *state, const int *fds, unsigned count)
{
#if HAVE_SYSTEMD
    int r = sd_pid_notify_with_fds(0, 0, state, fds, count);
    return r < 0 ? r : r == 0 ? -ENOTCONN : 0;
#else
    return -ENOTCONN;
#endif
}

static int write_all(int fd, struct bytes bytes)
{
    while (bytes.len > 0) {
        ssize_t written = write(fd, bytes.data, bytes.len);
        if (written < 0 && errno != EINTR)
            return -errno;
        if (written > 0) {
            bytes.data += written;
            bytes.len -= (size_t)written;
        }
    }
    return 0;
}

/* A memory file that holds `bytes`: its descriptor or -errno. */
static int memory_file(struct bytes bytes)
{
    int fd = memfd_create("multichat-input", MFD_CLOEXEC);
    int r;

    if (fd < 0)
        return -errno;
    r = write_all(fd, bytes);
    if (r < 0) {
        close(fd);
        return r;
    }
    return fd;
}

int descriptor_store_keep(unsigned number, int socket, struct bytes input)
{
    char state[64 + KEPT_NAME_MAX];
    int fds[2] = {socket, -1};
    int r;

    if (input.len > 0) {
        fds[1] = memory_file(input);
        if (fds[1] < 0)
            return fds[1];
    }
    snprintf(state, sizeof(state), "FDSTORE=1\nFDNAME=" NAME_PREFIX "%d-%u", (int)getpid(), number);
    r = notify(state, fds, fds[1] < 0 ? 1 : 2);
    if (fds[1] >= 0)
        close(fds[1]);
    return r;
}

static struct kept_connection *kept_find(struct kept_connections *kept, const char *name)
{
    struct kept_connection *items;

    for (unsigned i = 0; i < kept->count; i++)
        if (strcmp(kept->items[i].name, name) == 0)
            return &kept->items[i];
    items = realloc(kept->items, (kept->count + 1) * sizeof(*items));
    if (!items)
        return NULL;
    kept->items = items;
    items += kept->count++;
    snprintf(items->name, sizeof(items->name), "%s", name);
    items->socket = items->input = -1;
    return items;
}

int kept_connections_add(struct kept_connections *kept, const char *name, int fd)
{
    struct kept_connection *item = kept_find(kept, name);
    struct stat status;
    int *place;

    if (!item) {
        close(fd);
        return -ENOMEM;
    }
    place = fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode) ? &item->socket : &item->input;
    if (*place >= 0)
        close(*place);
    *place = fd;
    return 0;
}

void kept_connections_forget(const struct kept_connections *kept)
{
    char state[64 + KEPT_NAME_MAX];

    for (unsigned i = 0; i < kept->count; i++) {
        snprintf(state, sizeof(state), "FDSTOREREMOVE=1\nFDNAME=%s", kept->items[i].name);
        (void)notify(state, NULL, 0); /* at worst they come once more, closed by then */
    }
}

long kept_connection_input(const struct kept_connection *kept, size_t max, char **ret)
{
    struct stat status;
    char *bytes;
    ssize_t count;

    if (kept->input < 0)
        return 0;
    if (fstat(kept->input, &status) < 0)
        return -errno;
    if (status.st_size < 0 || (size_t)status.st_size > max)
        return -EMSGSIZE;
    bytes = malloc((size_t)status.st_size + 1);
    if (!bytes)
        return -ENOMEM;
    count = pread(kept->input, bytes, (size_t)status.st_size, 0);
    if (count != status.st_size) {
        free(bytes);
        return count < 0 ? -errno : -EIO;
    }
    *ret = bytes;
    return count;
}

void kept_connections_deinit(struct kept_connections *kept)
{
    for (unsigned i = 0; i < kept->count; i++) {
        if (kept->items[i].socket >= 0)
            close(kept->items[i].socket);
        if (kept->items[i].input >= 0)
            close(kept->items[i].input);
    }
    free(kept->items);
    *kept = (struct kept_connections){0};
}
