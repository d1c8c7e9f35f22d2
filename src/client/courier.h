/* The courier carries the outbox to the server: oldest first, several at a time, again and again
 * with growing pauses until each is stored or refused.
 *
 * A message bears its client key whenever it is sent, so an answer that was lost does no harm: it
 * is sent again, and the server, which knows the key, gives the first answer once more. The link is
 * kept for a moment after the last message, then closed: an idle client costs the server no socket.
 *
 * What is asked of the server otherwise (client/exchange.h) goes over the same link.
 *
 * It never waits and is driven like its link. Used by the input thread alone.
 *
 * What becomes of a message:
 *   stored                                    removed
 *   refused (unknown, not-member, too-long …) removed, and told
 *   limited                                   kept, sent again when the server said, within limits
 *   busy, unavailable, uncertain, internal …  kept, sent again
 *   no connection, or no reading of its file  kept, sent again
 *   nobody gets in (password, certificate)    kept; nothing more is sent until courier_resume()
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "client/exchange.h"
#include "client/link.h"
#include "client/outbox.h"
#include "util/clock.h"

#include <stdbool.h>

#define COURIER_WINDOW 64 /* messages on their way at a time */

enum courier_event {
    COURIER_STORED,
    COURIER_REFUSED,
    COURIER_LIMITED,     /* too many in too short a time */
    COURIER_POSTPONED,   /* the server answered that it cannot store it now */
    COURIER_UNREACHABLE, /* the server, or its answers */
    COURIER_SHUT_OUT,    /* see account_refusal(), which the user has been told */
    COURIER_UNREADABLE,  /* its file cannot be read now */
    COURIER_DAMAGED,     /* its file is not one of the outbox's: dropped */
};

struct courier_report {
    enum courier_event event;
    const struct outbox_entry *entry;    /* about to be removed, or kept; NULL: it is about all that
                                          * waits, messages and calls */
    const char *recipient;               /* as it was written; "" when it is not known */
    const char *code;                    /* of a refusal, else "" */
    const char *reason;                  /* in words, as the server or the system gave it */
    uint64_t pause_us;                   /* LIMITED: until it is sent again */
    struct v2_conversation conversation; /* STORED: where, and its number there */
    uint64_t seq, time_ms;
};

#define COURIER_LIMIT_TOLD_US (3 * USEC_PER_SEC) /* a shorter pause is not worth a word */

/* LIMITED: the seconds until it is sent again, rounded up. */
unsigned courier_pause_seconds(const struct courier_report *report);

/* Must not call the courier. */
typedef void (*courier_fn)(void *userdata, const struct courier_report *report);

struct courier {
    struct outbox *outbox; /* borrowed, as the next; NULL: there is none */
    struct exchange *exchange;
    courier_fn callback;
    void *userdata;
    struct link link;
    struct courier_flight {
        const struct outbox_entry *entry;
        char recipient[V2_RECIPIENT_MAX + 1];
    } flights[COURIER_WINDOW]; /* on their way, oldest first */
    size_t flight_count;
    size_t window;      /* how many may be */
    size_t calm;        /* stored in a row */
    uint64_t answer_by; /* monotonic, µs; of the oldest of them */
    uint64_t idle_at;   /* when to close the link; UINT64_MAX while there is something to do */
    uint64_t retry_at;  /* nothing is sent before; 0: at once */
    uint64_t pause;     /* the last one, 0 after a success */
    bool lost;          /* the server's address is not known */
    bool suspended;     /* after COURIER_SHUT_OUT */
};

/* `account` and `outbox` are borrowed; without an outbox (NULL) it carries requests alone. 0 or
 * -errno. */
MUST_USE int courier_init(struct courier *courier, struct account *account, struct outbox *outbox,
                          courier_fn callback, void *userdata);
void courier_deinit(struct courier *courier);

/* Before the first turn: whose requests are to be carried, too. Borrowed. */
void courier_set_exchange(struct courier *courier, struct exchange *exchange);

/* Tries again at once what was put off: the server is back, or the user wants it. */
void courier_resume(struct courier *courier);

/* For poll(2); fd -1 when there is nothing to poll for. */
struct pollfd courier_pollfd(const struct courier *courier);
uint64_t courier_due(const struct courier *courier);

/* Goes on: with what is under way, and with the next messages. `server` is NULL while its address
 * is not known. */
void courier_turn(struct courier *courier, const struct addr *server, short revents, uint64_t now);

/* True while there is a link. */
bool courier_busy(const struct courier *courier);
