/* What the storage unit is doing: whether every thread has its connection, what is wrong if not,
 * and the figures for `multichatctl status`. An outage is logged once when it begins and once when
 * it is over, however many threads take part in it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "dal/dal-private.h"
#include "dal/log-ids.h"

#include "util/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *first_fault(const struct dal *dal)
{
    for (unsigned i = 0; i < dal->thread_count; i++) {
        if (dal->threads[i].fault[0] != '\0')
            return dal->threads[i].fault;
    }
    return NULL;
}

static bool all_up(const struct dal *dal)
{
    for (unsigned i = 0; i < dal->thread_count; i++) {
        if (!dal->threads[i].up)
            return false;
    }
    return true;
}

static void log_move(struct dal *dal, bool up, const char *fault)
{
    if (fault != NULL && !dal->outage) {
        dal->outage = true;
        log_catalogued(LOG_WARNING, MESSAGE_STORAGE_AWAY, "storage (%s) is unavailable: %s",
                       dal->driver->name, fault);
    } else if (up && fault == NULL && dal->outage) {
        dal->outage = false;
        log_catalogued(LOG_NOTICE, MESSAGE_STORAGE_BACK, "storage (%s) is available again",
                       dal->server);
    } else if (up && fault == NULL && !dal->was_up) {
        log_info("storage is open: %s, schema version %d", dal->server, dal->schema.now);
    }
}

void dal_state_moved(struct dal *dal)
{
    const char *fault = first_fault(dal);
    bool up = all_up(dal);
    const char *trouble = fault != NULL ? fault : up ? dal->caution : "connecting";

    if (dal->closing)
        return;
    log_move(dal, up, fault);
    if (up == dal->was_up && strcmp(trouble, dal->trouble) == 0)
        return;
    dal->was_up = up;
    snprintf(dal->trouble, sizeof(dal->trouble), "%s", trouble);
    dal->state_changed = true;
    dal_signal(dal);
}

void dal_committed(struct dal *dal, size_t messages, uint64_t us)
{
    pthread_mutex_lock(&dal->lock);
    dal->commit_us[dal->commits % DAL_COMMITS_KEPT] = us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
    dal->commits++;
    dal->messages += messages;
    pthread_mutex_unlock(&dal->lock);
}

static int compare_us(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static void percentiles(uint32_t *us, size_t count, struct dal_status *ret)
{
    if (count == 0)
        return;
    qsort(us, count, sizeof(*us), compare_us);
    ret->commit_us_p50 = us[count / 2];
    ret->commit_us_p99 = us[count * 99 / 100];
}

void dal_status(struct dal_status *ret)
{
    struct dal *dal = dal_instance();
    uint32_t us[DAL_COMMITS_KEPT];

    *ret = (struct dal_status){
        .driver = dal->driver->name,
        .schema_known = schema_known(dal->driver->dialect),
        .queued = dal->outstanding,
    };
    pthread_mutex_lock(&dal->lock);
    snprintf(ret->server, sizeof(ret->server), "%s", dal->server);
    snprintf(ret->trouble, sizeof(ret->trouble), "%s", dal->trouble);
    ret->up = dal->was_up;
    ret->durable = dal->server[0] != '\0' && dal->caution[0] == '\0';
    ret->schema_version = dal->schema.now;
    ret->schema_before = dal->schema.before;
    ret->commits = dal->commits;
    ret->messages = dal->messages;
    ret->reconnects = dal->reconnects;
    memcpy(us, dal->commit_us, sizeof(us));
    pthread_mutex_unlock(&dal->lock);
    percentiles(us, ret->commits < DAL_COMMITS_KEPT ? ret->commits : DAL_COMMITS_KEPT, ret);
}
