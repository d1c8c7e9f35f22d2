/* The phases of a run, on one loop.
 *
 * A message is sent once, whatever its answer: a lost connection leaves it unacknowledged, a
 * refusal leaves it out of the books, and the writer goes on with the next. So nothing that comes
 * twice can be this program's doing.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/run.h"

#include "bench/channel.h"
#include "bench/chooser.h"
#include "bench/receivers.h"
#include "bench/sign-on.h"
#include "util/clock.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TICK_US         USEC_PER_MSEC
#define SAMPLE_US       USEC_PER_SEC
#define SIGN_ON_US      (300 * USEC_PER_SEC)
#define SIGN_ON_RETRY   (1 * USEC_PER_SEC)
#define QUIET_INTERVALS 3 /* polls of everyone after the last delivery that was due */

enum phase {
    PHASE_SIGN_ON, /* everyone gets a message from himself, so that the server knows his device */
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

struct writer {
    struct run *run;
    uint32_t user;
    struct channel *channel;
};

struct run {
    const struct options *options;
    const struct roster *roster;
    struct loop *loop;
    struct receivers *receivers;
    struct ledger *ledger;
    struct writer *writers;
    uint32_t writer_count;
    struct loop_timer tick, sample;
    bool reached; /* a connection has been made */
    uint64_t start_us;
    enum phase phase;
    uint64_t phase_us;    /* when it began */
    uint64_t write_us;    /* when writing began */
    uint64_t delivery_us; /* when the last first delivery came */
    uint64_t delivered;   /* ledger's count at that time */
    uint64_t reading_us;  /* from when deliveries were possible */
    uint64_t polls_before;
    uint64_t waiting; /* messages whose answer is still to come */
    uint32_t next_writer;
    struct sign_on *sign_on;
    struct chooser *chooser;
    uint64_t sign_on_retry_us;
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

static void begin_measuring(struct run *run)
{
    run->polls_before = receivers_polls(run->receivers);
    run->result.measured = measure(run, &run->result.before);
    sample(run);
}

/* Once nothing is written and delivered any more. */
static void end_measuring(struct run *run)
{
    run->result.polls = receivers_polls(run->receivers) - run->polls_before;
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

static void start_polling(struct run *run)
{
    int r = receivers_start(run->receivers);

    run->reading_us = loop_now(run->loop);
    if (r < 0)
        fail(run, r);
}

static void begin_writing(struct run *run)
{
    if (run->options->mode->sign_on_first)
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

static void sign_on_some(struct run *run, struct channel *channel)
{
    int r = sign_on_send(run->sign_on, channel);

    if (r < 0)
        fail(run, r);
}

static void sign_on_tick(struct run *run)
{
    uint64_t now = loop_now(run->loop);

    if (now >= run->sign_on_retry_us) {
        sign_on_again(run->sign_on);
        run->sign_on_retry_us = now + SIGN_ON_RETRY;
        for (uint32_t i = 0; i < run->writer_count; i++)
            sign_on_some(run, run->writers[i].channel);
    }
    if (sign_on_missing(run->sign_on) == 0 || phase_age(run) > SIGN_ON_US) {
        run->result.not_signed_on = sign_on_missing(run->sign_on);
        begin_writing(run);
    }
}

/* -- writing ---------------------------------------------------------------------------------- */

static void write_one(struct run *run, struct writer *writer)
{
    const struct roster_user *who = &run->roster->users[writer->user];
    struct target target = chooser_next(run->chooser, writer->user);
    struct v1_write write = {
        .userid = bytes_of(who->userid),
        .password = bytes_of(who->password),
        .recipient = bytes_of(chooser_recipient(run->chooser, target)),
    };
    long number =
        ledger_enter(run->ledger, writer->user, target, clock_monotonic_us(), &write.text);
    int r = number < 0 ? (int)number : channel_send(writer->channel, &write, (uint32_t)number);

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

/* The next writer who can write, or NULL. */
static struct writer *free_writer(struct run *run)
{
    for (uint32_t i = 0; i < run->writer_count; i++) {
        struct writer *writer = &run->writers[run->next_writer++ % run->writer_count];
        if (channel_ready(writer->channel))
            return writer;
    }
    return NULL;
}

/* As many as the rate says are due. */
static void write_due(struct run *run)
{
    uint64_t due = phase_age(run) * run->options->rate / USEC_PER_SEC + 1;
    struct writer *writer;

    while (!run->error && ledger_counts(run->ledger)->sent < due && !written_enough(run) &&
           (writer = free_writer(run)))
        write_one(run, writer);
}

static void write_all(struct run *run, struct writer *writer)
{
    while (!run->error && !written_enough(run) && channel_ready(writer->channel))
        write_one(run, writer);
}

static void write_tick(struct run *run)
{
    if (run->options->mode->pattern != PATTERN_NONE) {
        if (run->options->rate > 0)
            write_due(run);
        else
            for (uint32_t i = 0; i < run->writer_count; i++)
                write_all(run, &run->writers[i]);
    }
    if (written_enough(run))
        enter(run, PHASE_SETTLE);
}

/* -- what comes back -------------------------------------------------------------------------- */

static const enum ledger_answer ledger_answers[] = {
    [CHANNEL_ACK] = LEDGER_ACKNOWLEDGED,
    [CHANNEL_REFUSED] = LEDGER_REFUSED,
    [CHANNEL_UNKNOWN] = LEDGER_UNACKNOWLEDGED,
};

static void answered(void *userdata, uint32_t tag, enum channel_answer answer)
{
    struct writer *writer = userdata;
    struct run *run = writer->run;

    if (sign_on_is_tag(tag)) {
        sign_on_answered(run->sign_on, tag, answer == CHANNEL_ACK);
        return;
    }
    run->waiting--;
    ledger_answer(run->ledger, tag, ledger_answers[answer], clock_monotonic_us());
}

static void channel_free_again(void *userdata, struct channel *channel)
{
    struct writer *writer = userdata;
    struct run *run = writer->run;

    if (run->phase == PHASE_SIGN_ON)
        sign_on_some(run, channel);
    else if (run->phase == PHASE_WRITE && run->options->rate == 0 &&
             run->options->mode->pattern != PATTERN_NONE)
        write_all(run, writer);
}

static void received(void *userdata, uint32_t user, struct bytes payload)
{
    struct run *run = userdata;
    struct v1_push push;
    int r;

    if (v1_parse_push(payload, &push) < 0) {
        ledger_damaged(run->ledger);
        return;
    }
    if (sign_on_received(run->sign_on, user, push.text))
        return;
    r = ledger_deliver(run->ledger, user, push.userid, push.text, clock_monotonic_us());
    if (r < 0)
        fail(run, r);
    if (ledger_counts(run->ledger)->delivered > run->delivered) {
        run->delivered = ledger_counts(run->ledger)->delivered;
        run->delivery_us = loop_now(run->loop);
    }
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
    for (uint32_t i = 0; i < run->writer_count && !run->reached; i++)
        run->reached = channel_connects(run->writers[i].channel) > 0;
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

static int make_writers(struct run *run)
{
    const struct options *options = run->options;
    int r = 0;

    run->writers = calloc(options->writers, sizeof(*run->writers));
    if (!run->writers)
        return -ENOMEM;
    for (uint32_t i = 0; r == 0 && i < options->writers; i++) {
        struct writer *writer = &run->writers[i];
        struct channel_handler handler = {
            .answered = answered, .ready = channel_free_again, .userdata = writer};
        *writer = (struct writer){.run = run, .user = i};
        run->writer_count++;
        r = channel_new(run->loop, &options->writes, &options->listen, (unsigned)options->window,
                        &handler, &writer->channel);
    }
    return r;
}

static int make(struct run *run)
{
    const struct options *options = run->options;
    struct receivers_config config = {
        .roster = run->roster,
        .polls = options->polls,
        .listen = options->listen,
        .interval_us = options->poll_interval * USEC_PER_MSEC,
    };
    int r;

    r = loop_new(&run->loop);
    if (r == 0)
        r = sign_on_new(run->roster, &run->sign_on);
    if (r == 0)
        r = chooser_new(run->roster, options->mode->pattern, (uint32_t)options->writers,
                        options->seed, &run->chooser);
    if (r == 0)
        r = ledger_new(run->roster, (uint32_t)options->writers, (uint32_t)options->size,
                       &run->ledger);
    if (r == 0)
        r = receivers_new(run->loop, &config, received, run, &run->receivers);
    if (r == 0)
        r = make_writers(run);
    return r;
}

int run_new(const struct options *options, const struct roster *roster, struct run **ret)
{
    struct run *run;
    int r;

    if (options->writers >= roster->user_count) {
        fprintf(stderr, "multichat-bench: %llu writers need more than %zu users\n",
                (unsigned long long)options->writers, roster->user_count);
        return -EINVAL;
    }
    run = calloc(1, sizeof(*run));
    if (!run)
        return -ENOMEM;
    run->options = options;
    run->roster = roster;
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
    for (uint32_t i = 0; i < run->writer_count; i++)
        channel_free(run->writers[i].channel);
    receivers_free(run->receivers);
    loop_free(run->loop);
    ledger_free(run->ledger);
    sign_on_free(run->sign_on);
    chooser_free(run->chooser);
    free(run->writers);
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
    if (!run->options->mode->sign_on_first)
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
    for (uint32_t i = 0; i < run->writer_count; i++)
        run->result.reconnects += channel_connects(run->writers[i].channel) - 1;
    *ret = run->result;
    return 0;
}

const struct ledger *run_ledger(const struct run *run)
{
    return run->ledger;
}
