/* Text cut into cells: see cell.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "screen/cell.h"

#include "util/utf8.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <unictype.h>
#include <unigbrk.h>
#include <uninorm.h>
#include <unistr.h>
#include <uniwidth.h>

#define DOTTED_CIRCLE    0x25cc
#define REPLACEMENT      0xfffd
#define JOINER           0x200d
#define NON_JOINER       0x200c
#define GRAPHEME_JOINER  0x034f
#define ENCLOSING_KEYCAP 0x20e3
#define REGIONAL_A       0x1f1e6
#define REGIONAL_Z       0x1f1ff
#define MODIFIER_FIRST   0x1f3fb
#define MODIFIER_LAST    0x1f3ff

struct range {
    uint32_t first, last;
};

static bool in_ranges(uint32_t c, const struct range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (c >= ranges[i].first && c <= ranges[i].last)
            return true;
    return false;
}

/* Letters and ideographs on whose width all terminals agree. That Greek and Cyrillic are
 * "ambiguous" by Unicode matters only where somebody asked for wide ones. */
static bool width_is_sure(uint32_t c)
{
    static const struct range ranges[] = {
        {0x0020, 0x007e}, {0x00c0, 0x00d6}, {0x00d8, 0x00f6}, {0x00f8, 0x024f},
        {0x0386, 0x03ff}, {0x0400, 0x0482}, {0x048a, 0x052f}, {0x1e00, 0x1eff},
        {0x3000, 0x3029}, {0x3041, 0x3096}, {0x30a0, 0x30ff}, {0x3131, 0x3163},
        {0x3400, 0x4dbf}, {0x4e00, 0x9fff}, {0xac00, 0xd7a3}, {0xff01, 0xff60},
    };

    return in_ranges(c, ranges, ARRAY_SIZE(ranges));
}

/* Left out: they ask for another look of what they follow, and terminals follow them or not. */
static bool is_left_out(uint32_t c)
{
    static const struct range ranges[] = {
        {GRAPHEME_JOINER, GRAPHEME_JOINER},
        {0x180b, 0x180d}, /* Mongolian variation selectors */
        {0x180f, 0x180f},
        {NON_JOINER, JOINER},
        {ENCLOSING_KEYCAP, ENCLOSING_KEYCAP},
        {0xfe00, 0xfe0f}, /* variation selectors */
    };

    return in_ranges(c, ranges, ARRAY_SIZE(ranges));
}

static bool is_mark(uint32_t c)
{
    return uc_is_general_category_withtable(c, UC_CATEGORY_MASK_Mn | UC_CATEGORY_MASK_Me);
}

static bool is_modifier_of(uint32_t c, uint32_t base)
{
    return c >= MODIFIER_FIRST && c <= MODIFIER_LAST &&
           uc_is_general_category_withtable(base, UC_CATEGORY_MASK_So);
}

void cell_reader_init(struct cell_reader *reader, struct bytes text, enum cell_mode mode)
{
    *reader = (struct cell_reader){.rest = text, .mode = mode};
}

/* The next character and its length; REPLACEMENT for a byte that is none. */
static uint32_t look(struct bytes text, size_t *ret_len)
{
    uint32_t c = REPLACEMENT;
    int len = utf8_decode(text, &c);

    *ret_len = len > 0 ? (size_t)len : 1;
    return len > 0 ? c : REPLACEMENT;
}

static void append(struct cell *cell, uint32_t c)
{
    int len = u8_uctomb((uint8_t *)cell->text + cell->len, c, CELL_BYTES_MAX - cell->len);

    assert(len > 0);
    cell->len = (uint8_t)(cell->len + len);
}

static void take(struct cell_reader *reader, size_t len)
{
    reader->rest.data += len;
    reader->rest.len -= len;
}

/* Takes what belongs to `base` and has no width of its own. Returns how much of it is shown. */
static unsigned take_marks(struct cell_reader *reader, struct cell *cell, uint32_t base)
{
    uint32_t before = base;
    unsigned count = 0;

    while (reader->rest.len > 0) {
        char spelling[SPELLING_MAX];
        size_t len;
        uint32_t c = look(reader->rest, &len);

        if (c < 0x80 || uc_is_grapheme_break(before, c) || spelling_of(c, spelling) > 0)
            break;
        if (!is_left_out(c) && !is_modifier_of(c, base)) {
            if (uc_width(c, "UTF-8") != 0)
                break;
            if (count < CELL_MARKS_MAX) {
                append(cell, c);
                count++;
            }
        }
        before = c;
        take(reader, len);
    }
    return count;
}

/* A base and its marks as Unicode composes them; returns the character it begins with then. */
static uint32_t compose(struct cell *cell, uint32_t base)
{
    uint8_t composed[CELL_BYTES_MAX];
    size_t len = sizeof(composed);
    uint8_t *result = u8_normalize(UNINORM_NFC, (uint8_t *)cell->text, cell->len, composed, &len);

    if (result == composed) {
        memcpy(cell->text, composed, len);
        cell->len = (uint8_t)len;
    } else {
        free(result); /* longer than what was there, or no memory: it stays as it was written */
    }
    return look((struct bytes){cell->text, cell->len}, &len);
}

static void shown_cell(struct cell_reader *reader, uint32_t c, struct cell *ret)
{
    bool alone = is_mark(c);
    uint32_t first = alone ? DOTTED_CIRCLE : c;

    if (alone)
        append(ret, DOTTED_CIRCLE);
    append(ret, c);
    if (take_marks(reader, ret, c) > 0)
        first = compose(ret, first);
    ret->width = uc_width(first, "UTF-8") == 2 ? 2 : 1;
    ret->sure = width_is_sure(first) && u8_mblen((uint8_t *)ret->text, ret->len) == ret->len;
}

static bool next_of_spelling(struct cell_reader *reader, struct cell *ret)
{
    char c = reader->spelling[reader->spelling_at++];

    *ret = (struct cell){.text = {c}, .len = 1, .width = 1, .sure = true, .spelt = c != ' '};
    return true;
}

/* True if `c` is not shown as itself; then its spelling is in the reader. */
static bool spell(struct cell_reader *reader, uint32_t c)
{
    size_t len = 0;

    if (c == '\t' && reader->mode == CELLS_TEXT)
        len = (size_t)snprintf(reader->spelling, sizeof(reader->spelling), "    ");
    else
        len = spelling_of(c, reader->spelling);
    /* What is left of a letter that is none without what should stand before it. */
    if (len == 0 && c >= 0x80 && uc_width(c, "UTF-8") == 0 && !is_mark(c))
        len = (size_t)snprintf(reader->spelling, sizeof(reader->spelling), "\\u{%X}", (unsigned)c);
    reader->spelling_at = 0;
    reader->spelling_len = (uint8_t)len;
    return len > 0;
}

bool cell_next(struct cell_reader *reader, struct cell *ret)
{
    while (reader->spelling_at == reader->spelling_len && reader->rest.len > 0) {
        size_t len;
        uint32_t c = look(reader->rest, &len);

        take(reader, len);
        if (is_left_out(c))
            continue;
        if (c == '\n' && reader->mode == CELLS_TEXT) {
            *ret = (struct cell){.text = {'\n'}, .len = 1, .sure = true};
            return true;
        }
        if (spell(reader, c))
            break;
        if (c >= REGIONAL_A && c <= REGIONAL_Z)
            c = 'A' + (c - REGIONAL_A);
        *ret = (struct cell){.len = 0};
        shown_cell(reader, c, ret);
        return true;
    }
    return reader->spelling_at < reader->spelling_len && next_of_spelling(reader, ret);
}

bool cell_is_newline(const struct cell *cell)
{
    return cell->width == 0 && cell->len == 1;
}

bool cell_is_blank(const struct cell *cell)
{
    return cell->len == 1 && cell->text[0] == ' ';
}

bool cell_same(const struct cell *a, const struct cell *b)
{
    return a->len == b->len && a->width == b->width && a->spelt == b->spelt &&
           a->style.colour == b->style.colour && a->style.flags == b->style.flags &&
           memcmp(a->text, b->text, a->len) == 0;
}

size_t cell_columns(struct bytes text)
{
    struct cell_reader reader;
    struct cell cell;
    size_t columns = 0;

    cell_reader_init(&reader, text, CELLS_LINE);
    while (cell_next(&reader, &cell))
        columns += cell.width;
    return columns;
}

uint8_t style_colour_of(struct bytes name)
{
    uint32_t hash = 2166136261u; /* FNV-1a: not keyed, for it has to be the same tomorrow */

    for (size_t i = 0; i < name.len; i++)
        hash = (hash ^ (unsigned char)name.data[i]) * 16777619u;
    return (uint8_t)(1 + (hash ^ hash >> 16) % STYLE_COLOURS);
}
