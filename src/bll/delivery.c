/* Delivery: the states of a device, and which message it gets next.
 *
 * A device that is present and behind becomes ready; the end of a turn starts as many deliveries as
 * the outlet takes. What the tails in memory do not hold any more is read from storage a page at a
 * time. How a message is carried there is another file's business.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "bll/internal.h"
#include "util/clock.h"
#include "util/log.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/* Ready devices looked at in one turn whose host has its share of pushes already. */
#define PASSED_OVER_MAX 64

static const char *const state_names[DEVICE_STATES] = {
    [DEVICE_MAKING] = "making",       [DEVICE_QUIET] = "quiet",     [DEVICE_READY] = "ready",
    [DEVICE_READING] = "reading",     [DEVICE_PUSHING] = "pushing", [DEVICE_DIALLING] = "dialling",
    [DEVICE_STREAMING] = "streaming", [DEVICE_RESTING] = "resting",
};

#define TO(state) (1u << DEVICE_##state)

/* From a state (row) to those it may change into, as bits. */
static const unsigned state_moves[DEVICE_STATES] = {
    [DEVICE_MAKING] = TO(QUIET),
    [DEVICE_QUIET] = TO(READY) | TO(STREAMING),
    [DEVICE_READY] =
        TO(QUIET) | TO(READING) | TO(PUSHING) | TO(DIALLING) | TO(STREAMING) | TO(RESTING),
    [DEVICE_READING] = TO(QUIET) | TO(RESTING),
    [DEVICE_PUSHING] = TO(QUIET) | TO(READY) | TO(RESTING),
    [DEVICE_DIALLING] = TO(QUIET) | TO(STREAMING) | TO(RESTING),
    [DEVICE_STREAMING] = TO(QUIET) | TO(DIALLING) | TO(RESTING),
    [DEVICE_RESTING] = TO(QUIET) | TO(STREAMING),
};

void delivery_reset(struct device *device)
{
    backlog_clear(&device->backlog);
    if (device_is_v2(device))
        return;
    message_unref(device->v1.current);
    device->v1.current = NULL;
    device->v1.offset = device->v1.next_offset = 0;
}

static bool is_begun(const struct device *device)
{
    return !device_is_v2(device) && device->v1.offset > 0;
}

void delivery_settle(struct device *device)
{
    bool at_rest = device->state == DEVICE_QUIET || device->state == DEVICE_RESTING;

    if (at_rest && !device_present(device) && !is_begun(device))
        delivery_reset(device);
}

void device_move(struct bll *bll, struct device *device, enum device_state state)
{
    bool possible = state_moves[device->state] & 1u << state;

    assert(possible);
    (void)possible; /* without asserts nobody asks */
    log_debug("device %llu of %s: %s -> %s", (unsigned long long)device->id,
              device->account->userid, state_names[device->state], state_names[state]);
    bll->device_states[device->state]--;
    bll->device_states[state]++;
    list_remove(&device->by_state);
    if (state == DEVICE_READY) {
        list_append(&bll->ready, &device->by_state);
        bll->outlet.wake(bll->outlet.userdata);
    }
    device->state = state;
    delivery_settle(device);
}

static bool is_behind(const struct device *device, unsigned index)
{
    return device->cursors[index].sent < subscription_end(&device->account->subscriptions[index]);
}

bool delivery_waits(const struct device *device)
{
    for (unsigned i = 0; i < device->account->subscription_count; i++)
        if (is_behind(device, i))
            return true;
    return false;
}

static bool is_wanted(const struct bll *bll, const struct device *device)
{
    return device_is_v2(device) ? dial_wanted(bll, device) : delivery_waits(device);
}

void delivery_consider(struct bll *bll, struct device *device)
{
    if (device->state == DEVICE_STREAMING)
        stream_consider(device->v2.stream);
    else if (device->state == DEVICE_QUIET && list_linked(&device->by_poll) && !device->gone &&
             is_wanted(bll, device))
        device_move(bll, device, DEVICE_READY);
}

/* -- what comes next -------------------------------------------------------------------------- */

/* The message the device needs next of its subscription number `index`, or NULL if it is not in
 * memory. Borrowed. */
static struct message *next_of(struct device *device, unsigned index)
{
    const struct conversation *conversation = device->account->subscriptions[index].conversation;
    uint64_t seq = device->cursors[index].sent + 1;
    struct message *message = backlog_next(&device->backlog, conversation->id, seq);

    return message ? message : conversation_recent(conversation, seq);
}

/* The log has lost what was left of it for him. */
static bool is_beyond(const struct device *device, unsigned index, const struct message *message)
{
    return message->seq > subscription_end(&device->account->subscriptions[index]);
}

/* It is the oldest of the messages that wait, so that conversations mix as they were written, and
 * nothing is taken before what is missing has been read. Where more conversations wait in storage
 * than there are pages for, they take turns, and the order between them is no more than near. */
struct message *delivery_next(struct device *device, int *ret_missing)
{
    struct message *oldest = NULL;
    int missing = -1;

    for (unsigned i = 0; i < device->account->subscription_count; i++) {
        struct message *message;
        if (!is_behind(device, i))
            continue;
        message = next_of(device, i);
        if (!message) {
            if (missing < 0 || ((unsigned)missing <= device->paged && i > device->paged))
                missing = (int)i;
        } else if (!is_beyond(device, i, message) &&
                   (!oldest || message->time_ms < oldest->time_ms)) {
            oldest = message;
        }
    }
    *ret_missing = backlog_full(&device->backlog) ? -1 : missing;
    return *ret_missing >= 0 ? NULL : oldest;
}

void delivery_rest(struct bll *bll, struct device *device)
{
    unsigned doublings = device->failures > 0 ? device->failures - 1u : 0;

    device->rest_until_us = bll_now(bll) + (bll->config.retry_us << doublings);
    device->v1.other_tried = false;
    device_move(bll, device, DEVICE_RESTING);
}

void delivery_acknowledge(struct bll *bll, struct device *device, struct message *message)
{
    int index = account_subscription(device->account, message->conversation);

    if (index >= 0 && device->cursors[index].acked < message->seq)
        cursor_advance(bll, device, (unsigned)index, message->seq);
    backlog_advance(&device->backlog, message);
}

/* -- reading ---------------------------------------------------------------------------------- */

struct reading {
    struct bll *bll;
    struct device *device; /* its account is pinned */
    uint64_t conversation;
    uint64_t after;
};

/* Without memory for it, or membership by now, it is as if it had not been read. So it is when a
 * stream has ended meanwhile and the device goes back to what is before the page. */
static void page_keep(const struct reading *reading, struct message *const *messages, size_t count)
{
    struct device *device = reading->device;
    int index = account_subscription(device->account, reading->conversation);

    if (index < 0 || device->cursors[index].sent < reading->after)
        return;
    if (backlog_keep(&device->backlog, messages, count) < 0)
        log_debug("a page for %s is read again", device->account->userid);
}

static void page_read(void *userdata, enum dal_outcome outcome, struct message *const *messages,
                      size_t count)
{
    static struct log_limit limit = {.burst = 5, .interval_us = 60 * USEC_PER_SEC};
    struct reading *reading = userdata;
    struct bll *bll = reading->bll;
    struct device *device = reading->device;
    struct account *account = device->account;
    bool there = outcome == DAL_OK && count > 0;

    if (there)
        page_keep(reading, messages, count);
    else if (outcome == DAL_OK)
        log_limited(&limit, LOG_WARNING, "gaps in conversations",
                    "conversation %llu ends earlier in storage than it did before",
                    (unsigned long long)reading->conversation);
    free(reading);
    device->reading = false;
    if (device->state == DEVICE_READING && there)
        device_move(bll, device, DEVICE_QUIET);
    else if (device->state == DEVICE_READING)
        delivery_rest(bll, device);
    if (device->state == DEVICE_STREAMING)
        stream_page_read(device->v2.stream, there);
    if (!device_settle(bll, device))
        delivery_consider(bll, device);
    account_unpin(bll, account);
}

int delivery_read(struct bll *bll, struct device *device, unsigned index)
{
    struct reading *reading = malloc(sizeof(*reading));
    uint64_t conversation = device->account->subscriptions[index].conversation->id;
    uint64_t after = device->cursors[index].sent;
    int r;

    if (!reading)
        return -ENOMEM;
    *reading = (struct reading){bll, device, conversation, after};
    r = dal_messages_read(conversation, after, BACKLOG_MESSAGES, BACKLOG_BYTES, page_read, reading);
    if (r < 0) {
        free(reading);
        return r;
    }
    account_pin(device->account);
    device->paged = index;
    device->reading = true;
    return 0;
}

/* -- starting --------------------------------------------------------------------------------- */

static bool is_own(const struct device *device, const struct message *message)
{
    return message->origin != 0 && message->origin == device->id &&
           message->conversation != device->account->inbox;
}

/* Version 1 has no notes. */
static bool is_untold(const struct device *device, const struct message *message)
{
    return !device_is_v2(device) && message->kind != MESSAGE_TEXT &&
           message->kind != MESSAGE_ANNOUNCEMENT;
}

bool delivery_passes_over(const struct device *device, const struct message *message)
{
    return is_own(device, message) || is_untold(device, message);
}

/* The first message that waits and that the device gets, or NULL; `*ret_missing` as for
 * delivery_next(). */
static struct message *next_to_tell(struct bll *bll, struct device *device, int *ret_missing)
{
    struct message *message = delivery_next(device, ret_missing);

    while (message && delivery_passes_over(device, message)) {
        delivery_acknowledge(bll, device, message);
        message = delivery_next(device, ret_missing);
    }
    return message;
}

/* The device gets its next push, or its next page, or turns out to have nothing. */
static enum delivery_start start_push(struct bll *bll, struct device *device)
{
    struct message *message;
    int missing;

    if (device->v1.current)
        return push1_start(bll, device);
    message = next_to_tell(bll, device, &missing);
    if (missing >= 0) {
        if (delivery_read(bll, device, (unsigned)missing) < 0)
            delivery_rest(bll, device);
        else
            device_move(bll, device, DEVICE_READING);
        return DELIVERY_STARTED;
    }
    if (!message) {
        device_move(bll, device, DEVICE_QUIET);
        return DELIVERY_STARTED;
    }
    device->v1.current = message_ref(message);
    device->v1.offset = 0;
    return push1_start(bll, device);
}

/* Nobody is dialled to for what is his own. */
static enum delivery_start start_dial(struct bll *bll, struct device *device)
{
    int missing;

    (void)next_to_tell(bll, device, &missing);
    if (dial_wanted(bll, device))
        return dial_start(bll, device);
    device_move(bll, device, DEVICE_QUIET);
    return DELIVERY_STARTED;
}

static enum delivery_start start(struct bll *bll, struct device *device)
{
    return device_is_v2(device) ? start_dial(bll, device) : start_push(bll, device);
}

/* While it stops, a message of which a part has arrived is still finished. */
static bool may_start(const struct bll *bll, const struct device *device)
{
    return !bll->quiesced || is_begun(device);
}

void delivery_run(struct bll *bll)
{
    int passed_over = 0;

    LIST_FOREACH_SAFE (link, &bll->ready) {
        struct device *device = LIST_ENTRY(link, struct device, by_state);
        if (!may_start(bll, device))
            continue;
        switch (start(bll, device)) {
        case DELIVERY_STARTED:
            break;
        case DELIVERY_PASSED_OVER:
            list_move(&bll->ready, link);
            if (++passed_over == PASSED_OVER_MAX)
                return;
            break;
        case DELIVERY_NO_MORE:
            return;
        }
    }
}
