/* Asks: what a client of version 2 asks for beside sending and receiving (rooms, names, history),
 * from its frame to its answer, which storage has to be waited for.
 *
 * An ask holds its link and pins the account of who asks; it ends when it is answered or refused,
 * exactly once. A list is answered with a page: its entries and an end, in one answer.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "bll/internal.h"
#include "util/buffer.h"

struct ask {
    struct bll *bll;
    struct bll_link *link;   /* held */
    struct account *account; /* who asks, pinned */
    void *reply;
    enum v2_verb verb;
};

/* What `frame` asks, the beginning of `size` bytes that are zero otherwise. NULL: it has been
 * refused, for want of memory or because too many of the link's are under way. */
void *ask_new(struct bll_link *link, const struct v2_frame *frame, void *reply, size_t size);

/* Each of these ends the ask. */
void ask_answer(struct ask *ask, const struct v2_frame *frame);
/* done:<verb> */
void ask_done(struct ask *ask);
/* `reason` NULL: the error's own words. */
void ask_refuse(struct ask *ask, enum proto_error error, const char *reason);
/* With NULL or the words for what is missing. */
void ask_refuse_outcome(struct ask *ask, enum dal_outcome outcome, const char *missing);

/* Storage has taken it, 0, or why not; then the ask ends. */
void ask_submitted(struct ask *ask, int error);

/* -- pages ------------------------------------------------------------------------------------ */

struct page {
    struct buffer frames;
    uint64_t count;
    bool failed; /* memory ran out */
};

void page_init(struct page *page);
/* Without memory for it the page fails as a whole. A frame that cannot be built is left out. */
void page_add(struct page *page, const struct v2_frame *frame);
/* The same within a past frame. */
void page_add_past(struct page *page, const struct v2_frame *entry);
/* Answers the ask, which ends, with the page and end:<verb>:<count>:<next>; the page is over. */
void page_answer(struct page *page, struct ask *ask, struct bytes next);
