/* Administration: one table of verbs, each a JSON object in and a JSON object out.
 *
 * The same code runs inside the daemon, behind its control socket, and inside multichatctl where
 * no daemon runs. It works on the process's storage (dal.h) and on a password pool, and owns no
 * descriptor: whoever hosts it dispatches both.
 *
 * A request is {"verb": "user add", …}; the answer is {"ok": true, …} or
 * {"ok": false, "code": "…", "error": "in words"}. On the control socket each is one line. What a
 * request may hold, and what its answer holds, is in multichatctl(8).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "auth/password-pool.h"
#include "util/attributes.h"
#include "util/bytes.h"

#include <jansson.h>

struct admin;
struct message;

#define ADMIN_REQUEST_MAX (256 * 1024) /* bytes of a request's line without its newline */
#define ADMIN_ANSWER_MAX  (512 * 1024) /* no answer's line is longer, its newline included */
#define ADMIN_BATCH_MAX   100          /* users of one "user add batch" */
#define ADMIN_PAGE_MAX    500          /* users or rooms in one answer; "next" tells of more */

/* X(symbol, code, what it means) */
#define ADMIN_CODE_TABLE(X)                                                                        \
    X(MALFORMED, "malformed", "the request is no JSON object with a verb")                         \
    X(UNKNOWN_VERB, "unknown-verb", "there is no such verb")                                       \
    X(INVALID, "invalid", "an argument is missing, unknown or not allowed")                        \
    X(TAKEN, "taken", "something of that name is there already")                                   \
    X(MISSING, "missing", "there is no such user, device, room or member")                         \
    X(FORBIDDEN, "forbidden", "the caller may not administer")                                     \
    X(BUSY, "busy", "a limit is reached; try again later")                                         \
    X(UNAVAILABLE, "unavailable", "storage is away; nothing was changed")                          \
    X(UNCERTAIN, "uncertain", "storage failed during the commit; it may have been changed")        \
    X(NO_DAEMON, "no-daemon", "only a daemon knows, and none is running")                          \
    X(STOPPING, "stopping", "the program ended before it was done")                                \
    X(INTERNAL, "internal", "the program failed; its log says why")

enum admin_code {
#define X(symbol, code, help) ADMIN_CODE_##symbol,
    ADMIN_CODE_TABLE(X)
#undef X
        ADMIN_CODE_COUNT
};

/* What "clients" asks for. */
struct admin_clients {
    const char *after; /* "next" of an earlier answer, or "" */
    unsigned limit;
    bool by_waiting; /* those for whom most waits; else in order of userid */
};

#define ADMIN_REASON_MAX       200  /* bytes of what a user is told */
#define ADMIN_ANNOUNCEMENT_MAX 2000 /* bytes */

/* The host's part; each may be NULL. */
struct admin_hooks {
    /* Something about the user has been changed in storage: he was added, deleted, disabled,
     * enabled, given a password or the right to bulk, his sessions have been ended, a device of his
     * is gone, or he is in other rooms than he was. */
    void (*account_changed)(void *userdata, struct bytes userid);
    /* Adds what the host knows to the answer of "status", beside its "storage" object: one member
     * per section ("daemon", "presence", "counters" …), each an object of plain values. */
    void (*status)(void *userdata, json_t *into);
    /* The answer to "clients", with "clients", "count" and "next" as multichatctl(8) says; NULL if
     * memory ran out. */
    json_t *(*clients)(void *userdata, const struct admin_clients *asked);
    /* Closes the connections of a user, telling each `reason`. False if he has none. */
    bool (*kick)(void *userdata, struct bytes userid, const char *reason);
    /* How many members of the room with that conversation are present. */
    uint64_t (*present)(void *userdata, uint64_t conversation);
    /* `message` has been stored: it is new to those who are connected. Who was removed from a room
     * is known by it to be so. */
    void (*stored)(void *userdata, struct message *message);
    void *userdata;
};

/* Has jansson wipe what it frees, because requests carry passwords. Called once, by main, before
 * there is any JSON. */
void admin_setup(void);

/* `pool` is borrowed, `hooks` is copied and may be NULL. dal_open() comes first. 0 or -ENOMEM. */
MUST_USE int admin_new(struct password_pool *pool, const struct admin_hooks *hooks,
                       struct admin **ret);

/* After dal_close() and password_pool_free(). What is still waiting for a hash is answered with
 * "stopping". Takes NULL. */
void admin_free(struct admin *admin);

/* `answer` belongs to the caller; json_incref() what is to be kept. */
typedef void (*admin_answer_fn)(void *userdata, json_t *answer);

/* Carries out `request` (any JSON value; a reference is taken where it is needed longer) and calls
 * back exactly once: before it returns where nothing has to be waited for (a refusal, "status"),
 * else later, from dal_dispatch() or password_pool_dispatch(). `answer` may be NULL if memory ran
 * out. */
void admin_handle(struct admin *admin, json_t *request, admin_answer_fn callback, void *userdata);

/* The same from the text of a request. */
void admin_handle_line(struct admin *admin, struct bytes line, admin_answer_fn callback,
                       void *userdata);

/* {"ok": false, "code": …, "error": …}, a new reference; NULL if memory ran out. */
json_t *admin_refusal(enum admin_code code, const char *format, ...) PRINTF_LIKE(2, 3);

/* `text` as JSON, with '?' for each byte that is no UTF-8: what a database or a system call says
 * may be in another character set, or cut in the middle of a character. A new reference; NULL if
 * memory ran out. */
json_t *admin_text(const char *text);

/* The code as it stands in an answer. */
const char *admin_code_name(enum admin_code code);
