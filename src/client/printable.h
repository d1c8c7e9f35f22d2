/* Text from others made fit to be seen: nothing in it can move the cursor, change the terminal,
 * reorder what stands beside it, or hide.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "proto/v2.h"
#include "util/attributes.h"
#include "util/bytes.h"

#include <stdio.h>
#include <time.h>

enum printable_kind {
    PRINTABLE_NAME, /* one line: a newline is shown as ^J */
    PRINTABLE_TEXT, /* tabs stay, and further lines are set off by "    | " */
};

/* Writes `text` to `out`: what must not be shown as it is, is spelt out (screen/spelling.h);
 * bytes that are no UTF-8 become U+FFFD. */
void printable_write(FILE *out, struct bytes text, enum printable_kind kind);

/* The line for an entry (client/entry.h): "[12:34] Alice (alice): text\n". One that was written to
 * a room is marked [#room], one to the user alone [direct], a whisper [#room whisper]. With `own`
 * it is "[12:34] I: text\n", marked [#room], [to NAME] or [#room whisper to NAME]; with `again` it
 * says that it may have been shown before. An entry that is not of `now`'s day (local time) bears
 * its date too.
 *
 * A note is "[12:34] -- Bob (bob) has joined #room\n" and the like; "" where nothing is to be
 * shown: a note of a kind that is not known, or a new name that is told to a room, for everyone is
 * told of it too. Freed by the caller; NULL without memory. */
MUST_USE char *printable_message(const struct v2_frame *entry, bool own, bool again, time_t now);

/* What a note says, of a kind that is known: "Bob (bob) has joined #room". Freed by the caller;
 * NULL without memory. */
MUST_USE char *printable_note(const struct v2_frame *note);
