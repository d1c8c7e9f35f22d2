/* Devices: where an account receives. Each is known to storage by a name, under which it finds its
 * cursors again after a restart of the server: "1/<address>:<port>" for a version 1 device, which
 * is its endpoint, "2/<name>" for one of version 2.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "bll/internal.h"
#include "util/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define V1_DEVICE_PREFIX "1/"
#define V2_DEVICE_PREFIX "2/"
_Static_assert(sizeof(V2_DEVICE_PREFIX) + V2_DEVICE_MAX <= DEVICE_NAME_MAX + 1,
               "storage takes every name");

/* `name` is empty for a version 1 device. */
static struct device *device_new(struct bll *bll, struct account *account, struct bytes name,
                                 enum device_state state)
{
    struct device *device = calloc(1, sizeof(*device) + name.len + 1);

    if (!device)
        return NULL;
    device->cursors = calloc(account->subscription_count + 1, sizeof(*device->cursors));
    if (!device->cursors) {
        free(device);
        return NULL;
    }
    if (name.len > 0)
        memcpy(device->name, name.data, name.len);
    device->account = account;
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
    if (device_is_v2(device))
        stream_drop(bll, device);
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

void device_retire(struct bll *bll, struct device *device)
{
    device->gone = true;
    links_end_device(bll, device);
    if (device_is_v2(device))
        stream_drop(bll, device);
    (void)device_settle(bll, device);
}

bool device_settle(struct bll *bll, struct device *device)
{
    if (!device->gone || device->reading || device->state == DEVICE_MAKING ||
        device->state == DEVICE_READING || device->state == DEVICE_PUSHING)
        return false;
    device_free(bll, device);
    return true;
}

struct device *device_by_id(const struct account *account, uint64_t id)
{
    LIST_FOREACH (link, &account->devices) {
        struct device *device = LIST_ENTRY(link, struct device, by_account);
        if (device->id == id && id != 0 && !device->gone)
            return device;
    }
    return NULL;
}

static struct device *device_named(const struct account *account, struct bytes name)
{
    LIST_FOREACH (link, &account->devices) {
        struct device *device = LIST_ENTRY(link, struct device, by_account);
        if (device_is_v2(device) && !device->gone && bytes_is(name, device->name))
            return device;
    }
    return NULL;
}

/* -- as storage knows them -------------------------------------------------------------------- */

size_t device_endpoint_name(const struct addr *endpoint, char name[DEVICE_NAME_MAX + 1])
{
    char text[ADDR_TEXT_MAX];

    return (size_t)snprintf(name, DEVICE_NAME_MAX + 1, V1_DEVICE_PREFIX "%s",
                            addr_format(endpoint, text));
}

static size_t stored_name(const struct device *device, char name[DEVICE_NAME_MAX + 1])
{
    if (device_is_v2(device))
        return (size_t)snprintf(name, DEVICE_NAME_MAX + 1, V2_DEVICE_PREFIX "%s", device->name);
    return device_endpoint_name(&device->endpoint, name);
}

static bool has_prefix(const struct device_record *record, const char *prefix)
{
    return strncmp(record->name, prefix, strlen(prefix)) == 0;
}

/* The device without its cursors. 0, -ENOMEM, or -EINVAL if the record is of no version. */
static int recreate(struct bll *bll, struct account *account, const struct device_record *record,
                    struct device **ret)
{
    const char *rest = record->name + strlen(V1_DEVICE_PREFIX);
    struct bytes name = {0};
    struct addr endpoint = {0};

    if (has_prefix(record, V2_DEVICE_PREFIX) && *rest != '\0')
        name = bytes_of(rest);
    else if (!has_prefix(record, V1_DEVICE_PREFIX) || addr_parse(rest, &endpoint) < 0)
        return -EINVAL;
    *ret = device_new(bll, account, name, DEVICE_QUIET);
    if (!*ret)
        return -ENOMEM;
    (*ret)->endpoint = endpoint;
    return 0;
}

/* When it was last seen, on the monotonic clock; before that one's beginning it wraps around, and
 * so does its difference to now. */
static uint64_t seen_us(const struct bll *bll, const struct device_record *record)
{
    uint64_t now_ms = clock_real_ms();

    return bll_now(bll) -
           (now_ms > record->seen_ms ? (now_ms - record->seen_ms) * USEC_PER_MSEC : 0);
}

static int restore(struct bll *bll, struct account *account, const struct device_record *record,
                   const struct dal_account *stored)
{
    struct device *device;
    int r = recreate(bll, account, record, &device);

    if (r < 0)
        return r;
    device->id = record->id;
    device->polled_us = seen_us(bll, record);
    for (unsigned i = 0; i < account->subscription_count; i++) {
        uint64_t since = account->subscriptions[i].since;
        device->cursors[i] = (struct cursor){since, since, since};
    }
    for (size_t i = 0; i < stored->cursor_count; i++) {
        const struct device_cursor *at = &stored->cursors[i];
        int index = at->device == record->id ? account_subscription(account, at->conversation) : -1;
        /* One from an earlier membership may be behind. */
        if (index >= 0 && at->seq > device->cursors[index].acked)
            device->cursors[index] = (struct cursor){at->seq, at->seq, at->seq};
    }
    return 0;
}

/* True for one that storage has just been asked to make, or that is in memory already. */
static bool is_known(const struct account *account, const struct device_record *record)
{
    LIST_FOREACH (link, &account->devices) {
        const struct device *device = LIST_ENTRY(link, struct device, by_account);
        char name[DEVICE_NAME_MAX + 1];
        if (device->id == record->id)
            return true;
        (void)stored_name(device, name);
        if (device->id == 0 && strcmp(name, record->name) == 0)
            return true;
    }
    return false;
}

static bool is_stored(const struct dal_account *stored, uint64_t id)
{
    for (size_t i = 0; i < stored->device_count; i++)
        if (stored->devices[i].id == id)
            return true;
    return false;
}

int devices_update(struct bll *bll, struct account *account, const struct dal_account *stored)
{
    LIST_FOREACH_SAFE (link, &account->devices) {
        struct device *device = LIST_ENTRY(link, struct device, by_account);
        if (device->id != 0 && !device->gone && !is_stored(stored, device->id))
            device_retire(bll, device);
    }
    for (size_t i = 0; i < stored->device_count; i++)
        if (!is_known(account, &stored->devices[i]) &&
            restore(bll, account, &stored->devices[i], stored) == -ENOMEM)
            return -ENOMEM;
    return 0;
}

/* -- where a device begins -------------------------------------------------------------------- */

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
        if (!device->gone && wanted(device) &&
            (!best || device_progress(device) > device_progress(best)))
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

/* A device on its way into storage; the place of another one may have to be made free first. */
struct making {
    struct list link; /* in bll.makings */
    struct bll *bll;
    struct device *device; /* its account is pinned */
    uint64_t replaced;     /* id, or 0 */
    struct list findings;  /* struct finding: who waits for it */
};

struct finding {
    struct list link; /* in making->findings */
    device_found_fn callback;
    void *userdata;
};

static void tell_finders(struct making *making, struct device *device, enum proto_error error)
{
    while (!list_empty(&making->findings)) {
        struct finding *finding = LIST_FIRST(&making->findings, struct finding, link);
        list_remove(&finding->link);
        finding->callback(finding->userdata, device, error);
        free(finding);
    }
}

/* What is being loaded may be from before. */
static void outdate_loading(struct account *account)
{
    if (account->state == ACCOUNT_LOADING)
        account->stale = true;
}

/* `error` is why there is no device, if there is none. */
static void making_end(struct making *making, uint64_t id, enum proto_error error)
{
    struct bll *bll = making->bll;
    struct device *device = making->device;
    struct account *account = device->account;

    list_remove(&making->link);
    outdate_loading(account);
    if (id == 0) {
        device_free(bll, device); /* a later poll or sign-on tries again */
        device = NULL;
    } else {
        device->id = id;
        device->polled_us = bll_now(bll);
        device_move(bll, device, DEVICE_QUIET);
        if (device_settle(bll, device))
            device = NULL;
    }
    tell_finders(making, device, error);
    if (device)
        delivery_consider(bll, device);
    free(making);
    account_unpin(bll, account);
}

static enum proto_error outcome_error(const struct making *making, enum dal_outcome outcome)
{
    switch (outcome) {
    case DAL_MISSING: /* the user is gone */
        return PROTO_ERROR_DENIED;
    case DAL_REFUSED: /* storage has one of that name that is not in memory */
        bll_account_changed(making->bll, account_userid(making->device->account));
        return PROTO_ERROR_BUSY;
    default:
        return making->device->gone ? PROTO_ERROR_DENIED : PROTO_ERROR_UNAVAILABLE;
    }
}

static void made(void *userdata, enum dal_outcome outcome, uint64_t id)
{
    struct making *making = userdata;

    making_end(making, outcome == DAL_OK ? id : 0, outcome_error(making, outcome));
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

static int store_device(struct making *making)
{
    struct device *device = making->device;
    struct account *account = device->account;
    char name[DEVICE_NAME_MAX + 1];
    struct bytes bytes = {.data = name, .len = stored_name(device, name)};
    struct device_cursor *cursors = calloc(account->subscription_count + 1, sizeof(*cursors));
    int r = -ENOMEM;

    if (cursors)
        r = dal_device_add(account->id, bytes, cursors, initial_cursors(device, cursors), made,
                           making);
    free(cursors);
    return r;
}

/* The one that is replaced is no more: its sessions end. */
static void replaced(void *userdata, enum dal_outcome outcome)
{
    struct making *making = userdata;
    struct account *account = making->device->account;
    struct device *old = device_by_id(account, making->replaced);

    if (outcome != DAL_OK && outcome != DAL_MISSING) {
        making_end(making, 0, PROTO_ERROR_UNAVAILABLE);
        return;
    }
    if (old)
        device_retire(making->bll, old);
    if (making->device->gone || store_device(making) < 0)
        making_end(making, 0, PROTO_ERROR_BUSY);
}

/* 0 or -errno; storage is asked. */
static int making_start(struct bll *bll, struct device *device, const struct device *instead_of)
{
    struct making *making = malloc(sizeof(*making));
    int r;

    if (!making)
        return -ENOMEM;
    *making = (struct making){.bll = bll, .device = device};
    list_init(&making->findings);
    list_init(&making->link);
    if (instead_of) {
        making->replaced = instead_of->id;
        r = dal_device_delete(device->account->id, instead_of->id, replaced, making);
    } else {
        r = store_device(making);
    }
    if (r < 0) {
        free(making);
        return r;
    }
    list_append(&bll->makings, &making->link);
    account_pin(device->account);
    return 0;
}

static struct device *begin(struct bll *bll, struct account *account, struct bytes name,
                            const struct device *beside)
{
    struct device *device = device_new(bll, account, name, DEVICE_MAKING);

    if (!device)
        return NULL;
    for (unsigned i = 0; i < account->subscription_count; i++) {
        uint64_t seq = beside ? beside->cursors[i].acked : account->subscriptions[i].since;
        device->cursors[i] = (struct cursor){.acked = seq, .sent = seq, .stored = seq};
    }
    return device;
}

struct device *device_make(struct bll *bll, struct account *account, const struct addr *endpoint,
                           const struct device *beside)
{
    struct device *device = begin(bll, account, (struct bytes){0}, beside);

    if (!device)
        return NULL;
    device->endpoint = *endpoint;
    if (making_start(bll, device, NULL) < 0) {
        device_free(bll, device);
        return NULL;
    }
    return device;
}

/* -- finding ---------------------------------------------------------------------------------- */

static bool any(const struct device *device)
{
    return true;
}

static bool is_in_use(const struct bll *bll, const struct device *device)
{
    LIST_FOREACH (link, &device->account->links)
        if (LIST_ENTRY(link, struct bll_link, by_account)->device == device)
            return true;
    LIST_FOREACH (link, &bll->makings)
        if (LIST_ENTRY(link, struct making, link)->replaced == device->id)
            return true;
    return device_present(device) || device->state != DEVICE_QUIET || device->reading;
}

/* The one that has been away for longest, of version 2 if there is any of them: NULL if all are
 * here. After a start, who has not come back yet is not away. */
static const struct device *longest_absent(const struct bll *bll, const struct account *account)
{
    uint64_t now = bll_now(bll);
    const struct device *best = NULL;

    if (now - bll->started_us <= bll->config.present_us)
        return NULL;
    LIST_FOREACH (link, &account->devices) {
        const struct device *device = LIST_ENTRY(link, struct device, by_account);
        bool newer = device_is_v2(device);
        if (device->gone || is_in_use(bll, device))
            continue;
        if (!best || newer > device_is_v2(best) ||
            (newer == device_is_v2(best) && now - device->polled_us > now - best->polled_us))
            best = device;
    }
    return best;
}

static struct making *making_of(const struct bll *bll, const struct device *device)
{
    LIST_FOREACH (link, &bll->makings) {
        struct making *making = LIST_ENTRY(link, struct making, link);
        if (making->device == device)
            return making;
    }
    return NULL;
}

/* A new device of that name, being made. NULL: `*ret_error` is why not. */
static struct device *make_named(struct bll *bll, struct account *account, struct bytes name,
                                 enum proto_error *ret_error)
{
    const struct device *instead_of = NULL;
    struct device *device;
    int r;

    *ret_error = PROTO_ERROR_BUSY;
    if (account->device_count >= bll->config.devices_max) {
        instead_of = longest_absent(bll, account);
        if (!instead_of)
            return NULL;
    }
    device = begin(bll, account, name, device_furthest(account, any));
    r = device ? making_start(bll, device, instead_of) : -ENOMEM;
    if (r == 0)
        return device;
    if (device)
        device_free(bll, device);
    if (r == -ENOMEM)
        *ret_error = PROTO_ERROR_INTERNAL;
    return NULL;
}

void device_find(struct bll *bll, struct account *account, struct bytes name,
                 device_found_fn callback, void *userdata)
{
    struct device *device = device_named(account, name);
    enum proto_error error = PROTO_ERROR_INTERNAL;
    struct finding *finding;

    if (device && device->state != DEVICE_MAKING) {
        device->polled_us = bll_now(bll);
        callback(userdata, device, error);
        return;
    }
    finding = malloc(sizeof(*finding));
    if (finding && !device)
        device = make_named(bll, account, name, &error);
    if (!finding || !device) {
        free(finding);
        callback(userdata, NULL, error);
        return;
    }
    *finding = (struct finding){.callback = callback, .userdata = userdata};
    list_append(&making_of(bll, device)->findings, &finding->link);
}
