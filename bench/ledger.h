/* The books: every message of a run, who has to get it, and what really came.
 *
 * A message is open until its answer is known. Acknowledged: everyone it is for has to get it,
 * once. Refused: nobody may get it. Unacknowledged (the connection broke, or the server itself does
 * not know): it may come or not, but not twice.
 *
 * Order: what one receiver gets of one sender in one conversation comes in the order of sending;
 * and the orders in which the members of a conversation get its messages do not contradict each
 * other.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "bench/histogram.h"
#include "bench/roster.h"
#include "util/bytes.h"

#define LEDGER_TEXT_MIN 48

enum target_kind {
    TARGET_USER,
    TARGET_ROOM,
    TARGET_EVERYONE,
};

struct target {
    enum target_kind kind;
    uint32_t index; /* of the user or room */
};

enum ledger_answer {
    LEDGER_ACKNOWLEDGED,
    LEDGER_REFUSED,
    LEDGER_UNACKNOWLEDGED,
};

struct ledger_counts {
    uint64_t sent, acknowledged, refused, unacknowledged;
    uint64_t delivered;      /* first deliveries, one for each receiver */
    uint64_t lost;           /* deliveries of acknowledged messages that never came */
    uint64_t repeated;       /* deliveries of what had been delivered before */
    uint64_t out_of_order;   /* deliveries behind a later one of the same sender */
    uint64_t contradictions; /* conversations whose members saw different orders */
    uint64_t unexpected;     /* deliveries to the wrong user, or of a refused message */
    uint64_t damaged;        /* deliveries that are not what was sent */
    uint64_t foreign;        /* deliveries of somebody else's messages */
};

struct ledger;

/* The first `senders` users may send; `size` is the length of each text in bytes, at least
 * LEDGER_TEXT_MIN. `roster` is borrowed. 0 or -ENOMEM. */
MUST_USE int ledger_new(const struct roster *roster, uint32_t senders, uint32_t size,
                        struct ledger **ret);
void ledger_free(struct ledger *ledger);

/* Enters a message of user `sender` to `target`, sent at `now_us`. On success `ret_text` is its
 * text, valid until the next call. Returns its number, or -ENOMEM. */
MUST_USE long ledger_enter(struct ledger *ledger, uint32_t sender, struct target target,
                           uint64_t now_us, struct bytes *ret_text);

/* The answer to message `number`. */
void ledger_answer(struct ledger *ledger, uint32_t number, enum ledger_answer answer,
                   uint64_t now_us);

/* Something came for `receiver`. 0 or -ENOMEM. */
MUST_USE int ledger_deliver(struct ledger *ledger, uint32_t receiver, struct bytes sender,
                            struct bytes text, uint64_t now_us);

/* A delivery that is no newmsg, or no whole one. */
void ledger_damaged(struct ledger *ledger);

/* Deliveries of acknowledged messages that are still to come. */
uint64_t ledger_owed(const struct ledger *ledger);

/* Counts so far; the lost and the contradictions only after ledger_close(). */
const struct ledger_counts *ledger_counts(const struct ledger *ledger);

/* From sending to the answer, from sending to each receiver, and from sending to the last receiver
 * of a message that all have got, in microseconds. */
const struct histogram *ledger_answer_us(const struct ledger *ledger);
const struct histogram *ledger_delivery_us(const struct ledger *ledger);
const struct histogram *ledger_last_us(const struct ledger *ledger);

/* Finds what was lost and whether orders contradict each other. Once, at the end. 0 or -ENOMEM. */
MUST_USE int ledger_close(struct ledger *ledger);
