/* Retention, on the loop's clock.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/retention.h"

#include "dal/dal.h"
#include "util/clock.h"
#include "util/log.h"

#include <inttypes.h>

#define STEP_US  USEC_PER_SEC
#define REST_US  (60 * USEC_PER_SEC)
#define ROWS_MAX 500 /* of one step */
#define DAY_MS   (24ULL * 60 * 60 * 1000)

/* The share of storage.queue that leaves no room for this. */
#define LOADED_PART 16

static bool is_wanted(const struct retention *retention)
{
    return retention->days > 0 || retention->messages > 0;
}

static void schedule(struct retention *retention, uint64_t us)
{
    int r = loop_timer_set(retention->loop, &retention->timer, loop_now(retention->loop) + us);
    (void)r; /* the timer has had its place in the heap before */
}

static void end_round(struct retention *retention)
{
    if (retention->deleted > 0)
        log_info("retention: %" PRIu64 " messages deleted", retention->deleted);
    retention->deleted = 0;
}

static void stepped(void *userdata, enum dal_outcome outcome, uint64_t deleted, uint64_t next)
{
    struct retention *retention = userdata;
    bool given_up = retention->restart;
    retention->stepping = retention->restart = false;
    if (outcome != DAL_OK)
        return; /* the storage unit says why; the next step tries the same */
    log_debug("retention: a step has deleted %" PRIu64 " messages", deleted);
    metrics_add(retention->metrics, METRIC_MESSAGES_DELETED, deleted);
    retention->deleted += deleted;
    if (given_up)
        return;
    retention->after = next;
    if (next != 0)
        return;
    end_round(retention);
    if (is_wanted(retention))
        schedule(retention, REST_US);
}

/* Times are those of the clock on the wall, and so is what is older than so many days. */
static uint64_t oldest_ms(const struct retention *retention)
{
    uint64_t now = clock_real_ms(), span = retention->days * DAY_MS;
    return retention->days > 0 && now > span ? now - span : 0;
}

static void step(struct retention *retention)
{
    const struct dal_prune prune = {
        .after = retention->after,
        .before_ms = oldest_ms(retention),
        .keep = retention->messages,
        .max_rows = ROWS_MAX,
    };
    struct dal_status status;
    dal_status(&status);
    if (status.up && status.queued < retention->queue_loaded)
        retention->stepping = dal_prune(&prune, stepped, retention) == 0;
}

static void due(void *userdata)
{
    struct retention *retention = userdata;
    schedule(retention, STEP_US);
    if (!retention->stepping)
        step(retention);
}

void retention_init(struct retention *retention, struct loop *loop, struct metrics *metrics)
{
    *retention = (struct retention){.loop = loop, .metrics = metrics};
    loop_timer_init(&retention->timer, due, retention);
}

int retention_configure(struct retention *retention, const struct daemon_config *config)
{
    retention->days = config->retention.days;
    retention->messages = config->retention.messages;
    retention->queue_loaded = (unsigned)(config->storage.queue / LOADED_PART);
    retention->after = 0;
    retention->restart = retention->stepping;
    if (is_wanted(retention))
        return loop_timer_set(retention->loop, &retention->timer,
                              loop_now(retention->loop) + STEP_US);
    loop_timer_cancel(retention->loop, &retention->timer);
    end_round(retention);
    return 0;
}

void retention_stop(struct retention *retention)
{
    if (retention->loop != NULL)
        loop_timer_cancel(retention->loop, &retention->timer);
}
