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

/* Columns id, kind, name, end. */
void conversation_from_row(const struct sql_value *row, struct conversation_record *ret);

/* Looks a conversation up by name; `ret->id` is 0 if there is none. */
enum sql_status find_conversation(struct sql_connection *connection, struct bytes name,
                                  struct conversation_record *ret);

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
