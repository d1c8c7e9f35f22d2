/* Cursors: what each device has acknowledged, moved in memory and stored lazily.
 *
 * A device with a cursor that storage does not have is on bll.dirty. Saving moves the whole list to
 * bll.saving and gives storage one request; a result moves each device off it again, or back to
 * bll.dirty if storage was away or more has been acknowledged since.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "bll/internal.h"

#include <stdlib.h>

/* In one request to storage. */
#define CURSORS_PER_SAVE 8192

void cursor_advance(struct bll *bll, struct device *device, unsigned index, uint64_t seq)
{
    device->cursors[index].acked = seq;
    if (!list_linked(&device->by_dirt))
        list_append(&bll->dirty, &device->by_dirt);
}

static bool device_dirty(const struct device *device)
{
    for (unsigned i = 0; i < device->account->subscription_count; i++)
        if (device->cursors[i].acked > device->cursors[i].stored)
            return true;
    return false;
}

static void saved(void *userdata, enum dal_outcome outcome)
{
    struct bll *bll = userdata;

    bll->storing_cursors = false;
    LIST_FOREACH_SAFE (link, &bll->saving) {
        struct device *device = LIST_ENTRY(link, struct device, by_dirt);
        for (unsigned i = 0; i < device->account->subscription_count; i++)
            if (outcome == DAL_OK && device->cursors[i].saving > device->cursors[i].stored)
                device->cursors[i].stored = device->cursors[i].saving;
        list_remove(&device->by_dirt);
        if (device_dirty(device))
            list_append(&bll->dirty, &device->by_dirt);
    }
}

/* Adds the device's changed cursors to `out`, as far as there is room; returns how many. A device
 * without an id has to wait. */
static size_t collect(struct device *device, struct device_cursor *out, size_t room)
{
    size_t count = 0;

    if (device->id == 0)
        return 0;
    for (unsigned i = 0; i < device->account->subscription_count && count < room; i++) {
        struct cursor *cursor = &device->cursors[i];
        if (cursor->acked <= cursor->stored)
            continue;
        cursor->saving = cursor->acked;
        out[count++] = (struct device_cursor){
            .device = device->id,
            .conversation = device->account->subscriptions[i].conversation->id,
            .seq = cursor->acked,
        };
    }
    return count;
}

void cursors_save(struct bll *bll)
{
    struct device_cursor *batch;
    size_t count = 0;

    bll->saved_us = bll_now(bll);
    if (list_empty(&bll->dirty) || bll->storing_cursors)
        return;
    batch = calloc(CURSORS_PER_SAVE, sizeof(*batch));
    if (!batch)
        return;
    LIST_FOREACH_SAFE (link, &bll->dirty) {
        struct device *device = LIST_ENTRY(link, struct device, by_dirt);
        size_t added = collect(device, batch + count, CURSORS_PER_SAVE - count);
        if (added == 0)
            continue;
        count += added;
        list_move(&bll->saving, &device->by_dirt);
    }
    bll->storing_cursors = count > 0 && dal_cursors_store(batch, count, saved, bll) == 0;
    if (!bll->storing_cursors)
        list_splice(&bll->dirty, &bll->saving);
    free(batch);
}
