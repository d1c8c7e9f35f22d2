/* The daemon as a service: what systemd is told (sd_notify(3)), and the watchdog it is fed. All of
 * it does nothing where no service manager listens.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "io/loop.h"

#define SERVICE_STATUS_MAX 512

struct service {
    struct loop *loop;
    struct loop_timer watchdog;
    uint64_t interval_us; /* between two feedings; 0 without a watchdog */
    char status[SERVICE_STATUS_MAX];
};

/* dal_open() comes first. Sets the watchdog going if there is one. 0 or -ENOMEM. */
MUST_USE int service_init(struct service *service, struct loop *loop);
/* Before dal_close(): no more feeding. Harmless on a zeroed struct. */
void service_deinit(struct service *service);

void service_ready(void);
void service_reloading(void);
void service_stopping(void);
/* The line `systemctl status` shows; told only when it has changed. */
void service_status(struct service *service, const char *status);
