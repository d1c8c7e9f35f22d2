/* The journal of what was shown: see cursors.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/cursors.h"

#include "client/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_NAME "cursors"
#define FILE_MAX  (64 << 20) /* of one that is read; far beyond what is ever written */
#define LINE_SIZE 64         /* bytes of a line with its newline and a NUL */

struct cursor {
    uint64_t conversation;
    uint64_t shown; /* the last; 0: none */
    uint64_t begun; /* 0, or the one of which it is not known whether it was shown */
    bool doubtful;  /* it was begun before, too, and that may have shown it */
};

struct cursors {
    pthread_mutex_t lock; /* guards everything */
    int folder;           /* borrowed */
    int fd;               /* of the journal, for appending */
    size_t size;          /* of the journal */
    bool dirty;           /* something is not yet on the disk */
    bool torn;            /* the journal does not say what is here: it has to be replaced */
    unsigned damage;
    struct cursor *entries; /* by conversation */
    size_t count, allocated;
};

enum record {
    RECORD_BEGIN,
    RECORD_SHOWN,
    RECORD_NOT,
    RECORD_COUNT,
};

static const char *const words[RECORD_COUNT] = {
    [RECORD_BEGIN] = "begin", [RECORD_SHOWN] = "shown", [RECORD_NOT] = "not"};

/* Where the conversation is, or would be. */
static size_t position(const struct cursors *cursors, uint64_t conversation)
{
    size_t low = 0, high = cursors->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (cursors->entries[middle].conversation < conversation)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct cursor *find(const struct cursors *cursors, uint64_t conversation)
{
    size_t at = position(cursors, conversation);

    if (at == cursors->count || cursors->entries[at].conversation != conversation)
        return NULL;
    return &cursors->entries[at];
}

static int find_or_add(struct cursors *cursors, uint64_t conversation, struct cursor **ret)
{
    size_t at = position(cursors, conversation);

    if (at == cursors->count || cursors->entries[at].conversation != conversation) {
        if (cursors->count == CURSORS_MAX)
            return -ENOBUFS;
        if (cursors->count == cursors->allocated) {
            size_t allocated = cursors->allocated ? cursors->allocated * 2 : 16;
            struct cursor *grown =
                reallocarray(cursors->entries, allocated, sizeof(*cursors->entries));
            if (!grown)
                return -ENOMEM;
            cursors->entries = grown;
            cursors->allocated = allocated;
        }
        memmove(&cursors->entries[at + 1], &cursors->entries[at],
                (cursors->count - at) * sizeof(*cursors->entries));
        cursors->entries[at] = (struct cursor){.conversation = conversation};
        cursors->count++;
    }
    *ret = &cursors->entries[at];
    return 0;
}

static void apply(struct cursor *cursor, enum record record, uint64_t seq)
{
    if (record == RECORD_BEGIN) {
        cursor->doubtful = cursor->begun == seq;
        cursor->begun = seq;
        return;
    }
    if (record == RECORD_SHOWN && seq > cursor->shown)
        cursor->shown = seq;
    if (seq == cursor->begun)
        cursor->begun = 0;
}

/* -- reading ---------------------------------------------------------------------------------- */

/* A number at the start of `text`, cut off together with `end` behind it. */
static bool take_number(struct bytes *text, char end, uint64_t *ret)
{
    uint64_t number = 0;
    size_t len = 0;

    while (len < text->len && text->data[len] >= '0' && text->data[len] <= '9') {
        unsigned digit = (unsigned)(text->data[len] - '0');
        if (number > (UINT64_MAX - digit) / 10)
            return false;
        number = number * 10 + digit;
        len++;
    }
    if (len == 0 || len == text->len || text->data[len] != end)
        return false;
    text->data += len + 1;
    text->len -= len + 1;
    *ret = number;
    return true;
}

/* `line` ends with its newline. 0; -EBADMSG; -errno. */
static int take_line(struct cursors *cursors, struct bytes line)
{
    for (int record = 0; record < RECORD_COUNT; record++) {
        size_t len = strlen(words[record]);
        struct bytes rest = {line.data + len + 1, line.len - len - 1};
        uint64_t conversation, seq;
        struct cursor *cursor;
        int r;

        if (line.len <= len + 1 || memcmp(line.data, words[record], len) != 0 ||
            line.data[len] != ' ')
            continue;
        if (!take_number(&rest, ' ', &conversation) || !take_number(&rest, '\n', &seq) ||
            rest.len > 0)
            return -EBADMSG;
        r = find_or_add(cursors, conversation, &cursor);
        if (r == 0)
            apply(cursor, record, seq);
        return r;
    }
    return -EBADMSG;
}

static int take_lines(struct cursors *cursors, struct bytes text)
{
    while (text.len > 0) {
        const char *newline = memchr(text.data, '\n', text.len);
        size_t len;
        int r;

        if (!newline) { /* torn: what was being written is not said */
            cursors->torn = true;
            return 0;
        }
        len = (size_t)(newline - text.data) + 1;
        r = take_line(cursors, (struct bytes){text.data, len});
        if (r == -EBADMSG) {
            cursors->damage++;
            cursors->torn = true;
        } else if (r < 0) {
            return r;
        }
        text.data += len;
        text.len -= len;
    }
    return 0;
}

static int read_journal(struct cursors *cursors)
{
    struct buffer content;
    int r;

    buffer_init(&content, FILE_MAX);
    r = folder_read(cursors->folder, FILE_NAME, &content);
    if (r == 0)
        r = take_lines(cursors, buffer_peek(&content));
    cursors->size = buffer_len(&content);
    buffer_deinit(&content);
    return r == -ENOENT ? 0 : r;
}

/* -- writing ---------------------------------------------------------------------------------- */

static int append(struct cursors *cursors, enum record record, uint64_t conversation, uint64_t seq)
{
    char line[LINE_SIZE];
    int len, r;

    if (cursors->torn)
        return -EIO;
    len = snprintf(line, sizeof(line), "%s %" PRIu64 " %" PRIu64 "\n", words[record], conversation,
                   seq);
    r = folder_write(cursors->fd, (struct bytes){line, (size_t)len});
    cursors->dirty = true;
    if (r < 0) /* perhaps half a line */
        cursors->torn = true;
    else
        cursors->size += (size_t)len;
    return r;
}

static int open_journal(struct cursors *cursors)
{
    int fd = openat(cursors->folder, FILE_NAME,
                    O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (fd < 0)
        return -errno;
    folder_close_fd(&cursors->fd);
    cursors->fd = fd;
    return 0;
}

/* All there is to say, in as few lines as possible; freed by the caller. NULL without memory. */
static char *summary(const struct cursors *cursors, size_t *ret_len)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, ret_len);

    if (!out)
        return NULL;
    for (size_t i = 0; i < cursors->count; i++) {
        const struct cursor *cursor = &cursors->entries[i];
        if (cursor->shown > 0)
            fprintf(out, "%s %" PRIu64 " %" PRIu64 "\n", words[RECORD_SHOWN], cursor->conversation,
                    cursor->shown);
        if (cursor->begun > 0)
            fprintf(out, "%s %" PRIu64 " %" PRIu64 "\n", words[RECORD_BEGIN], cursor->conversation,
                    cursor->begun);
    }
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

/* Puts the summary in the journal's place, durably. */
static int replace(struct cursors *cursors)
{
    size_t len;
    char *text = summary(cursors, &len);
    int r;

    if (!text)
        return -ENOMEM;
    r = folder_replace(cursors->folder, FILE_NAME, (struct bytes){text, len});
    free(text);
    if (r == 0)
        r = open_journal(cursors);
    /* Where it failed half-way, the descriptor may be of a file that has lost its name. */
    cursors->torn = r < 0;
    if (r == 0) {
        cursors->size = len;
        cursors->dirty = false;
    }
    return r;
}

static bool worth_replacing(const struct cursors *cursors)
{
    return cursors->size > CURSORS_COMPACT &&
           cursors->size / 4 > cursors->count * LINE_SIZE; /* else it would be done again at once */
}

/* -- the interface ---------------------------------------------------------------------------- */

int cursors_open(int folder, struct cursors **ret)
{
    struct cursors *cursors = calloc(1, sizeof(*cursors));
    int r;

    if (!cursors)
        return -ENOMEM;
    cursors->folder = folder;
    cursors->fd = -1;
    pthread_mutex_init(&cursors->lock, NULL);
    r = read_journal(cursors);
    if (r == 0)
        r = cursors->torn || worth_replacing(cursors) ? replace(cursors) : open_journal(cursors);
    if (r < 0) {
        cursors_close(cursors);
        return r;
    }
    *ret = cursors;
    return 0;
}

void cursors_close(struct cursors *cursors)
{
    if (!cursors)
        return;
    folder_close_fd(&cursors->fd);
    pthread_mutex_destroy(&cursors->lock);
    free(cursors->entries);
    free(cursors);
}

unsigned cursors_damage(const struct cursors *cursors)
{
    return cursors->damage;
}

enum cursors_verdict cursors_judge(struct cursors *cursors, uint64_t conversation, uint64_t seq)
{
    enum cursors_verdict verdict = CURSORS_NEW;
    const struct cursor *cursor;

    pthread_mutex_lock(&cursors->lock);
    cursor = find(cursors, conversation);
    if (cursor && seq <= cursor->shown)
        verdict = CURSORS_SHOWN;
    else if (cursor && seq == cursor->begun)
        verdict = CURSORS_MAYBE;
    pthread_mutex_unlock(&cursors->lock);
    return verdict;
}

int cursors_begin(struct cursors *cursors, uint64_t conversation, uint64_t seq)
{
    struct cursor *cursor;
    int r;

    pthread_mutex_lock(&cursors->lock);
    r = find_or_add(cursors, conversation, &cursor);
    if (r == 0 && cursors->torn)
        r = replace(cursors);
    if (r == 0)
        r = append(cursors, RECORD_BEGIN, conversation, seq);
    if (r == 0)
        apply(cursor, RECORD_BEGIN, seq);
    pthread_mutex_unlock(&cursors->lock);
    return r;
}

void cursors_end(struct cursors *cursors, uint64_t conversation, uint64_t seq, bool shown)
{
    enum record record = shown ? RECORD_SHOWN : RECORD_NOT;
    struct cursor *cursor;

    pthread_mutex_lock(&cursors->lock);
    cursor = find(cursors, conversation);
    if (cursor && (shown || !cursor->doubtful)) {
        apply(cursor, record, seq);
        (void)append(cursors, record, conversation,
                     seq); /* else torn: replaced when it is synced */
    }
    pthread_mutex_unlock(&cursors->lock);
}

/* Not under the lock: who shows would wait for the disk between a message and its record, and a
 * kill in that time leaves it in doubt. The descriptor is a copy, because a journal may be replaced
 * meanwhile. */
static int sync_unlocked(struct cursors *cursors)
{
    CLEANUP(folder_close_fd) int fd = fcntl(cursors->fd, F_DUPFD_CLOEXEC, 0);
    int r = 0;

    if (fd < 0)
        return -errno;
    cursors->dirty = false;
    pthread_mutex_unlock(&cursors->lock);
    if (fdatasync(fd) < 0)
        r = -errno;
    pthread_mutex_lock(&cursors->lock);
    if (r < 0) /* the kernel may call the same pages clean: write them anew */
        cursors->torn = cursors->dirty = true;
    return r;
}

int cursors_sync(struct cursors *cursors)
{
    int r = 0;

    pthread_mutex_lock(&cursors->lock);
    if (cursors->torn || worth_replacing(cursors))
        r = replace(cursors);
    else if (cursors->dirty)
        r = sync_unlocked(cursors);
    pthread_mutex_unlock(&cursors->lock);
    return r;
}
