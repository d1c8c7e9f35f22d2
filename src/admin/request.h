/* A request on its way through the verb table; private to src/admin.
 *
 * A request lives on its admin's list from admin_handle() until exactly one of the finish
 * functions is called, which answers and frees it. What a verb remembers between two steps hangs
 * on `state`. The arguments are borrowed from the request's JSON, which it holds a reference to.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "admin/admin.h"
#include "dal/dal.h"
#include "model/name.h"
#include "util/list.h"

struct admin {
    struct password_pool *pool;
    struct admin_hooks hooks;
    struct list requests;
};

/* What a request may hold beside its verb. */
enum argument {
    ARGUMENT_USERID,
    ARGUMENT_NAME,
    ARGUMENT_PASSWORD,
    ARGUMENT_ROOM,
    ARGUMENT_AFTER,
    ARGUMENT_LIMIT,
    ARGUMENT_USERS,
    ARGUMENT_BULK,
    ARGUMENT_DEVICE,
    ARGUMENT_ORDER,
    ARGUMENT_REASON,
    ARGUMENT_TOPIC,
    ARGUMENT_ACCESS,
    ARGUMENT_OPERATOR,
    ARGUMENT_PLAIN,
    ARGUMENT_TEXT,
    ARGUMENT_COUNT
};

#define ARGUMENT_BIT(argument) (1U << ARGUMENT_##argument)

struct arguments {
    unsigned given; /* ARGUMENT_BITs */
    struct bytes userid, name, password, after, device;
    char room[NAME_MAX_BYTES + 2]; /* with its '#' */
    unsigned limit;
    bool bulk;
    bool by_waiting;
    const char *reason; /* NULL: not given */
    struct bytes topic, operator_userid, plain_userid, text;
    enum room_access access;
    json_t *users; /* borrowed */
};

struct request;

struct verb {
    const char *name;
    unsigned required, optional; /* ARGUMENT_BITs */
    void (*handle)(struct request *request);
};

struct request {
    struct list link; /* on its admin's list */
    struct admin *admin;
    const struct verb *verb;
    json_t *json;
    struct arguments arguments;
    void *state;
    void (*state_free)(void *state);
    admin_answer_fn callback;
    void *userdata;
};

/* Takes the arguments of a verb called `verb` out of `json`, an object. False with the refusal (a
 * new reference, NULL if memory ran out) where they are not what it takes. */
MUST_USE bool arguments_parse(json_t *json, const char *verb, unsigned required, unsigned optional,
                              struct arguments *ret, json_t **ret_refusal);

/* As much of `text`, valid UTF-8, as an error message shows of what it does not know. */
struct bytes shorten(struct bytes text);

/* -- how a request ends ----------------------------------------------------------------------- */

/* Answers with `answer` (the reference is taken over; NULL if memory ran out). */
void request_finish(struct request *request, json_t *answer);
void request_refuse(struct request *request, enum admin_code code, const char *format, ...)
    PRINTF_LIKE(3, 4);

/* A call into storage or pool was not taken: -EAGAIN, -ENOMEM … */
json_t *refusal_of_error(int error);
/* Refuses if `error` is one; the usual end of a handler. */
void request_check(struct request *request, int error);

/* The refusal for an outcome that is neither OK nor one the caller has words for. */
json_t *refusal_of_outcome(enum dal_outcome outcome);

/* Refuses what only a daemon can do. */
void refuse_without_daemon(struct request *request);

/* The refusal of a user who is there already; `conflict` is as in dal_user_fn. */
json_t *refusal_of_conflict(const struct arguments *arguments, const char *conflict);

/* Tells the host. */
void request_account_changed(struct request *request, struct bytes userid);

/* -- rooms.c ---------------------------------------------------------------------------------- */

struct bytes room_of(const struct request *request);
/* Ends a request whose room is missing, or that storage could not carry out. */
void refuse_room(struct request *request, enum dal_outcome outcome);
/* {"room": …, "number": …, "access": …, "topic": …, "members": …, "messages": …} */
json_t *room_to_json(const struct room_record *room);
/* The user `joined` is about has joined its room, while that may be on its way out. */
void note_newcomer(struct request *joined);

/* -- notices.c -------------------------------------------------------------------------------- */

/* An entry of a log, not stored yet, of what `who` did; NULL: the administrator. NULL if memory ran
 * out. */
struct message *admin_notice_new(enum message_kind kind, struct bytes text, const struct user *who);
/* Tells the host that it has been stored. Takes NULL. */
void request_stored(struct request *request, struct message *notice);

/* -- users as JSON ---------------------------------------------------------------------------- */

/* {"userid": …, "name": …, "disabled": …, "bulk": …, "created_ms": …} */
json_t *user_to_json(const struct user *user);
/* An answer with at most `limit` of them as `member`, and "next" where there are more. */
json_t *users_to_json(const char *member, const struct user *users, size_t count, unsigned limit);

/* -- the verbs' handlers ---------------------------------------------------------------------- */

void verb_user_add(struct request *request);
void verb_user_add_batch(struct request *request);
void verb_user_passwd(struct request *request);
void verb_user_list(struct request *request);
void verb_user_disable(struct request *request);
void verb_user_enable(struct request *request);
void verb_user_bulk(struct request *request);
void verb_user_revoke(struct request *request);
void verb_user_devices(struct request *request);
void verb_user_forget(struct request *request);
void verb_user_delete(struct request *request);
void verb_room_add(struct request *request);
void verb_room_delete(struct request *request);
void verb_room_list(struct request *request);
void verb_rooms(struct request *request);
void verb_room_join(struct request *request);
void verb_room_part(struct request *request);
void verb_room_members(struct request *request);
void verb_room_set(struct request *request);
void verb_room_invite(struct request *request);
void verb_announce(struct request *request);
void verb_status(struct request *request);
void verb_clients(struct request *request);
void verb_kick(struct request *request);
void verb_db_check(struct request *request);
