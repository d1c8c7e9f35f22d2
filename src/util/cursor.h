/* Bounded cursors over bytes, one that reads fields and one that writes them.
 *
 * Both keep a sticky error: after the first failure every further call does nothing, so a parser
 * or builder reads as a straight line and checks once at its end. No allocation.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/attributes.h"
#include "util/bytes.h"

#include <stdbool.h>
#include <stdint.h>

struct reader {
    struct bytes rest;
    int error; /* 0 or the first failure: -EBADMSG (field missing), -ERANGE (number out of range) */
};

struct writer {
    char *data;
    size_t len;  /* written so far */
    size_t size; /* room in all */
    int error;   /* 0 or -ENOBUFS */
};

void reader_init(struct reader *reader, struct bytes input);

/* The bytes up to the next `separator`, which is consumed too. Fails with -EBADMSG when there is
 * no separator; returns an empty run after any failure. The field may be empty. */
struct bytes reader_field(struct reader *reader, char separator);

/* Everything that is left; may be empty. */
struct bytes reader_rest(struct reader *reader);

/* Parses all of `field` as a decimal number without sign, blank or leading '+', at most `max`.
 * 0, -EBADMSG when it is not a number, -ERANGE when it is too large. `ret` only on success. */
MUST_USE int bytes_to_u64(struct bytes field, uint64_t max, uint64_t *ret);

void writer_init(struct writer *writer, char *data, size_t size);
void writer_bytes(struct writer *writer, struct bytes bytes);
void writer_text(struct writer *writer, const char *text);
void writer_char(struct writer *writer, char c);
void writer_u64(struct writer *writer, uint64_t number);
