/* A line of a window as rows: above it the date, if it is the first one of a day, and the unread
 * line; then the time, who said it and the text, whose further rows stand below its beginning.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "screen/internal.h"

#include <stdio.h>
#include <stdlib.h>

#define NAME_COLUMNS_MAX 24
#define CLOCK_FROM       30 /* columns; where there are fewer, there is no room for the time */

/* How each kind looks: what stands around the name or, without one, before the text. */
static const struct look {
    bool clock, name;
    const char *before, *after;
    uint8_t flags; /* of the text */
} looks[] = {
    [SCREEN_MESSAGE] = {true, true, "<", "> ", 0},
    [SCREEN_OWN] = {true, true, "<", "> ", 0},
    [SCREEN_WAITING] = {true, true, "<", "> ", STYLE_FAINT},
    [SCREEN_WHISPER] = {true, true, "[", " whispers] ", 0},
    [SCREEN_OWN_WHISPER] = {true, true, "[to ", "] ", 0},
    [SCREEN_NOTICE] = {true, false, "-- ", "", STYLE_FAINT},
    [SCREEN_ANNOUNCEMENT] = {true, false, "*** ", "", STYLE_BOLD},
    [SCREEN_INFO] = {false, false, "-- ", "", 0},
    [SCREEN_ERROR] = {false, false, "!! ", "", STYLE_BOLD},
};

/* Beyond the year 9999 it is nonsense of the sender's. */
static struct tm local_time(uint64_t time_ms)
{
    time_t seconds = time_ms / 1000 < 253402300800ULL ? (time_t)(time_ms / 1000) : 0;
    struct tm local;

    localtime_r(&seconds, &local);
    return local;
}

static bool begins_day(const struct scrollback *lines, size_t index, struct tm *ret_day)
{
    const struct entry *entry = scrollback_at(lines, index);
    struct tm before;

    if (entry->place_ms == 0)
        return false;
    *ret_day = local_time(entry->place_ms);
    if (index == 0)
        return true;
    before = local_time(scrollback_at(lines, index - 1)->place_ms);
    return before.tm_year != ret_day->tm_year || before.tm_yday != ret_day->tm_yday;
}

static bool is_unread_of_others(const struct entry *entry, uint64_t read_ms)
{
    return entry->place_ms > read_ms && !entry_is_local(entry->kind) && entry->kind != SCREEN_OWN &&
           entry->kind != SCREEN_OWN_WHISPER;
}

/* True for the first line of others that was not read. */
static bool begins_unread(const struct screen_window *window, size_t index)
{
    const struct scrollback *lines = &window->lines;

    if (window->read_ms == 0 || !is_unread_of_others(scrollback_at(lines, index), window->read_ms))
        return false;
    for (size_t i = scrollback_until(lines, window->read_ms); i < index; i++)
        if (is_unread_of_others(scrollback_at(lines, i), window->read_ms))
            return false;
    return true;
}

static struct style name_style(const struct entry *entry)
{
    struct style style = {.colour = entry->colour};

    if (entry->kind == SCREEN_OWN || entry->kind == SCREEN_OWN_WHISPER)
        style = (struct style){.flags = STYLE_BOLD};
    else if (entry->kind == SCREEN_WAITING)
        style = (struct style){.flags = STYLE_FAINT};
    else if (entry->mention || entry->kind == SCREEN_WHISPER)
        style.flags = STYLE_BOLD | STYLE_REVERSED;
    return style;
}

static struct style text_style(const struct entry *entry)
{
    struct style style = {.flags = looks[entry->kind].flags};

    if (entry->mention)
        style.flags |= STYLE_BOLD;
    if (entry->found)
        style.flags |= STYLE_UNDERLINED;
    return style;
}

/* Writes what stands before the text into the first row, in at most `room` columns. Returns the
 * columns it takes. */
static unsigned put_lead(struct frame *row, const struct entry *entry, unsigned room)
{
    const struct look *look = &looks[entry->kind];
    const struct style plain = {.flags = look->flags}, clock_style = {.flags = STYLE_FAINT};
    struct span span = {.end = room};

    if (look->clock && row->columns >= CLOCK_FROM) {
        struct tm local = local_time(entry->time_ms);
        char text[8];

        snprintf(text, sizeof(text), "%02d:%02d ", local.tm_hour, local.tm_min);
        span = frame_put(row, span, bytes_of(text), clock_style);
    }
    span = frame_put(row, span, bytes_of(look->before), plain);
    if (look->name) {
        struct span name = span;
        unsigned most = row->columns / 3;

        if (most > NAME_COLUMNS_MAX)
            most = NAME_COLUMNS_MAX;
        if (name.end > name.first + most)
            name.end = name.first + most;
        span.first = frame_put(row, name, entry_name(entry), name_style(entry)).first;
    }
    return frame_put(row, span, bytes_of(look->after), plain).first;
}

/* Begins to lay out a line. */
static struct wrapper *wrap(struct screen_window *window, const struct entry *entry,
                            unsigned columns)
{
    struct wrapper *wrapper = &window->screen->wrapper;
    struct frame row = {.rows = 1, .columns = columns, .cells = wrapper->row};
    unsigned lead = put_lead(&row, entry, columns - 1);

    wrapper_init(wrapper, entry_text(entry), text_style(entry), columns, lead,
                 lead <= columns / 2 ? lead : 0);
    return wrapper;
}

unsigned line_rows(struct screen_window *window, size_t index, unsigned columns)
{
    struct wrapper *wrapper = wrap(window, scrollback_at(&window->lines, index), columns);
    struct tm day;
    unsigned rows = begins_day(&window->lines, index, &day);
    const struct cell *row;
    unsigned used;

    rows += begins_unread(window, index);
    while (wrapper_next(wrapper, &row, &used))
        rows++;
    return rows;
}

/* "-- words ------------", as long as the part is wide. */
static void draw_rule(struct frame *frame, struct part part, unsigned row, const char *words,
                      struct style style)
{
    struct span span = {row, part.column, part.column + part.columns};

    span = frame_put(frame, span, bytes_of("-- "), style);
    span = frame_put(frame, span, bytes_of(words), style);
    span = frame_put(frame, span, bytes_of(" "), style);
    while (span.first < span.end && span.first < frame->columns)
        span = frame_put(frame, span, bytes_of("-"), style);
}

/* A row at a time, of which the first ones may not be seen. */
struct rows {
    struct frame *frame;
    struct part part;
    unsigned skip, at;
};

/* True: the next row is to be drawn, at *ret_row of the frame. */
static bool next_row(struct rows *rows, unsigned *ret_row)
{
    if (rows->skip > 0) {
        rows->skip--;
        return false;
    }
    *ret_row = rows->part.row + rows->at++;
    return true;
}

void line_draw(struct screen_window *window, size_t index, unsigned skip, struct frame *frame,
               struct part part)
{
    struct rows rows = {.frame = frame, .part = part, .skip = skip};
    const struct style faint = {.flags = STYLE_FAINT}, bold = {.flags = STYLE_BOLD};
    struct wrapper *wrapper;
    const struct cell *cells;
    unsigned row, used;
    struct tm day;

    if (begins_day(&window->lines, index, &day) && next_row(&rows, &row)) {
        char date[64];

        strftime(date, sizeof(date), "%A, %Y-%m-%d", &day);
        draw_rule(frame, part, row, date, faint);
    }
    if (begins_unread(window, index) && rows.at < part.rows && next_row(&rows, &row))
        draw_rule(frame, part, row, "unread", bold);
    wrapper = wrap(window, scrollback_at(&window->lines, index), part.columns);
    while (rows.at < part.rows && wrapper_next(wrapper, &cells, &used))
        if (next_row(&rows, &row))
            frame_put_cells(frame, (struct span){row, part.column, part.column + part.columns},
                            cells, used);
}
