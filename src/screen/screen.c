/* The screen, its windows, and what stands on it once: see screen.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "screen/internal.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define WINDOW_LINES_DEFAULT 10000
#define LINES_DEFAULT        50000
#define BYTES_DEFAULT        ((size_t)64 << 20)

static int replace(char **text, struct bytes given)
{
    char *copy = malloc(given.len + 1);

    if (!copy)
        return -ENOMEM;
    if (given.len > 0)
        memcpy(copy, given.data, given.len);
    copy[given.len] = '\0';
    free(*text);
    *text = copy;
    return 0;
}

static int replace_all(char **texts[], size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (replace(texts[i], bytes_of("")) < 0)
            return -ENOMEM;
    return 0;
}

struct screen *screen_new(unsigned rows, unsigned columns, const struct screen_limits *limits)
{
    struct screen *screen = calloc(1, sizeof(*screen));

    if (!screen)
        return NULL;
    char **texts[] = {&screen->who, &screen->reached, &screen->prompt, &screen->input,
                      &screen->hint};
    if (limits)
        screen->limits = *limits;
    if (screen->limits.window_lines == 0)
        screen->limits.window_lines = WINDOW_LINES_DEFAULT;
    if (screen->limits.lines == 0)
        screen->limits.lines = LINES_DEFAULT;
    if (screen->limits.bytes == 0)
        screen->limits.bytes = BYTES_DEFAULT;
    screen->members_shown = true;
    screen_resize(screen, rows, columns);
    if (replace_all(texts, ARRAY_SIZE(texts)) < 0) {
        screen_free(screen);
        return NULL;
    }
    return screen;
}

void screen_free(struct screen *screen)
{
    if (!screen)
        return;
    while (screen->window_count > 0)
        screen_window_free(screen->windows[screen->window_count - 1]);
    free(screen->windows);
    free(screen->who);
    free(screen->reached);
    free(screen->prompt);
    free(screen->input);
    free(screen->hint);
    free(screen);
}

static unsigned within(unsigned side)
{
    if (side < 1)
        return 1;
    return side < SCREEN_SIDE_MAX ? side : SCREEN_SIDE_MAX;
}

void screen_resize(struct screen *screen, unsigned rows, unsigned columns)
{
    screen->rows = within(rows);
    screen->columns = within(columns);
}

unsigned screen_rows(const struct screen *screen)
{
    return screen->rows;
}

unsigned screen_columns(const struct screen *screen)
{
    return screen->columns;
}

/* -- windows */

static int make_room(struct screen *screen)
{
    struct screen_window **windows;

    if (screen->window_count == SCREEN_WINDOWS_MAX)
        return -ENOBUFS;
    windows = realloc(screen->windows, (screen->window_count + 1) * sizeof(*windows));
    if (!windows)
        return -ENOMEM;
    screen->windows = windows;
    return 0;
}

int screen_window_new(struct screen *screen, struct bytes title, void *userdata,
                      struct screen_window **ret_window)
{
    struct screen_window *window;
    int r = make_room(screen);

    if (r < 0)
        return r;
    window = calloc(1, sizeof(*window));
    if (!window || replace(&window->title, title) < 0 ||
        replace(&window->topic, bytes_of("")) < 0) {
        if (window)
            free(window->title);
        free(window);
        return -ENOMEM;
    }
    window->screen = screen;
    window->userdata = userdata;
    screen->windows[screen->window_count++] = window;
    *ret_window = window;
    return 0;
}

void screen_window_free(struct screen_window *window)
{
    struct screen *screen;
    size_t at;

    if (!window)
        return;
    screen = window->screen;
    at = screen_window_number(window) - 1;
    screen_clear(window);
    scrollback_deinit(&window->lines);
    members_deinit(&window->members);
    memmove(screen->windows + at, screen->windows + at + 1,
            (--screen->window_count - at) * sizeof(struct screen_window *));
    if (screen->shown > at || (screen->shown == at && at > 0))
        screen->shown--;
    free(window->title);
    free(window->topic);
    free(window);
}

size_t screen_window_count(const struct screen *screen)
{
    return screen->window_count;
}

struct screen_window *screen_window_at(const struct screen *screen, size_t number)
{
    return number > 0 && number <= screen->window_count ? screen->windows[number - 1] : NULL;
}

size_t screen_window_number(const struct screen_window *window)
{
    size_t at = 0;

    while (window->screen->windows[at] != window)
        at++;
    return at + 1;
}

void *screen_window_userdata(const struct screen_window *window)
{
    return window->userdata;
}

struct bytes screen_window_title(const struct screen_window *window)
{
    return bytes_of(window->title);
}

int screen_window_set_title(struct screen_window *window, struct bytes title)
{
    return replace(&window->title, title);
}

int screen_window_set_topic(struct screen_window *window, struct bytes topic)
{
    return replace(&window->topic, topic);
}

void screen_show(struct screen_window *window)
{
    window->screen->shown = screen_window_number(window) - 1;
    window->activity = SCREEN_QUIET;
}

struct screen_window *screen_shown(const struct screen *screen)
{
    return screen_window_at(screen, screen->shown + 1);
}

void screen_raise(struct screen_window *window, enum screen_activity activity)
{
    if (window == screen_shown(window->screen) || activity <= window->activity)
        return;
    window->activity = activity;
    window->activity_turn = ++window->screen->turn;
}

enum screen_activity screen_activity(const struct screen_window *window)
{
    return window->activity;
}

struct screen_window *screen_next_activity(const struct screen *screen)
{
    struct screen_window *next = NULL;

    for (size_t i = 0; i < screen->window_count; i++) {
        struct screen_window *window = screen->windows[i];

        if (window->activity == SCREEN_QUIET)
            continue;
        if (!next || window->activity > next->activity ||
            (window->activity == next->activity && window->activity_turn < next->activity_turn))
            next = window;
    }
    return next;
}

/* -- what stands on it once */

void screen_show_members(struct screen *screen, bool shown)
{
    screen->members_shown = shown;
}

bool screen_members_are_shown(const struct screen *screen)
{
    return screen->members_shown;
}

int screen_set_status(struct screen *screen, const struct screen_status *status)
{
    screen->waiting = status->waiting;
    if (replace(&screen->who, status->who) < 0)
        return -ENOMEM;
    return replace(&screen->reached, status->reached);
}

int screen_set_input(struct screen *screen, struct bytes prompt, struct bytes text, size_t cursor)
{
    screen->input_cursor = cursor;
    if (replace(&screen->prompt, prompt) < 0)
        return -ENOMEM;
    return replace(&screen->input, text);
}

int screen_set_hint(struct screen *screen, struct bytes hint)
{
    return replace(&screen->hint, hint);
}
