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
    [DEVICE_MAKING] = "making",   [DEVICE_QUIET] = "quiet",     [DEVICE_READY] = "ready",
    [DEVICE_READING] = "reading", [DEVICE_PUSHING] = "pushing", [DEVICE_RESTING] = "resting",
};

/* From a state (row) to those it may change into, as bits. */
static const unsigned state_moves[DEVICE_STATES] = {
    [DEVICE_MAKING] = 1u << DEVICE_QUIET,
    [DEVICE_QUIET] = 1u << DEVICE_READY,
    [DEVICE_READY] =
        1u << DEVICE_QUIET | 1u << DEVICE_READING | 1u << DEVICE_PUSHING | 1u << DEVICE_RESTING,
    [DEVICE_READING] = 1u << DEVICE_QUIET | 1u << DEVICE_RESTING,
    [DEVICE_PUSHING] = 1u << DEVICE_QUIET | 1u << DEVICE_READY | 1u << DEVICE_RESTING,
    [DEVICE_RESTING] = 1u << DEVICE_QUIET,
};

void delivery_reset(struct device *device)
{
    backlog_clear(&device->backlog);
    message_unref(device->current);
    device->current = NULL;
    device->offset = device->next_offset = 0;
}

void delivery_settle(struct device *device)
{
    bool at_rest = device->state == DEVICE_QUIET || device->state == DEVICE_RESTING;

    if (at_rest && !list_linked(&device->by_poll) && device->offset == 0)
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
    return device->cursors[index].acked < device->account->subscriptions[index].conversation->end;
}

static bool has_waiting(const struct device *device)
{
    for (unsigned i = 0; i < device->account->subscription_count; i++)
        if (is_behind(device, i))
            return true;
    return false;
}

void delivery_consider(struct bll *bll, struct device *device)
{
    if (device->state == DEVICE_QUIET && list_linked(&device->by_poll) && !device->gone &&
        has_waiting(device))
        device_move(bll, device, DEVICE_READY);
}

/* -- what comes next -------------------------------------------------------------------------- */

/* The message the device needs next of its subscription number `index`, or NULL if it is not in
 * memory. Borrowed. */
static struct message *next_of(struct device *device, unsigned index)
{
    const struct conversation *conversation = device->account->subscriptions[index].conversation;
    uint64_t seq = device->cursors[index].acked + 1;
    struct message *message = backlog_next(&device->backlog, conversation->id, seq);

    return message ? message : conversation_recent(conversation, seq);
}

/* Takes the oldest of the messages that wait, so that conversations mix as they were written. If
 * one of them is not in memory, `*ret_missing` is its subscription, and nothing is taken before it
 * has been read. Where more conversations wait in storage than there are pages for, they take
 * turns, and the order between them is no more than near. */
static struct message *choose(struct device *device, int *ret_missing)
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
        } else if (!oldest || message->time_ms < oldest->time_ms) {
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
    device->other_tried = false;
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
    struct device *device;
    uint64_t conversation;
};

/* Without memory for it, or membership by now, it is as if it had not been read. */
static void page_keep(struct device *device, struct message *const *messages, size_t count)
{
    if (account_subscription(device->account, messages[0]->conversation) >= 0 &&
        backlog_keep(&device->backlog, messages, count) < 0)
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

    if (outcome == DAL_OK && count > 0) {
        page_keep(device, messages, count);
        device_move(bll, device, DEVICE_QUIET);
    } else {
        if (outcome == DAL_OK)
            log_limited(&limit, LOG_WARNING, "gaps in conversations",
                        "conversation %llu ends earlier in storage than it did before",
                        (unsigned long long)reading->conversation);
        delivery_rest(bll, device);
    }
    free(reading);
    if (device->gone)
        device_free(bll, device);
    else
        delivery_consider(bll, device);
    account_unpin(bll, account);
}

static void read_page(struct bll *bll, struct device *device, unsigned index)
{
    struct reading *reading = malloc(sizeof(*reading));
    uint64_t conversation = device->account->subscriptions[index].conversation->id;

    if (reading) {
        *reading = (struct reading){bll, device, conversation};
        if (dal_messages_read(conversation, device->cursors[index].acked, BACKLOG_MESSAGES,
                              BACKLOG_BYTES, page_read, reading) == 0) {
            account_pin(device->account);
            device->paged = index;
            device_move(bll, device, DEVICE_READING);
            return;
        }
    }
    free(reading);
    delivery_rest(bll, device);
}

/* -- starting --------------------------------------------------------------------------------- */

/* True for what the device itself said to many; what somebody writes to himself he wants to get. */
static bool is_own(const struct device *device, const struct message *message)
{
    return message->origin != 0 && message->origin == device->id &&
           message->conversation != device->account->inbox;
}

/* A ready device gets its next push, or its next page, or turns out to have nothing. */
static enum delivery_start start(struct bll *bll, struct device *device)
{
    int missing;

    while (!device->current) {
        struct message *message = choose(device, &missing);
        if (missing >= 0) {
            read_page(bll, device, (unsigned)missing);
            return DELIVERY_STARTED;
        }
        if (!message) {
            device_move(bll, device, DEVICE_QUIET);
            return DELIVERY_STARTED;
        }
        if (is_own(device, message)) {
            delivery_acknowledge(bll, device, message);
            continue;
        }
        device->current = message_ref(message);
        device->offset = 0;
    }
    return push1_start(bll, device);
}

/* While it stops, a message of which a part has arrived is still finished. */
static bool may_start(const struct bll *bll, const struct device *device)
{
    return !bll->quiesced || device->offset > 0;
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
