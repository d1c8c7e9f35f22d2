/* The lines of a window: see scrollback.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "screen/scrollback.h"

#include "screen/cell.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define SLOTS_FIRST 64

bool entry_is_local(enum screen_kind kind)
{
    return kind == SCREEN_WAITING || kind == SCREEN_INFO || kind == SCREEN_ERROR;
}

struct bytes entry_name(const struct entry *entry)
{
    return (struct bytes){entry->bytes, entry->name_len};
}

struct bytes entry_text(const struct entry *entry)
{
    return (struct bytes){entry->bytes + entry->name_len, entry->text_len};
}

static struct entry **slot(const struct scrollback *lines, size_t index)
{
    return &lines->slots[(lines->first + index) % lines->allocated];
}

struct entry *scrollback_at(const struct scrollback *lines, size_t index)
{
    assert(index < lines->count);
    return *slot(lines, index);
}

struct entry *scrollback_find(const struct scrollback *lines, uint64_t tag)
{
    struct entry *entry = NULL;

    if (tag != 0)
        HASH_FIND(hh, lines->by_tag, &tag, sizeof(tag), entry);
    return entry;
}

size_t scrollback_until(const struct scrollback *lines, uint64_t place_ms)
{
    size_t low = 0, high = lines->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (scrollback_at(lines, middle)->place_ms <= place_ms)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

size_t scrollback_index(const struct scrollback *lines, const struct entry *entry)
{
    size_t index = scrollback_until(lines, entry->place_ms);

    while (scrollback_at(lines, index - 1) != entry)
        index--;
    return index - 1;
}

static int grow(struct scrollback *lines)
{
    size_t allocated = lines->allocated ? 2 * lines->allocated : SLOTS_FIRST;
    struct entry **slots = calloc(allocated, sizeof(struct entry *));

    if (!slots)
        return -ENOMEM;
    for (size_t i = 0; i < lines->count; i++)
        slots[i] = scrollback_at(lines, i);
    free(lines->slots);
    lines->slots = slots;
    lines->first = 0;
    lines->allocated = allocated;
    return 0;
}

/* Puts `entry` before the one at `index`, moving those on the shorter side. There is room. */
static void put_in(struct scrollback *lines, size_t index, struct entry *entry)
{
    if (index < lines->count - index) {
        lines->first = (lines->first + lines->allocated - 1) % lines->allocated;
        for (size_t i = 0; i < index; i++)
            *slot(lines, i) = *slot(lines, i + 1);
    } else {
        for (size_t i = lines->count; i > index; i--)
            *slot(lines, i) = *slot(lines, i - 1);
    }
    *slot(lines, index) = entry;
    lines->count++;
}

static struct entry *take_out(struct scrollback *lines, size_t index)
{
    struct entry *entry = scrollback_at(lines, index);

    if (index < lines->count / 2) {
        for (size_t i = index; i > 0; i--)
            *slot(lines, i) = *slot(lines, i - 1);
        lines->first = (lines->first + 1) % lines->allocated;
    } else {
        for (size_t i = index; i + 1 < lines->count; i++)
            *slot(lines, i) = *slot(lines, i + 1);
    }
    lines->count--;
    return entry;
}

static struct entry *make_entry(const struct screen_line *line, uint64_t place_ms)
{
    struct entry *entry = malloc(sizeof(*entry) + line->name.len + line->text.len);

    if (!entry)
        return NULL;
    *entry = (struct entry){
        .kind = line->kind,
        .mention = line->mention,
        .colour = style_colour_of(line->userid.len > 0 ? line->userid : line->name),
        .place_ms = place_ms,
        .time_ms = line->time_ms,
        .name_len = (uint32_t)line->name.len,
        .text_len = (uint32_t)line->text.len,
    };
    if (line->name.len > 0)
        memcpy(entry->bytes, line->name.data, line->name.len);
    if (line->text.len > 0)
        memcpy(entry->bytes + line->name.len, line->text.data, line->text.len);
    return entry;
}

int scrollback_retag(struct scrollback *lines, struct entry *entry, uint64_t tag)
{
    if (entry->tag != 0)
        HASH_DEL(lines->by_tag, entry);
    entry->tag = tag;
    if (tag == 0)
        return 0;
    HASH_ADD(hh, lines->by_tag, tag, sizeof(entry->tag), entry);
    if (entry->hh.tbl)
        return 0;
    entry->tag = 0;
    return -ENOMEM;
}

/* Where a new line belongs: by its time, or behind all that are there. */
static uint64_t place_of(const struct scrollback *lines, const struct screen_line *line)
{
    bool at_end = line->time_ms == 0 || entry_is_local(line->kind);

    if (at_end && lines->count > 0)
        return scrollback_at(lines, lines->count - 1)->place_ms;
    return line->time_ms;
}

int scrollback_add(struct scrollback *lines, const struct screen_line *line, size_t *ret_index)
{
    uint64_t place_ms = place_of(lines, line);
    struct entry *entry;

    if (line->name.len > UINT32_MAX || line->text.len > UINT32_MAX)
        return -ENOMEM;
    if (lines->count == lines->allocated && grow(lines) < 0)
        return -ENOMEM;
    entry = make_entry(line, place_ms);
    if (!entry || scrollback_retag(lines, entry, line->tag) < 0) {
        free(entry);
        return -ENOMEM;
    }
    *ret_index = scrollback_until(lines, place_ms);
    put_in(lines, *ret_index, entry);
    lines->bytes += line->name.len + line->text.len;
    return 0;
}

void scrollback_remove(struct scrollback *lines, size_t index)
{
    struct entry *entry = take_out(lines, index);

    lines->bytes -= (size_t)entry->name_len + entry->text_len;
    if (entry->tag != 0)
        HASH_DEL(lines->by_tag, entry);
    free(entry);
}

size_t scrollback_move(struct scrollback *lines, size_t index, uint64_t place_ms)
{
    struct entry *entry = take_out(lines, index);
    size_t to = scrollback_until(lines, place_ms);

    entry->place_ms = place_ms;
    for (; to > index && entry_is_local(scrollback_at(lines, to - 1)->kind); to--)
        scrollback_at(lines, to - 1)->place_ms = place_ms;
    put_in(lines, to, entry);
    return to;
}

void scrollback_deinit(struct scrollback *lines)
{
    HASH_CLEAR(hh, lines->by_tag);
    for (size_t i = 0; i < lines->count; i++)
        free(scrollback_at(lines, i));
    free(lines->slots);
    *lines = (struct scrollback){.slots = NULL};
}
