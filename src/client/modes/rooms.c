/* `multichat rooms`, `who`, `unread`, `join` and `part`: what there is, and who is where.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/modes/asking.h"
#include "client/modes/modes.h"

#include <stdio.h>

/* "#7" */
static void format_number(uint64_t number, char ret[24])
{
    snprintf(ret, 24, "#%llu", (unsigned long long)number);
}

static char *room_line(const struct asking *asking, const struct v2_frame *room)
{
    const struct bytes name = room->conversation.name;
    char number[24];

    format_number(room->number, number);
    if (!asking->invocation->json)
        return asking_fields("bssnsb", name, number, v2_access_name(room->access), room->count,
                             v2_standing_name(room->standing), room->topic);
    return asking_json(
        json_pack("{s:s%, s:I, s:I, s:s, s:s, s:I, s:s%}", "room", name.data, name.len,
                  "room_number", (json_int_t)room->number, "number",
                  (json_int_t)room->conversation.id, "access", v2_access_name(room->access),
                  "standing", v2_standing_name(room->standing), "members", (json_int_t)room->count,
                  "topic", room->topic.data ? room->topic.data : "", room->topic.len));
}

static char *member_line(const struct asking *asking, const struct v2_frame *member)
{
    const char *presence = v2_presence_name(member->presence);
    const char *standing = v2_standing_name(member->standing);

    if (!asking->invocation->json)
        return asking_fields("bssb", member->userid, presence, standing, member->name);
    return asking_json(json_pack("{s:s%, s:s, s:s, s:s%}", "userid", member->userid.data,
                                 member->userid.len, "presence", presence, "standing", standing,
                                 "name", member->name.data, member->name.len));
}

static char *waiting_line(const struct asking *asking, const struct v2_frame *waiting)
{
    const struct v2_conversation *conversation = &waiting->conversation;

    if (!asking->invocation->json)
        return asking_fields("bn", conversation->name, waiting->count);
    return asking_json(json_pack("{s:s%, s:I, s:I}", "conversation", conversation->name.data,
                                 conversation->name.len, "number", (json_int_t)conversation->id,
                                 "count", (json_int_t)waiting->count));
}

int run_rooms(const struct invocation *invocation, int stop_fd)
{
    const struct v2_frame request = {.verb = V2_VERB_ROOMS};
    struct asking asking = {
        .invocation = invocation, .stop_fd = stop_fd, .rows = EXCHANGE_ALL_ROWS, .line = room_line};

    return asking_run(&asking, &request);
}

int run_who(const struct invocation *invocation, int stop_fd)
{
    const struct v2_frame request = {.verb = V2_VERB_WHO,
                                     .to = bytes_of(invocation->to ? invocation->to : "*")};
    struct asking asking = {.invocation = invocation,
                            .stop_fd = stop_fd,
                            .rows = EXCHANGE_ALL_ROWS,
                            .line = member_line};

    return asking_run(&asking, &request);
}

int run_unread(const struct invocation *invocation, int stop_fd)
{
    const struct v2_frame request = {.verb = V2_VERB_UNREAD};
    struct asking asking = {
        .invocation = invocation, .stop_fd = stop_fd, .as_device = true, .line = waiting_line};

    return asking_run(&asking, &request);
}

int run_join(const struct invocation *invocation, int stop_fd)
{
    const struct v2_frame request = {.verb = V2_VERB_JOIN, .to = bytes_of(invocation->to)};
    struct asking asking = {.invocation = invocation, .stop_fd = stop_fd, .line = room_line};

    return asking_run(&asking, &request);
}

int run_part(const struct invocation *invocation, int stop_fd)
{
    const struct v2_frame request = {.verb = V2_VERB_PART, .to = bytes_of(invocation->to)};
    struct asking asking = {.invocation = invocation, .stop_fd = stop_fd};

    return asking_run(&asking, &request);
}
