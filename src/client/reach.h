/* What polls and their answers tell: whether the server hears us and can connect to us, and so
 * whether messages are to come by its connections or over one of ours that is kept. Pure: times
 * and datagrams in, decisions out.
 *
 * Datagrams get lost, so a poll that stays without an answer is said again soon, and only several
 * in a row mean something; an answer to any of the last polls is good.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "proto/v2.h"
#include "util/attributes.h"

#include <stdbool.h>
#include <stdint.h>

#define REACH_AGAIN_US 1000000 /* after a poll without an answer */
#define REACH_POLLS    8       /* the last polls, an answer to which is taken */
#define REACH_DOUBT    3       /* polls in a row without an answer: does the server live? */
#define REACH_SILENCE  8       /* the same: count on no answer any more */
#define REACH_PUSH_US  2500000 /* a push that is announced for so long and does not come is late */

/* What the last answer, or silence, asks for. */
enum reach_advice {
    REACH_STAY,    /* as it is */
    REACH_ATTACH,  /* messages have to come over a connection of ours */
    REACH_DETACH,  /* the server can connect to us */
    REACH_SIGN_ON, /* the session has ended */
};

struct reach {
    uint64_t
        times[REACH_POLLS]; /* of the last polls (server's time, ms), the newest first; 0: none */
    unsigned silent;        /* polls since the last answer */
    uint64_t last_poll;     /* monotonic */
    uint64_t pushing_since; /* monotonic; 0: no push is announced */
};

/* As after reach_init(): nothing was said. */
void reach_init(struct reach *reach);

/* A poll of that time leaves now. */
void reach_polled(struct reach *reach, uint64_t time_ms, uint64_t now);

/* When the next poll is due, by the interval the server wants. */
uint64_t reach_due(const struct reach *reach, uint64_t interval_us);

/* A datagram came. True if it is an answer to one of the last polls, which then counts as answered
 * with all before it; `ret` is its state. */
MUST_USE bool reach_answered(struct reach *reach, struct bytes datagram, struct bytes session,
                             const uint8_t key[V2_KEY_LEN], enum v2_state *ret);

/* What an answer asks for; `pushed`: a connection of the server to us is in use. */
enum reach_advice reach_advise(struct reach *reach, enum v2_state state, bool pushed, uint64_t now);

/* True if so many polls in a row stayed without an answer (the last one for REACH_AGAIN_US). */
bool reach_silent(const struct reach *reach, unsigned polls, uint64_t now);
