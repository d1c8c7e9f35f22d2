/* One user of version 2.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/member.h"

#include "util/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void member_deinit(struct member *member)
{
    free(member->places);
}

void member_welcome(struct member *member, const struct v2_frame *welcome)
{
    if (!bytes_is(welcome->session, member->session))
        member->polls = 0; /* answers to them were of the session before */
    memcpy(member->session, welcome->session.data, welcome->session.len);
    member->session[welcome->session.len] = '\0';
    memcpy(member->key, welcome->session_key, sizeof(member->key));
    member->clock_ms = (int64_t)(welcome->time_ms - clock_real_ms());
    member->signed_on = true;
}

/* The server's time, always later than before. */
static uint64_t next_ms(struct member *member)
{
    uint64_t now = clock_real_ms() + (uint64_t)member->clock_ms;

    member->last_ms = now > member->last_ms ? now : member->last_ms + 1;
    return member->last_ms;
}

struct v2_frame member_resume(struct member *member)
{
    struct v2_frame frame = {
        .verb = V2_VERB_RESUME, .session = bytes_of(member->session), .time_ms = next_ms(member)};

    v2_mac_resume(member->key, frame.session, frame.time_ms, frame.mac);
    return frame;
}

bool member_prove(const struct member *member, const struct v2_frame *push, struct v2_frame *ret)
{
    if (!member->signed_on || !bytes_is(push->session, member->session))
        return false;
    *ret = (struct v2_frame){.verb = V2_VERB_PROOF};
    v2_mac_proof(member->key, push->session, push->nonce, ret->mac);
    return true;
}

long member_poll(struct member *member, uint16_t port, char *out, size_t size)
{
    uint64_t time_ms = next_ms(member);

    member->poll_ms[member->polls++ % MEMBER_POLLS] = time_ms;
    return v2_build_poll(bytes_of(member->session), time_ms, port, member->key, out, size);
}

bool member_polled(const struct member *member, const struct v2_polled *polled)
{
    unsigned count = member->polls < MEMBER_POLLS ? member->polls : MEMBER_POLLS;

    for (unsigned i = 1; i <= count; i++)
        if (v2_polled_verify(polled, member->poll_ms[(member->polls - i) % MEMBER_POLLS],
                             member->key))
            return true;
    return false;
}

static struct place *find_place(struct member *member, uint64_t conversation)
{
    struct place *places;

    for (size_t i = 0; i < member->place_count; i++)
        if (member->places[i].conversation == conversation)
            return &member->places[i];
    places = realloc(member->places, (member->place_count + 1) * sizeof(*places));
    if (!places)
        return NULL;
    member->places = places;
    places[member->place_count] = (struct place){.conversation = conversation};
    return &places[member->place_count++];
}

int member_read(struct member *member, const struct v2_frame *msg)
{
    struct place *place = find_place(member, msg->conversation.id);

    if (!place)
        return -ENOMEM;
    place->unsaid = true;
    if (msg->seq <= place->seq)
        return 0;
    place->seq = msg->seq;
    return 1;
}

int member_acknowledge(struct member *member, struct stream *stream)
{
    int r = 0;

    for (size_t i = 0; i < member->place_count && r == 0; i++) {
        struct place *place = &member->places[i];
        struct v2_frame ack = {
            .verb = V2_VERB_ACK, .conversation = {.id = place->conversation}, .seq = place->seq};
        if (!place->unsaid)
            continue;
        r = stream_say(stream, &ack);
        place->unsaid = false;
    }
    return r;
}
