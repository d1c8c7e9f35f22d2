/* A driver without a database: it speaks MySQL's dialect, writes down what it is asked, and
 * answers from a script.
 *
 * Each thing asked is one line of the transcript: "begin", "commit", "rollback", "open", "close",
 * or the name of a statement (statements.c) with its first three parameters (of messages the first
 * two). The statements of the
 * schema are answered by themselves and not written down; what a reader asks neither.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "dal/driver.h"

extern const struct sql_driver driver_fake;

/* Answers `what` (the first word of a transcript line up to its parameters) the next time it is
 * asked: with `status`, and with rows whose columns are separated by blanks and that are separated
 * by ';'. What is not scripted succeeds without a row. */
void fake_answer(const char *what, enum sql_status status, const char *rows);

/* Forgets transcript and script. */
void fake_reset(void);

/* The transcript since the last call, its lines separated by "; ". */
const char *fake_transcript(void);

/* The text of the last statement of that name that was asked, or NULL. */
const char *fake_text(const char *name);

/* Answers that nobody has asked for. */
unsigned fake_left(void);
