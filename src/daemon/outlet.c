/* What leaves the logic unit.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/outlet.h"

#include "daemon/connections.h"
#include "io/connection.h"
#include "util/clock.h"

#include <errno.h>
#include <stdlib.h>

/* One push: joins the pusher's result to the logic unit's token. */
struct push {
    struct list link; /* in outlet->pushes */
    struct outlet *outlet;
    void *token;
};

static const enum bll_push results[] = {
    [PUSH_DELIVERED] = BLL_PUSH_DELIVERED,
    [PUSH_REFUSED] = BLL_PUSH_REFUSED,
    [PUSH_FAILED] = BLL_PUSH_FAILED,
};

/* Frees `push` first: the logic unit may start the next one while it is told. */
static void end_push(struct push *push, enum bll_push result)
{
    struct bll *bll = push->outlet->bll;
    void *token = push->token;
    list_remove(&push->link);
    free(push);
    bll_pushed(bll, token, result);
}

static void pushed(void *userdata, enum push_result result)
{
    end_push(userdata, results[result]);
}

static int start_push(void *userdata, const struct addr *to, struct bytes payload, void *token)
{
    struct outlet *outlet = userdata;
    struct push *push = malloc(sizeof *push);
    if (push == NULL)
        return -ENOMEM;
    *push = (struct push){.outlet = outlet, .token = token};
    int r = pusher_push(outlet->pusher, to, payload, pushed, push);
    if (r < 0)
        free(push);
    else
        list_append(&outlet->pushes, &push->link);
    return r;
}

static void reply(void *userdata, void *reply, struct bytes answer, bool close)
{
    if (answer.len > 0)
        reply_send(reply, answer, close);
    else
        reply_drop(reply, close);
}

static void write_frames(void *userdata, void *connection, struct bytes frames)
{
    served_write(connection, frames);
}

static void tell_frames(void *userdata, void *connection, struct bytes frames)
{
    served_tell(connection, frames);
}

static size_t waiting(void *userdata, void *connection)
{
    return served_waiting(connection);
}

static void set_role(void *userdata, void *connection, enum bll_link_role role)
{
    served_set_role(connection, role);
}

static void close_connection(void *userdata, void *connection)
{
    served_close(connection);
}

static int dial(void *userdata, const struct addr *to, bool secure, void *token)
{
    struct outlet *outlet = userdata;
    return dials_dial(outlet->dials, to, secure, token);
}

static uint64_t real_ms(void *userdata)
{
    return clock_real_ms();
}

static uint64_t now(void *userdata)
{
    struct outlet *outlet = userdata;
    return loop_now(outlet->loop);
}

static void wake(void *userdata)
{
    struct outlet *outlet = userdata;
    loop_defer(outlet->loop, &outlet->turn_end);
}

static void turn_end(void *userdata)
{
    struct outlet *outlet = userdata;
    bll_turn_end(outlet->bll);
}

void outlet_init(struct outlet *outlet, struct loop *loop, struct pusher *pusher,
                 struct dials *dials)
{
    *outlet = (struct outlet){.loop = loop, .pusher = pusher, .dials = dials};
    list_init(&outlet->pushes);
    loop_deferred_init(&outlet->turn_end, turn_end, outlet);
}

void outlet_abandon(struct outlet *outlet)
{
    if (outlet->loop == NULL)
        return;
    while (!list_empty(&outlet->pushes))
        end_push(LIST_FIRST(&outlet->pushes, struct push, link), BLL_PUSH_FAILED);
}

void outlet_deinit(struct outlet *outlet)
{
    if (outlet->loop != NULL)
        loop_deferred_cancel(&outlet->turn_end);
    outlet->loop = NULL;
}

struct bll_outlet outlet_interface(struct outlet *outlet)
{
    return (struct bll_outlet){
        .reply = reply,
        .push = start_push,
        .write = write_frames,
        .tell = tell_frames,
        .waiting = waiting,
        .set_role = set_role,
        .close = close_connection,
        .dial = dial,
        .real_ms = real_ms,
        .now = now,
        .wake = wake,
        .userdata = outlet,
    };
}
