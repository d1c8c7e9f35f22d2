/* Whether a text names somebody.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/bytes.h"

#include <stdbool.h>

/* True if `name` stands in `text`, whatever its case and composition, and not as a part of a longer
 * word. Words are told apart by letters and digits of ASCII alone: in other scripts a name may have
 * endings, as in Korean, or stand between other words without blanks. */
bool mention_is_in(struct bytes text, const char *name);
