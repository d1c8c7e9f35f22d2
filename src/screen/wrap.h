/* A text as rows of a given width, one after the other: broken at blanks, between wide characters
 * and, where a word is too long, inside of it. Needs no memory but its own, however long the text.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "screen/cell.h"
#include "screen/screen.h"
#include "util/attributes.h"

struct wrapper {
    struct cell_reader reader;
    struct style style; /* of the text */
    unsigned columns;   /* of a row, at least 1 */
    unsigned indent;    /* blanks before each row but the first */
    unsigned begin;     /* where the text begins in the row that is being filled */
    unsigned used;      /* columns of it that are filled */
    unsigned broken_at; /* of the row that was handed out: what follows is of the next one */
    bool handed_out, ended;
    struct cell row[SCREEN_SIDE_MAX + 2];
};

/* Begins a text that stands behind the first `lead` columns of its first row, which the caller
 * fills in wrapper->row. `columns` is at most SCREEN_SIDE_MAX, `lead` less than it, `indent` at
 * most `lead`. */
void wrapper_init(struct wrapper *wrapper, struct bytes text, struct style style, unsigned columns,
                  unsigned lead, unsigned indent);

/* The next row, a cell for each column, which holds until the next call; what is behind the first
 * *ret_used cells is empty. False when there was none left. There is always a first one. */
MUST_USE bool wrapper_next(struct wrapper *wrapper, const struct cell **ret_row,
                           unsigned *ret_used);
