/* Pushes of version 1: one message, or one part of a long one, per connection. A device has one
 * under way at a time, so order needs no further care.
 *
 * A delivery is spent only when the outlet says so. After any other end the device rests until a
 * poll that comes no sooner than bll_config.retry_us, or later if it fails again and again.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "bll/internal.h"
#include "proto/v1.h"

#include <errno.h>

/* A push that times out holds a place for seconds. Each one in a row doubles the time to the next,
 * so that hosts behind a filter do not take the places of those that can be reached; a refusal
 * costs nothing and does not. */
#define RETRY_DOUBLINGS_MAX 3

/* The port the device listens on, as far as is known; 0 if there is none to connect to. */
static uint16_t device_port(const struct bll *bll, struct device *device)
{
    uint16_t stands = device->endpoint.port, swapped = v1_swap_port(stands);

    switch (bll->config.v1_port_order) {
    case PORT_ORDER_HOST:
        device->v1.swapped = false;
        break;
    case PORT_ORDER_NETWORK:
        device->v1.swapped = true;
        break;
    case PORT_ORDER_AUTO:
        if (!dial_allows_port(device->v1.swapped ? swapped : stands))
            device->v1.swapped = !device->v1.swapped;
        break;
    }
    stands = device->v1.swapped ? swapped : stands;
    return dial_allows_port(stands) ? stands : 0;
}

/* True if the other order of the port's bytes is still worth a try for this push. */
static bool turn_order(const struct bll *bll, struct device *device)
{
    uint16_t port = device->endpoint.port;
    uint16_t other = device->v1.swapped ? port : v1_swap_port(port);
    uint16_t this_one = device->v1.swapped ? v1_swap_port(port) : port;

    if (bll->config.v1_port_order != PORT_ORDER_AUTO || device->v1.order_known ||
        other == this_one || !dial_allows_port(other))
        return false;
    device->v1.swapped = !device->v1.swapped;
    if (device->v1.other_tried)
        return false; /* and it stands as it did before both were tried */
    device->v1.other_tried = true;
    return true;
}

/* Pushes the part of device->v1.current that begins at device->v1.offset. 0 or what the outlet
 * says. */
static int push_part(struct bll *bll, struct device *device)
{
    const struct message *message = device->v1.current;
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
    len =
        v1_build_push(&push, device->v1.offset, payload, sizeof(payload), &device->v1.next_offset);
    if (len < 0)
        return (int)len;
    return bll->outlet.push(bll->outlet.userdata, &to,
                            (struct bytes){.data = payload, .len = (size_t)len}, device);
}

enum delivery_start push1_start(struct bll *bll, struct device *device)
{
    int r = push_part(bll, device);

    if (r == 0) {
        account_pin(device->account);
        device_move(bll, device, DEVICE_PUSHING);
        return DELIVERY_STARTED;
    }
    if (r == -EAGAIN)
        return DELIVERY_NO_MORE;
    if (r == -EBUSY)
        return DELIVERY_PASSED_OVER;
    delivery_rest(bll, device);
    return DELIVERY_STARTED;
}

/* What was being pushed has arrived: the part, and with the last one the message. */
static void delivered(struct bll *bll, struct device *device)
{
    struct message *message = device->v1.current;

    device->v1.order_known = true;
    device->v1.refused = false;
    device->failures = 0;
    device->v1.offset = device->v1.next_offset;
    if (device->v1.offset < message->text.len)
        return;
    device->v1.offset = 0;
    metrics_add(bll->metrics, METRIC_MESSAGES_DELIVERED, 1);
    delivery_acknowledge(bll, device, message);
    message_unref(message);
    device->v1.current = NULL;
}

static void after_push(struct bll *bll, struct device *device, enum bll_push result)
{
    switch (result) {
    case BLL_PUSH_DELIVERED:
        delivered(bll, device);
        if (device->v1.current) {
            /* The next part at once: whoever stops in between would repeat this one. */
            device_move(bll, device, DEVICE_READY);
            (void)push1_start(bll, device);
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
        device->v1.refused = true;
        break;
    case BLL_PUSH_FAILED:
        if (device->failures <= RETRY_DOUBLINGS_MAX)
            device->failures++;
        break;
    }
    delivery_rest(bll, device);
}

void bll_pushed(struct bll *bll, void *token, enum bll_push result)
{
    struct device *device = token;
    struct account *account = device->account;

    after_push(bll, device, result);
    (void)device_settle(bll, device);
    if (!list_empty(&bll->ready))
        bll->outlet.wake(bll->outlet.userdata);
    account_unpin(bll, account);
}
