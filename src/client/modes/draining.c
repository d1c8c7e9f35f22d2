/* Knowing when nothing waits any more: see draining.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/modes/draining.h"

#include "client/client.h"
#include "client/output.h"
#include "util/clock.h"

#include <stdio.h>

/* What was shown is acknowledged over another connection: the server may not know it yet. */
#define PAUSE_MIN_US (USEC_PER_SEC / 50)
#define PAUSE_MAX_US USEC_PER_SEC

static void reported(void *userdata, const struct courier_report *report)
{
    struct draining *draining = userdata;

    if (report->event == COURIER_UNREACHABLE)
        session_doubt(draining->session);
}

int draining_init(struct draining *draining, struct session *session)
{
    int r;

    *draining = (struct draining){.session = session, .pause = PAUSE_MIN_US, .code = -1};
    r = exchange_new(&draining->exchange);
    if (r == 0)
        r = courier_init(&draining->courier, session->receiving->account, NULL, reported, draining);
    if (r < 0) {
        exchange_free(draining->exchange);
        return r;
    }
    courier_set_exchange(&draining->courier, draining->exchange);
    return 0;
}

void draining_deinit(struct draining *draining)
{
    courier_deinit(&draining->courier);
    exchange_free(draining->exchange);
}

/* So many wait: asks again when they have been dealt with, but not without end at once. */
static void answered(struct draining *draining)
{
    if (draining->counted == 0)
        draining->code = EXIT_DONE;
    draining->goal = draining->handled + draining->counted;
    draining->ask_at = clock_monotonic_us() + draining->pause;
    if (draining->pause < PAUSE_MAX_US)
        draining->pause *= 2;
}

static void failed(struct draining *draining, const struct exchange_report *report)
{
    char text[512];

    draining->ask_at = UINT64_MAX;
    if (report->shut_out) /* the account knows */
        return;
    snprintf(text, sizeof(text), "cannot ask what waits: %s (%s)", report->reason,
             report->code[0] ? report->code : "no answer");
    output_notice(text);
    draining->code = report->event == EXCHANGE_REFUSED ? EXIT_REFUSED : EXIT_TIME_OUT;
}

/* An exchange_fn. */
static void told(void *userdata, const struct exchange_report *report)
{
    struct draining *draining = userdata;

    if (report->event == EXCHANGE_ROW)
        draining->counted += report->row->count;
    else if (report->event == EXCHANGE_DONE)
        answered(draining);
    else
        failed(draining, report);
}

void draining_handled(struct draining *draining)
{
    draining->handled++;
    draining->pause = PAUSE_MIN_US;
}

struct pollfd draining_pollfd(const struct draining *draining)
{
    return courier_pollfd(&draining->courier);
}

/* All that waited when it was asked was dealt with, or took long. */
static uint64_t next_question(const struct draining *draining)
{
    if (draining->ask_at == UINT64_MAX || draining->handled >= draining->goal)
        return draining->ask_at;
    return draining->ask_at + PAUSE_MAX_US;
}

uint64_t draining_due(const struct draining *draining)
{
    uint64_t due = courier_due(&draining->courier), question = next_question(draining);

    return question < due ? question : due;
}

void draining_turn(struct draining *draining, short revents, uint64_t now)
{
    const struct v2_frame request = {.verb = V2_VERB_UNREAD};
    struct addr server;
    bool known = session_server(draining->session, &server);

    if (now >= next_question(draining) &&
        exchange_call(draining->exchange, &request, NULL, told, draining) > 0) {
        draining->counted = 0;
        draining->ask_at = UINT64_MAX;
    }
    courier_turn(&draining->courier, known ? &server : NULL, revents, now);
}
