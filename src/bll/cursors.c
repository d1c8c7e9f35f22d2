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
    const struct conversation *conversation = device->account->subscriptions[index].conversation;

    device->cursors[index].acked = seq;
    if (device->cursors[index].sent < seq)
        device->cursors[index].sent = seq;
    if (!list_linked(&device->by_dirt))
        list_append(&bll->dirty, &device->by_dirt);
    if (bll->awaited && conversation->kind == CONVERSATION_INBOX)
        awaits_acknowledged(bll, conversation->id, seq);
}

static bool device_dirty(const struct device *device)
{
    for (unsigned i = 0; i < device->account->subscription_count; i++)
        if (device->cursors[i].acked > device->cursors[i].stored)
            return true;
    return false;
}

static void note_stored(struct device *device, const struct device_cursor *stored)
{
    int index = account_subscription(device->account, stored->conversation);

    if (index >= 0 && device->cursors[index].stored < stored->seq)
        device->cursors[index].stored = stored->seq;
}

/* What storage was given stands in the order of bll.saving; devices that are gone by now have left
 * the list, but not the request. */
static void saved(void *userdata, enum dal_outcome outcome)
{
    struct bll *bll = userdata;
    const struct device_cursor *at = bll->storing, *end = bll->storing + bll->storing_count;

    LIST_FOREACH_SAFE (link, &bll->saving) {
        struct device *device = LIST_ENTRY(link, struct device, by_dirt);
        while (at < end && at->device != device->id)
            at++;
        for (; at < end && at->device == device->id; at++)
            if (outcome == DAL_OK)
                note_stored(device, at);
        list_remove(&device->by_dirt);
        if (device_dirty(device))
            list_append(&bll->dirty, &device->by_dirt);
    }
    free(bll->storing);
    bll->storing = NULL;
}

/* Adds the device's changed cursors to `out`, as far as there is room; returns how many. A device
 * without an id has to wait. */
static size_t collect(const struct device *device, struct device_cursor *out, size_t room)
{
    size_t count = 0;

    if (device->id == 0)
        return 0;
    for (unsigned i = 0; i < device->account->subscription_count && count < room; i++) {
        const struct cursor *cursor = &device->cursors[i];
        if (cursor->acked <= cursor->stored)
            continue;
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
    if (list_empty(&bll->dirty) || bll->storing)
        return;
    batch = calloc(CURSORS_PER_SAVE, sizeof(*batch));
    if (!batch)
        return;
    LIST_FOREACH_SAFE (link, &bll->dirty) {
        struct device *device = LIST_ENTRY(link, struct device, by_dirt);
        size_t added = collect(device, batch + count, CURSORS_PER_SAVE - count);
        if (added == 0) {
            if (!device_dirty(device)) /* it was of a conversation he has left */
                list_remove(&device->by_dirt);
            continue;
        }
        count += added;
        list_move(&bll->saving, &device->by_dirt);
    }
    if (count > 0 && dal_cursors_store(batch, count, saved, bll) == 0) {
        bll->storing = batch;
        bll->storing_count = count;
        return;
    }
    list_splice(&bll->dirty, &bll->saving);
    free(batch);
}
