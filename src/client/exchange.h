/* The exchange: what is asked of the server beside messages, and its answers. Joining a room, its
 * members, history, what is unread: a call is a request frame, and what comes of it.
 *
 * Calls are queued here and carried over the input thread's link, which is the courier's: see
 * courier_set_exchange(). Nothing here waits, and no callback runs before the call that queued has
 * returned: they run inside courier_turn(), may queue and cancel calls, and may not turn the
 * courier. Used by one thread.
 *
 * What becomes of a call:
 *   answered                                  ROW for each row of a page, then PAGE or DONE
 *   refused (not-member, taken, closed …)     REFUSED, with code and words
 *   limited                                   asked again when the server said; REFUSED if that is
 *                                             not within its time
 *   busy, unavailable, uncertain, internal …  asked again, within its time
 *   connection broken                         asked again over the next, within its time: the page
 *                                             it was at, whose rows nobody has seen; awaits too
 *   its time is over                          FAILED, with the last trouble in words
 *   nobody gets in (password, certificate)    FAILED, `shut_out`; the account has told the user
 * While acks are waited for, the link is kept, and pinged.
 *
 * Asked again are changes, too. All of them may be: what has been done already is answered as done
 * (and "not-member" to a part or remove that is said again means that it is done).
 *
 * Lists come in pages. A page is kept until its end has come (EXCHANGE_PAGE_MAX bytes at most), so
 * that its rows are told all or not at all; of the pages before nothing is kept. With `rows` the
 * pages are followed until so many rows were told; without, one page is asked for, and `next` of
 * its answer is where to go on. Pages of history go backwards in time, the rows of each forwards.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "proto/error.h"
#include "proto/v2.h"
#include "util/attributes.h"
#include "util/bytes.h"
#include "util/clock.h"

#include <stdbool.h>
#include <stdint.h>

#define EXCHANGE_CALLS_MAX  64          /* that are queued, or await */
#define EXCHANGE_WINDOW     8           /* that are on their way at a time */
#define EXCHANGE_PAGE_MAX   (512 << 10) /* bytes of a page's frames */
#define EXCHANGE_TIMEOUT_US (30 * USEC_PER_SEC)
#define EXCHANGE_ALL_ROWS   UINT64_MAX

enum exchange_event {
    EXCHANGE_ROW,     /* `row`: room, member, past or waiting */
    EXCHANGE_PAGE,    /* the end of a page that another follows; `rows` so far, `next` */
    EXCHANGE_DONE,    /* the last word on the call: `answer`, `rows` in all, `next` */
    EXCHANGE_REFUSED, /* the last word: `code` and `reason` */
    EXCHANGE_FAILED, /* the last word: no answer, for `reason` (and `code` if the server said it) */
};

/* What is told of a call; valid until the callback returns. */
struct exchange_report {
    enum exchange_event event;
    const struct v2_frame *request; /* as it was queued */
    const struct v2_frame *row;     /* ROW, else NULL */
    const struct v2_frame *past;    /* ROW of history: the msg, whisper or note in it, else NULL */
    const struct v2_frame *answer; /* DONE: done, named, room (join, look), end, acked; else NULL */
    uint64_t rows;
    struct bytes next;  /* the place to go on from; "" when that was all */
    int error;          /* REFUSED: an enum proto_error, or -1 for one of a newer server; else -1 */
    const char *code;   /* as the server said it, or "" */
    const char *reason; /* in words, not made printable; "" when there is none */
    bool shut_out;
};

typedef void (*exchange_fn)(void *userdata, const struct exchange_report *report);

struct exchange_options {
    uint64_t rows;       /* follow pages until so many rows; 0: one page */
    uint64_t timeout_us; /* 0: EXCHANGE_TIMEOUT_US; UINT64_MAX: never. Of a list: for each
                          * page; of an await: until it is acked */
};

struct exchange;
struct link;

/* 0 or -ENOMEM. */
MUST_USE int exchange_new(struct exchange **ret);
/* Nothing more is told. Takes NULL. */
void exchange_free(struct exchange *exchange);

/* Queues a call. `request` (copied): join, part, look, rooms, who, nick, topic, access, remove,
 * invite, history, unread or await. `options` NULL: all of them 0. Its number (> 0); -ENOBUFS:
 * there are too many; -EINVAL: it is none of these, or not one of the protocol; -ENOMEM. */
MUST_USE long exchange_call(struct exchange *exchange, const struct v2_frame *request,
                            const struct exchange_options *options, exchange_fn callback,
                            void *userdata);

/* Nothing more is told of that call; harmless when it is over. A change that is on its way is not
 * taken back. */
void exchange_cancel(struct exchange *exchange, long number);

/* How many calls are not over; awaits that were accepted are among them. */
size_t exchange_count(const struct exchange *exchange);

/* -- for whom carries it: courier.c -------------------------------------------------------------
 */

/* True if a link is of use: something is to be said, or an answer or an ack to come. */
bool exchange_needs_link(const struct exchange *exchange);

/* When to call exchange_turn() at the latest, monotonic µs; UINT64_MAX: never. */
uint64_t exchange_due(const struct exchange *exchange);

/* Tells whose time is over, and says what is to be said over `link`, which is signed on (NULL:
 * there is none), as far as it takes that. 0, or -ETIMEDOUT: the link gives no answers. */
MUST_USE int exchange_turn(struct exchange *exchange, struct link *link, uint64_t now);

/* True if the frame was an answer to a call, and is dealt with. */
bool exchange_take(struct exchange *exchange, const struct v2_frame *frame, uint64_t now);

/* The link has gone, for `reason`; `code` if the server gave one, else "". */
void exchange_unlinked(struct exchange *exchange, const char *code, const char *reason);

/* Nobody gets in: all calls fail. */
void exchange_shut_out(struct exchange *exchange);
