/* One request of a script's run: asks it, writes what is answered to standard output, and says what
 * became of it by the exit code.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "client/exchange.h"
#include "client/options.h"
#include "util/attributes.h"

#include <jansson.h>

struct asking;

/* What is to be written for a row (or for an answer without rows), freed by the caller: one or more
 * lines, "" for none; NULL without memory. */
typedef char *(*asking_line_fn)(const struct asking *asking, const struct v2_frame *frame);

struct asking {
    const struct invocation *invocation;
    int stop_fd;
    bool as_device; /* asks in the name of the device that the user has here */
    uint64_t rows;  /* of a list: so many at most */
    asking_line_fn line;
    /* Takes what is reported in the place of `line`, if it is not NULL. 0 or -errno: it could not
     * be written. */
    int (*take)(struct asking *asking, const struct exchange_report *report);
    void *userdata;
    const char *if_unknown; /* what the user may have meant; NULL: nothing to say */
};

/* Returns an enum exit_code; the user has been told what went wrong. */
MUST_USE int asking_run(struct asking *asking, const struct v2_frame *request);

/* Writes to standard output. 0 or -errno. */
MUST_USE int asking_write(const struct asking *asking, const char *text);

/* One line of JSON; takes the reference (NULL is taken for no memory). As asking_line_fn. */
MUST_USE char *asking_json(json_t *object);

/* A line of fields with a tab between them, each made printable: one for each letter of `kinds`,
 * 's' a char pointer, 'b' a struct bytes, 'n' a uint64_t. As asking_line_fn. */
MUST_USE char *asking_fields(const char *kinds, ...);
