/* Configuration files by table: a program describes its keys once, and defaults, types, ranges and
 * every error message come from that description.
 *
 * A file is in the syntax of libconfig, with groups: the key "limits.text" is `text` inside
 * `limits: { … };`. A file is taken whole or not at all: what is wrong with it is told in one line
 * for each mistake,
 *     FILE:LINE: key "limits.text": value 5: allowed are 64 to 65536
 * and the caller's struct is left as it was.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/addr.h"
#include "util/attributes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a key's value is, and the type of the field at its offset. */
enum config_type {
    CONFIG_BOOL,     /* bool */
    CONFIG_NUMBER,   /* uint64_t: what the file says, times `scale` */
    CONFIG_STRING,   /* char *, owned, never NULL; no control characters */
    CONFIG_CHOICE,   /* int: the index in `choices` */
    CONFIG_PATH,     /* char *, owned, never NULL: an absolute path, or "" where `min` is 0 */
    CONFIG_ADDRESS,  /* struct addr: "192.0.2.1:9001", "[::1]:0", "*:9001" */
    CONFIG_STRINGS,  /* struct config_strings */
    CONFIG_NETWORKS, /* struct config_networks */
};

struct config_strings {
    char **items;
    size_t count;
};

struct config_networks {
    struct network *items;
    size_t count;
};

struct config_key {
    const char *path; /* "limits.text" */
    enum config_type type;
    size_t offset;              /* of the field in the caller's struct */
    const char *fallback;       /* the default, as config_table_set() takes it */
    uint64_t min, max;          /* number: the value as written; string and path: bytes;
                                 * lists: elements. `max` 0: no upper limit */
    uint64_t scale;             /* number: what one unit is in the field; 0 counts as 1 */
    const char *unit;           /* number: "seconds", "bytes"; NULL for a plain count */
    const char *const *choices; /* choice: NULL-terminated */
    bool reloadable;            /* a running daemon takes a new value up */
    const char *help;           /* one line */
};

struct config_table {
    const struct config_key *keys;
    size_t count;
    /* Looks over values that are right one by one but may not fit together. True, or false with
     * the path of the key to be named and the reason in words (static). May be NULL. */
    bool (*check)(const void *values, const char **ret_path, const char **ret_reason);
};

/* Fills the struct at `values` with the defaults. 0 or -ENOMEM (nothing is left to be freed). A
 * default its own key does not allow is our bug and asserted. */
MUST_USE int config_table_init(const struct config_table *table, void *values);

/* Fills the struct at `values`, which holds nothing yet, with the defaults and what `file` says.
 * 0, or -errno with `*ret_error` in words (freed by the caller, NULL only when memory is out) and
 * nothing written to `values`: -ENOENT and the like when it cannot be read, -EINVAL for everything
 * wrong in it, a line for each mistake. `@include` is relative to the folder of `file`. */
MUST_USE int config_table_load(const struct config_table *table, const char *file, void *values,
                               char **ret_error);

/* Sets one key of a filled struct from text, for command lines: lists are separated by commas,
 * booleans are true and false. `origin` opens the error message ("--poll-port"). 0, or -EINVAL or
 * -ENOMEM as above, and the field as it was. `check` is not called. */
MUST_USE int config_table_set(const struct config_table *table, void *values, const char *path,
                              const char *text, const char *origin, char **ret_error);

/* Frees what the struct owns and zeroes those fields; harmless on a zeroed struct. */
void config_table_deinit(const struct config_table *table, void *values);

/* The key called `path`, or NULL. */
const struct config_key *config_table_find(const struct config_table *table, const char *path);

/* True if two filled structs have the same value for `key`. */
bool config_key_equal(const struct config_key *key, const void *a, const void *b);

/* Gives `to` the value that `from` has for `key`; both are filled. 0 or -ENOMEM (`to` keeps its
 * own). */
MUST_USE int config_key_copy(const struct config_key *key, void *to, const void *from);

/* The value of `key` as it is written in a file: true, 64, "text", [ "a", "b" ]. On success
 * `*ret` is freed by the caller. 0 or -ENOMEM. */
MUST_USE int config_key_format(const struct config_key *key, const void *values, char **ret);
