/* An entry of a conversation's log, as it is delivered or found in its history: a msg, a whisper or
 * a note. What it is, and how scripts are told of it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "proto/v2.h"
#include "util/attributes.h"

#include <jansson.h>
#include <stdbool.h>

/* True for the frames that are entries. */
bool entry_is(const struct v2_frame *frame);

/* "message", "whisper", or what a note tells: "joined", "topic" …; NULL for a note of a kind that
 * only servers to come know: it is acknowledged, and passed over. */
const char *entry_kind(const struct v2_frame *entry);

/* True for what somebody has said: a message, a whisper, an announcement. */
bool entry_is_text(const struct v2_frame *entry);

/* The object that multichat(1) documents, for the caller to let go; NULL without memory. `again`:
 * it may have been shown before. */
MUST_USE json_t *entry_object(const struct v2_frame *entry, bool again);

/* The same as text with a newline, freed by the caller; NULL without memory. `flags` are
 * jansson's. */
MUST_USE char *entry_json(const struct v2_frame *entry, bool again, size_t flags);
