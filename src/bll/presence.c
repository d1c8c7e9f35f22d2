/* Presence: which devices an account has, and which of them polled lately.
 *
 * A version 1 device is the endpoint that polls. It is stored under the name "1/<address>:<port>",
 * so that it finds its cursors again after a restart of the server. A poll from an endpoint that is
 * not known
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

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define V1_DEVICE_PREFIX "1/"

/* Devices looked at in one sweep. */
#define SWEEP_BATCH 4096

static bool device_present(const struct device *device)
{
    return list_linked(&device->by_poll);
}

static bool device_busy(const struct device *device)
{
    return device->state == DEVICE_MAKING || device->state == DEVICE_READING ||
           device->state == DEVICE_PUSHING;
}

static size_t device_name(const struct addr *endpoint, char name[DEVICE_NAME_MAX + 1])
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

static void leave(struct bll *bll, struct device *device)
{
    if (!device_present(device))
        return;
    list_remove(&device->by_poll);
    bll->present_count--;
}

void device_free(struct bll *bll, struct device *device)
{
    leave(bll, device);
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

const struct device *presence_origin(const struct account *account, const struct addr *from)
{
    const struct device *present = NULL, *absent = NULL;
    unsigned present_count = 0, absent_count = 0;

    LIST_FOREACH (link, &account->devices) {
        const struct device *device = LIST_ENTRY(link, struct device, by_account);
        if (!addr_same_host(&device->endpoint, from))
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
        if (!device->gone && addr_equal(&device->endpoint, endpoint))
            return device;
    }
    return NULL;
}

static uint64_t device_progress(const struct device *device)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < device->account->subscription_count; i++)
        sum += device->cursors[i].acked;
    return sum;
}

/* The furthest of the devices for which `wanted` holds, or NULL. */
static struct device *furthest(const struct account *account, bool (*wanted)(const struct device *))
{
    struct device *best = NULL;

    LIST_FOREACH (link, &account->devices) {
        struct device *device = LIST_ENTRY(link, struct device, by_account);
        if (wanted(device) && (!best || device_progress(device) > device_progress(best)))
            best = device;
    }
    return best;
}

static bool is_free(const struct device *device)
{
    return !device_busy(device) && (!device_present(device) || device->refused);
}

static bool is_taken(const struct device *device)
{
    return device_present(device) && !device->refused && !device->gone;
}

/* `device` begins no earlier than `beside`; without it, where its membership began. */
static void begin_beside(struct bll *bll, struct device *device, const struct device *beside)
{
    const struct account *account = device->account;

    for (unsigned i = 0; i < account->subscription_count; i++) {
        uint64_t seq = beside ? beside->cursors[i].acked : account->subscriptions[i].since;
        if (seq > device->cursors[i].acked)
            cursor_advance(bll, device, i, seq);
    }
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
            device->unnamed = true;
    }
    account_unpin(renaming->bll, renaming->account);
    free(renaming);
}

/* Tells storage the endpoint of a device it knows already. */
static void device_rename(struct bll *bll, struct device *device)
{
    struct renaming *renaming = malloc(sizeof(*renaming));
    char name[DEVICE_NAME_MAX + 1];
    struct bytes bytes = {.data = name, .len = device_name(&device->endpoint, name)};

    device->unnamed = true;
    if (!renaming)
        return;
    *renaming = (struct renaming){bll, device->account, device->id};
    if (dal_device_rename(device->id, bytes, renamed, renaming) < 0) {
        free(renaming);
        return;
    }
    device->unnamed = false;
    account_pin(device->account);
}

static struct device *take_over(struct bll *bll, struct device *device, const struct addr *endpoint,
                                const struct device *beside)
{
    delivery_reset(device);
    if (device->state != DEVICE_QUIET)
        device_move(bll, device, DEVICE_QUIET);
    device->endpoint = *endpoint;
    device->swapped = device->order_known = device->other_tried = device->refused = false;
    device->rest_until_us = 0;
    device->failures = 0;
    begin_beside(bll, device, beside);
    device_rename(bll, device);
    return device;
}

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
    struct bytes bytes = {.data = name, .len = device_name(&device->endpoint, name)};
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

static struct device *make_device(struct bll *bll, struct account *account,
                                  const struct addr *endpoint, const struct device *beside)
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

static struct device *adopt(struct bll *bll, struct account *account, const struct addr *endpoint)
{
    static struct log_limit limit = {.burst = 5, .interval_us = 60 * USEC_PER_SEC};
    struct device *beside = furthest(account, is_taken);
    struct device *device = furthest(account, is_free);

    if (device)
        return take_over(bll, device, endpoint, beside);
    if (account->device_count >= bll->config.devices_max) {
        log_limited(&limit, LOG_NOTICE, "polls of one device too many",
                    "user %s polls with more than %u devices (limits.devices); the newest is not "
                    "served",
                    account->userid, bll->config.devices_max);
        return NULL;
    }
    return make_device(bll, account, endpoint, beside);
}

static void touch(struct bll *bll, struct device *device)
{
    if (!device_present(device)) {
        list_append(&bll->present, &device->by_poll);
        bll->present_count++;
    } else {
        list_move(&bll->present, &device->by_poll);
    }
    device->polled_us = bll_now(bll);
    device->refused = false;
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
    if (device->unnamed)
        device_rename(bll, device);
    if (device->state == DEVICE_RESTING && device->polled_us >= device->rest_until_us)
        device_move(bll, device, DEVICE_QUIET);
    delivery_consider(bll, device);
}

static void become_absent(struct bll *bll, struct device *device)
{
    leave(bll, device);
    if (device->state == DEVICE_READY || device->state == DEVICE_RESTING)
        device_move(bll, device, DEVICE_QUIET);
    delivery_settle(device);
}

void presence_end(struct bll *bll, struct account *account)
{
    LIST_FOREACH (link, &account->devices) {
        struct device *device = LIST_ENTRY(link, struct device, by_account);
        become_absent(bll, device);
    }
}

void presence_sweep(struct bll *bll, uint64_t now)
{
    for (int i = 0; i < SWEEP_BATCH && !list_empty(&bll->present); i++) {
        struct device *device = LIST_FIRST(&bll->present, struct device, by_poll);
        if (now - device->polled_us <= bll->config.present_us)
            return;
        become_absent(bll, device);
    }
}
