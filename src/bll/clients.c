/* Who is connected, for people to look at: every device that is present, and every connection that
 * somebody signed on over without one.
 *
 * Clients have no order in memory. A list of them is the first of them in some order, chosen in one
 * pass over all, so that it takes memory for what is shown alone.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "bll/stream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Userid, device and address, which together are nobody else's. */
#define PLACE_MAX (NAME_MAX_BYTES + DEVICE_NAME_MAX + ADDR_TEXT_MAX + 2)

struct row {
    struct bll_client client;
    char address[ADDR_TEXT_MAX];
    char place[PLACE_MAX];
};

struct choice {
    const struct bll_clients_query *query;
    uint64_t now;
    struct row *rows;    /* one more than may be chosen: where the next is written */
    struct row **chosen; /* in order; behind them the spare row */
    size_t count;
    size_t all;
};

/* -- one of them ------------------------------------------------------------------------------ */

/* What it did not acknowledge, what it wrote itself included. */
static uint64_t count_waiting(const struct device *device)
{
    const struct account *account = device->account;
    uint64_t waiting = 0;

    if (device->state == DEVICE_MAKING)
        return 0;
    for (unsigned i = 0; i < account->subscription_count; i++) {
        uint64_t end = subscription_end(&account->subscriptions[i]);
        if (end > device->cursors[i].acked)
            waiting += end - device->cursors[i].acked;
    }
    return waiting;
}

static enum bll_reach reach_of(const struct device *device)
{
    const struct stream *stream = device_is_v2(device) ? device->v2.stream : NULL;

    if (stream)
        return stream->stage == STREAM_ATTACHED ? BLL_REACH_ATTACHED : BLL_REACH_PUSHED;
    if (device->state == DEVICE_PUSHING)
        return BLL_REACH_PUSHED;
    return device->reach == REACH_FAILED ? BLL_REACH_FAILED : BLL_REACH_POLLS;
}

/* Where messages go, as far as there is such a place, else where he polls from. */
static const struct addr *address_of(const struct device *device)
{
    const struct stream *stream = device_is_v2(device) ? device->v2.stream : NULL;

    return stream ? &stream->link->from : &device->endpoint;
}

/* -- which of them ---------------------------------------------------------------------------- */

static bool comes_before(const struct choice *choice, const struct row *a, const struct row *b)
{
    if (choice->query->by_waiting && a->client.waiting != b->client.waiting)
        return a->client.waiting > b->client.waiting;
    return strcmp(a->place, b->place) < 0;
}

/* Where the row belongs among the chosen. */
static size_t rank(const struct choice *choice, const struct row *row)
{
    size_t low = 0, high = choice->count;

    while (low < high) {
        size_t middle = (low + high) / 2;
        if (comes_before(choice, row, choice->chosen[middle]))
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* The row that was written becomes one of the chosen, if it is one of the first: the last of them
 * is the spare one then. */
static void choose(struct choice *choice)
{
    struct row **chosen = choice->chosen, *row = chosen[choice->count];

    choice->all++;
    if (strcmp(row->place, choice->query->after) <= 0)
        return;
    size_t place = rank(choice, row);
    memmove(&chosen[place + 1], &chosen[place], (choice->count - place) * sizeof(struct row *));
    chosen[place] = row;
    if (choice->count < choice->query->max)
        choice->count++;
}

static void consider(struct choice *choice, const struct bll_client *client,
                     const struct addr *address)
{
    struct row *row = choice->chosen[choice->count];

    row->client = *client;
    row->client.address = addr_format(address, row->address);
    row->client.place = row->place;
    snprintf(row->place, sizeof(row->place), "%s/%s/%s", client->userid, client->device,
             row->address);
    choose(choice);
}

static void consider_device(struct choice *choice, const struct device *device)
{
    const struct bll_client client = {
        .userid = device->account->userid,
        .device = device->name,
        .version = device_is_v2(device) ? 2 : 1,
        .reach = reach_of(device),
        .there_us = choice->now - device->present_us,
        .waiting = count_waiting(device),
    };

    consider(choice, &client, address_of(device));
}

static void consider_link(struct choice *choice, const struct bll_link *link)
{
    const struct bll_client client = {
        .userid = link->account->userid,
        .device = link->device ? link->device->name : "",
        .version = 2,
        .reach = BLL_REACH_SIGNED_ON,
        .there_us = choice->now - link->joined_us,
        .waiting = link->device ? count_waiting(link->device) : 0,
    };

    consider(choice, &client, &link->from);
}

static void consider_account(struct choice *choice, const struct account *account)
{
    LIST_FOREACH (node, &account->devices) {
        const struct device *device = LIST_ENTRY(node, struct device, by_account);
        if (device_present(device) && !device->gone)
            consider_device(choice, device);
    }
    LIST_FOREACH (node, &account->links) {
        const struct bll_link *link = LIST_ENTRY(node, struct bll_link, by_account);
        if (!link->device || !device_present(link->device))
            consider_link(choice, link);
    }
}

long bll_clients(const struct bll *bll, const struct bll_clients_query *query, bll_client_fn visit,
                 void *userdata)
{
    struct choice choice = {
        .query = query,
        .now = bll_now(bll),
        .rows = calloc(query->max + 1, sizeof(*choice.rows)),
        .chosen = calloc(query->max + 1, sizeof(struct row *)),
    };
    long all = -ENOMEM;

    if (choice.rows && choice.chosen) {
        for (size_t i = 0; i <= query->max; i++)
            choice.chosen[i] = &choice.rows[i];
        LIST_FOREACH (node, &bll->by_use)
            consider_account(&choice, LIST_ENTRY(node, struct account, by_use));
        for (size_t i = 0; i < choice.count; i++)
            visit(userdata, &choice.chosen[i]->client);
        all = (long)choice.all;
    }
    free(choice.rows);
    free(choice.chosen);
    return all;
}

/* -- who is in a room ------------------------------------------------------------------------- */

static bool is_present(const struct account *account)
{
    LIST_FOREACH (node, &account->devices)
        if (device_present(LIST_ENTRY(node, struct device, by_account)))
            return true;
    return false;
}

uint64_t bll_present_members(const struct bll *bll, uint64_t conversation)
{
    const struct conversation *found;
    uint64_t count = 0;

    HASH_FIND(hh, bll->conversations, &conversation, sizeof(conversation), found);
    if (!found)
        return 0;
    LIST_FOREACH (node, &found->subscriptions) {
        const struct subscription *subscription =
            LIST_ENTRY(node, struct subscription, by_conversation);
        count += subscription->until == 0 && is_present(subscription->account);
    }
    return count;
}
