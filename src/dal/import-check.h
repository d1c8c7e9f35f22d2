/* What an import has been given so far, as far as later rows refer to it, and whether a row may
 * follow. Takes memory for conversations, users and devices, none for messages.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "dal/dal.h"

struct import_check;

/* NULL: no memory. */
struct import_check *import_check_new(const struct dal_next_ids *next);
void import_check_free(struct import_check *check); /* takes NULL */

/* Looks a row over and remembers it. NULL if it may follow those before, else why not, in words
 * that are valid until the next call. */
const char *import_check_row(struct import_check *check, enum dal_table table,
                             const struct dal_value *values, uint64_t line);

/* When all are there: NULL, or what is missing, and the line of what lacks it. */
const char *import_check_end(struct import_check *check, uint64_t *ret_line);

/* The name of a room whose conversation has been given, without its '#'. */
struct bytes import_check_room(const struct import_check *check, uint64_t conversation);

/* True if that conversation is an inbox. */
bool import_check_is_inbox(const struct import_check *check, uint64_t conversation);
