/* Connections that the daemon makes.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/dials.h"

#include "daemon/connections.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

struct dial {
    struct list link; /* in dials->under_way */
    struct dials *dials;
    struct addr to;
    bool secure;
    bool open;
    void *token; /* the logic unit's, until it is told how it went */
};

static void release(struct dial *dial)
{
    list_remove(&dial->link);
    peercount_give(dial->dials->places, &dial->to);
    free(dial);
}

/* Frees it first: the logic unit may start the next one while it is told. */
static void fail(struct dial *dial, enum bll_dial why)
{
    struct bll *bll = dial->dials->bll;
    void *token = dial->token;
    release(dial);
    bll_dial_failed(bll, token, why);
}

static void connected(void *userdata, enum dial_result result, int fd)
{
    struct dial *dial = userdata;
    if (result == DIAL_CONNECTED &&
        connections_take_dialled(dial->dials->connections, fd, &dial->to, dial->secure, dial) == 0)
        return;
    if (result == DIAL_CONNECTED)
        close(fd);
    fail(dial, result == DIAL_REFUSED ? BLL_DIAL_REFUSED : BLL_DIAL_FAILED);
}

void dial_opened(struct dial *dial, struct bll_link *link)
{
    dial->open = true;
    bll_dialled(dial->dials->bll, dial->token, link);
}

void dial_over(struct dial *dial)
{
    if (dial->open)
        release(dial);
    else
        fail(dial, BLL_DIAL_FAILED);
}

int dials_dial(struct dials *dials, const struct addr *to, bool secure, void *token)
{
    int r = peercount_take(dials->places, to);
    if (r < 0)
        return r;
    struct dial *dial = malloc(sizeof *dial);
    if (dial != NULL) {
        *dial = (struct dial){.dials = dials, .to = *to, .secure = secure, .token = token};
        list_append(&dials->under_way, &dial->link);
        r = dialer_dial(dials->dialer, to, connected, dial);
        if (r < 0)
            release(dial);
        return r;
    }
    peercount_give(dials->places, to);
    return -ENOMEM;
}

int dials_init(struct dials *dials, struct loop *loop, const struct dialer_limits *limits,
               struct connections *connections)
{
    *dials = (struct dials){.connections = connections};
    list_init(&dials->under_way);
    int r = peercount_new(limits->per_address, limits->total, &dials->places);
    return r < 0 ? r : dialer_new(loop, limits, &dials->dialer);
}

void dials_deinit(struct dials *dials)
{
    dialer_free(dials->dialer);
    while (dials->connections != NULL && !list_empty(&dials->under_way))
        fail(LIST_FIRST(&dials->under_way, struct dial, link), BLL_DIAL_FAILED);
    peercount_free(dials->places);
    *dials = (struct dials){0};
}

void dials_set_limits(struct dials *dials, const struct dialer_limits *limits)
{
    dialer_set_limits(dials->dialer, limits);
    peercount_set_limits(dials->places, limits->per_address, limits->total);
}

unsigned dials_active(const struct dials *dials)
{
    return dials->places != NULL ? peercount_total(dials->places) : 0;
}
