/* Names of the counters, out of the one table.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "util/metrics.h"

#include <assert.h>

static const char *const names[METRIC_COUNT] = {
#define X(symbol, name, help) [METRIC_##symbol] = name,
    METRICS_TABLE (X)
#undef X
};

const char *metric_name(enum metric metric)
{
    assert(metric < METRIC_COUNT);
    return names[metric];
}
