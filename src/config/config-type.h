/* The types a key may have. Private to this folder.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "config/config-table.h"

#include <stdio.h>

struct config_rules {
    size_t size; /* of the field */
    bool list;
    /* Stores one text: 0, -EINVAL (not allowed) or -ENOMEM. */
    int (*store)(const struct config_key *key, void *field, const char *const *texts, size_t count);
    /* Both NULL where the field owns nothing. `copy` fills an empty field: 0 or -ENOMEM. */
    void (*clear)(void *field);
    int (*copy)(void *field, const void *from);
    bool (*equal)(const void *a, const void *b);
    /* Writes the value as a file has it. */
    void (*format)(const struct config_key *key, const void *field, FILE *out);
    /* Writes what may stand behind "allowed". */
    void (*allowed)(const struct config_key *key, FILE *out);
    /* Writes what was probably meant by a text that is not allowed, beginning with "; ", or
     * nothing. May be NULL. */
    void (*suggest)(const char *text, FILE *out);
};

const struct config_rules *config_rules_of(const struct config_key *key);

/* True if `number` lies within the key's bounds. */
bool config_within(const struct config_key *key, uint64_t number);

/* True if `text` has no control characters. */
bool config_printable(const char *text);

/* Writes `text` in quotes, as a file has it, control characters escaped. */
void config_write_quoted(const char *text, FILE *out);
