/* The lines of a window, in the order of their places in time, found by number or by tag.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "screen/screen.h"
#include "util/attributes.h"
#include "util/hash.h"

struct entry {
    enum screen_kind kind;
    bool mention;
    bool found;        /* by the search that goes on */
    uint8_t colour;    /* of the name */
    uint64_t place_ms; /* never decreases from line to line */
    uint64_t time_ms;  /* as it is shown */
    uint64_t tag;
    UT_hash_handle hh; /* by tag, if it has one */
    uint32_t name_len, text_len;
    char bytes[]; /* name, text */
};

/* A ring: `count` of `allocated` slots are in use, from `first` on. */
struct scrollback {
    struct entry **slots;
    size_t first, count, allocated;
    size_t bytes; /* of text and names */
    struct entry *by_tag;
};

void scrollback_deinit(struct scrollback *lines);

struct entry *scrollback_at(const struct scrollback *lines, size_t index);
/* NULL if there is none of that tag, or `tag` is 0. */
struct entry *scrollback_find(const struct scrollback *lines, uint64_t tag);
size_t scrollback_index(const struct scrollback *lines, const struct entry *entry);
/* Lines that are at `place_ms` or before it. */
size_t scrollback_until(const struct scrollback *lines, uint64_t place_ms);

/* True for what has no place in the conversation: it is put at the end. */
bool entry_is_local(enum screen_kind kind);
struct bytes entry_name(const struct entry *entry);
struct bytes entry_text(const struct entry *entry);

/* Puts a line, whose tag is not there, in its place. 0 or -ENOMEM. */
MUST_USE int scrollback_add(struct scrollback *lines, const struct screen_line *line,
                            size_t *ret_index);
void scrollback_remove(struct scrollback *lines, size_t index);
/* Moves a line to where it belongs at `place_ms`, but not past lines behind it that have no place
 * of their own: those are moved on in time. Returns its index. */
size_t scrollback_move(struct scrollback *lines, size_t index, uint64_t place_ms);
/* 0 or -ENOMEM (then it has no tag). */
MUST_USE int scrollback_retag(struct scrollback *lines, struct entry *entry, uint64_t tag);
