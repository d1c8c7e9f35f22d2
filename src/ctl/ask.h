/* A command's usual steps: a request from its words, the answer, and how it is shown.
 *
 * The functions return EXIT_OK, or another exit code after having said why. Answers are new
 * references.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ctl/print.h"
#include "ctl/session.h"

/* A request whose verb is the command's words, with the command's arguments as the members
 * `first` and `second` (NULL where there is none). */
MUST_USE int request_of(const struct ctl *ctl, const char *first, const char *second,
                        json_t **ret_request);

/* Adds a string that has to be UTF-8. */
MUST_USE int request_add(const struct ctl *ctl, json_t *request, const char *member,
                         const char *text);

/* The same for what may not have been given (NULL). On failure the request is freed, too. */
MUST_USE int request_add_given(const struct ctl *ctl, json_t **request, const char *member,
                               const char *text);

/* Sends `request` (taken over) and sees that the answer says ok. */
MUST_USE int ask(struct ctl *ctl, json_t *request, json_t **ret_answer);

/* request_of() and ask(). */
MUST_USE int ask_about(struct ctl *ctl, const char *first, const char *second, json_t **ret_answer);

/* Sends `request` (taken over) until all pages of the array `member` are there. */
MUST_USE int ask_pages(struct ctl *ctl, json_t *request, const char *member, json_t **ret_answer);

/* Ends a command: the sentence for people, with --json `answer` (taken over). EXIT_OK. */
int conclude(const struct ctl *ctl, json_t *answer, const char *format, ...) PRINTF_LIKE(3, 4);

/* Shows the array of users `member` of `answer` (taken over): a table, or JSON. EXIT_OK. */
int show_users(const struct ctl *ctl, json_t *answer, const char *member);

/* The string `member` of `object`, or "". */
const char *text_of(const json_t *object, const char *member);
json_int_t number_of(const json_t *object, const char *member);
