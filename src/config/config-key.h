/* One key's value: from text into its field and back. Private to this folder.
 *
 * Whatever a value comes from, it arrives here as text, one for each element of a list; so a file
 * and a command line are judged by the same rules and told the same reasons.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "config/config-table.h"

/* Judges `count` texts (1 unless the key is a list) and puts the value into its field, whose old
 * value is freed. 0; -EINVAL, and then `*ret_reason` (freed by the caller) is
 * `value 5: allowed are 64 to 65536`; or -ENOMEM. On an error the field keeps its value. */
MUST_USE int config_key_store(const struct config_key *key, void *values, const char *const *texts,
                              size_t count, char **ret_reason);

/* Stores the key's default. 0 or -ENOMEM. */
MUST_USE int config_key_store_fallback(const struct config_key *key, void *values);

/* Zeroes the field, whatever it holds. */
void config_key_zero(const struct config_key *key, void *values);

/* One past the field's last byte in its struct. */
size_t config_key_end(const struct config_key *key);

/* Hands the field's value, and what it owns, from one struct to another. */
void config_key_move(const struct config_key *key, void *to, const void *from);

/* Frees what the field owns and zeroes it. */
void config_key_clear(const struct config_key *key, void *values);

bool config_key_is_list(const struct config_key *key);

/* "allowed are 64 to 65536 bytes"; NULL when memory is out. Freed by the caller. */
char *config_key_allowed(const struct config_key *key);

/* `text` in quotes, control characters escaped and overlong text shortened, so that it can stand
 * in a message. NULL when memory is out. Freed by the caller. */
char *config_quote(const char *text);

/* Cuts `text` at its commas, without the blanks around them, into `*ret` (one allocation, freed by
 * the caller). Returns the number of parts or -ENOMEM. */
MUST_USE long config_split(const char *text, char ***ret);
