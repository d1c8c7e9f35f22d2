/* The outbox on disk: see outbox.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/outbox.h"

#include "client/folder.h"
#include "client/settings.h"
#include "util/clock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define NEW_NAME    "new"
#define SPOOL_TRIES 16
#define FILE_MAX    (CLIENT_TEXT_MAX + V2_RECIPIENT_MAX + 1)

struct outbox {
    int folder; /* of the server and user */
    int spool;  /* ours, in it */
    int lock;   /* held */
    uint64_t messages_max, bytes_max;
    uint64_t last_us; /* the latest time in a name */
    uint64_t bytes;
    size_t count, adopted;
    struct list entries;        /* struct outbox_entry, by name */
    char name[OUTBOX_NAME_MAX]; /* of the spool */
};

static void close_dir(DIR **dir)
{
    if (*dir)
        closedir(*dir);
}

/* Names made here are digits and dashes; everything else in a folder is not ours. */
static bool is_name(const char *name)
{
    size_t len = strspn(name, "0123456789-");

    return len > 0 && name[len] == '\0' && len < OUTBOX_NAME_MAX;
}

/* A name for an entry of this time. The random digits keep apart what is made within the same
 * microsecond, also in containers that share a home and count their processes alike. */
static int make_name(uint64_t time_us, char ret[OUTBOX_NAME_MAX])
{
    uint64_t random;

    if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return -errno;
    snprintf(ret, OUTBOX_NAME_MAX, "%020" PRIu64 "-%020" PRIu64, time_us, random);
    return 0;
}

/* One try at a spool of our own: -EAGAIN or -ENOENT when somebody took it for one left behind
 * before we held its lock. */
static int try_spool(struct outbox *outbox, unsigned attempt)
{
    snprintf(outbox->name, sizeof(outbox->name), "%020" PRIu64 "-%d-%u", clock_real_us(),
             (int)getpid(), attempt);
    outbox->spool = folder_make_at(outbox->folder, outbox->name);
    if (outbox->spool < 0)
        return outbox->spool;
    outbox->lock = folder_lock(outbox->spool, O_CREAT);
    if (outbox->lock < 0)
        return outbox->lock;
    return fsync(outbox->folder) < 0 ? -errno : 0;
}

static int make_spool(struct outbox *outbox)
{
    int r = -EAGAIN;

    for (unsigned attempt = 0; attempt < SPOOL_TRIES && (r == -EAGAIN || r == -ENOENT); attempt++) {
        folder_close_fd(&outbox->spool);
        outbox->spool = -1;
        r = try_spool(outbox, attempt);
    }
    return r;
}

static int remember(struct outbox *outbox, const char *name, size_t size, struct outbox_entry **ret)
{
    struct outbox_entry *entry = calloc(1, sizeof(*entry));
    struct list *before = outbox->entries.prev;
    uint64_t time_us = strtoull(name, NULL, 10);

    if (!entry)
        return -ENOMEM;
    if (time_us > outbox->last_us)
        outbox->last_us = time_us;
    snprintf(entry->name, sizeof(entry->name), "%s", name);
    entry->size = size;
    list_init(&entry->link);
    while (before != &outbox->entries &&
           strcmp(LIST_ENTRY(before, struct outbox_entry, link)->name, name) > 0)
        before = before->prev;
    list_append(before->next, &entry->link);
    outbox->count++;
    outbox->bytes += size;
    *ret = entry;
    return 0;
}

static void forget(struct outbox *outbox, struct outbox_entry *entry)
{
    list_remove(&entry->link);
    outbox->count--;
    outbox->adopted -= entry->adopted;
    outbox->bytes -= entry->size;
    free(entry);
}

static int list_spool(int spool, DIR **ret)
{
    int fd = openat(spool, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    *ret = fdopendir(fd);
    if (!*ret) {
        int r = -errno;
        close(fd);
        return r;
    }
    return 0;
}

/* Moves the entry `name` of `spool` into ours, which nobody else writes to. One that is called like
 * one of ours gets another name of the same time, lest it takes its place. */
static int adopt_entry(struct outbox *outbox, int spool, const char *name, size_t size)
{
    char own_name[OUTBOX_NAME_MAX];
    struct outbox_entry *entry;
    int r = 0;

    snprintf(own_name, sizeof(own_name), "%s", name);
    while (r == 0 && faccessat(outbox->spool, own_name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        r = make_name(strtoull(name, NULL, 10), own_name);
    if (r == 0)
        r = remember(outbox, own_name, size, &entry);
    if (r < 0)
        return r;
    if (renameat(spool, name, outbox->spool, own_name) < 0) {
        r = -errno;
        forget(outbox, entry);
        return r;
    }
    entry->adopted = true;
    outbox->adopted++;
    return 0;
}

/* Moves the entries of `spool`, whose lock we hold, into ours. */
static long adopt_entries(struct outbox *outbox, int spool)
{
    CLEANUP(close_dir) DIR *dir = NULL;
    const struct dirent *item;
    long adopted = 0;
    int r = list_spool(spool, &dir);

    if (r < 0)
        return r;
    while ((item = readdir(dir))) {
        struct stat st;

        if (!is_name(item->d_name) || fstatat(spool, item->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
            !S_ISREG(st.st_mode))
            continue;
        r = adopt_entry(outbox, spool, item->d_name, (size_t)st.st_size);
        if (r < 0)
            return r;
        adopted++;
    }
    if (adopted > 0 && (fsync(outbox->spool) < 0 || fsync(spool) < 0))
        return -errno;
    return adopted;
}

/* Takes over one spool, if nobody lives in it, and removes it. */
static long adopt_spool(struct outbox *outbox, const char *name)
{
    CLEANUP(folder_close_fd)
    int spool = openat(outbox->folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    CLEANUP(folder_close_fd) int lock = -1;
    long adopted;

    if (spool < 0)
        return 0;
    lock = folder_lock(spool, 0);
    if (lock == -ENOENT) { /* died before it had one, and so before it had entries */
        (void)unlinkat(outbox->folder, name, AT_REMOVEDIR);
        return 0;
    }
    if (lock < 0)
        return 0;
    adopted = adopt_entries(outbox, spool);
    if (adopted < 0)
        return adopted;
    (void)unlinkat(spool, NEW_NAME, 0);
    (void)unlinkat(spool, FOLDER_LOCK, 0);
    (void)unlinkat(outbox->folder, name, AT_REMOVEDIR); /* kept if it holds what is not ours */
    return adopted;
}

long outbox_adopt(struct outbox *outbox)
{
    CLEANUP(close_dir) DIR *dir = NULL;
    const struct dirent *item;
    long adopted = 0;
    int r = list_spool(outbox->folder, &dir);

    if (r < 0)
        return r;
    while ((item = readdir(dir))) {
        if (!is_name(item->d_name) || strcmp(item->d_name, outbox->name) == 0)
            continue;
        long n = adopt_spool(outbox, item->d_name);
        if (n < 0)
            return n;
        adopted += n;
    }
    return adopted;
}

int outbox_open(const char *folder, uint64_t messages, uint64_t bytes, struct outbox **ret)
{
    struct outbox *outbox = calloc(1, sizeof(*outbox));
    int r;

    if (!outbox)
        return -ENOMEM;
    *outbox = (struct outbox){
        .folder = -1, .spool = -1, .lock = -1, .messages_max = messages, .bytes_max = bytes};
    list_init(&outbox->entries);
    r = outbox->folder = folder_make(folder);
    if (r >= 0)
        r = make_spool(outbox);
    if (r >= 0) {
        long adopted = outbox_adopt(outbox);
        r = adopted < 0 ? (int)adopted : 0;
    }
    if (r < 0) {
        outbox_close(outbox);
        return r;
    }
    *ret = outbox;
    return 0;
}

void outbox_close(struct outbox *outbox)
{
    if (!outbox)
        return;
    if (outbox->lock >= 0 && outbox->count == 0) {
        (void)unlinkat(outbox->spool, NEW_NAME, 0);
        (void)unlinkat(outbox->spool, FOLDER_LOCK, 0);
        (void)unlinkat(outbox->folder, outbox->name, AT_REMOVEDIR);
    }
    while (!list_empty(&outbox->entries))
        forget(outbox, LIST_FIRST(&outbox->entries, struct outbox_entry, link));
    folder_close_fd(&outbox->lock);
    folder_close_fd(&outbox->spool);
    folder_close_fd(&outbox->folder);
    free(outbox);
}

/* Writes `new` and syncs it. */
static int write_new(const struct outbox *outbox, struct bytes recipient, struct bytes text)
{
    CLEANUP(folder_close_fd)
    int fd = openat(outbox->spool, NEW_NAME, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int r;

    if (fd < 0)
        return -errno;
    r = folder_write(fd, recipient);
    if (r == 0)
        r = folder_write(fd, bytes_of("\n"));
    if (r == 0)
        r = folder_write(fd, text);
    if (r == 0 && fsync(fd) < 0)
        r = -errno;
    return r;
}

/* Gives `new` its name, durably. */
static int publish(const struct outbox *outbox, const char *name)
{
    if (renameat(outbox->spool, NEW_NAME, outbox->spool, name) < 0)
        return -errno;
    if (fsync(outbox->spool) < 0) {
        int r = -errno;
        (void)unlinkat(outbox->spool, name, 0);
        return r;
    }
    return 0;
}

bool outbox_has_room(const struct outbox *outbox, size_t text_len)
{
    uint64_t size = V2_RECIPIENT_MAX + 1 + text_len;

    return outbox->count == 0 ||
           (outbox->count < outbox->messages_max && outbox->bytes + size <= outbox->bytes_max);
}

int outbox_add(struct outbox *outbox, struct bytes recipient, struct bytes text,
               const struct outbox_entry **ret)
{
    size_t size = recipient.len + 1 + text.len;
    uint64_t now_us = clock_real_us();
    struct outbox_entry *entry;
    char name[OUTBOX_NAME_MAX];
    int r;

    if (outbox->count >= outbox->messages_max || outbox->bytes + size > outbox->bytes_max)
        return -ENOBUFS;
    /* Later than any before, also within a microsecond or when the clock was set back. */
    if (now_us <= outbox->last_us)
        now_us = outbox->last_us + 1;
    r = make_name(now_us, name);
    if (r == 0)
        r = write_new(outbox, recipient, text);
    if (r == 0)
        r = remember(outbox, name, size, &entry);
    if (r < 0) {
        (void)unlinkat(outbox->spool, NEW_NAME, 0);
        return r;
    }
    r = publish(outbox, name);
    if (r < 0) {
        (void)unlinkat(outbox->spool, NEW_NAME, 0);
        forget(outbox, entry);
        return r;
    }
    if (ret)
        *ret = entry;
    return 0;
}

static const struct outbox_entry *entry_behind(const struct outbox *outbox, const struct list *link)
{
    if (link->next == &outbox->entries)
        return NULL;
    return LIST_ENTRY(link->next, const struct outbox_entry, link);
}

const struct outbox_entry *outbox_first(const struct outbox *outbox)
{
    return entry_behind(outbox, &outbox->entries);
}

const struct outbox_entry *outbox_next(const struct outbox *outbox,
                                       const struct outbox_entry *entry)
{
    return entry_behind(outbox, &entry->link);
}

size_t outbox_count(const struct outbox *outbox)
{
    return outbox->count;
}

size_t outbox_adopted(const struct outbox *outbox)
{
    return outbox->adopted;
}

static int read_all(int fd, char *data, size_t size)
{
    for (size_t len = 0; len < size;) {
        ssize_t n = read(fd, data + len, size - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            return -EBADMSG;
        len += (size_t)n;
    }
    return 0;
}

int outbox_load(const struct outbox *outbox, const struct outbox_entry *entry,
                struct outbox_letter *ret)
{
    CLEANUP(folder_close_fd)
    int fd = openat(outbox->spool, entry->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    char *content, *newline;
    int r;

    if (fd < 0)
        return -errno;
    if (entry->size == 0 || entry->size > FILE_MAX)
        return -EBADMSG;
    content = malloc(entry->size);
    if (!content)
        return -ENOMEM;
    r = read_all(fd, content, entry->size);
    newline = r == 0 ? memchr(content, '\n', entry->size) : NULL;
    if (r == 0 && !newline)
        r = -EBADMSG;
    if (r < 0) {
        free(content);
        return r;
    }
    ret->content = content;
    ret->recipient = (struct bytes){content, (size_t)(newline - content)};
    ret->text = (struct bytes){newline + 1, entry->size - ret->recipient.len - 1};
    return 0;
}

void outbox_letter_deinit(struct outbox_letter *letter)
{
    free(letter->content);
    *letter = (struct outbox_letter){0};
}

int outbox_remove(struct outbox *outbox, const struct outbox_entry *entry)
{
    int r = unlinkat(outbox->spool, entry->name, 0) < 0 ? -errno : 0;

    forget(outbox, CONTAINER_OF(&entry->link, struct outbox_entry, link));
    return r;
}
