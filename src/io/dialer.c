/* The dialer: attempts under way, counted by address.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/dialer.h"

#include "io/connecting.h"
#include "io/socket.h"
#include "util/list.h"
#include "util/peercount.h"

#include <errno.h>
#include <stdlib.h>

struct attempt {
    struct list link;
    struct dialer *dialer;
    struct connecting connecting;
    dial_done_fn callback;
    void *userdata;
};

struct dialer {
    struct loop *loop;
    uint64_t connect_us;
    struct peercount *peers;
    struct list attempts;
};

static void attempt_free(struct attempt *attempt)
{
    list_remove(&attempt->link);
    peercount_give(attempt->dialer->peers, &attempt->connecting.to);
    free(attempt);
}

/* The callback may dial again, or free the dialer. */
static void connected(void *userdata, int result)
{
    struct attempt *attempt = userdata;
    dial_done_fn callback = attempt->callback;
    void *callback_userdata = attempt->userdata;
    attempt_free(attempt);
    if (result >= 0) {
        socket_tune(result);
        callback(callback_userdata, DIAL_CONNECTED, result);
        return;
    }
    callback(callback_userdata, result == -ECONNREFUSED ? DIAL_REFUSED : DIAL_FAILED, -1);
}

int dialer_dial(struct dialer *dialer, const struct addr *to, dial_done_fn callback, void *userdata)
{
    int r = peercount_take(dialer->peers, to);
    if (r < 0)
        return r;
    struct attempt *attempt = malloc(sizeof *attempt);
    r = attempt != NULL ? connecting_start(&attempt->connecting, dialer->loop, to,
                                           dialer->connect_us, connected, attempt)
                        : -ENOMEM;
    if (r < 0) {
        free(attempt);
        peercount_give(dialer->peers, to);
        return r;
    }
    attempt->dialer = dialer;
    attempt->callback = callback;
    attempt->userdata = userdata;
    list_init(&attempt->link);
    list_append(&dialer->attempts, &attempt->link);
    return 0;
}

int dialer_new(struct loop *loop, const struct dialer_limits *limits, struct dialer **ret)
{
    struct dialer *dialer = calloc(1, sizeof *dialer);
    if (dialer == NULL)
        return -ENOMEM;
    int r = peercount_new(limits->per_address, limits->total, &dialer->peers);
    if (r < 0) {
        free(dialer);
        return r;
    }
    dialer->loop = loop;
    dialer->connect_us = limits->connect_us;
    list_init(&dialer->attempts);
    *ret = dialer;
    return 0;
}

void dialer_free(struct dialer *dialer)
{
    if (dialer == NULL)
        return;
    while (!list_empty(&dialer->attempts)) {
        struct attempt *attempt = LIST_FIRST(&dialer->attempts, struct attempt, link);
        connecting_cancel(&attempt->connecting);
        attempt_free(attempt);
    }
    peercount_free(dialer->peers);
    free(dialer);
}

void dialer_set_limits(struct dialer *dialer, const struct dialer_limits *limits)
{
    dialer->connect_us = limits->connect_us;
    peercount_set_limits(dialer->peers, limits->per_address, limits->total);
}

unsigned dialer_active(const struct dialer *dialer)
{
    return peercount_total(dialer->peers);
}
