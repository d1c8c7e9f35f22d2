/* What the program says: refusals, JSON, aligned tables.
 *
 * Names and sentences may come from others; on a terminal they are shown without the characters
 * that would steer it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ctl/ctl.h"

#include <stdio.h>

/* Says why the command ends: {"ok": false, "code": `code`, "error": …} with --json, else a line on
 * standard error. Returns `exit_code`. */
int print_failure(const struct ctl *ctl, int exit_code, const char *code, const char *format, ...)
    PRINTF_LIKE(4, 5);

/* EXIT_OK if `answer` is {"ok": true, …}; else says what it says and returns the exit code for
 * it. */
MUST_USE int print_refusal(const struct ctl *ctl, const json_t *answer);

/* Digits that a number with a fraction is shown with. */
#define REAL_DIGITS 6

/* `answer` as one line on standard output. */
void print_json(const json_t *answer);

/* `text` without control characters. */
void print_clean(FILE *stream, const char *text);

/* Columns of a terminal that `text` takes once it is cleaned. */
size_t text_width(const char *text);

/* A table of `columns` aligned columns: cells row by row, the first row being the titles. */
#define TABLE_COLUMNS_MAX 8
void print_table(FILE *stream, unsigned columns, const char *const *cells, size_t rows);

/* The local date and time of `ms` since the epoch, into `text`, which is returned. */
#define DATE_MAX 32
const char *format_date(json_int_t ms, char text[DATE_MAX]);
