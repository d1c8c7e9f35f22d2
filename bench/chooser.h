/* Who writes to whom: the next target of a writer, as the mode's pattern has it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "bench/ledger.h"
#include "bench/options.h"

struct chooser;

/* The first `writers` users write, and there is at least one more. 0 or -ENOMEM. */
MUST_USE int chooser_new(const struct roster *roster, enum pattern pattern, uint32_t writers,
                         uint64_t seed, struct chooser **ret);
void chooser_free(struct chooser *chooser);

/* Not for PATTERN_NONE; for PATTERN_ROOM each writer is in a room. */
struct target chooser_next(struct chooser *chooser, uint32_t writer);

/* The recipient as the wire has it. */
const char *chooser_recipient(const struct chooser *chooser, struct target target);
