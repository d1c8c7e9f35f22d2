/* What a script's run has to do at the server: see errand.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/modes/errand.h"

#include "client/client.h"
#include "client/modes/sending.h"
#include "client/output.h"
#include "client/password.h"
#include "client/server.h"
#include "util/clock.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#define HOSTS_MAX       16
#define WAIT_MAX_US     (30 * USEC_PER_SEC) /* for a server that limits how fast things come */
#define RESOLVE_WAIT_US USEC_PER_SEC        /* before a name is looked up again */

void errand_say(const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    output_notice(text);
}

/* -- what the courier tells ---------------------------------------------------------------------
 */

static void limited(struct errand *errand, const struct courier_report *report)
{
    if (report->pause_us > WAIT_MAX_US && !errand->patient) {
        errand_say("the server takes no more now: %s (%s)", report->reason, report->code);
        errand->over = true;
    } else if (report->pause_us >= COURIER_LIMIT_TOLD_US) {
        errand_say("too many messages in too short a time (limited); waiting %u s",
                   courier_pause_seconds(report));
    }
}

static void unreachable(struct errand *errand, const struct courier_report *report)
{
    const struct settings *settings = &errand->invocation->settings;

    if (!errand->told)
        errand_say("cannot reach the server %s, port %u: %s", settings->server,
                   (unsigned)settings->write_port, report->reason);
    errand->told = errand->patient;
    errand->unreachable = true;
}

/* What concerns all messages alike; the rest is for whom they belong to. */
static void reported(void *userdata, const struct courier_report *report)
{
    struct errand *errand = userdata;

    switch (report->event) {
    case COURIER_LIMITED:
        limited(errand, report);
        return;
    case COURIER_POSTPONED:
        errand_say("the server cannot store it now: %s (%s)", report->reason, report->code);
        errand->over = !errand->patient;
        return;
    case COURIER_UNREACHABLE:
        unreachable(errand, report);
        return;
    case COURIER_SHUT_OUT:
        errand->over = true;
        errand->code = sending_exit_code(account_refusal(errand->account));
        break;
    default:
        errand->told = false;
        break;
    }
    if (errand->settled)
        errand->settled(errand->userdata, report);
}

/* -- its beginning and end ----------------------------------------------------------------------
 */

int errand_init(struct errand *errand, const struct invocation *invocation, struct account *account,
                struct outbox *outbox, courier_fn settled, void *userdata, int stop_fd)
{
    uint64_t timeout_us = invocation->timeout_us;
    int r;

    *errand = (struct errand){
        .invocation = invocation,
        .account = account,
        .outbox = outbox,
        .settled = settled,
        .userdata = userdata,
        .stop_fd = stop_fd,
        .deadline = timeout_us > 0 ? clock_monotonic_us() + timeout_us : UINT64_MAX,
        .patient = timeout_us > 0,
        .code = EXIT_NETWORK,
    };
    r = exchange_new(&errand->exchange);
    if (r < 0)
        return r;
    r = courier_init(&errand->courier, account, outbox, reported, errand);
    if (r < 0) {
        exchange_free(errand->exchange);
        return r;
    }
    courier_set_exchange(&errand->courier, errand->exchange);
    return 0;
}

void errand_deinit(struct errand *errand)
{
    courier_deinit(&errand->courier);
    exchange_free(errand->exchange);
}

/* -- carrying -----------------------------------------------------------------------------------
 */

static bool has_work(const struct errand *errand)
{
    return !errand->over && ((errand->outbox && outbox_count(errand->outbox) > 0) ||
                             exchange_count(errand->exchange) > 0);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Waits for something, until `until` at the longest, and does it. */
static void turn(struct errand *errand, const struct addr *server, uint64_t until)
{
    struct pollfd fds[] = {courier_pollfd(&errand->courier),
                           {.fd = errand->stop_fd, .events = POLLIN}};
    uint64_t due = earlier(courier_due(&errand->courier), earlier(errand->deadline, until));
    uint64_t now = clock_monotonic_us();

    if (poll(fds, ARRAY_SIZE(fds), clock_poll_ms(due, now)) < 0)
        return; /* EINTR */
    now = clock_monotonic_us();
    if (fds[1].revents) {
        errand->over = true;
        return;
    }
    courier_turn(&errand->courier, server, fds[0].revents, now);
    if (account_password_wanted(errand->account) &&
        password_supply(errand->account, errand->invocation->password_fd, errand->stop_fd) ==
            -ECANCELED)
        errand->over = true;
    if (now >= errand->deadline)
        errand->over = errand->late = true;
}

/* Carries to one address as long as that goes. */
static void carry(struct errand *errand, const struct addr *server)
{
    errand->unreachable = false;
    while (has_work(errand) && !errand->unreachable)
        turn(errand, server, UINT64_MAX);
}

/* Nobody knows where the server is: calls have their time all the same. */
static void wait_for_name(struct errand *errand)
{
    uint64_t until = clock_monotonic_us() + RESOLVE_WAIT_US;

    while (has_work(errand) && clock_monotonic_us() < until)
        turn(errand, NULL, until);
}

/* Tries at each of the server's addresses; `round` counts from 0. */
static void carry_anywhere(struct errand *errand, unsigned round)
{
    const struct settings *settings = &errand->invocation->settings;
    struct addr hosts[HOSTS_MAX];
    const char *reason;
    long count = server_resolve(settings->server, (uint16_t)settings->write_port, hosts,
                                ARRAY_SIZE(hosts), &reason);

    if (count < 0 && !errand->told)
        errand_say("cannot find the server %s: %s", settings->server, reason);
    errand->told = errand->told || count < 0;
    if (count < 0 && errand->patient)
        wait_for_name(errand);
    for (long i = 0; i < count && has_work(errand); i++) {
        if (round == 0 || i > 0) /* else what was put off waits */
            courier_resume(&errand->courier);
        carry(errand, &hosts[i]);
    }
}

int errand_run(struct errand *errand)
{
    unsigned round = 0;

    do {
        carry_anywhere(errand, round++);
    } while (errand->patient && has_work(errand));
    return errand->code;
}
