/* What the tests of the administrative verbs share: a host with real storage (SQLite) and a real
 * password pool, whose hooks record what they are told, and ways to ask it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "admin/admin.h"
#include "dal/dal.h"
#include "model/name.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define TOLD_MAX 2048

struct host {
    char folder[64];
    char path[96];
    struct password_pool *pool;
    struct admin *admin;
    char told[TOLD_MAX][NAME_MAX_BYTES + 1]; /* account_changed, in order */
    size_t told_count;
    enum message_kind stored; /* the last notice it was told of, and its text */
    char stored_text[100];
};

/* An answer, and how often it came. */
struct answer {
    json_t *json;
    unsigned count;
};

/* cmocka's: the usual host, one whose pool takes two requests, and one whose storage is away. */
int setup(void **state);
int setup_narrow(void **state);
int setup_away(void **state);
int teardown(void **state);

/* Opens storage and waits until its threads have connected or found that they cannot. */
void open_storage(const char *path);

/* Waits for storage or the pool and dispatches what has come. */
void turn(struct host *host);

/* An admin_answer_fn with a struct answer, and waiting for the one answer. */
void keep_answer(void *userdata, json_t *json);
void wait_answer(struct host *host, struct answer *answer);

/* The answer to a request's line; and the same for lines written with ' in the place of ". */
json_t *ask_line(struct host *host, const char *line);
json_t *ask(struct host *host, const char *format, ...) PRINTF_LIKE(2, 3);

/* The string `member`, or "(none)". */
const char *text_of(const json_t *object, const char *member);

/* These free the answer. */
void expect_ok(json_t *answer);
/* Refused as `code` with `words` somewhere in the sentence. */
void expect_refusal(json_t *answer, const char *code, const char *words);

/* With the password "pw-<userid>". */
void add_user(struct host *host, const char *userid);

/* The host was told that this user's account changed, and of nobody else's. */
void expect_told(struct host *host, const char *userid);
