/* What one user of version 2 knows, whatever connects him: his session, the polls he has sent, and
 * how far he has read each conversation.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "bench/stream.h"
#include "proto/v2.h"
#include "util/hash.h"

#define MEMBER_POLLS 64 /* the last so many may still be answered */

struct place {
    uint64_t conversation, seq;
    bool unsaid; /* that it has been read so far */
};

struct member {
    UT_hash_handle hh; /* by the session's name, while there is one */
    char session[V2_SESSION_MAX + 1];
    uint8_t key[V2_KEY_LEN];
    bool signed_on;
    int64_t clock_ms; /* the server's clock is so much ahead */
    uint64_t last_ms; /* a time is never told twice */
    uint64_t poll_ms[MEMBER_POLLS];
    unsigned polls;
    struct place *places;
    size_t place_count;
};

void member_deinit(struct member *member);

/* Takes a session over; the caller sees to the hash table. */
void member_welcome(struct member *member, const struct v2_frame *welcome);

/* The frame that signs on again, which borrows from `member`. */
struct v2_frame member_resume(struct member *member);

/* The answer to a push; false if it is not for this user's session. */
bool member_prove(const struct member *member, const struct v2_frame *push, struct v2_frame *ret);

/* A poll's length, or -errno. */
MUST_USE long member_poll(struct member *member, uint16_t port, char *out, size_t size);
/* True if the answer is signed, and to one of the last polls. */
bool member_polled(const struct member *member, const struct v2_polled *polled);

/* A message has come: 1 if it is new, 0 if it was read before; -ENOMEM. */
MUST_USE int member_read(struct member *member, const struct v2_frame *msg);
/* Acknowledges over `stream` what was read since. 0 or -errno. */
MUST_USE int member_acknowledge(struct member *member, struct stream *stream);
