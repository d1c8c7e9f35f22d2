/* Devices: where an account receives. Each is known to storage by a name, under which it finds its
 * cursors again after a restart of the server; that of a version 1 device is "1/<address>:<port>".
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "bll/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define V1_DEVICE_PREFIX "1/"

size_t device_endpoint_name(const struct addr *endpoint, char name[DEVICE_NAME_MAX + 1])
{
    char text[ADDR_TEXT_MAX];

    return (size_t)snprintf(name, DEVICE_NAME_MAX + 1, V1_DEVICE_PREFIX "%s",
                            addr_format(endpoint, text));
}

static struct device *device_new(struct bll *bll, struct account *account,
                                 const struct addr *endpoint, enum device_state state)
{
    struct device *device = calloc(1, sizeof(*device));

    if (!device)
        return NULL;
    device->cursors = calloc(account->subscription_count + 1, sizeof(*device->cursors));
    if (!device->cursors) {
        free(device);
        return NULL;
    }
    device->account = account;
    device->endpoint = *endpoint;
    device->state = state;
    list_init(&device->by_poll);
    list_init(&device->by_state);
    list_init(&device->by_dirt);
    list_init(&device->by_account);
    backlog_init(&device->backlog);
    list_append(&account->devices, &device->by_account);
    account->device_count++;
    bll->device_states[state]++;
    return device;
}

void device_free(struct bll *bll, struct device *device)
{
    presence_leave(bll, device);
    delivery_reset(device);
    bll->device_states[device->state]--;
    list_remove(&device->by_state);
    list_remove(&device->by_dirt);
    list_remove(&device->by_account);
    device->account->device_count--;
    free(device->cursors);
    free(device);
}

int device_restore(struct bll *bll, struct account *account, const struct device_record *record,
                   const struct dal_account *stored)
{
    const size_t prefix = sizeof(V1_DEVICE_PREFIX) - 1;
    struct addr endpoint;
    struct device *device;

    if (strncmp(record->name, V1_DEVICE_PREFIX, prefix) != 0 ||
        addr_parse(record->name + prefix, &endpoint) < 0)
        return -EINVAL;
    device = device_new(bll, account, &endpoint, DEVICE_QUIET);
    if (!device)
        return -ENOMEM;
    device->id = record->id;
    for (unsigned i = 0; i < account->subscription_count; i++) {
        struct cursor *cursor = &device->cursors[i];
        cursor->acked = cursor->stored = account->subscriptions[i].since;
    }
    for (size_t i = 0; i < stored->cursor_count; i++) {
        const struct device_cursor *at = &stored->cursors[i];
        int index = at->device == record->id ? account_subscription(account, at->conversation) : -1;
        if (index >= 0)
            device->cursors[index] = (struct cursor){.acked = at->seq, .stored = at->seq};
    }
    return 0;
}

/* -- where a device begins ----------------------------------------------------------------------
 */

static uint64_t device_progress(const struct device *device)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < device->account->subscription_count; i++)
        sum += device->cursors[i].acked;
    return sum;
}

struct device *device_furthest(const struct account *account, bool (*wanted)(const struct device *))
{
    struct device *best = NULL;

    LIST_FOREACH (link, &account->devices) {
        struct device *device = LIST_ENTRY(link, struct device, by_account);
        if (wanted(device) && (!best || device_progress(device) > device_progress(best)))
            best = device;
    }
    return best;
}

void device_begin_beside(struct bll *bll, struct device *device, const struct device *beside)
{
    const struct account *account = device->account;

    for (unsigned i = 0; i < account->subscription_count; i++) {
        uint64_t seq = beside ? beside->cursors[i].acked : account->subscriptions[i].since;
        if (seq > device->cursors[i].acked)
            cursor_advance(bll, device, i, seq);
    }
}

/* -- making ----------------------------------------------------------------------------------- */

struct making {
    struct bll *bll;
    struct device *device;
};

static void made(void *userdata, enum dal_outcome outcome, uint64_t id)
{
    struct making *making = userdata;
    struct bll *bll = making->bll;
    struct device *device = making->device;
    struct account *account = device->account;

    free(making);
    if (outcome == DAL_OK) {
        device->id = id;
        device_move(bll, device, DEVICE_QUIET);
    }
    if (outcome != DAL_OK || device->gone)
        device_free(bll, device); /* a later poll tries again */
    else
        delivery_consider(bll, device);
    account_unpin(bll, account);
}

static size_t initial_cursors(const struct device *device, struct device_cursor *out)
{
    const struct account *account = device->account;

    for (unsigned i = 0; i < account->subscription_count; i++)
        out[i] = (struct device_cursor){
            .conversation = account->subscriptions[i].conversation->id,
            .seq = device->cursors[i].acked,
        };
    return account->subscription_count;
}

static int device_store(struct bll *bll, struct device *device)
{
    struct account *account = device->account;
    char name[DEVICE_NAME_MAX + 1];
    struct bytes bytes = {.data = name, .len = device_endpoint_name(&device->endpoint, name)};
    struct device_cursor *cursors = calloc(account->subscription_count + 1, sizeof(*cursors));
    struct making *making = malloc(sizeof(*making));
    int r = -ENOMEM;

    if (cursors && making) {
        *making = (struct making){.bll = bll, .device = device};
        r = dal_device_add(account->id, bytes, cursors, initial_cursors(device, cursors), made,
                           making);
    }
    if (r < 0)
        free(making);
    else
        account_pin(account);
    free(cursors);
    return r;
}

struct device *device_make(struct bll *bll, struct account *account, const struct addr *endpoint,
                           const struct device *beside)
{
    struct device *device = device_new(bll, account, endpoint, DEVICE_MAKING);

    if (!device)
        return NULL;
    for (unsigned i = 0; i < account->subscription_count; i++) {
        uint64_t seq = beside ? beside->cursors[i].acked : account->subscriptions[i].since;
        device->cursors[i] = (struct cursor){.acked = seq, .stored = seq};
    }
    if (device_store(bll, device) < 0) {
        device_free(bll, device);
        return NULL;
    }
    return device;
}
