/* What the daemon tells about itself: to `multichatctl status`, and as the service's status line.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "admin/admin.h"
#include "bll/bll.h"
#include "daemon/certificate.h"
#include "daemon/connections.h"
#include "daemon/rates.h"

#include <jansson.h>
#include <stddef.h>

struct report {
    const struct bll *bll;
    const struct metrics *metrics;
    const struct rates *rates;
    struct password_pool *pool;
    const struct certificate *certificate;
    uint64_t uptime_us;
    const struct connections *connections;
    unsigned pushes, dials, control_connections;
};

/* Adds the sections "daemon", "tls", "presence", "connections", "queues", "rates" and "counters" to
 * an answer. */
void report_add(const struct report *report, json_t *into);

/* Who is connected: the answer to "clients". NULL: no memory. */
json_t *report_clients(const struct bll *bll, const struct admin_clients *asked);

/* One line: "storage up, 3 devices present". */
void report_line(const struct report *report, char *text, size_t size);
