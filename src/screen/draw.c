/* The screen as a picture.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "screen/internal.h"

#include <stdio.h>

static const struct style bar = {.flags = STYLE_REVERSED};
static const struct style bar_bold = {.flags = STYLE_REVERSED | STYLE_BOLD};

static struct span span_of(struct part part, unsigned row)
{
    return (struct span){part.row + row, part.column, part.column + part.columns};
}

static void draw_topic(const struct screen *screen, struct frame *frame, struct part part)
{
    const struct screen_window *window = screen_shown(screen);
    struct span span = span_of(part, 0);

    if (part.rows == 0)
        return;
    frame_fill(frame, span, bar);
    if (!window)
        return;
    span = frame_put(frame, span, bytes_of(" "), bar);
    span = frame_put(frame, span, bytes_of(window->title), bar_bold);
    span = frame_put(frame, span, bytes_of("  "), bar);
    frame_put(frame, span, bytes_of(window->topic), bar);
}

/* Lines stand at the bottom of their part, the newest next to what is typed. */
static void draw_lines(struct screen *screen, struct frame *frame, struct part part)
{
    struct screen_window *window = screen_shown(screen);
    size_t index;
    unsigned skip, rows;

    if (!window || !view_top(window, &part, &index, &skip))
        return;
    rows = part.rows;
    if (index == 0 && skip == 0) {
        /* Fewer than there is room for are set off from the top. */
        unsigned needed = 0;

        for (size_t i = 0; i < window->lines.count && needed < rows; i++)
            needed += line_rows(window, i, part.columns);
        if (needed < rows) {
            part.row += rows - needed;
            part.rows = needed;
        }
    }
    for (; index < window->lines.count && part.rows > 0; index++) {
        unsigned all = line_rows(window, index, part.columns) - skip;

        line_draw(window, index, skip, frame, part);
        if (all > part.rows)
            all = part.rows;
        part.row += all;
        part.rows -= all;
        skip = 0;
    }
}

static void draw_member(struct frame *frame, struct span span, const struct member *member)
{
    struct style style = {.flags = STYLE_FAINT};

    if (member->present)
        style = (struct style){
            .colour = style_colour_of((struct bytes){member->userid, member->userid_len})};
    span = frame_put(frame, span, bytes_of(member->is_operator ? "@" : " "), (struct style){0});
    frame_put(frame, span, (struct bytes){member->name, member->name_len}, style);
}

static void draw_members(struct screen *screen, struct frame *frame, struct part part)
{
    struct screen_window *window = screen_shown(screen);
    struct members *members;
    size_t seen, first;
    char text[64];

    if (!window || part.columns == 0 || part.rows == 0)
        return;
    members = &window->members;
    snprintf(text, sizeof(text), " %zu of %zu here", members->present, members->count);
    frame_put(frame, span_of(part, 0), bytes_of(text), (struct style){.flags = STYLE_BOLD});
    seen = part.rows - 1;
    first = window->member_scroll;
    if (first + seen > members->count)
        first = members->count > seen ? members->count - seen : 0;
    window->member_scroll = (unsigned)first;
    for (size_t i = 0; i < seen && first + i < members->count; i++)
        draw_member(frame, span_of(part, 1 + (unsigned)i), members_at(members, first + i));
    if (first + seen < members->count && seen > 0) {
        struct span span = span_of(part, part.rows - 1);

        snprintf(text, sizeof(text), " +%zu more", members->count - first - seen + 1);
        frame_fill(frame, span, (struct style){0});
        frame_put(frame, span, bytes_of(text), (struct style){.flags = STYLE_FAINT});
    }
}

static void draw_rule(struct frame *frame, struct part part)
{
    if (part.columns == 0)
        return;
    for (unsigned row = 0; row < part.rows; row++)
        frame_put(frame, span_of(part, row), bytes_of("|"), (struct style){.flags = STYLE_FAINT});
}

static struct span put_field(struct frame *frame, struct span span, const char *text)
{
    if (!text[0])
        return span;
    span = frame_put(frame, span, bytes_of(" ["), bar);
    span = frame_put(frame, span, bytes_of(text), bar);
    return frame_put(frame, span, bytes_of("]"), bar);
}

static struct span put_activity(const struct screen *screen, struct frame *frame, struct span span)
{
    const char *before = " [Act: ";
    bool any = false;

    for (size_t i = 0; i < screen->window_count; i++) {
        const struct screen_window *window = screen->windows[i];
        struct style style = {.flags = STYLE_REVERSED};
        char number[24];

        if (window->activity == SCREEN_QUIET)
            continue;
        if (window->activity == SCREEN_MENTION)
            style.flags = STYLE_BOLD; /* in the bar, not reversed stands out */
        else if (window->activity == SCREEN_MESSAGES)
            style.flags |= STYLE_BOLD | STYLE_UNDERLINED;
        span = frame_put(frame, span, bytes_of(any ? "," : before), bar);
        snprintf(number, sizeof(number), "%zu:", i + 1);
        span = frame_put(frame, span, bytes_of(number), style);
        span = frame_put(frame, span, bytes_of(window->title), style);
        any = true;
    }
    return any ? frame_put(frame, span, bytes_of("]"), bar) : span;
}

static void draw_status(const struct screen *screen, struct frame *frame, struct part part)
{
    const struct screen_window *window = screen_shown(screen);
    struct span span = span_of(part, 0);
    char waiting[48] = "";

    if (part.rows == 0)
        return;
    frame_fill(frame, span, bar);
    span = put_field(frame, span, screen->who);
    if (window) {
        char number[24];

        snprintf(number, sizeof(number), " [%zu:", screen_window_number(window));
        span = frame_put(frame, span, bytes_of(number), bar);
        span = frame_put(frame, span, bytes_of(window->title), bar_bold);
        span = frame_put(frame, span, bytes_of("]"), bar);
    }
    span = put_field(frame, span, screen->reached);
    if (screen->waiting > 0)
        snprintf(waiting, sizeof(waiting), "%zu waiting", screen->waiting);
    span = put_field(frame, span, waiting);
    if (window && window->view.moved)
        span = put_field(frame, span, "more below");
    put_activity(screen, frame, span);
}

int screen_draw(struct screen *screen, struct frame *frame)
{
    struct layout layout = layout_of(screen);
    int r = frame_reset(frame, screen->rows, screen->columns);

    if (r < 0)
        return r;
    draw_topic(screen, frame, layout.topic);
    draw_lines(screen, frame, layout.lines);
    draw_rule(frame, layout.rule);
    draw_members(screen, frame, layout.members);
    if (layout.hint.rows > 0)
        frame_put(frame, span_of(layout.hint, 0), bytes_of(screen->hint),
                  (struct style){.flags = STYLE_BOLD});
    draw_status(screen, frame, layout.status);
    input_draw(screen, frame, layout.input);
    return 0;
}
