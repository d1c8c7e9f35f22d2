/* Delivery: which message a device gets next, and the pushes that carry it there.
 *
 * A device that is present and behind becomes ready; the end of a turn starts as many pushes as the
 * outlet takes. Version 1 carries one message, or one part of a long one, per connection, and a
 * device has one under way at a time, so order needs no further care. What the tails in memory do
 * not hold any more is read from storage a page at a time.
 *
 * A delivery is spent only when the outlet says so. After any other end the device rests until a
 * poll that comes no sooner than bll_config.retry_us, or later if it fails again and again.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "bll/internal.h"
#include "proto/v1.h"
#include "util/clock.h"
#include "util/log.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/* Ports a push is never made to lie below this one. */
#define FIRST_UNPRIVILEGED_PORT 1024

/* A push that times out holds a place for seconds. Each one in a row doubles the time to the next,
 * so that hosts behind a filter do not take the places of those that can be reached; a refusal
 * costs nothing and does not. */
#define RETRY_DOUBLINGS_MAX 3

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

static void rest(struct bll *bll, struct device *device)
{
    unsigned doublings = device->failures > 0 ? device->failures - 1u : 0;

    device->rest_until_us = bll_now(bll) + (bll->config.retry_us << doublings);
    device->other_tried = false;
    device_move(bll, device, DEVICE_RESTING);
}

static void acknowledge(struct bll *bll, struct device *device, struct message *message)
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
        rest(bll, device);
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
    rest(bll, device);
}

/* -- pushing ---------------------------------------------------------------------------------- */

static bool may_connect(uint16_t port)
{
    return port >= FIRST_UNPRIVILEGED_PORT;
}

/* The port the device listens on, as far as is known; 0 if there is none to connect to. */
static uint16_t device_port(const struct bll *bll, struct device *device)
{
    uint16_t stands = device->endpoint.port, swapped = v1_swap_port(stands);

    switch (bll->config.v1_port_order) {
    case PORT_ORDER_HOST:
        device->swapped = false;
        break;
    case PORT_ORDER_NETWORK:
        device->swapped = true;
        break;
    case PORT_ORDER_AUTO:
        if (!may_connect(device->swapped ? swapped : stands))
            device->swapped = !device->swapped;
        break;
    }
    stands = device->swapped ? swapped : stands;
    return may_connect(stands) ? stands : 0;
}

/* True if the other order of the port's bytes is still worth a try for this push. */
static bool turn_order(const struct bll *bll, struct device *device)
{
    uint16_t port = device->endpoint.port;
    uint16_t other = device->swapped ? port : v1_swap_port(port);
    uint16_t this_one = device->swapped ? v1_swap_port(port) : port;

    if (bll->config.v1_port_order != PORT_ORDER_AUTO || device->order_known || other == this_one ||
        !may_connect(other))
        return false;
    device->swapped = !device->swapped;
    if (device->other_tried)
        return false; /* and it stands as it did before both were tried */
    device->other_tried = true;
    return true;
}

/* Pushes the part of device->current that begins at device->offset. 0 or what the outlet says. */
static int push_part(struct bll *bll, struct device *device)
{
    const struct message *message = device->current;
    struct v1_push push = {
        .time_s = message->time_ms / 1000,
        .name = message->name,
        .userid = message->userid,
        .text = message->text,
    };
    char payload[V1_PUSH_MAX];
    struct addr to = device->endpoint;
    long len;

    to.port = device_port(bll, device);
    if (to.port == 0)
        return -EACCES;
    len = v1_build_push(&push, device->offset, payload, sizeof(payload), &device->next_offset);
    if (len < 0)
        return (int)len;
    return bll->outlet.push(bll->outlet.userdata, &to,
                            (struct bytes){.data = payload, .len = (size_t)len}, device);
}

enum started {
    STARTED,
    PASSED_OVER, /* its host has its share */
    NO_MORE,     /* nobody can be pushed to now */
};

static enum started push_current(struct bll *bll, struct device *device)
{
    int r = push_part(bll, device);

    if (r == 0) {
        account_pin(device->account);
        device_move(bll, device, DEVICE_PUSHING);
        return STARTED;
    }
    if (r == -EAGAIN)
        return NO_MORE;
    if (r == -EBUSY)
        return PASSED_OVER;
    rest(bll, device);
    return STARTED;
}

/* True for what the device itself said to many; what somebody writes to himself he wants to get. */
static bool is_own(const struct device *device, const struct message *message)
{
    return message->origin != 0 && message->origin == device->id &&
           message->conversation != device->account->inbox;
}

/* A ready device gets its next push, or its next page, or turns out to have nothing. */
static enum started start(struct bll *bll, struct device *device)
{
    int missing;

    while (!device->current) {
        struct message *message = choose(device, &missing);
        if (missing >= 0) {
            read_page(bll, device, (unsigned)missing);
            return STARTED;
        }
        if (!message) {
            device_move(bll, device, DEVICE_QUIET);
            return STARTED;
        }
        if (is_own(device, message)) {
            acknowledge(bll, device, message);
            continue;
        }
        device->current = message_ref(message);
        device->offset = 0;
    }
    return push_current(bll, device);
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
        case STARTED:
            break;
        case PASSED_OVER:
            list_move(&bll->ready, link);
            if (++passed_over == PASSED_OVER_MAX)
                return;
            break;
        case NO_MORE:
            return;
        }
    }
}

/* What was being pushed has arrived: the part, and with the last one the message. */
static void delivered(struct bll *bll, struct device *device)
{
    struct message *message = device->current;

    device->order_known = true;
    device->refused = false;
    device->failures = 0;
    device->offset = device->next_offset;
    if (device->offset < message->text.len)
        return;
    device->offset = 0;
    metrics_add(bll->metrics, METRIC_MESSAGES_DELIVERED, 1);
    acknowledge(bll, device, message);
    message_unref(message);
    device->current = NULL;
}

static void after_push(struct bll *bll, struct device *device, enum bll_push result)
{
    switch (result) {
    case BLL_PUSH_DELIVERED:
        delivered(bll, device);
        if (device->current) {
            /* The next part at once: whoever stops in between would repeat this one. */
            device_move(bll, device, DEVICE_READY);
            (void)push_current(bll, device);
            return;
        }
        device_move(bll, device, DEVICE_QUIET);
        delivery_consider(bll, device);
        return;
    case BLL_PUSH_REFUSED:
        if (turn_order(bll, device)) {
            device_move(bll, device, DEVICE_READY);
            return;
        }
        device->refused = true;
        break;
    case BLL_PUSH_FAILED:
        if (device->failures <= RETRY_DOUBLINGS_MAX)
            device->failures++;
        break;
    }
    rest(bll, device);
}

void bll_pushed(struct bll *bll, void *token, enum bll_push result)
{
    struct device *device = token;
    struct account *account = device->account;

    after_push(bll, device, result);
    if (device->gone && device->state != DEVICE_PUSHING)
        device_free(bll, device);
    if (!list_empty(&bll->ready))
        bll->outlet.wake(bll->outlet.userdata);
    account_unpin(bll, account);
}
