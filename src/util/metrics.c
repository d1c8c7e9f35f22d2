/* Names and explanations of the counters, out of the one table.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "util/metrics.h"

#include <assert.h>

static const struct {
    const char *name;
    const char *help;
} table[METRIC_COUNT] = {
#define X(symbol, name, help) [METRIC_##symbol] = {name, help},
    METRICS_TABLE (X)
#undef X
};

const char *metric_name(enum metric metric)
{
    assert(metric < METRIC_COUNT);
    return table[metric].name;
}

const char *metric_help(enum metric metric)
{
    assert(metric < METRIC_COUNT);
    return table[metric].help;
}
