/* The commands on rooms and their members.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/ask.h"

#include <stdlib.h>

/* How a room is called whichever way its name was given. */
static const char *mark_of(const char *room)
{
    return room[0] == '#' ? "" : "#";
}

int command_room_add(struct ctl *ctl)
{
    json_t *answer = NULL;
    int code = ask_about(ctl, "room", NULL, &answer);
    const char *room = ctl->arguments[0];

    return code == EXIT_OK ? conclude(ctl, answer, "room %s%s added", mark_of(room), room) : code;
}

int command_room_delete(struct ctl *ctl)
{
    json_t *answer = NULL;
    int code = ask_about(ctl, "room", NULL, &answer);
    const char *room = ctl->arguments[0];

    return code == EXIT_OK ? conclude(ctl, answer, "room %s%s deleted", mark_of(room), room) : code;
}

int command_room_join(struct ctl *ctl)
{
    json_t *answer = NULL;
    int code = ask_about(ctl, "room", "userid", &answer);
    const char *room = ctl->arguments[0];

    return code == EXIT_OK ? conclude(ctl, answer, "%s is now a member of %s%s", ctl->arguments[1],
                                      mark_of(room), room)
                           : code;
}

int command_room_part(struct ctl *ctl)
{
    json_t *answer = NULL;
    int code = ask_about(ctl, "room", "userid", &answer);
    const char *room = ctl->arguments[0];

    return code == EXIT_OK ? conclude(ctl, answer, "%s is no longer a member of %s%s",
                                      ctl->arguments[1], mark_of(room), room)
                           : code;
}

int command_room_members(struct ctl *ctl)
{
    json_t *request = NULL, *answer = NULL;
    int code = request_of(ctl, "room", NULL, &request);

    if (code == EXIT_OK)
        code = ask_pages(ctl, request, "members", &answer);
    return code == EXIT_OK ? show_users(ctl, answer, "members") : code;
}

#define COUNT_TEXT 24

static int show_rooms(const struct ctl *ctl, json_t *answer)
{
    const json_t *rooms = json_object_get(answer, "rooms");
    size_t count = json_array_size(rooms), cell = 3;
    const char **cells = calloc((count + 1) * 3, sizeof(*cells));
    char(*numbers)[2][COUNT_TEXT] = calloc(count + 1, sizeof(*numbers));

    if (ctl->options.json) {
        print_json(answer);
    } else if (cells && numbers) {
        memcpy(cells, (const char *const[]){"ROOM", "MEMBERS", "MESSAGES"}, 3 * sizeof(*cells));
        for (size_t i = 0; i < count; i++) {
            const json_t *room = json_array_get(rooms, i);
            snprintf(numbers[i][0], COUNT_TEXT, "%" JSON_INTEGER_FORMAT,
                     number_of(room, "members"));
            snprintf(numbers[i][1], COUNT_TEXT, "%" JSON_INTEGER_FORMAT,
                     number_of(room, "messages"));
            cells[cell++] = text_of(room, "room");
            cells[cell++] = numbers[i][0];
            cells[cell++] = numbers[i][1];
        }
        print_table(stdout, 3, cells, count + 1);
    }
    free(cells);
    free(numbers);
    json_decref(answer);
    return EXIT_OK;
}

int command_room_list(struct ctl *ctl)
{
    json_t *request = NULL, *answer = NULL;
    int code = request_of(ctl, NULL, NULL, &request);

    if (code == EXIT_OK)
        code = ask_pages(ctl, request, "rooms", &answer);
    return code == EXIT_OK ? show_rooms(ctl, answer) : code;
}
