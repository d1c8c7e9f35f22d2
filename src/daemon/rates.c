/* Rates, out of a ring of samples of all counters.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/rates.h"

#include "util/attributes.h"
#include "util/clock.h"

static const struct {
    const char *name;
    enum metric metric;
} shown[] = {
    {"polls", METRIC_POLLS},
    {"connections", METRIC_CONNECTIONS},
    {"frames", METRIC_FRAMES},
    {"writes", METRIC_WRITES_STORED},
    {"deliveries", METRIC_MESSAGES_DELIVERED},
};

void rates_take(struct rates *rates, const struct metrics *metrics, uint64_t now_us)
{
    rates->samples[rates->next] = (struct rates_sample){now_us, *metrics};
    rates->next = (rates->next + 1) % ARRAY_SIZE(rates->samples);
    if (rates->count < ARRAY_SIZE(rates->samples))
        rates->count++;
}

static const struct rates_sample *sample_before(const struct rates *rates, unsigned back)
{
    unsigned size = ARRAY_SIZE(rates->samples);

    return &rates->samples[(rates->next + size - back) % size];
}

/* To a tenth: nobody wants to see more of it. */
static double rate_of(const struct rates *rates, enum metric metric)
{
    if (rates->count < 2)
        return 0;
    const struct rates_sample *newest = sample_before(rates, 1);
    const struct rates_sample *oldest = sample_before(rates, rates->count);
    uint64_t count = newest->metrics.value[metric] - oldest->metrics.value[metric];
    uint64_t us = newest->at_us - oldest->at_us;
    return us > 0 ? (double)((count * 10 * USEC_PER_SEC + us / 2) / us) / 10 : 0;
}

json_t *rates_to_json(const struct rates *rates)
{
    json_t *object = json_object();

    for (size_t i = 0; object != NULL && i < ARRAY_SIZE(shown); i++)
        json_object_set_new(object, shown[i].name, json_real(rate_of(rates, shown[i].metric)));
    return object;
}
