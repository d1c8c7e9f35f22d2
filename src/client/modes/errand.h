/* An errand: what a script's run has to do at the server, from finding it to the last answer. It
 * carries an outbox or requests or both, and ends when nothing is left to carry.
 *
 * The modes for scripts are built on it; what they say to the server goes by courier and exchange.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "client/courier.h"
#include "client/exchange.h"
#include "client/options.h"
#include "util/attributes.h"

struct errand {
    const struct invocation *invocation;
    struct account *account;
    struct outbox *outbox; /* NULL: there is none */
    struct exchange *exchange;
    struct courier courier;
    courier_fn settled; /* told of messages; NULL without an outbox */
    void *userdata;
    int stop_fd;
    uint64_t deadline; /* monotonic, µs: when it ends in any case */
    bool patient;      /* a server that cannot be reached is tried again until then */
    bool over;         /* set by whoever wants it to end */
    bool late;         /* it ended at its deadline */
    bool unreachable;  /* at the address tried last */
    bool told;         /* that it is, since it was reached last */
    int code;          /* enum exit_code: what is to be returned as things are */
};

/* A line of the program's own on standard error. */
void errand_say(const char *format, ...) PRINTF_LIKE(1, 2);

/* `account`, and `outbox` (may be NULL), are borrowed. `settled` is told of each message, but not
 * of what concerns the connection alone. Ends after --timeout, if that was given, and is patient
 * then. 0 or -errno. */
MUST_USE int errand_init(struct errand *errand, const struct invocation *invocation,
                         struct account *account, struct outbox *outbox, courier_fn settled,
                         void *userdata, int stop_fd);
void errand_deinit(struct errand *errand);

/* Carries until nothing is left, it is over, interrupted, out of time, or, unless it is patient,
 * the server was tried at all its addresses. Returns `code`. */
int errand_run(struct errand *errand);
