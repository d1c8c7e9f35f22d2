/* Device slots: see device.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/device.h"

#include "client/folder.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/random.h>
#include <unistd.h>

#define NAME_FILE     "name"
#define HOST_PART_MAX 40 /* bytes of a name that are the host's */

/* The first label of the host's name, as far as it is made of letters, digits and dashes. */
static size_t host_part(char *out, size_t size)
{
    char host[256] = "";
    size_t len = 0;

    (void)gethostname(host, sizeof(host) - 1);
    while (len + 1 < size && (isalnum((unsigned char)host[len]) || host[len] == '-')) {
        out[len] = host[len];
        len++;
    }
    if (len == 0)
        len = (size_t)snprintf(out, size, "device");
    return len;
}

static int make_name(char ret[DEVICE_NAME_SIZE])
{
    uint64_t random;
    size_t len = host_part(ret, HOST_PART_MAX + 1);

    if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return -errno;
    snprintf(ret + len, DEVICE_NAME_SIZE - len, "-%012" PRIu64, random % 1000000000000);
    return 0;
}

/* What make_name() makes; whatever else stands in the file is none. */
static bool is_name(struct bytes text)
{
    if (text.len == 0 || text.len >= DEVICE_NAME_SIZE || text.data[0] == '-')
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (!isalnum((unsigned char)text.data[i]) && text.data[i] != '-')
            return false;
    return true;
}

/* The name that is on record. 0, or -ENOENT also when it is damaged. */
static int read_name(int folder, char ret[DEVICE_NAME_SIZE])
{
    struct buffer content;
    struct bytes text;
    int r;

    buffer_init(&content, DEVICE_NAME_SIZE);
    r = folder_read(folder, NAME_FILE, &content);
    text = buffer_peek(&content);
    if (text.len > 0 && text.data[text.len - 1] == '\n')
        text.len--;
    if (r == -ENOBUFS || (r == 0 && !is_name(text)))
        r = -ENOENT;
    if (r == 0)
        snprintf(ret, DEVICE_NAME_SIZE, "%.*s", BYTES_ARG(text));
    buffer_deinit(&content);
    return r;
}

static int settle_name(struct device *device)
{
    char line[DEVICE_NAME_SIZE + 1];
    int r = read_name(device->folder, device->name);

    if (r != -ENOENT)
        return r;
    r = make_name(device->name);
    if (r < 0)
        return r;
    snprintf(line, sizeof(line), "%s\n", device->name);
    return folder_replace(device->folder, NAME_FILE, bytes_of(line));
}

static int try_slot(int parent, unsigned number, struct device *ret)
{
    struct device device = {.folder = -1, .lock = -1, .number = number};
    char name[16];
    int r;

    snprintf(name, sizeof(name), "%u", number);
    r = device.folder = folder_make_at(parent, name);
    if (r >= 0)
        r = device.lock = folder_lock(device.folder, O_CREAT);
    if (r >= 0)
        r = settle_name(&device);
    if (r < 0) {
        folder_close_fd(&device.lock);
        folder_close_fd(&device.folder);
        return r;
    }
    *ret = device;
    return 0;
}

int device_open(const char *path, struct device *ret)
{
    CLEANUP(folder_close_fd) int parent = folder_make(path);

    if (parent < 0)
        return parent;
    for (unsigned number = 1; number <= DEVICE_SLOTS; number++) {
        int r = try_slot(parent, number, ret);
        if (r != -EAGAIN)
            return r;
    }
    return -EUSERS;
}

/* The slot of somebody else, who has named it or is about to. */
static int look_into(int parent, struct device *ret)
{
    struct device device = {.lock = -1, .number = 1};
    int r;

    device.folder = folder_make_at(parent, "1");
    if (device.folder < 0)
        return device.folder;
    r = read_name(device.folder, device.name);
    if (r < 0)
        folder_close_fd(&device.folder);
    else
        *ret = device;
    return r;
}

int device_open_first(const char *path, struct device *ret)
{
    CLEANUP(folder_close_fd) int parent = folder_make(path);
    int r;

    if (parent < 0)
        return parent;
    r = try_slot(parent, 1, ret);
    return r == -EAGAIN ? look_into(parent, ret) : r;
}

void device_close(struct device *device)
{
    if (device->number == 0)
        return;
    folder_close_fd(&device->lock);
    folder_close_fd(&device->folder);
    *device = (struct device){0};
}
