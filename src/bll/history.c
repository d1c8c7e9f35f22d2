/* history: what was said, in pages: the newest page first, the oldest entry of each first.
 *
 * A place in a history by time is "<time>.<conversation>.<seq>" of the entry before which the page
 * ends; in one by number it is a number. To those who ask it is opaque.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "bll/members.h"
#include "util/cursor.h"

#include <inttypes.h>
#include <stdio.h>

struct history {
    struct room_ask room;
    struct waiter waiter; /* for the account of the other one of a dialogue */
    struct dal_history query;
};

/* -- places ----------------------------------------------------------------------------------- */

static int parse_place(struct bytes text, bool by_number, struct dal_place *ret)
{
    struct dal_place place = {0};
    struct reader reader;
    int r;

    if (by_number)
        return bytes_to_u64(text, INT64_MAX, &ret->seq);
    if (bytes_to_u64(text, INT64_MAX, &ret->time_ms) == 0)
        return 0;
    reader_init(&reader, text);
    r = bytes_to_u64(reader_field(&reader, '.'), INT64_MAX, &place.time_ms);
    if (r == 0)
        r = bytes_to_u64(reader_field(&reader, '.'), INT64_MAX, &place.conversation);
    if (r == 0)
        r = bytes_to_u64(reader_rest(&reader), INT64_MAX, &place.seq);
    if (r == 0 && !reader.error)
        *ret = place;
    return reader.error ? reader.error : r;
}

static struct bytes write_place(const struct dal_place *place, bool by_number,
                                char text[V2_PLACE_MAX + 1])
{
    int len = by_number ? snprintf(text, V2_PLACE_MAX + 1, "%" PRIu64, place->seq)
                        : snprintf(text, V2_PLACE_MAX + 1, "%" PRIu64 ".%" PRIu64 ".%" PRIu64,
                                   place->time_ms, place->conversation, place->seq);

    return (struct bytes){.data = text, .len = (size_t)len};
}

/* -- reading ---------------------------------------------------------------------------------- */

static void answer(struct history *history, struct message *const *messages, size_t count,
                   const struct dal_place *next)
{
    char place[V2_PLACE_MAX + 1];
    struct page page;

    page_init(&page);
    for (size_t i = 0; i < count; i++) {
        const struct v2_frame entry = entry_frame(messages[i], messages[i]->where);
        page_add_past(&page, &entry);
    }
    page_answer(&page, &history->room.ask,
                next ? write_place(next, history->query.by_number, place) : (struct bytes){0});
}

static void was_read(void *userdata, enum dal_outcome outcome, struct message *const *messages,
                     size_t count, const struct dal_place *next)
{
    struct history *history = userdata;

    if (outcome == DAL_OK)
        answer(history, messages, count, next);
    else
        ask_refuse_outcome(&history->room.ask, outcome, "there is no such conversation");
}

static void read_history(struct history *history)
{
    ask_submitted(&history->room.ask, dal_history(&history->query, was_read, history));
}

/* -- whose it is ------------------------------------------------------------------------------ */

static void room_found(struct room_ask *room, uint64_t conversation, const char *name)
{
    struct history *history = CONTAINER_OF(room, struct history, room);

    history->query.conversation = conversation;
    read_history(history);
}

static void read_dialogue(struct history *history, const struct account *peer)
{
    history->query.peer = peer->id;
    history->query.conversation = peer->inbox;
    read_history(history);
}

static void peer_arrived(struct waiter *waiter, struct account *peer, enum dal_outcome outcome)
{
    struct history *history = CONTAINER_OF(waiter, struct history, waiter);

    if (outcome == DAL_OK)
        read_dialogue(history, peer);
    else
        ask_refuse_outcome(&history->room.ask, outcome, "there is no such user");
}

static void find_peer(struct history *history, struct bytes userid)
{
    struct ask *ask = &history->room.ask;
    struct account *peer;
    int r = 0;

    if (history->query.by_number)
        ask_refuse(ask, PROTO_ERROR_MALFORMED, "numbers are of rooms and of everyone alone");
    else if (name_refusal(userid))
        ask_refuse(ask, PROTO_ERROR_UNKNOWN, "there is no such user");
    else if ((r = account_get(ask->bll, userid, &peer)) < 0)
        ask_submitted(ask, r);
    else if (peer->state == ACCOUNT_LOADING)
        account_wait(peer, &history->waiter, peer_arrived);
    else
        peer_arrived(&history->waiter, peer, peer->state == ACCOUNT_READY ? DAL_OK : DAL_MISSING);
}

void history_frame(struct bll_link *link, const struct v2_frame *frame, void *reply)
{
    struct history *history = ask_new(link, frame, reply, sizeof(*history));

    if (!history)
        return;
    list_init(&history->waiter.by_account);
    history->query = (struct dal_history){
        .reader = link->account->id,
        .inbox = link->account->inbox,
        .by_number = frame->by == V2_BY_NUMBER,
        .from = frame->from,
        .max_count = (unsigned)frame->max,
        .max_bytes = V2_PAST_BYTES,
    };
    if (parse_place(frame->place, history->query.by_number, &history->query.to) < 0)
        ask_refuse(&history->room.ask, PROTO_ERROR_MALFORMED,
                   "the end is neither a number nor a place that was told");
    else if (frame->to.data[0] == '#' || frame->to.data[0] == '*')
        room_find(&history->room, frame->to, room_found);
    else
        find_peer(history, frame->to);
}
