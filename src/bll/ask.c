/* Asks and their answers: see ask.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "bll/ask.h"

#include <stdlib.h>

/* Of one link that are under way: their answers may be large, and leave in order. */
#define ASKS_MAX 16

/* More than the entries that a page may have can take. */
#define PAGE_MAX (4U << 20)

static struct bytes about(enum v2_verb verb)
{
    return bytes_of(v2_verb_name(verb));
}

void *ask_new(struct bll_link *link, const struct v2_frame *frame, void *reply, size_t size)
{
    struct ask *ask = NULL;

    if (link->asks >= ASKS_MAX) {
        link_refuse(link, reply, PROTO_ERROR_BUSY, about(frame->verb), NULL);
        return NULL;
    }
    ask = calloc(1, size);
    if (!ask) {
        link_refuse(link, reply, PROTO_ERROR_INTERNAL, about(frame->verb), NULL);
        return NULL;
    }
    *ask = (struct ask){
        .bll = link->bll,
        .link = link,
        .account = link->account,
        .reply = reply,
        .verb = frame->verb,
    };
    link->asks++;
    link_hold(link);
    account_pin(ask->account);
    return ask;
}

static void ask_end(struct ask *ask)
{
    ask->link->asks--;
    link_release(ask->link);
    account_unpin(ask->bll, ask->account);
    free(ask);
}

void ask_answer(struct ask *ask, const struct v2_frame *frame)
{
    link_answer(ask->link, ask->reply, frame);
    ask_end(ask);
}

void ask_done(struct ask *ask)
{
    const struct v2_frame done = {.verb = V2_VERB_DONE, .key = about(ask->verb)};

    ask_answer(ask, &done);
}

void ask_refuse(struct ask *ask, enum proto_error error, const char *reason)
{
    link_refuse(ask->link, ask->reply, error, about(ask->verb), reason);
    ask_end(ask);
}

void ask_refuse_outcome(struct ask *ask, enum dal_outcome outcome, const char *missing)
{
    ask_refuse(ask, bll_outcome_error(outcome), outcome == DAL_MISSING ? missing : NULL);
}

void ask_submitted(struct ask *ask, int error)
{
    if (error < 0)
        ask_refuse(ask, bll_submit_error(error), NULL);
    else
        ask->bll->outlet.wake(ask->bll->outlet.userdata);
}

/* -- pages ------------------------------------------------------------------------------------ */

void page_init(struct page *page)
{
    *page = (struct page){0};
    buffer_init(&page->frames, PAGE_MAX);
}

static bool append(struct page *page, const struct v2_frame *frame,
                   long (*build)(const struct v2_frame *frame, char *out, size_t size))
{
    size_t size = v2_frame_max(frame->text.len);
    char *space;
    long len;

    if (buffer_reserve(&page->frames, size, &space) < (long)size) {
        page->failed = true;
        return false;
    }
    len = build(frame, space, size);
    if (len < 0)
        return false;
    buffer_commit(&page->frames, (size_t)len);
    return true;
}

void page_add(struct page *page, const struct v2_frame *frame)
{
    page->count += append(page, frame, v2_build);
}

void page_add_past(struct page *page, const struct v2_frame *entry)
{
    page->count += append(page, entry, v2_build_past);
}

void page_answer(struct page *page, struct ask *ask, struct bytes next)
{
    const struct bll_outlet *outlet = &ask->bll->outlet;
    const struct v2_frame end = {
        .verb = V2_VERB_END,
        .key = about(ask->verb),
        .count = page->count,
        .place = next,
    };

    if (!page->failed && !append(page, &end, v2_build))
        page->failed = true;
    if (page->failed) {
        ask_refuse(ask, PROTO_ERROR_INTERNAL, NULL);
    } else {
        outlet->reply(outlet->userdata, ask->reply, buffer_peek(&page->frames), false);
        ask_end(ask);
    }
    buffer_deinit(&page->frames);
}
