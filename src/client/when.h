/* Days and times as people write them, in their own time zone: what a history is asked for by.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/attributes.h"

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* The milliseconds since the epoch at which a day begins and the next one does. `text` is
 * 2026-11-21, today or yesterday; `now` tells which day that is. 0 or -EINVAL. */
MUST_USE int when_day(const char *text, time_t now, uint64_t *ret_from, uint64_t *ret_to);

/* A moment: a day with a time behind it ("2026-11-21 12:34", "today 12:34:56", the blank may be a
 * T), a time of today, or a day alone, which means its beginning, or with `is_end` its end. 0 or
 * -EINVAL. */
MUST_USE int when_moment(const char *text, time_t now, bool is_end, uint64_t *ret);

/* Numbers of messages: "7", "7-12", or "7-" for all from there on (`ret_to` 0). 0 or -EINVAL. */
MUST_USE int when_numbers(const char *text, uint64_t *ret_from, uint64_t *ret_to);
