/* Wrapping: see wrap.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "screen/wrap.h"

#include "util/utf8.h"

#include <assert.h>

void wrapper_init(struct wrapper *wrapper, struct bytes text, struct style style, unsigned columns,
                  unsigned lead, unsigned indent)
{
    assert(columns > 0 && columns <= SCREEN_SIDE_MAX && lead < columns && indent <= lead);
    while (text.len > 0 && text.data[text.len - 1] == '\n')
        text.len--;
    cell_reader_init(&wrapper->reader, text, CELLS_TEXT);
    wrapper->style = style;
    wrapper->columns = columns;
    wrapper->indent = indent;
    wrapper->begin = wrapper->used = lead;
    wrapper->handed_out = wrapper->ended = false;
}

/* Makes what is behind the break the beginning of the next row. */
static void begin_row(struct wrapper *wrapper)
{
    const struct cell blank = {.text = " ", .len = 1, .width = 1, .sure = true};
    unsigned rest = wrapper->used - wrapper->broken_at;

    memmove(wrapper->row + wrapper->indent, wrapper->row + wrapper->broken_at,
            rest * sizeof(*wrapper->row));
    for (unsigned i = 0; i < wrapper->indent; i++)
        wrapper->row[i] = blank;
    wrapper->begin = wrapper->indent;
    wrapper->used = wrapper->indent + rest;
}

static void put(struct wrapper *wrapper, const struct cell *cell)
{
    wrapper->row[wrapper->used++] = *cell;
    if (cell->width == 2)
        wrapper->row[wrapper->used++] = (struct cell){.style = cell->style};
}

/* Korean is written with wide letters, and in words. */
static bool is_korean(const struct cell *cell)
{
    uint32_t c;

    return utf8_decode((struct bytes){cell->text, cell->len}, &c) > 0 && c >= 0xac00 && c <= 0xd7a3;
}

/* True if a row may end before `after`, which comes in column `at`. */
static bool may_break(const struct wrapper *wrapper, unsigned at, const struct cell *after,
                      bool in_words)
{
    const struct cell *before = &wrapper->row[at - 1];

    if (after->len == 0) /* the second half of a wide one */
        return false;
    if (cell_is_blank(before))
        return true;
    return after->width == 2 && (in_words || !is_korean(after));
}

/* Where a row that `next` is too much for is broken: behind the last blank or before a wide
 * character; else inside of a word, of Korean between two letters; else at its end. */
static unsigned find_break(const struct wrapper *wrapper, const struct cell *next)
{
    const unsigned room = wrapper->columns - wrapper->indent;

    for (int in_words = 0; in_words <= 1; in_words++)
        for (unsigned at = wrapper->used;
             at > wrapper->begin && wrapper->used - at + next->width <= room; at--)
            if (may_break(wrapper, at, at < wrapper->used ? &wrapper->row[at] : next, in_words))
                return at;
    /* The next row may have more room than what is left behind the lead. */
    return wrapper->begin > wrapper->indent ? wrapper->begin : wrapper->used;
}

static bool hand_out(struct wrapper *wrapper, unsigned at, const struct cell **ret_row,
                     unsigned *ret_used)
{
    *ret_row = wrapper->row;
    *ret_used = at;
    wrapper->broken_at = at;
    wrapper->handed_out = true;
    return true;
}

/* The row is full and `cell` is of the next one, or at least what follows the last break. */
static bool overflow(struct wrapper *wrapper, const struct cell *cell, const struct cell **ret_row,
                     unsigned *ret_used)
{
    unsigned at = wrapper->used;

    if (cell_is_blank(cell))
        return hand_out(wrapper, at, ret_row, ret_used);
    at = find_break(wrapper, cell);
    /* Beyond the row there is room for one more. */
    put(wrapper, cell);
    return hand_out(wrapper, at, ret_row, ret_used);
}

bool wrapper_next(struct wrapper *wrapper, const struct cell **ret_row, unsigned *ret_used)
{
    struct cell cell;

    if (wrapper->ended)
        return false;
    if (wrapper->handed_out)
        begin_row(wrapper);
    while (cell_next(&wrapper->reader, &cell)) {
        if (cell_is_newline(&cell))
            return hand_out(wrapper, wrapper->used, ret_row, ret_used);
        if (cell.width > wrapper->columns - wrapper->indent)
            cell = (struct cell){.text = "?", .len = 1, .width = 1, .sure = true};
        cell.style = wrapper->style;
        if (cell.spelt)
            cell.style.flags |= STYLE_REVERSED;
        if (wrapper->used + cell.width > wrapper->columns)
            return overflow(wrapper, &cell, ret_row, ret_used);
        put(wrapper, &cell);
    }
    wrapper->ended = true;
    return hand_out(wrapper, wrapper->used, ret_row, ret_used);
}
