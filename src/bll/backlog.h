/* What a device has waiting in storage, a page at a time: one page per conversation, for a few
 * conversations at once, so that what is delivered can be mixed as it was written.
 *
 * A page is a cache: it can be forgotten at any time and read again.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "model/message.h"
#include "util/attributes.h"
#include "util/list.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of one page, and how many pages a device has at most. */
#define BACKLOG_MESSAGES 32
#define BACKLOG_BYTES    (16 * 1024)
#define BACKLOG_PAGES    8

struct backlog {
    struct list pages;
    unsigned count;
};

void backlog_init(struct backlog *backlog);
/* Forgets every page. */
void backlog_clear(struct backlog *backlog);

bool backlog_full(const struct backlog *backlog);

/* Keeps a page: messages of one conversation in order, `count` > 0; takes references. 0, -ENOBUFS
 * when it is full, -ENOMEM. */
MUST_USE int backlog_keep(struct backlog *backlog, struct message *const *messages, size_t count);

/* The first message of the conversation from number `seq` on, or NULL if there is no page that has
 * it. Borrowed. A number that is missing was deleted in storage: what comes after it is next. */
struct message *backlog_next(struct backlog *backlog, uint64_t conversation, uint64_t seq);

/* `message` has been dealt with: if it is the next one of a page, it is not any more. */
void backlog_advance(struct backlog *backlog, const struct message *message);
