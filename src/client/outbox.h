/* The outbox: messages on disk from before they are sent until the server has answered for them.
 *
 * Layout, below the folder of one server and user:
 *
 *     <spool>/lock       held (flock) by the process the spool belongs to, while it lives
 *     <spool>/<entry>    one message: its recipient, a newline, its text
 *     <spool>/new        an entry being written; without meaning after a crash
 *
 * Each process has a spool of its own, so nobody waits for another and no message is sent by two.
 * A spool whose lock nobody holds was left behind: its entries are taken over by whoever comes
 * next. The names of entries sort by time, so what is older is sent first, and end in random
 * digits, so no two messages ever bear the same.
 *
 * An entry is complete once it bears its name: it is written as `new`, synced, renamed, and the
 * folder synced before outbox_add() returns. Removing is not synced: a power cut may bring an
 * entry back, which is then sent again. Used by one thread.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "proto/v2.h"
#include "util/attributes.h"
#include "util/bytes.h"
#include "util/list.h"

#include <stdbool.h>
#include <stdint.h>

struct outbox;

#define OUTBOX_NAME_MAX (V2_CKEY_MAX + 1)

struct outbox_entry {
    struct list link;
    size_t size;                /* bytes of its file */
    bool adopted;               /* left behind by an earlier run */
    char name[OUTBOX_NAME_MAX]; /* and client key */
};

/* A message as it was put in; freed with outbox_letter_deinit(). */
struct outbox_letter {
    char *content;
    struct bytes recipient, text; /* parts of `content` */
};

/* Makes a spool in `folder` (made too, for the user alone) and takes over what was left behind.
 * `messages` and `bytes` limit what outbox_add() takes. 0 or -errno. */
MUST_USE int outbox_open(const char *folder, uint64_t messages, uint64_t bytes,
                         struct outbox **ret);
/* What is still in it stays on disk. Takes NULL. */
void outbox_close(struct outbox *outbox);

/* Stores a message durably, as the last one. 0; -ENOBUFS when the outbox is full; -errno, and then
 * nothing was stored. `ret` may be NULL. */
MUST_USE int outbox_add(struct outbox *outbox, struct bytes recipient, struct bytes text,
                        const struct outbox_entry **ret);

/* Whether a message with a text of `text_len` bytes would be taken. Always when nothing is in it.
 */
bool outbox_has_room(const struct outbox *outbox, size_t text_len);

/* Takes over what others have left behind since. Returns how many entries, or -errno. */
MUST_USE long outbox_adopt(struct outbox *outbox);

/* The oldest entry, and the one after `entry`, or NULL. Valid until it is removed. */
const struct outbox_entry *outbox_first(const struct outbox *outbox);
const struct outbox_entry *outbox_next(const struct outbox *outbox,
                                       const struct outbox_entry *entry);
size_t outbox_count(const struct outbox *outbox);
/* How many of them were taken over. */
size_t outbox_adopted(const struct outbox *outbox);

/* Reads an entry. 0; -EBADMSG when its file is none of ours (it is to be removed); -errno. */
MUST_USE int outbox_load(const struct outbox *outbox, const struct outbox_entry *entry,
                         struct outbox_letter *ret);
void outbox_letter_deinit(struct outbox_letter *letter);

/* Forgets an entry and its file. 0 or -errno: the file could not be removed, and will be sent
 * again by the next run. */
int outbox_remove(struct outbox *outbox, const struct outbox_entry *entry);
