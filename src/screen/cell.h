/* Text cut into what a terminal has: cells.
 *
 * Terminals agree on the width of most characters and differ on the rest: sequences with joiners,
 * flags, modifiers and variation selectors, which a terminal may draw in one, two or many columns.
 * So those are not sent. What is sent has a width that follows from its first character alone:
 *
 *   - a base character and its combining marks are one cell, composed (NFC) where there is a
 *     composed character: Korean of single letters (macOS) becomes syllables;
 *   - a mark without a base stands on a dotted circle; a cell bears CELL_MARKS_MAX marks at most;
 *   - an emoji with joiners is shown as its parts, without the joiners; variation selectors, the
 *     modifiers of skin and the enclosing keycap are left out;
 *   - the letters of a flag are shown as letters;
 *   - controls and what hides is spelt out (spelling.h), and marked as `spelt`.
 *
 * Where terminals may still differ, a cell is not `sure`, and the painter places the cursor anew
 * after it: a wrong guess spoils one cell, and never moves what follows.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "screen/spelling.h"
#include "util/bytes.h"

#include <stdbool.h>
#include <stdint.h>

#define CELL_MARKS_MAX 4
#define CELL_BYTES_MAX (4 * (1 + CELL_MARKS_MAX))

/* How a cell looks, besides its text. */
enum style_flag {
    STYLE_BOLD = 1,
    STYLE_FAINT = 2,
    STYLE_UNDERLINED = 4,
    STYLE_REVERSED = 8,
};

#define STYLE_COLOURS 12

struct style {
    uint8_t colour; /* 0: the terminal's own; 1 to STYLE_COLOURS */
    uint8_t flags;
};

struct cell {
    char text[CELL_BYTES_MAX]; /* UTF-8, not terminated */
    uint8_t len;
    uint8_t width; /* columns: 1 or 2; 0 of a newline, and of what a wide cell covers */
    bool sure;     /* every terminal knows this width */
    bool spelt;    /* part of the spelling of a character */
    struct style style;
};

enum cell_mode {
    CELLS_LINE, /* a newline is spelt ^J, a tab ^I */
    CELLS_TEXT, /* a newline is a cell of its own, see cell_is_newline(); a tab is four blanks */
};

/* Reads cells out of a text, which has to stay where it is meanwhile. */
struct cell_reader {
    struct bytes rest; /* not yet looked at */
    enum cell_mode mode;
    /* What is left of the spelling of the character that was looked at last. */
    char spelling[SPELLING_MAX];
    uint8_t spelling_at, spelling_len;
};

void cell_reader_init(struct cell_reader *reader, struct bytes text, enum cell_mode mode);
/* The next cell, in no style. False at the end. */
bool cell_next(struct cell_reader *reader, struct cell *ret);

bool cell_is_newline(const struct cell *cell);
bool cell_is_blank(const struct cell *cell);
bool cell_same(const struct cell *a, const struct cell *b);

/* Columns that the whole of `text` takes as one line. */
size_t cell_columns(struct bytes text);

/* The colour of a name: the same for the same bytes, everywhere and always. */
uint8_t style_colour_of(struct bytes name);
