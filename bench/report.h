/* What a run came to, in words for people or as JSON, and whether it passed.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "bench/ledger.h"
#include "bench/options.h"
#include "bench/run.h"

/* Prints the report and, last, PASS or FAIL with the reasons. Returns true if it passed. */
bool report_print(const struct options *options, const struct roster *roster,
                  const struct ledger *ledger, const struct run_result *result);
