/* A run: signing on, writing, waiting for answers, waiting for deliveries, and what came of it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "bench/ledger.h"
#include "bench/options.h"
#include "bench/process.h"
#include "bench/wire.h"

struct run;

/* What a run was like. Times in microseconds. */
struct run_result {
    uint64_t sign_on_us;     /* until every user had his first message; 0 if that was left out */
    uint64_t writing_us;     /* from the first message to the last answer */
    uint64_t delivery_us;    /* from the first message, or the first poll, to the last delivery */
    uint64_t not_signed_on;  /* users whom the server did not come to know, or to reach */
    struct wire_counts wire; /* polls and their answers: while it was measured */
    bool measured;           /* the following are there */
    struct process_cost before, after;
    uint64_t resident_max;
};

/* Connects and listens. `options` and `roster` are borrowed. 0, or -errno with the reason on
 * standard error. */
MUST_USE int run_new(const struct options *options, const struct roster *roster, struct run **ret);
void run_free(struct run *run);

/* Runs it to its end. 0 or -errno. */
MUST_USE int run_go(struct run *run, struct run_result *ret);

/* The books, closed by run_go(). */
const struct ledger *run_ledger(const struct run *run);
