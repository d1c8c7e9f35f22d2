/* Where the output of the logic unit goes under a fuzz target (logic.h), and what is known of it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "bll/bll.h"
#include "fuzz.h"
#include "proto/v2.h"

#include <errno.h>

#define LINES         8
#define SESSIONS      8
#define REPLIES       512
#define CONVERSATIONS 16
#define DIALS         16
#define PUSHES        16
#define EXCLUDED      "198.51.100.0/24" /* a network that is never connected to */

/* A session that a welcome told. */
struct known_session {
    char name[V2_SESSION_MAX];
    size_t name_len;
    uint8_t key[V2_KEY_LEN];
};

struct line {
    struct bll_link *link; /* NULL: not open */
    struct addr from;
    bool secure, closing, dialled;
    bool proved; /* a right proof was given */
    enum bll_link_role role;
    size_t waiting;
    uint8_t nonce[V2_NONCE_LEN]; /* of the push */
    const struct known_session *session;
    uint64_t last_conversation, last_seq; /* of the last message */
    struct {
        uint64_t conversation, seq;
    } seen[CONVERSATIONS]; /* the last message of each */
};

struct reply_due {
    struct line *line;
    bool ended;
};

struct dialled {
    struct addr to;
    bool secure;
    void *token;
};

struct logic {
    struct bll *bll;
    struct bll_config config;
    struct metrics metrics;
    uint64_t now_us, real_ms;
    bool woken;
    struct line lines[LINES];
    struct known_session sessions[SESSIONS];
    unsigned session_count; /* ever */
    struct reply_due replies[REPLIES];
    size_t reply_count;
    int dial_result;
    struct dialled dials[DIALS]; /* under way, oldest first */
    size_t dial_count;
    void *pushes[PUSHES];
    size_t push_count;
};

struct bll_outlet outlet_for(struct logic *logic);

/* The reply to a frame that is about to come from `line`. */
void *outlet_new_reply(struct logic *logic, struct line *line);

/* The session of that name, or NULL. */
const struct known_session *outlet_find_session(const struct logic *logic, struct bytes name);

/* No reply may be owed any more. */
void outlet_end(const struct logic *logic);
