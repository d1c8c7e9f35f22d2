/* What this device has shown: for each conversation the number of the last message that was, kept
 * in a journal, so that after a crash at any point nothing is lost and nothing repeats silently.
 *
 * The journal is lines of text, each in one write(2), which outlives the process:
 *
 *     begin 17 42    message 42 of conversation 17 is about to be shown
 *     shown 17 42    it was
 *     not 17 42      it was not: nothing of it reached the screen
 *
 * A `begin` that nothing follows leaves open whether the user saw the message: it is shown again
 * and marked. What can be read of a damaged file counts, and a last line without its newline does
 * not. cursors_sync() puts the journal on the disk, before anything is acknowledged; from time to
 * time it is replaced by a short one that says the same.
 *
 * Two threads use it: the one that shows, and the one that acknowledges.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/attributes.h"

#include <stdbool.h>
#include <stdint.h>

#define CURSORS_MAX     16384 /* conversations */
#define CURSORS_COMPACT 65536 /* bytes of a journal that is replaced, if a short one is shorter */

struct cursors;

enum cursors_verdict {
    CURSORS_NEW,   /* to be shown */
    CURSORS_MAYBE, /* to be shown, and may have been before */
    CURSORS_SHOWN,
};

/* Reads the journal in the folder `folder` (a descriptor, borrowed). 0 or -errno. */
MUST_USE int cursors_open(int folder, struct cursors **ret);
void cursors_close(struct cursors *cursors); /* takes NULL */

/* Lines that could not be read, a torn last one not counted. */
unsigned cursors_damage(const struct cursors *cursors);

/* Whether message `seq` of a conversation is to be shown. */
enum cursors_verdict cursors_judge(struct cursors *cursors, uint64_t conversation, uint64_t seq);

/* Message `seq` is about to be shown. 0; -ENOBUFS for one conversation too many; -errno, and then
 * it may not be shown. */
MUST_USE int cursors_begin(struct cursors *cursors, uint64_t conversation, uint64_t seq);

/* It was shown, or nothing of it was. What fails here is made good, or told, by cursors_sync(). */
void cursors_end(struct cursors *cursors, uint64_t conversation, uint64_t seq, bool shown);

/* Everything said so far is on the disk when it returns 0. Else -errno: acknowledge nothing. */
MUST_USE int cursors_sync(struct cursors *cursors);
