/* The daemon as a service.
 *
 * The watchdog is fed after a round trip through every storage thread, so being fed means that the
 * loop and all of them are alive. That the database is away is no reason to be restarted: the
 * threads answer then, too.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/service.h"

#include "dal/dal.h"
#include "util/clock.h"

#include <inttypes.h>
#include <stdio.h>
#if HAVE_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

static void notify(const char *state)
{
#if HAVE_SYSTEMD
    sd_notify(0, state);
#endif
}

static uint64_t watchdog_interval(void)
{
#if HAVE_SYSTEMD
    uint64_t limit;
    if (sd_watchdog_enabled(1, &limit) > 0)
        return limit / 2;
#endif
    return 0;
}

static void answered(void *userdata, enum dal_outcome outcome)
{
    struct service *service = userdata;
    if (service->interval_us > 0)
        notify("WATCHDOG=1");
}

/* Also while an answer is owed: a thread that has been migrating for long owes none any more when
 * it is asked again. When there are too many questions the next one is put soon: they are answered,
 * or the watchdog is right. */
static void due(void *userdata)
{
    struct service *service = userdata;
    uint64_t wait = service->interval_us;
    if (dal_ping(answered, service) < 0)
        wait /= 16;
    int r = loop_timer_set(service->loop, &service->watchdog, loop_now(service->loop) + wait);
    (void)r; /* the timer has had its place in the heap before */
}

int service_init(struct service *service, struct loop *loop)
{
    *service = (struct service){.loop = loop, .interval_us = watchdog_interval()};
    loop_timer_init(&service->watchdog, due, service);
    if (service->interval_us == 0)
        return 0;
    return loop_timer_set(loop, &service->watchdog, loop_now(loop));
}

void service_deinit(struct service *service)
{
    if (service->loop == NULL)
        return;
    loop_timer_cancel(service->loop, &service->watchdog);
    service->interval_us = 0;
    service->loop = NULL;
}

void service_ready(void)
{
    notify("READY=1");
}

/* The time is what Type=notify-reload wants, which newer systemd knows. */
void service_reloading(void)
{
    char state[64];
    snprintf(state, sizeof state, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, clock_monotonic_us());
    notify(state);
}

void service_stopping(void)
{
    notify("STOPPING=1");
}

void service_status(struct service *service, const char *status)
{
    char state[SERVICE_STATUS_MAX + sizeof "STATUS="];
    if (strncmp(service->status, status, sizeof service->status - 1) == 0)
        return;
    snprintf(service->status, sizeof service->status, "%s", status);
    snprintf(state, sizeof state, "STATUS=%s", service->status);
    notify(state);
}
