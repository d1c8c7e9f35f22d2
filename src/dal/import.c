/* Filling an empty store, in one transaction.
 *
 * Rows are gathered and inserted many at a time. When the engine refuses that, they are inserted
 * one by one, so that it is known which of them was at fault: a statement that failed has changed
 * nothing, and its transaction goes on.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "dal/import-check.h"
#include "dal/request.h"
#include "dal/transfer.h"
#include "util/utf8.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Texts of the rows gathered; what is larger goes at once. */
#define TEXTS_MAX ((size_t)1 << 20)

struct batch {
    enum dal_table table;
    unsigned count;
    struct sql_value values[TRANSFER_MANY * TRANSFER_COLUMNS_MAX];
    uint64_t lines[TRANSFER_MANY];
    char texts[TEXTS_MAX];
    size_t used;
};

struct dal_import {
    struct sql_connection *connection;
    struct import_check *check;
    struct batch batch;
    int error; /* the first */
    char *trouble;
    uint64_t trouble_line;
};

static int fail(struct dal_import *import, int error, uint64_t line, const char *words)
{
    import->error = transfer_say(&import->trouble, error, "%s", words);
    import->trouble_line = line;
    return error;
}

static int fail_storage(struct dal_import *import)
{
    return fail(import, -EIO, 0, import->connection->error);
}

/* -- what is gathered ---------------------------------------------------------------------------
 */

static unsigned columns_of(enum dal_table table)
{
    return dal_table_shape(table)->field_count + transfer_table(table)->derived;
}

static bool is_about_the_row(enum sql_status status)
{
    return status == SQL_DUPLICATE || status == SQL_NO_PARENT || status == SQL_REFUSED;
}

static int insert_one(struct dal_import *import, enum dal_table table,
                      const struct sql_value *values, uint64_t line)
{
    struct sql_connection *connection = import->connection;
    char words[320];
    enum sql_status status =
        sql_run(connection, transfer_table(table)->insert_one, values, NULL, NULL);

    if (status == SQL_OK)
        return 0;
    if (!is_about_the_row(status))
        return fail_storage(import);
    snprintf(words, sizeof(words), "%s%s",
             status == SQL_DUPLICATE ? "an earlier one is named as it is: " : "",
             connection->error);
    return fail(import, -EINVAL, line, words);
}

static int flush(struct dal_import *import)
{
    struct batch *batch = &import->batch;
    unsigned columns = columns_of(batch->table);
    enum sql_status status = SQL_REFUSED;
    int error = 0;

    if (batch->count == TRANSFER_MANY)
        status = sql_run(import->connection, transfer_table(batch->table)->insert_many,
                         batch->values, NULL, NULL);
    if (status != SQL_OK && !is_about_the_row(status))
        return fail_storage(import);
    for (unsigned i = 0; i < batch->count && status != SQL_OK && error == 0; i++)
        error = insert_one(import, batch->table, &batch->values[i * columns], batch->lines[i]);
    batch->count = 0;
    batch->used = 0;
    return error;
}

static struct bytes keep_text(struct batch *batch, struct bytes text)
{
    char *to = batch->texts + batch->used;

    if (text.len > 0)
        memcpy(to, text.data, text.len);
    batch->used += text.len;
    return (struct bytes){to, text.len};
}

static int gather(struct dal_import *import, enum dal_table table, const struct sql_value *values,
                  uint64_t line)
{
    struct batch *batch = &import->batch;
    unsigned columns = columns_of(table);
    size_t size = 0;
    int error = 0;

    for (unsigned i = 0; i < columns; i++)
        size += values[i].type == SQL_TEXT ? values[i].text.len : 0;
    if (batch->table != table || batch->count == TRANSFER_MANY || size > TEXTS_MAX - batch->used)
        error = flush(import);
    if (error < 0)
        return error;
    if (size > TEXTS_MAX)
        return insert_one(import, table, values, line);
    batch->table = table;
    for (unsigned i = 0; i < columns; i++) {
        struct sql_value *to = &batch->values[batch->count * columns + i];
        *to = values[i];
        if (to->type == SQL_TEXT)
            to->text = keep_text(batch, values[i].text);
    }
    batch->lines[batch->count++] = line;
    return 0;
}

/* -- rows ---------------------------------------------------------------------------------------
 */

static void free_text(char **text)
{
    free(*text);
}

static int fold(struct dal_import *import, struct bytes name, uint64_t line, char **ret)
{
    int error = utf8_fold(name, ret);

    if (error == 0)
        return 0;
    return fail(import, error == -EILSEQ ? -EINVAL : error, line, "its name cannot be folded");
}

/* Behind a user: the folded forms of display name and userid. */
static int gather_user(struct dal_import *import, struct sql_value *values, uint64_t line)
{
    CLEANUP(free_text) char *name = NULL;
    CLEANUP(free_text) char *userid = NULL;
    int error = fold(import, values[2].text, line, &name);

    if (error == 0)
        error = fold(import, values[1].text, line, &userid);
    if (error < 0)
        return error;
    values[9] = sql_bytes(bytes_of(name));
    values[10] = sql_bytes(bytes_of(userid));
    return gather(import, DAL_USERS, values, line);
}

/* Behind a room: its folded name. */
static int gather_room(struct dal_import *import, struct sql_value *values, uint64_t line)
{
    CLEANUP(free_text) char *name = NULL;
    int error = fold(import, import_check_room(import->check, values[1].number), line, &name);

    if (error < 0)
        return error;
    values[6] = sql_bytes(bytes_of(name));
    return gather(import, DAL_ROOMS, values, line);
}

/* Behind a message: whether it is of the dialogue of two users (as message_values() has it). */
static int gather_message(struct dal_import *import, struct sql_value *values, uint64_t line)
{
    bool in_inbox = import_check_is_inbox(import->check, values[0].number);

    values[11] = sql_number(in_inbox && values[5].number == 0);
    return gather(import, DAL_MESSAGES, values, line);
}

static int gather_row(struct dal_import *import, enum dal_table table, struct sql_value *values,
                      uint64_t line)
{
    switch (table) {
    case DAL_USERS:
        return gather_user(import, values, line);
    case DAL_ROOMS:
        return gather_room(import, values, line);
    case DAL_MESSAGES:
        return gather_message(import, values, line);
    default:
        return gather(import, table, values, line);
    }
}

int dal_import_row(struct dal_import *import, enum dal_table table, const struct dal_value *values,
                   uint64_t line)
{
    const struct transfer_table *transfer = transfer_table(table);
    struct sql_value row[TRANSFER_COLUMNS_MAX];
    const char *trouble;

    if (import->error < 0)
        return import->error;
    trouble = import_check_row(import->check, table, values, line);
    if (trouble != NULL)
        return fail(import, -EINVAL, line, trouble);
    for (unsigned i = 0; i < transfer->shape.field_count; i++)
        row[i] = transfer->shape.fields[i].type == DAL_TEXT ? sql_bytes(values[i].text)
                                                            : sql_number(values[i].number);
    return gather_row(import, table, row, line);
}

/* -- the beginning ------------------------------------------------------------------------------
 */

/* Where the ids of a table go on. In MySQL this ends a transaction, so it is done before ours; an
 * empty store is none the worse for it. */
static enum sql_status set_id(struct sql_connection *connection, const char *table, uint64_t next)
{
    char text[256];

    if (connection->driver->dialect == SQL_DIALECT_MYSQL)
        snprintf(text, sizeof(text), "ALTER TABLE %s AUTO_INCREMENT = %" PRIu64, table, next);
    else
        snprintf(text, sizeof(text),
                 "DELETE FROM sqlite_sequence WHERE name = '%s'; "
                 "INSERT INTO sqlite_sequence (name, seq) VALUES ('%s', %" PRIu64 ")",
                 table, table, next - 1);
    return connection->driver->script(connection, text);
}

/* What is there of everyone's conversation has an id made of this day, which may be beyond those to
 * come. */
static enum sql_status lower_everyone(struct sql_connection *connection, uint64_t next)
{
    char text[128];

    snprintf(text, sizeof(text), "UPDATE conversations SET id = %" PRIu64, next - 1);
    return connection->driver->script(connection, text);
}

static int set_ids(struct dal_import *import, const struct dal_next_ids *next)
{
    struct sql_connection *connection = import->connection;
    enum sql_status status = lower_everyone(connection, next->conversation);

    if (status == SQL_OK)
        status = set_id(connection, "conversations", next->conversation);
    if (status == SQL_OK)
        status = set_id(connection, "users", next->user);
    if (status == SQL_OK)
        status = set_id(connection, "rooms", next->room);
    if (status == SQL_OK)
        status = set_id(connection, "devices", next->device);
    return status == SQL_OK ? 0 : fail_storage(import);
}

static int see_that_empty(struct dal_import *import)
{
    uint64_t empty = 0;

    if (sql_run(import->connection, SQL_IS_EMPTY, NULL, row_number, &empty) != SQL_OK)
        return fail_storage(import);
    return empty ? 0 : fail(import, -ENOTEMPTY, 0, "there is something in the database already");
}

static int begin(struct dal_import *import, const struct dal_next_ids *next)
{
    struct sql_connection *connection = import->connection;
    int error = see_that_empty(import);

    if (error == 0)
        error = set_ids(import, next);
    if (error == 0 && (connection->driver->begin(connection, true) != SQL_OK ||
                       sql_run(connection, SQL_CONVERSATIONS_CLEAR, NULL, NULL, NULL) != SQL_OK))
        error = fail_storage(import);
    return error;
}

static bool are_ids(const struct dal_next_ids *next)
{
    return next->conversation > 1 && next->conversation <= INT64_MAX && next->user > 0 &&
           next->user <= INT64_MAX && next->room > 0 && next->room <= INT64_MAX &&
           next->device > 0 && next->device <= INT64_MAX;
}

int dal_import_begin(const struct dal_config *config, const struct dal_next_ids *next,
                     struct dal_import **ret, char **ret_error)
{
    struct dal_import *import;
    int error;

    if (!are_ids(next))
        return transfer_say(ret_error, -EINVAL, "the numbers that come next are none");
    import = calloc(1, sizeof(*import));
    if (import == NULL)
        return -ENOMEM;
    import->check = import_check_new(next);
    error = import->check == NULL
                ? -ENOMEM
                : transfer_open(config, SQL_LOADER, true, &import->connection, &import->trouble);
    if (error == 0)
        error = begin(import, next);
    if (error < 0) {
        *ret_error = import->trouble;
        import->trouble = NULL;
        dal_import_free(import);
        return error;
    }
    *ret = import;
    return 0;
}

/* -- the end ------------------------------------------------------------------------------------
 */

int dal_import_commit(struct dal_import *import)
{
    struct sql_connection *connection = import->connection;
    uint64_t line = 0;
    const char *trouble;
    int error = import->error == 0 ? flush(import) : import->error;

    if (error < 0)
        return error;
    trouble = import_check_end(import->check, &line);
    if (trouble != NULL)
        return fail(import, -EINVAL, line, trouble);
    if (sql_run(connection, SQL_IMPORT_WHISPERS, NULL, NULL, NULL) != SQL_OK)
        return fail_storage(import);
    enum sql_status status = connection->driver->commit(connection);
    if (status == SQL_LOST)
        return fail(import, -EIO, 0,
                    "the connection was lost at the very end: all is there, or nothing");
    return status == SQL_OK ? 0 : fail_storage(import);
}

const char *dal_import_trouble(const struct dal_import *import, uint64_t *ret_line)
{
    *ret_line = import->trouble_line;
    return import->trouble == NULL ? "no memory" : import->trouble;
}

void dal_import_free(struct dal_import *import)
{
    if (import == NULL)
        return;
    if (import->connection != NULL)
        (void)import->connection->driver->rollback(import->connection);
    transfer_close(&import->connection);
    import_check_free(import->check);
    free(import->trouble);
    free(import);
}
