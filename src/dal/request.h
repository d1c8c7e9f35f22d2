/* A request: what a public call asks of a storage thread, and what comes back.
 *
 * Each kind embeds struct request in a struct of its own, with copies of its arguments behind it
 * and its results in it. A request belongs to the reactor thread until dal_submit(), then to the
 * storage thread that takes it, and to the reactor thread again from dal_dispatch() on; so nothing
 * in it needs a lock.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "dal/dal.h"
#include "dal/driver.h"
#include "util/list.h"

#include <stdbool.h>
#include <stddef.h>

struct request;

enum request_side {
    REQUEST_READ,  /* any reader */
    REQUEST_CHECK, /* any reader, on a connection of its own */
    REQUEST_WRITE, /* the first writer, in a transaction with its neighbours */
    REQUEST_STORE, /* a message: the writer of its conversation */
};

struct request_kind {
    const char *name; /* for the log */
    enum request_side side;
    bool fenced; /* touches a conversation it knows by name: keeps its place among all messages */

    /* Runs the statements and sets `outcome` and the results, anew each time it is called. For
     * REQUEST_WRITE inside a transaction, with everything that refuses it looked at before the
     * first change. With `uncertain` set it may have taken effect before. */
    enum sql_status (*execute)(struct sql_connection *connection, struct request *request);

    /* Runs the caller's callback. NULL: `done` is it. */
    void (*deliver)(struct request *request);

    /* Frees what the results hold. May be NULL. */
    void (*release)(struct request *request);
};

struct request {
    struct list link;
    const struct request_kind *kind;
    char *spare; /* where the next copied argument goes */
    dal_done_fn done;
    void *userdata;
    uint64_t conversation; /* chooses the writer of a message; 0 for everything else */
    enum dal_outcome outcome;
    unsigned attempts; /* connections it was lost with */
    unsigned together; /* most requests its transaction may have; 0 for any number */
    bool uncertain;    /* it was lost during a commit, and its fate is not known yet */
    bool logged;       /* it has added to a log itself, so a writer's knowledge of ends is old */
};

/* `size` bytes, zeroed, that begin with a struct request, and `arguments` bytes behind them for
 * request_keep(). NULL when there is no memory. */
void *request_new(const struct request_kind *kind, size_t size, size_t arguments, void *userdata);
void request_free(struct request *request);

/* What request_keep() takes of the space for arguments. */
static inline size_t request_space(struct bytes bytes)
{
    return bytes.len + 1;
}

/* A copy of `bytes` that lives as long as the request, followed by a NUL. */
struct bytes request_keep(struct request *request, struct bytes bytes);

/* Hands a request over, or frees it and returns -EAGAIN. */
MUST_USE int dal_submit(struct request *request);

/* Room for one more element after `count` in the array at `*array` (of elements of `size` bytes,
 * grown by this function alone). 0 or -ENOMEM. */
MUST_USE int array_grow(void *array, size_t count, size_t size);

/* A column's text into a fixed array, NUL-terminated; what does not fit is cut off. */
void column_copy(char *to, size_t size, const struct sql_value *column);

/* -- what several kinds share ----------------------------------------------------------------- */

struct found_user {
    bool found;
    struct user user;
    char *password_hash; /* freed by the caller */
};

/* Looks a user up by userid; `*ret` is written in any case. */
enum sql_status find_user(struct sql_connection *connection, struct bytes userid,
                          struct found_user *ret);
/* The same by id. */
enum sql_status find_user_id(struct sql_connection *connection, uint64_t id,
                             struct found_user *ret);

/* Columns in the order of USER_COLUMNS. */
void user_from_row(const struct sql_value *row, struct user *ret);

/* Columns in the order of CONVERSATION_COLUMNS. */
void conversation_from_row(const struct sql_value *row, struct conversation_record *ret);

/* Looks a conversation up by name, a room by what dal.h says; `ret->id` is 0 if there is none. */
enum sql_status find_conversation(struct sql_connection *connection, struct bytes name,
                                  struct conversation_record *ret);

/* Looks a room up, as `user` sees it (0: as nobody); `ret->conversation.id` is 0 if there is none.
 */
enum sql_status find_room(struct sql_connection *connection, uint64_t user, struct bytes room,
                          struct room_record *ret);
/* The same by its number. */
enum sql_status find_room_number(struct sql_connection *connection, uint64_t user, uint64_t number,
                                 struct room_record *ret);

/* Columns in the order of ROOM_COLUMNS. */
void room_from_row(const struct sql_value *row, struct room_record *ret);

/* Deletes a conversation with its messages and memberships, in statements that each take little
 * time however long it is. */
enum sql_status delete_conversation(struct sql_connection *connection,
                                    const struct conversation_record *conversation);

/* Row function that sets the bool it is given: there is a row. */
int row_exists(void *userdata, const struct sql_value *row);

/* Row function that stores the first column into the uint64_t it is given. */
int row_number(void *userdata, const struct sql_value *row);

/* Inserts cursors or moves them forward, whatever their devices and conversations are. */
enum sql_status store_cursors(struct sql_connection *connection,
                              const struct device_cursor *cursors, size_t count);

/* -- names.c ---------------------------------------------------------------------------------- */

/* The folded form of a name, freed by the caller. False: it has none, or there is no memory, and
 * the request's outcome says so. */
bool fold_name(struct request *request, struct bytes name, char **ret);

/* Keeps everybody else from giving names until the transaction ends. */
enum sql_status lock_names(struct sql_connection *connection);

/* True if a user other than `user` (0: any) has it for a userid or a display name. After
 * lock_names(). */
enum sql_status name_taken(struct sql_connection *connection, const char *key, uint64_t user,
                           bool *ret);

/* -- rooms.c ---------------------------------------------------------------------------------- */

/* Makes a room of a name that is free. `key` is folded from it. After lock_names(). */
enum sql_status insert_room_rows(struct sql_connection *connection, struct bytes name,
                                 const char *key, uint64_t by, uint64_t ms);

/* -- notices.c -------------------------------------------------------------------------------- */

/* Stores an entry of a log as part of the request's transaction. `notice` has everything but seq
 * and time. `*ret` is a message of its own; NULL if the conversation is gone. */
enum sql_status store_notice(struct sql_connection *connection, struct request *request,
                             const struct message *notice, struct message **ret);

/* The same, as it was found by its key after a commit that was lost; NULL if it is not there. */
enum sql_status find_notice(struct sql_connection *connection, const struct message *notice,
                            struct message **ret);

/* -- messages.c ------------------------------------------------------------------------------- */

/* Messages as they are read, up to a limit. */
struct message_page {
    unsigned max_count;
    size_t max_bytes; /* of text */
    uint64_t from_ms; /* newest first: nothing older is taken; else 0 */
    struct message **messages;
    size_t count, bytes;
    bool more; /* a row that would have been taken did not fit */
};

/* In the order of MESSAGE_INSERT. `in_inbox`: the conversation is one. */
#define MESSAGE_VALUES 12
void message_values(struct sql_value values[MESSAGE_VALUES], const struct message *message,
                    bool in_inbox);

bool page_is_full(const struct message_page *page);

/* Row function: columns in the order of MESSAGE_COLUMNS and the name of the conversation. */
int page_row(void *page, const struct sql_value *row);

/* Drops what it holds. */
void page_clear(struct message_page *page);
