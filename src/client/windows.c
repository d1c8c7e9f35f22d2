/* The windows of the client: see windows.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/windows.h"

#include "util/utf8.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define EVERYONE "everyone" /* as its window is called */

size_t windows_count(const struct windows *windows)
{
    return screen_window_count(windows->screen);
}

struct window *windows_at(const struct windows *windows, size_t number)
{
    struct screen_window *shown = screen_window_at(windows->screen, number);

    return shown ? screen_window_userdata(shown) : NULL;
}

struct window *windows_everyone(const struct windows *windows)
{
    return windows_at(windows, 1);
}

struct window *windows_current(const struct windows *windows)
{
    return screen_window_userdata(screen_shown(windows->screen));
}

struct window *windows_by_id(const struct windows *windows, uint64_t id)
{
    struct window *window;

    for (size_t i = 1; (window = windows_at(windows, i)); i++)
        if (window->id == id)
            return window;
    return NULL;
}

/* The number in "#12", or 0. */
static uint64_t number_of_room(struct bytes name)
{
    uint64_t number = 0;

    for (size_t i = 1; i < name.len; i++) {
        if (name.data[i] < '0' || name.data[i] > '9' || number > UINT32_MAX)
            return 0;
        number = number * 10 + (uint64_t)(name.data[i] - '0');
    }
    return number;
}

struct window *windows_find(const struct windows *windows, struct bytes name)
{
    uint64_t number = name.len > 0 && name.data[0] == '#' ? number_of_room(name) : 0;
    struct window *window, *found = NULL;
    char *folded = NULL;

    if (utf8_fold(name, &folded) < 0)
        return NULL;
    for (size_t i = 1; (window = windows_at(windows, i)) && !found; i++)
        if (number > 0 ? window->number == number : strcmp(window->folded, folded) == 0)
            found = window;
    free(folded);
    return found;
}

static void free_window(struct window *window)
{
    screen_window_free(window->shown);
    free(window->folded);
    free(window->topic);
    free(window->greeting);
    free(window);
}

static enum window_kind kind_of(struct bytes name)
{
    if (bytes_is(name, "*"))
        return WINDOW_EVERYONE;
    return name.data[0] == '#' ? WINDOW_ROOM : WINDOW_DIALOGUE;
}

/* The dialogue that is quiet for longest, or NULL. */
static struct window *quietest(const struct windows *windows)
{
    struct window *window, *found = NULL;

    for (size_t i = 1; (window = windows_at(windows, i)); i++)
        if (window->kind == WINDOW_DIALOGUE && window != windows_current(windows) &&
            (!found || window->used < found->used))
            found = window;
    return found;
}

static struct window *make(struct windows *windows, struct bytes name)
{
    struct window *window = calloc(1, sizeof(*window));
    struct bytes title = bytes_is(name, "*") ? bytes_of(EVERYONE) : name;

    if (!window)
        return NULL;
    window->kind = kind_of(name);
    window->joined = window->kind != WINDOW_ROOM;
    window->id = ++windows->ids;
    window->used = ++windows->uses;
    snprintf(window->name, sizeof(window->name), "%.*s", BYTES_ARG(name));
    if (utf8_fold(name, &window->folded) == 0 &&
        screen_window_new(windows->screen, title, window, &window->shown) == 0)
        return window;
    free_window(window);
    return NULL;
}

struct window *windows_open(struct windows *windows, struct bytes name)
{
    struct window *window = windows_find(windows, name);

    if (window) {
        window->used = ++windows->uses;
        return window;
    }
    if (windows_count(windows) >= WINDOWS_MAX) {
        window = quietest(windows);
        if (!window)
            return NULL;
        windows_close(windows, window);
    }
    return make(windows, name);
}

int windows_init(struct windows *windows, unsigned rows, unsigned columns)
{
    *windows = (struct windows){.screen = screen_new(rows, columns, NULL)};
    if (windows->screen && make(windows, bytes_of("*")))
        return 0;
    windows_deinit(windows);
    return -ENOMEM;
}

void windows_deinit(struct windows *windows)
{
    struct window *window;

    if (!windows->screen)
        return;
    while ((window = windows_at(windows, 1)))
        free_window(window);
    for (size_t i = 0; i < windows->room_count; i++)
        free(windows->rooms[i]);
    free(windows->rooms);
    screen_free(windows->screen);
    *windows = (struct windows){0};
}

void windows_close(struct windows *windows, struct window *window)
{
    struct window *previous = windows_by_id(windows, windows->previous);

    if (window->kind == WINDOW_EVERYONE)
        return;
    if (window == windows_current(windows) && previous)
        screen_show(previous->shown);
    free_window(window);
}

void windows_hear_of(struct windows *windows, struct bytes room)
{
    char *copy;

    if (!windows->rooms)
        windows->rooms = calloc(WINDOWS_ROOMS_MAX, sizeof(*windows->rooms));
    if (!windows->rooms || windows->room_count == WINDOWS_ROOMS_MAX)
        return;
    for (size_t i = 0; i < windows->room_count; i++)
        if (bytes_is(room, windows->rooms[i]))
            return;
    copy = strndup(room.data, room.len);
    if (copy)
        windows->rooms[windows->room_count++] = copy;
}

bool windows_switch(struct windows *windows, struct window *window)
{
    struct window *current = windows_current(windows);

    window->used = ++windows->uses;
    if (window == current)
        return false;
    windows->previous = current->id;
    screen_show(window->shown);
    return true;
}

struct window *windows_beside(const struct windows *windows, bool after)
{
    size_t count = windows_count(windows);
    size_t number = screen_window_number(windows_current(windows)->shown);

    return windows_at(windows, after ? number % count + 1 : (number + count - 2) % count + 1);
}

struct window *windows_next(const struct windows *windows)
{
    struct screen_window *active = screen_next_activity(windows->screen);

    return active ? screen_window_userdata(active) : windows_by_id(windows, windows->previous);
}

struct window *windows_of(struct windows *windows, const struct v2_frame *frame, const char *user)
{
    struct bytes name = frame->conversation.name;
    bool inbox = name.len > 0 && name.data[0] != '#' && !bytes_is(name, "*");

    if (frame->room.id != 0)
        name = frame->room.name;
    else if (inbox && bytes_is(name, user))
        name = frame->userid;
    return name.len > 0 ? windows_open(windows, name) : windows_everyone(windows);
}

int window_set_topic(struct window *window, struct bytes topic)
{
    char *copy = strndup(topic.data, topic.len);

    if (!copy || screen_window_set_topic(window->shown, topic) < 0) {
        free(copy);
        return -ENOMEM;
    }
    free(window->topic);
    window->topic = copy;
    return 0;
}

int window_learn(struct window *window, const struct v2_frame *room)
{
    window->number = room->number;
    window->closed = room->access == V2_ACCESS_CLOSED;
    window->operates = room->standing == V2_STANDING_OPERATOR;
    window->joined = window->operates || room->standing == V2_STANDING_MEMBER;
    return window_set_topic(window, room->topic);
}

void window_prompt(const struct window *window, char ret[WINDOW_PROMPT_MAX])
{
    snprintf(ret, WINDOW_PROMPT_MAX, "%s> ", window->kind == WINDOW_EVERYONE ? "" : window->name);
}

bool window_find_member(const struct window *window, struct bytes name, struct screen_member *ret)
{
    bool found = screen_member_find(window->shown, name, ret);
    char *folded = NULL;

    if (found || utf8_fold(name, &folded) < 0)
        return found;
    for (size_t i = 0; !found && screen_member_at(window->shown, i, ret); i++) {
        char *other = NULL;
        found = utf8_fold(ret->name, &other) == 0 && strcmp(folded, other) == 0;
        free(other);
    }
    free(folded);
    return found;
}
