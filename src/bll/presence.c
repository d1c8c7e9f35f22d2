/* Presence: which devices polled lately, or have messages flow to them.
 *
 * A version 1 device is the endpoint that polls. A poll from an endpoint that is not known
 *
 *   - takes over a device that is absent, the furthest one, with its cursors: a client that was
 *     started again on another port goes on where it stopped;
 *   - and where another device of the account is present, begins no earlier than that one: what was
 *     shown beside it is not shown again.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "bll/internal.h"
#include "util/clock.h"
#include "util/log.h"

#include <stdlib.h>

/* Devices looked at in one sweep, and told to storage in one request. */
#define SWEEP_BATCH 4096
#define LEAVING_MAX 256

void presence_leave(struct bll *bll, struct device *device)
{
    if (!list_linked(&device->by_poll))
        return;
    list_remove(&device->by_poll);
    bll->present_count--;
}

void presence_begin(const struct bll *bll, struct device *device)
{
    if (!device_present(device))
        device->present_us = bll_now(bll);
}

static bool device_busy(const struct device *device)
{
    return device->state == DEVICE_MAKING || device->state == DEVICE_READING ||
           device->state == DEVICE_PUSHING;
}

const struct device *presence_origin(const struct account *account, const struct addr *from)
{
    const struct device *present = NULL, *absent = NULL;
    unsigned present_count = 0, absent_count = 0;

    LIST_FOREACH (link, &account->devices) {
        const struct device *device = LIST_ENTRY(link, struct device, by_account);
        if (device_is_v2(device) || !addr_same_host(&device->endpoint, from))
            continue;
        if (device_present(device)) {
            present = device;
            present_count++;
        } else {
            absent = device;
            absent_count++;
        }
    }
    if (present_count > 0)
        return present_count == 1 ? present : NULL;
    return absent_count == 1 ? absent : NULL;
}

/* -- polls ------------------------------------------------------------------------------------ */

static struct device *device_at(const struct account *account, const struct addr *endpoint)
{
    LIST_FOREACH (link, &account->devices) {
        struct device *device = LIST_ENTRY(link, struct device, by_account);
        if (!device_is_v2(device) && !device->gone && addr_equal(&device->endpoint, endpoint))
            return device;
    }
    return NULL;
}

static bool is_free(const struct device *device)
{
    return !device_is_v2(device) && !device_busy(device) &&
           (!device_present(device) || device->v1.refused);
}

static bool is_taken(const struct device *device)
{
    return device_present(device) && (device_is_v2(device) || !device->v1.refused);
}

/* What the user has read there was shown to him, wherever it is now. */
static const struct device *beside_which(const struct account *account)
{
    const struct device *device = device_furthest(account, is_taken);

    return device ? device : device_furthest(account, device_is_v2);
}

struct renaming {
    struct bll *bll;
    struct account *account; /* pinned */
    uint64_t device;         /* which may be gone by the time it is done */
};

/* A device whose new name could not be stored works all the same, but a poll from the endpoint it
 * had before could not be given a device: so it is tried again at its next poll. */
static void renamed(void *userdata, enum dal_outcome outcome)
{
    struct renaming *renaming = userdata;

    LIST_FOREACH (link, &renaming->account->devices) {
        struct device *device = LIST_ENTRY(link, struct device, by_account);
        if (device->id == renaming->device && outcome != DAL_OK)
            device->v1.unnamed = true;
    }
    account_unpin(renaming->bll, renaming->account);
    free(renaming);
}

/* Tells storage the endpoint of a device it knows already. */
static void device_rename(struct bll *bll, struct device *device)
{
    struct renaming *renaming = malloc(sizeof(*renaming));
    char name[DEVICE_NAME_MAX + 1];
    struct bytes bytes = {.data = name, .len = device_endpoint_name(&device->endpoint, name)};

    device->v1.unnamed = true;
    if (!renaming)
        return;
    *renaming = (struct renaming){bll, device->account, device->id};
    if (dal_device_rename(device->id, bytes, renamed, renaming) < 0) {
        free(renaming);
        return;
    }
    device->v1.unnamed = false;
    account_pin(device->account);
}

static struct device *take_over(struct bll *bll, struct device *device, const struct addr *endpoint,
                                const struct device *beside)
{
    delivery_reset(device);
    if (device->state != DEVICE_QUIET)
        device_move(bll, device, DEVICE_QUIET);
    device->endpoint = *endpoint;
    device->v1.swapped = device->v1.order_known = device->v1.other_tried = device->v1.refused =
        false;
    device->rest_until_us = 0;
    device->failures = 0;
    device_begin_beside(bll, device, beside);
    device_rename(bll, device);
    return device;
}

static struct device *adopt(struct bll *bll, struct account *account, const struct addr *endpoint)
{
    static struct log_limit limit = {.burst = 5, .interval_us = 60 * USEC_PER_SEC};
    const struct device *beside = beside_which(account);
    struct device *device = device_furthest(account, is_free);

    if (device)
        return take_over(bll, device, endpoint, beside);
    if (account->device_count >= bll->config.devices_max) {
        log_limited(&limit, LOG_NOTICE, "polls of one device too many",
                    "user %s polls with more than %u devices (limits.devices); the newest is not "
                    "served",
                    account->userid, bll->config.devices_max);
        return NULL;
    }
    return device_make(bll, account, endpoint, beside);
}

static void touch(struct bll *bll, struct device *device)
{
    presence_begin(bll, device);
    if (!list_linked(&device->by_poll)) {
        list_append(&bll->present, &device->by_poll);
        bll->present_count++;
    } else {
        list_move(&bll->present, &device->by_poll);
    }
    device->polled_us = bll_now(bll);
}

static void end_rest(struct bll *bll, struct device *device)
{
    if (device->state == DEVICE_RESTING && bll_now(bll) >= device->rest_until_us)
        device_move(bll, device, DEVICE_QUIET);
}

void presence_poll(struct bll *bll, struct account *account, const struct addr *from, uint16_t port)
{
    struct addr endpoint = *from;
    struct device *device;

    endpoint.port = port;
    device = device_at(account, &endpoint);
    if (!device)
        device = adopt(bll, account, &endpoint);
    if (!device) {
        metrics_add(bll->metrics, METRIC_POLLS_DROPPED, 1);
        return;
    }
    metrics_add(bll->metrics, METRIC_POLLS_ACCEPTED, 1);
    touch(bll, device);
    device->v1.refused = false;
    if (device->v1.unnamed)
        device_rename(bll, device);
    end_rest(bll, device);
    delivery_consider(bll, device);
}

static void become_absent(struct bll *bll, struct device *device)
{
    presence_leave(bll, device);
    if (device->state == DEVICE_READY || device->state == DEVICE_RESTING)
        device_move(bll, device, DEVICE_QUIET);
    delivery_settle(device);
}

void presence_signed_poll(struct bll *bll, struct device *device, const struct addr *endpoint,
                          const struct session *session)
{
    metrics_add(bll->metrics, METRIC_POLLS_ACCEPTED, 1);
    touch(bll, device);
    dial_aim(bll, device, endpoint, session);
    end_rest(bll, device);
    delivery_consider(bll, device);
    dial_probe(bll, device);
}

void presence_end(struct bll *bll, struct account *account)
{
    LIST_FOREACH (link, &account->devices) {
        struct device *device = LIST_ENTRY(link, struct device, by_account);
        if (device_is_v2(device))
            dial_forget(bll, device);
        become_absent(bll, device);
    }
}

/* Devices of version 2 that have just become absent. */
struct leaving {
    uint64_t ids[LEAVING_MAX];
    size_t count;
};

/* Without, storage knows a time that is too early, and the device gives way sooner than others. */
static void noted(void *userdata, enum dal_outcome outcome)
{
}

static void leaving_store(struct bll *bll, struct leaving *leaving)
{
    if (leaving->count > 0 &&
        dal_devices_seen(leaving->ids, leaving->count, clock_real_ms(), noted, bll) < 0)
        log_debug("when %zu devices were seen is not stored", leaving->count);
    leaving->count = 0;
}

void presence_sweep(struct bll *bll, uint64_t now)
{
    struct leaving leaving = {.count = 0};

    for (int i = 0; i < SWEEP_BATCH && !list_empty(&bll->present); i++) {
        struct device *device = LIST_FIRST(&bll->present, struct device, by_poll);
        if (now - device->polled_us <= bll->config.present_us)
            break;
        become_absent(bll, device);
        if (device_is_v2(device))
            leaving.ids[leaving.count++] = device->id;
        if (leaving.count == LEAVING_MAX)
            leaving_store(bll, &leaving);
    }
    leaving_store(bll, &leaving);
}
