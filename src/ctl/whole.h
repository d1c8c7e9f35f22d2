/* What the commands on a store as a whole share: export, import and db copy.
 *
 * Functions return EXIT_OK, or another exit code after having said why.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ctl/session.h"

#include <stdio.h>

/* The first line of an export says that it is one, and of which version. */
#define WHOLE_VERSION 1

/* Rows that have gone by, told on the terminal while it lasts. */
struct tally {
    uint64_t rows[DAL_TABLES], all;
    bool shown;
    uint64_t next_us; /* when to tell again */
};

void tally_begin(struct tally *tally, const struct ctl *ctl);
void tally_row(struct tally *tally, enum dal_table table);

/* Takes what was shown off the terminal. */
void tally_end(struct tally *tally);

/* {"ok": true, "users": …, "rooms": …, "messages": …} and for people "`done` 3 users, …". */
json_t *tally_answer(const struct tally *tally);
#define TALLY_TEXT_MAX 128
const char *tally_text(const struct tally *tally, char text[TALLY_TEXT_MAX]);

/* Says why the storage unit could not read or fill a store; `error` of dal_export() or
 * dal_import_begin(), `words` (may be NULL) is freed. `what` is the store. */
int whole_failure(const struct ctl *ctl, const char *what, int error, char *words);

/* Before a database file is opened: sees that it is there, if it has to be, and has root become the
 * owner of its folder until whole_release(). */
MUST_USE int whole_own(const struct ctl *ctl, bool has_to_be, const struct dal_config *config);
void whole_release(void);
