/* The phases of a run, on one loop.
 *
 * A message is entered once, whatever its answer: what the wire cannot tell leaves it
 * unacknowledged, a refusal leaves it out of the books, and the writer goes on with the next. So
 * nothing that comes twice can be this program's doing.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/run.h"

#include "bench/chooser.h"
#include "bench/wire.h"
#include "util/clock.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TICK_US         USEC_PER_MSEC
#define SAMPLE_US       USEC_PER_SEC
#define SIGN_ON_US      (300 * USEC_PER_SEC)
#define QUIET_INTERVALS 3 /* polls of everyone after the last delivery that was due */

enum phase {
    PHASE_SIGN_ON, /* until the server knows everyone and his device */
    PHASE_WRITE,
    PHASE_SETTLE, /* answers are still to come */
    PHASE_DRAIN,  /* deliveries are still to come */
    PHASE_QUIET,  /* nothing may come any more */
    PHASE_END,
};

static const char *const phase_names[] = {
    [PHASE_SIGN_ON] = "signing on", [PHASE_WRITE] = "writing",   [PHASE_SETTLE] = "settling",
    [PHASE_DRAIN] = "draining",     [PHASE_QUIET] = "listening", [PHASE_END] = "done",
};

struct run {
    const struct options *options;
    const struct roster *roster;
    struct loop *loop;
    struct wire *wire;
    struct ledger *ledger;
    uint32_t writer_count;
    struct loop_timer tick, sample;
    bool reached; /* a connection has been made */
    uint64_t start_us;
    enum phase phase;
    uint64_t phase_us;         /* when it began */
    uint64_t write_us;         /* when writing began */
    uint64_t delivery_us;      /* when the last first delivery came */
    uint64_t delivered;        /* ledger's count at that time */
    uint64_t reading_us;       /* from when deliveries were possible */
    struct wire_counts before; /* when measuring began */
    uint64_t waiting;          /* messages whose answer is still to come */
    uint32_t next_writer;
    struct chooser *chooser;
    struct run_result result;
    int error;
};

static void fail(struct run *run, int error)
{
    run->error = error;
    loop_stop(run->loop, 0);
}

/* -- measuring -------------------------------------------------------------------------------- */

static bool measure(const struct run *run, struct process_cost *ret)
{
    return run->options->pid > 0 && process_cost((pid_t)run->options->pid, ret) == 0;
}

static void report_progress(const struct run *run)
{
    const struct ledger_counts *counts = ledger_counts(run->ledger);

    fprintf(stderr, "multichat-bench: %llu s: %llu acknowledged, %llu delivered, %llu owed\n",
            (unsigned long long)((loop_now(run->loop) - run->write_us) / USEC_PER_SEC),
            (unsigned long long)counts->acknowledged, (unsigned long long)counts->delivered,
            (unsigned long long)ledger_owed(run->ledger));
}

/* Once a second. */
static void sample(void *userdata)
{
    struct run *run = userdata;
    struct process_cost cost;

    if (measure(run, &cost) && cost.resident > run->result.resident_max)
        run->result.resident_max = cost.resident;
    report_progress(run);
    if (loop_timer_set(run->loop, &run->sample, loop_now(run->loop) + SAMPLE_US) < 0)
        fail(run, -ENOMEM);
}

static struct wire_counts wire_counts(const struct run *run)
{
    struct wire_counts counts;

    run->wire->type->counts(run->wire, &counts);
    return counts;
}

static void begin_measuring(struct run *run)
{
    run->before = wire_counts(run);
    run->result.measured = measure(run, &run->result.before);
    sample(run);
}

/* Once nothing is written and delivered any more. */
static void end_measuring(struct run *run)
{
    run->result.wire = wire_counts(run);
    run->result.wire.polls -= run->before.polls;
    run->result.wire.poll_answers -= run->before.poll_answers;
    run->result.measured = run->result.measured && measure(run, &run->result.after);
    loop_timer_cancel(run->loop, &run->sample);
}

/* -- phases ----------------------------------------------------------------------------------- */

static void enter(struct run *run, enum phase phase)
{
    assert(phase > run->phase || (run->phase == PHASE_SIGN_ON && phase == PHASE_SIGN_ON));
    run->phase = phase;
    run->phase_us = loop_now(run->loop);
    fprintf(stderr, "multichat-bench: %s\n", phase_names[phase]);
}

static uint64_t phase_age(const struct run *run)
{
    return loop_now(run->loop) - run->phase_us;
}

static bool signs_on(const struct run *run)
{
    return run->options->mode->sign_on_first || run->wire->type->signs_on;
}

static void start_polling(struct run *run)
{
    int r = run->wire->type->receive(run->wire);

    run->reading_us = loop_now(run->loop);
    if (r < 0)
        fail(run, r);
}

static void begin_writing(struct run *run)
{
    if (signs_on(run))
        run->result.sign_on_us = phase_age(run);
    enter(run, PHASE_WRITE);
    run->write_us = run->phase_us;
    run->delivery_us = run->phase_us;
    if (!run->options->mode->poll_later)
        run->reading_us = run->phase_us;
    begin_measuring(run);
}

static void begin_draining(struct run *run)
{
    run->result.writing_us = loop_now(run->loop) - run->write_us;
    enter(run, PHASE_DRAIN);
    if (run->options->mode->poll_later) {
        start_polling(run);
        run->delivery_us = run->phase_us;
    }
}

static void end(struct run *run)
{
    run->result.delivery_us =
        run->delivery_us > run->reading_us ? run->delivery_us - run->reading_us : 0;
    end_measuring(run);
    enter(run, PHASE_END);
    loop_stop(run->loop, 0);
}

/* -- signing on ------------------------------------------------------------------------------- */

static void sign_on_tick(struct run *run)
{
    size_t missing = 0;
    int r = run->wire->type->sign_on(run->wire, &missing);

    if (r < 0) {
        fail(run, r);
    } else if (missing == 0 || phase_age(run) > SIGN_ON_US) {
        run->result.not_signed_on = missing;
        begin_writing(run);
    }
}

/* -- writing ---------------------------------------------------------------------------------- */

static bool is_ready(const struct run *run, uint32_t writer)
{
    return run->wire->type->ready(run->wire, writer);
}

static void write_one(struct run *run, uint32_t writer)
{
    struct target target = chooser_next(run->chooser, writer);
    struct bytes text;
    long number = ledger_enter(run->ledger, writer, target, clock_monotonic_us(), &text);
    int r = number < 0 ? (int)number
                       : run->wire->type->send(run->wire, writer,
                                               bytes_of(chooser_recipient(run->chooser, target)),
                                               text, (uint32_t)number);

    if (r < 0)
        fail(run, r);
    else
        run->waiting++;
}

static bool written_enough(const struct run *run)
{
    const struct options *options = run->options;

    return (options->seconds > 0 && phase_age(run) >= options->seconds * USEC_PER_SEC) ||
           (options->count > 0 && ledger_counts(run->ledger)->sent >= options->count);
}

/* The next writer who can write into `ret`; false if there is none. */
static bool free_writer(struct run *run, uint32_t *ret)
{
    for (uint32_t i = 0; i < run->writer_count; i++) {
        *ret = run->next_writer++ % run->writer_count;
        if (is_ready(run, *ret))
            return true;
    }
    return false;
}

/* As many as the rate says are due. */
static void write_due(struct run *run)
{
    uint64_t due = phase_age(run) * run->options->rate / USEC_PER_SEC + 1;
    uint32_t writer;

    while (!run->error && ledger_counts(run->ledger)->sent < due && !written_enough(run) &&
           free_writer(run, &writer))
        write_one(run, writer);
}

static void write_all(struct run *run, uint32_t writer)
{
    while (!run->error && !written_enough(run) && is_ready(run, writer))
        write_one(run, writer);
}

static void write_tick(struct run *run)
{
    if (run->options->mode->pattern != PATTERN_NONE) {
        if (run->options->rate > 0)
            write_due(run);
        else
            for (uint32_t i = 0; i < run->writer_count; i++)
                write_all(run, i);
    }
    if (written_enough(run))
        enter(run, PHASE_SETTLE);
}

/* -- what comes back -------------------------------------------------------------------------- */

static const enum ledger_answer ledger_answers[] = {
    [WIRE_ACK] = LEDGER_ACKNOWLEDGED,
    [WIRE_REFUSED] = LEDGER_REFUSED,
    [WIRE_UNKNOWN] = LEDGER_UNACKNOWLEDGED,
};

static void answered(void *userdata, uint32_t tag, enum wire_answer answer)
{
    struct run *run = userdata;

    run->waiting--;
    ledger_answer(run->ledger, tag, ledger_answers[answer], clock_monotonic_us());
}

static void ready(void *userdata, uint32_t writer)
{
    struct run *run = userdata;

    if (run->phase == PHASE_WRITE && run->options->rate == 0 &&
        run->options->mode->pattern != PATTERN_NONE)
        write_all(run, writer);
}

static void delivered(void *userdata, uint32_t user, struct bytes from, struct bytes text)
{
    struct run *run = userdata;
    int r = ledger_deliver(run->ledger, user, from, text, clock_monotonic_us());

    if (r < 0)
        fail(run, r);
    if (ledger_counts(run->ledger)->delivered > run->delivered) {
        run->delivered = ledger_counts(run->ledger)->delivered;
        run->delivery_us = loop_now(run->loop);
    }
}

static void damaged(void *userdata)
{
    ledger_damaged(((struct run *)userdata)->ledger);
}

static void wire_failed(void *userdata, int error)
{
    fail(userdata, error);
}

/* -- the clock -------------------------------------------------------------------------------- */

static void drain_tick(struct run *run)
{
    uint64_t since = run->delivery_us > run->phase_us ? run->delivery_us : run->phase_us;

    if (ledger_owed(run->ledger) == 0 ||
        loop_now(run->loop) - since > run->options->drain * USEC_PER_SEC)
        enter(run, PHASE_QUIET);
}

/* A server that was there and is away is waited for; one that never was, not for long. */
static bool reached(struct run *run)
{
    if (!run->reached)
        run->reached = wire_counts(run).connects > 0;
    return run->reached || loop_now(run->loop) - run->start_us < run->options->drain * USEC_PER_SEC;
}

static void tick(void *userdata)
{
    struct run *run = userdata;

    if (!reached(run)) {
        fprintf(stderr, "multichat-bench: the server takes no connection\n");
        fail(run, -ECONNREFUSED);
        return;
    }
    switch (run->phase) {
    case PHASE_SIGN_ON:
        sign_on_tick(run);
        break;
    case PHASE_WRITE:
        write_tick(run);
        break;
    case PHASE_SETTLE:
        if (run->waiting == 0)
            begin_draining(run);
        break;
    case PHASE_DRAIN:
        drain_tick(run);
        break;
    case PHASE_QUIET:
        if (phase_age(run) > QUIET_INTERVALS * run->options->poll_interval * USEC_PER_MSEC)
            end(run);
        break;
    case PHASE_END:
        return;
    }
    if (loop_timer_set(run->loop, &run->tick, loop_now(run->loop) + TICK_US) < 0)
        fail(run, -ENOMEM);
}

/* -- setting up ------------------------------------------------------------------------------- */

static int make(struct run *run)
{
    const struct options *options = run->options;
    const struct wire_type *type = options->protocol == 1 ? &wire_v1 : &wire_v2;
    const struct wire_handler handler = {
        .answered = answered,
        .ready = ready,
        .delivered = delivered,
        .damaged = damaged,
        .failed = wire_failed,
        .userdata = run,
    };
    int r = loop_new(&run->loop);

    if (r == 0)
        r = chooser_new(run->roster, options->mode->pattern, run->writer_count, options->seed,
                        &run->chooser);
    if (r == 0)
        r = ledger_new(run->roster, run->writer_count, (uint32_t)options->size, &run->ledger);
    if (r == 0)
        r = type->make(run->loop, options, run->roster, &handler, &run->wire);
    return r;
}

/* Whether there are users and rooms enough, told if not. */
static bool is_manned(const struct options *options, const struct roster *roster)
{
    if (options->writers >= roster->user_count) {
        fprintf(stderr, "multichat-bench: %llu writers need more than %zu users\n",
                (unsigned long long)options->writers, roster->user_count);
        return false;
    }
    for (size_t i = 0; options->mode->pattern == PATTERN_ROOM && i < options->writers; i++) {
        if (roster->users[i].room_count == 0) {
            fprintf(stderr, "multichat-bench: %s writes and is in no room\n",
                    roster->users[i].userid);
            return false;
        }
    }
    return true;
}

int run_new(const struct options *options, const struct roster *roster, struct run **ret)
{
    struct run *run;
    int r;

    if (!is_manned(options, roster))
        return -EINVAL;
    run = calloc(1, sizeof(*run));
    if (!run)
        return -ENOMEM;
    run->options = options;
    run->roster = roster;
    run->writer_count = (uint32_t)options->writers;
    loop_timer_init(&run->tick, tick, run);
    loop_timer_init(&run->sample, sample, run);
    r = make(run);
    if (r < 0) {
        fprintf(stderr, "multichat-bench: cannot begin: %s\n", strerror(-r));
        run_free(run);
        return r;
    }
    *ret = run;
    return 0;
}

void run_free(struct run *run)
{
    if (!run)
        return;
    if (run->wire)
        run->wire->type->free(run->wire);
    loop_free(run->loop);
    ledger_free(run->ledger);
    chooser_free(run->chooser);
    free(run);
}

static int start(struct run *run)
{
    int r = loop_turn(run->loop, 0); /* so that the loop knows the time */

    if (r < 0)
        return r;
    run->start_us = loop_now(run->loop);
    enter(run, PHASE_SIGN_ON);
    if (!run->options->mode->poll_later)
        start_polling(run);
    if (!signs_on(run))
        begin_writing(run);
    return loop_timer_set(run->loop, &run->tick, loop_now(run->loop));
}

int run_go(struct run *run, struct run_result *ret)
{
    int r = start(run);

    if (r == 0)
        r = loop_run(run->loop);
    if (r == 0)
        r = run->error;
    if (r == 0)
        r = ledger_close(run->ledger);
    if (r < 0)
        return r;
    *ret = run->result;
    return 0;
}

const struct ledger *run_ledger(const struct run *run)
{
    return run->ledger;
}
