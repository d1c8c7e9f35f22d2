/* The report: a list of named figures, and a table of what may not be.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/report.h"

#include "util/clock.h"

#include <inttypes.h>
#include <stdio.h>

#define FIGURES_MAX 48
#define KIB         1024

struct figure {
    const char *name;
    const char *unit;
    double value;
};

struct report {
    struct figure figures[FIGURES_MAX];
    size_t count;
};

static void add(struct report *report, const char *name, double value, const char *unit)
{
    if (report->count < FIGURES_MAX)
        report->figures[report->count++] =
            (struct figure){.name = name, .unit = unit, .value = value};
}

static double per_second(uint64_t count, uint64_t us)
{
    return us > 0 ? (double)count * (double)USEC_PER_SEC / (double)us : 0;
}

static void add_counts(struct report *report, const struct ledger_counts *counts)
{
    add(report, "sent", (double)counts->sent, "messages");
    add(report, "acknowledged", (double)counts->acknowledged, "messages");
    add(report, "refused", (double)counts->refused, "messages");
    add(report, "unacknowledged", (double)counts->unacknowledged, "messages");
    add(report, "delivered", (double)counts->delivered, "deliveries");
    add(report, "lost", (double)counts->lost, "deliveries");
    add(report, "repeated", (double)counts->repeated, "deliveries");
    add(report, "out-of-order", (double)counts->out_of_order, "deliveries");
    add(report, "contradictions", (double)counts->contradictions, "conversations");
    add(report, "unexpected", (double)counts->unexpected, "deliveries");
    add(report, "damaged", (double)counts->damaged, "deliveries");
    add(report, "foreign", (double)counts->foreign, "deliveries");
}

static void add_speed(struct report *report, const struct ledger *ledger,
                      const struct run_result *result)
{
    const struct ledger_counts *counts = ledger_counts(ledger);

    add(report, "sign-on-time", (double)result->sign_on_us / USEC_PER_SEC, "s");
    add(report, "writing-time", (double)result->writing_us / USEC_PER_SEC, "s");
    add(report, "delivery-time", (double)result->delivery_us / USEC_PER_SEC, "s");
    add(report, "acks-per-second", per_second(counts->acknowledged, result->writing_us), "/s");
    add(report, "deliveries-per-second", per_second(counts->delivered, result->delivery_us), "/s");
    add(report, "ack-p50", (double)histogram_quantile(ledger_answer_us(ledger), 0.5), "us");
    add(report, "ack-p99", (double)histogram_quantile(ledger_answer_us(ledger), 0.99), "us");
    add(report, "delivery-p50", (double)histogram_quantile(ledger_delivery_us(ledger), 0.5), "us");
    add(report, "delivery-p99", (double)histogram_quantile(ledger_delivery_us(ledger), 0.99), "us");
    add(report, "last-p50", (double)histogram_quantile(ledger_last_us(ledger), 0.5), "us");
    add(report, "last-p99", (double)histogram_quantile(ledger_last_us(ledger), 0.99), "us");
    add(report, "last-max", (double)histogram_quantile(ledger_last_us(ledger), 1), "us");
    add(report, "reconnects", (double)result->wire.reconnects, "connections");
    add(report, "polls", (double)result->wire.polls, "datagrams");
    add(report, "poll-answers", (double)result->wire.poll_answers, "datagrams");
    add(report, "poll-answers-wrong", (double)result->wire.poll_answers_wrong, "datagrams");
    add(report, "redelivered", (double)result->wire.redelivered, "deliveries");
    add(report, "notes", (double)result->wire.notes, "deliveries");
    add(report, "unreachable", (double)result->wire.unreachable, "users");
}

static void add_cost(struct report *report, const struct ledger_counts *counts,
                     const struct run_result *result)
{
    double cpu_us;

    if (!result->measured)
        return;
    cpu_us = (double)(result->after.cpu_us - result->before.cpu_us);
    add(report, "resident-before", (double)(result->before.resident / KIB), "KiB");
    add(report, "resident-after", (double)(result->after.resident / KIB), "KiB");
    add(report, "resident-max", (double)(result->resident_max / KIB), "KiB");
    add(report, "cpu-time", cpu_us / USEC_PER_SEC, "s");
    if (counts->sent == 0 && result->wire.polls > 0)
        add(report, "cpu-per-poll", cpu_us / (double)result->wire.polls, "us");
    if (counts->delivered > 0)
        add(report, "cpu-per-delivery", cpu_us / (double)counts->delivered, "us");
}

/* What makes a run fail, as a list of reasons; true if there is none. */
static bool judge(const struct options *options, const struct ledger_counts *counts,
                  const struct run_result *result, char *reasons, size_t size)
{
    const struct {
        bool failed;
        const char *reason;
    } checks[] = {
        {result->not_signed_on > 0, "users could not sign on"},
        {options->mode->pattern != PATTERN_NONE && counts->acknowledged == 0,
         "nothing was acknowledged"},
        {counts->lost > 0, "acknowledged messages were lost"},
        {counts->repeated > 0 && !options->tolerate_repeats, "messages were delivered twice"},
        {counts->out_of_order > 0, "messages came out of order"},
        {counts->contradictions > 0, "members of a conversation saw different orders"},
        {counts->unexpected > 0, "messages came to whom they were not for"},
        {result->wire.poll_answers_wrong > 0, "polls were answered wrongly"},
        {counts->damaged > 0 && !options->tolerate_repeats, "messages were damaged"},
    };
    size_t len = 0;

    reasons[0] = '\0';
    for (size_t i = 0; i < ARRAY_SIZE(checks); i++)
        if (checks[i].failed && len < size)
            len += (size_t)snprintf(reasons + len, size - len, "%s%s", len ? "; " : "",
                                    checks[i].reason);
    return reasons[0] == '\0';
}

static void print_text(const struct report *report)
{
    for (size_t i = 0; i < report->count; i++) {
        const struct figure *figure = &report->figures[i];
        printf("%-22s %14.*f %s\n", figure->name,
               figure->value == (double)(uint64_t)figure->value ? 0 : 3, figure->value,
               figure->unit);
    }
}

static void print_json(const struct options *options, const struct report *report, bool passed,
                       const char *reasons)
{
    printf("{\"mode\": \"%s\", ", options->mode->name);
    for (size_t i = 0; i < report->count; i++)
        printf("\"%s\": %.*f, ", report->figures[i].name,
               report->figures[i].value == (double)(uint64_t)report->figures[i].value ? 0 : 3,
               report->figures[i].value);
    printf("\"passed\": %s, \"reasons\": \"%s\"}\n", passed ? "true" : "false", reasons);
}

bool report_print(const struct options *options, const struct roster *roster,
                  const struct ledger *ledger, const struct run_result *result)
{
    const struct ledger_counts *counts = ledger_counts(ledger);
    struct report report = {.count = 0};
    char reasons[512];
    bool passed = judge(options, counts, result, reasons, sizeof(reasons));

    add(&report, "users", (double)roster->user_count, "users");
    add(&report, "rooms", (double)roster->room_count, "rooms");
    add(&report, "writers", (double)options->writers, "users");
    add_counts(&report, counts);
    add_speed(&report, ledger, result);
    add_cost(&report, counts, result);
    if (options->json) {
        print_json(options, &report, passed, reasons);
    } else {
        print_text(&report);
        printf("%s%s%s\n", passed ? "PASS" : "FAIL", passed ? "" : ": ", reasons);
    }
    return passed;
}
