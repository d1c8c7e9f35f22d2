/* The lines and members of windows, and how many lines all of them hold: see screen.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "screen/internal.h"

#include <errno.h>
#include <limits.h>

static void remove_line(struct screen_window *window, size_t index)
{
    struct screen *screen = window->screen;
    size_t bytes = window->lines.bytes;

    if (scrollback_at(&window->lines, index) == window->found)
        window->found = NULL;
    scrollback_remove(&window->lines, index);
    screen->lines--;
    screen->bytes -= bytes - window->lines.bytes;
    view_removed(window, index);
}

static struct screen_window *fullest(const struct screen *screen)
{
    struct screen_window *fullest = screen->windows[0];

    for (size_t i = 1; i < screen->window_count; i++)
        if (screen->windows[i]->lines.count > fullest->lines.count)
            fullest = screen->windows[i];
    return fullest;
}

/* Whose oldest line has to go; NULL if all are within their limits. */
static struct screen_window *over_limit(struct screen_window *window)
{
    const struct screen *screen = window->screen;
    const struct screen_limits *limits = &screen->limits;

    if (window->lines.count > limits->window_lines)
        return window;
    if (screen->lines > limits->lines || (screen->bytes > limits->bytes && screen->lines > 1))
        return fullest(screen);
    return NULL;
}

int screen_add(struct screen_window *window, const struct screen_line *line)
{
    struct screen *screen = window->screen;
    size_t bytes = window->lines.bytes, index;
    struct screen_window *victim;
    int r;

    if (scrollback_find(&window->lines, line->tag))
        return 0;
    r = scrollback_add(&window->lines, line, &index);
    if (r < 0)
        return r;
    screen->lines++;
    screen->bytes += window->lines.bytes - bytes;
    view_added(window, index);
    r = 1;
    while ((victim = over_limit(window))) {
        /* What would make room for itself was not kept. */
        if (victim == window && index-- == 0)
            r = 0;
        remove_line(victim, 0);
    }
    return r;
}

int screen_change(struct screen_window *window, uint64_t tag, enum screen_kind kind,
                  uint64_t time_ms)
{
    struct entry *entry = scrollback_find(&window->lines, tag);
    size_t index;

    if (!entry)
        return -ENOENT;
    entry->kind = kind;
    if (time_ms == 0)
        return 0;
    entry->time_ms = time_ms;
    index = scrollback_index(&window->lines, entry);
    view_moved(window, index, scrollback_move(&window->lines, index, time_ms));
    return 0;
}

int screen_retag(struct screen_window *window, uint64_t from, uint64_t to)
{
    struct entry *entry = scrollback_find(&window->lines, from);

    if (!entry)
        return -ENOENT;
    if (scrollback_find(&window->lines, to))
        return -EEXIST;
    return scrollback_retag(&window->lines, entry, to);
}

bool screen_has(const struct screen_window *window, uint64_t tag)
{
    return scrollback_find(&window->lines, tag) != NULL;
}

void screen_drop(struct screen_window *window, uint64_t tag)
{
    const struct entry *entry = scrollback_find(&window->lines, tag);

    if (entry)
        remove_line(window, scrollback_index(&window->lines, entry));
}

void screen_clear(struct screen_window *window)
{
    while (window->lines.count > 0)
        remove_line(window, window->lines.count - 1);
}

size_t screen_line_count(const struct screen_window *window)
{
    return window->lines.count;
}

bool screen_full(const struct screen_window *window)
{
    const struct screen *screen = window->screen;

    return window->lines.count >= screen->limits.window_lines ||
           screen->lines >= screen->limits.lines || screen->bytes >= screen->limits.bytes;
}

uint64_t screen_newest_ms(const struct screen_window *window)
{
    for (size_t i = window->lines.count; i > 0; i--) {
        const struct entry *entry = scrollback_at(&window->lines, i - 1);

        if (!entry_is_local(entry->kind))
            return entry->place_ms;
    }
    return 0;
}

void screen_set_read(struct screen_window *window, uint64_t time_ms)
{
    window->read_ms = time_ms;
}

/* -- members */

int screen_member_set(struct screen_window *window, const struct screen_member *member)
{
    return members_set(&window->members, member);
}

void screen_member_remove(struct screen_window *window, struct bytes userid)
{
    members_remove(&window->members, userid);
}

void screen_members_clear(struct screen_window *window)
{
    members_deinit(&window->members);
    window->member_scroll = 0;
}

size_t screen_member_count(const struct screen_window *window)
{
    return window->members.count;
}

static bool tell(const struct member *member, struct screen_member *ret)
{
    if (!member)
        return false;
    *ret = (struct screen_member){
        .userid = {member->userid, member->userid_len},
        .name = {member->name, member->name_len},
        .is_operator = member->is_operator,
        .present = member->present,
    };
    return true;
}

bool screen_member_at(struct screen_window *window, size_t index, struct screen_member *ret)
{
    if (index >= window->members.count)
        return false;
    return tell(members_at(&window->members, index), ret);
}

bool screen_member_find(const struct screen_window *window, struct bytes userid,
                        struct screen_member *ret)
{
    return tell(members_find(&window->members, userid), ret);
}

void screen_scroll_members(struct screen *screen, int rows)
{
    struct screen_window *window = screen_shown(screen);
    unsigned by = rows < 0 ? 0U - (unsigned)rows : (unsigned)rows;

    if (!window)
        return;
    if (rows < 0)
        window->member_scroll -= by < window->member_scroll ? by : window->member_scroll;
    else if (by < SCREEN_MEMBERS_MAX) /* drawing sees to the end of the list */
        window->member_scroll += by;
}
