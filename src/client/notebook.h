/* A small file of names, each with a number: what was read when, who is ignored since when. Kept in
 * memory, and put on the disk by notebook_save().
 *
 * Lines "NUMBER NAME". It is a courtesy to the user, so what cannot be read is left out, and of
 * two processes the one that saves last is right.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/attributes.h"
#include "util/bytes.h"

#include <stddef.h>
#include <stdint.h>

#define NOTEBOOK_MAX      1000 /* names; the one with the least number makes way */
#define NOTEBOOK_NAME_MAX 130  /* bytes of one; it has no newline */

struct notebook_entry {
    uint64_t number;
    char *name;
};

struct notebook {
    int folder;       /* borrowed */
    const char *file; /* its name in there; borrowed */
    struct notebook_entry *entries;
    size_t count;
    bool changed; /* since it was read or saved */
};

/* Reads it, as far as it is there. 0 or -ENOMEM. */
MUST_USE int notebook_open(struct notebook *notebook, int folder, const char *file);
/* Does not save. Takes a zeroed struct. */
void notebook_close(struct notebook *notebook);

/* The number of `name`, or 0. */
uint64_t notebook_get(const struct notebook *notebook, struct bytes name);
/* Writes it down; 0 takes it out. 0, -ENOMEM, or -EINVAL for a name that cannot be kept. */
MUST_USE int notebook_set(struct notebook *notebook, struct bytes name, uint64_t number);

/* Puts it on the disk if it has changed. 0 or -errno. */
MUST_USE int notebook_save(struct notebook *notebook);
