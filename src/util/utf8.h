/* UTF-8: validity, cutting on character boundaries, and the folded form that tells look-alike
 * names apart. The work is done by libunistring.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/attributes.h"
#include "util/bytes.h"

#include <stdint.h>

/* True if `text` is well-formed UTF-8 (RFC 3629: no surrogates, nothing overlong). */
bool utf8_valid(struct bytes text);

/* The longest prefix of at most `max` bytes that does not cut a character in two. `text` must be
 * valid. */
size_t utf8_prefix(struct bytes text, size_t max);

/* Puts a '?' in the place of each byte of `text` that is not part of a well-formed character, for
 * where nothing but UTF-8 can be carried. */
void utf8_scrub(char *text);

/* NFKC case folding of `text`: two names are look-alikes if their folded forms are equal.
 * On success `*ret` is a NUL-terminated string the caller frees. 0, -EILSEQ, -ENOMEM. */
MUST_USE int utf8_fold(struct bytes text, char **ret);

/* Decodes the character at the start of `text` into `ret`; returns its length in bytes,
 * or -EILSEQ. `text` must not be empty. */
MUST_USE int utf8_decode(struct bytes text, uint32_t *ret);
