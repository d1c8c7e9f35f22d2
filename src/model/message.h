/* A message: one entry of a conversation's log, immutable once it is stored. Texts and notices of
 * what happened are entries alike.
 *
 * One allocation, counted references. References are taken and dropped on the reactor thread
 * alone; the storage thread that holds the one of its request fills `seq` and `time_ms` and hands
 * it back.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/attributes.h"
#include "util/bytes.h"

#include <stdint.h>

#define MESSAGE_KEY_MAX 64 /* bytes of a client key */

/* The numbers are stored, and stay. Who did it is the sender. */
enum message_kind {
    MESSAGE_TEXT,         /* a whisper if it has a context */
    MESSAGE_JOINED,       /* joined the room */
    MESSAGE_LEFT,         /* left the room */
    MESSAGE_RENAMED,      /* `name` is the new display name, the text the old one */
    MESSAGE_TOPIC,        /* the text is the new topic; empty: there is none any more */
    MESSAGE_INVITED,      /* in the inbox of who was invited; the context is the room */
    MESSAGE_REMOVED,      /* the text is the userid of who was removed from the room */
    MESSAGE_ANNOUNCEMENT, /* of the administrator to everyone */
    MESSAGE_ACCESS,       /* the text is what the room is now: open or closed */
    MESSAGE_KINDS,
};

struct message {
    unsigned references;
    uint64_t conversation; /* id */
    uint64_t seq;          /* 1, 2, 3 … in its conversation; 0 before it is stored */
    uint64_t time_ms;      /* since the epoch, when it was stored; 0 before */
    uint64_t sender;       /* user id */
    uint64_t origin;       /* id of the device it was sent from, 0 if that is not known */
    uint64_t context;      /* id of the room a whisper or an invitation belongs to, else 0 */
    enum message_kind kind;
    struct bytes userid; /* of the sender */
    struct bytes name;   /* display name of the sender, as it was then */
    struct bytes key;    /* client key, unique per sender */
    struct bytes text;
    struct bytes room;  /* name of the context; not stored: empty if the room is gone */
    struct bytes where; /* name of the conversation; in what was read as history alone */
};

/* Copies the strings of `from` and its numbers; one reference. 0 or -ENOMEM. */
MUST_USE int message_new(const struct message *from, struct message **ret);

struct message *message_ref(struct message *message);

/* Drops a reference, frees with the last; takes NULL. */
void message_unref(struct message *message);

/* What it says, in a struct that counts no references; the strings stay its own. Another thread may
 * take and drop references meanwhile. */
struct message message_contents(const struct message *message);

/* Bytes of memory it takes. */
size_t message_size(const struct message *message);
