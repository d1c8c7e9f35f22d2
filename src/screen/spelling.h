/* How characters are spelt that must not reach a terminal as they are: those that control it, turn
 * the direction of text, or hide.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/attributes.h"

#include <stddef.h>
#include <stdint.h>

#define SPELLING_MAX 12

/* Writes the harmless spelling of `c` to `ret`: C0 controls as ^X; other controls and what has no
 * shape of its own (bidi, zero width, separators, tags) as \u{HEX}. Returns its length, or 0 if `c`
 * can be shown as it is. The joiners U+200C and U+200D are: scripts and emoji need them. */
MUST_USE size_t spelling_of(uint32_t c, char ret[SPELLING_MAX]);
