/* unread: what a device has not acknowledged.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "bll/ask.h"

void unread_frame(struct bll_link *link, const struct v2_frame *frame, void *reply)
{
    const struct account *account = link->account;
    struct ask *ask = ask_new(link, frame, reply, sizeof(*ask));
    struct page page;

    if (!ask)
        return;
    page_init(&page);
    for (unsigned i = 0; i < account->subscription_count; i++) {
        const struct conversation *conversation = account->subscriptions[i].conversation;
        uint64_t acked = link->device->cursors[i].acked;
        const struct v2_frame waiting = {
            .verb = V2_VERB_WAITING,
            .conversation = {.id = conversation->id, .name = bytes_of(conversation->name)},
            .count = conversation->end - acked,
        };
        if (account->subscriptions[i].until == 0 && conversation->end > acked)
            page_add(&page, &waiting);
    }
    page_answer(&page, ask, (struct bytes){0});
}
