/* The commands on rooms and their members.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/ask.h"

#include <stdlib.h>

int command_room_add(struct ctl *ctl)
{
    json_t *answer = NULL;
    int code = ask_about(ctl, "room", NULL, &answer);

    return code == EXIT_OK ? conclude(ctl, answer, "room %s added", text_of(answer, "room")) : code;
}

int command_room_delete(struct ctl *ctl)
{
    json_t *answer = NULL;
    int code = ask_about(ctl, "room", NULL, &answer);
    const char *room = ctl->arguments[0];

    return code == EXIT_OK
               ? conclude(ctl, answer, "room %s%s deleted", room[0] == '#' ? "" : "#", room)
               : code;
}

int command_room_join(struct ctl *ctl)
{
    json_t *answer = NULL;
    int code = ask_about(ctl, "room", "userid", &answer);

    return code == EXIT_OK ? conclude(ctl, answer, "%s is now a member of %s", ctl->arguments[1],
                                      text_of(answer, "room"))
                           : code;
}

int command_room_part(struct ctl *ctl)
{
    json_t *answer = NULL;
    int code = ask_about(ctl, "room", "userid", &answer);

    return code == EXIT_OK ? conclude(ctl, answer, "%s is no longer a member of %s",
                                      ctl->arguments[1], text_of(answer, "room"))
                           : code;
}

int command_room_invite(struct ctl *ctl)
{
    json_t *answer = NULL;
    int code = ask_about(ctl, "room", "userid", &answer);

    if (code != EXIT_OK)
        return code;
    bool changed = json_is_true(json_object_get(answer, "changed"));
    return conclude(ctl, answer, "%s is %s %s", ctl->arguments[1],
                    changed ? "invited into" : "already invited into, or a member of,",
                    text_of(answer, "room"));
}

/* -- set -------------------------------------------------------------------------------------- */

static const char *const settings[] = {"topic", "access", "operator", "plain"};

static const char *find_setting(const char *text, size_t len)
{
    for (size_t i = 0; i < ARRAY_SIZE(settings); i++)
        if (strlen(settings[i]) == len && strncmp(settings[i], text, len) == 0)
            return settings[i];
    return NULL;
}

/* "topic=…" becomes a member of the request. */
static int add_setting(const struct ctl *ctl, json_t *request, const char *argument)
{
    size_t len = strcspn(argument, "=");
    const char *setting = find_setting(argument, len);

    if (!setting || argument[len] == '\0')
        return print_failure(ctl, EXIT_USAGE, "usage",
                             "\"%s\" is nothing that can be set; allowed are topic=TEXT, "
                             "access=open|closed, operator=USERID and plain=USERID",
                             argument);
    if (json_object_get(request, setting))
        return print_failure(ctl, EXIT_USAGE, "usage", "%s= is given twice", setting);
    return request_add(ctl, request, setting, argument + len + 1);
}

int command_room_set(struct ctl *ctl)
{
    json_t *request = NULL, *answer = NULL;
    int code = request_of(ctl, "room", NULL, &request);

    if (code != EXIT_OK)
        return code;
    for (size_t i = 1; i < ARGUMENTS_MAX && ctl->arguments[i] && code == EXIT_OK; i++)
        code = add_setting(ctl, request, ctl->arguments[i]);
    if (code != EXIT_OK) {
        json_decref(request);
        return code;
    }
    code = ask(ctl, request, &answer);
    if (code != EXIT_OK)
        return code;
    bool changed = json_is_true(json_object_get(answer, "changed"));
    return conclude(ctl, answer, "room %s%s", text_of(answer, "room"),
                    changed ? " set" : " was so already");
}

/* -- lists ------------------------------------------------------------------------------------ */

#define MEMBER_COLUMNS 4

static int show_members(const struct ctl *ctl, json_t *answer)
{
    const json_t *members = json_object_get(answer, "members");
    size_t count = json_array_size(members), cell = MEMBER_COLUMNS;
    const char **cells = calloc((count + 1) * MEMBER_COLUMNS, sizeof(*cells));

    if (ctl->options.json) {
        print_json(answer);
    } else if (cells) {
        memcpy(cells, (const char *const[]){"USERID", "NAME", "ROLE", "STATE"},
               MEMBER_COLUMNS * sizeof(*cells));
        for (size_t i = 0; i < count; i++) {
            const json_t *member = json_array_get(members, i);
            cells[cell++] = text_of(member, "userid");
            cells[cell++] = text_of(member, "name");
            cells[cell++] =
                json_is_true(json_object_get(member, "operator")) ? "operator" : "member";
            cells[cell++] =
                json_is_true(json_object_get(member, "disabled")) ? "disabled" : "enabled";
        }
        print_table(stdout, MEMBER_COLUMNS, cells, count + 1);
    }
    free(cells);
    json_decref(answer);
    return EXIT_OK;
}

int command_room_members(struct ctl *ctl)
{
    json_t *request = NULL, *answer = NULL;
    int code = request_of(ctl, "room", NULL, &request);

    if (code == EXIT_OK)
        code = ask_pages(ctl, request, "members", &answer);
    return code == EXIT_OK ? show_members(ctl, answer) : code;
}

#define COUNT_TEXT 24

/* A column of a list of rooms, and the member of a room that it shows. */
struct column {
    const char *title, *member;
    bool live; /* there is a daemon that knows it */
};

static const struct column columns[] = {
    {"NUMBER", "number", false},  {"ROOM", "room", false},       {"ACCESS", "access", false},
    {"PRESENT", "present", true}, {"MEMBERS", "members", false}, {"MESSAGES", "messages", false},
    {"TOPIC", "topic", false},
};

/* A number in words is kept in `text`. */
static const char *cell_of(const json_t *room, const char *member, char text[COUNT_TEXT])
{
    const json_t *value = json_object_get(room, member);

    if (json_is_string(value))
        return json_string_value(value);
    snprintf(text, COUNT_TEXT, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    return text;
}

/* One row of the table; without a room the titles. Returns how many cells there are. */
static unsigned fill_row(const json_t *room, bool live, const char **cells,
                         char (*texts)[COUNT_TEXT])
{
    unsigned count = 0;

    for (size_t i = 0; i < ARRAY_SIZE(columns); i++) {
        if (columns[i].live && !live)
            continue;
        cells[count] = room ? cell_of(room, columns[i].member, texts[count]) : columns[i].title;
        count++;
    }
    return count;
}

static void print_rooms(const json_t *rooms, bool live)
{
    size_t count = json_array_size(rooms), most = (count + 1) * ARRAY_SIZE(columns);
    const char **cells = calloc(most, sizeof(*cells));
    char(*texts)[COUNT_TEXT] = calloc(most, sizeof(*texts));

    if (cells && texts) {
        unsigned width = fill_row(NULL, live, cells, texts);
        for (size_t i = 0; i < count; i++)
            (void)fill_row(json_array_get(rooms, i), live, cells + (i + 1) * width,
                           texts + (i + 1) * width);
        print_table(stdout, width, cells, count + 1);
    }
    free(cells);
    free(texts);
}

static int list_rooms(struct ctl *ctl, bool live)
{
    json_t *request = NULL, *answer = NULL;
    int code = request_of(ctl, NULL, NULL, &request);

    if (code == EXIT_OK)
        code = ask_pages(ctl, request, "rooms", &answer);
    if (code != EXIT_OK)
        return code;
    if (ctl->options.json)
        print_json(answer);
    else
        print_rooms(json_object_get(answer, "rooms"), live);
    json_decref(answer);
    return EXIT_OK;
}

int command_room_list(struct ctl *ctl)
{
    return list_rooms(ctl, false);
}

int command_rooms(struct ctl *ctl)
{
    return list_rooms(ctl, true);
}
