/* What export and import share: the tables, and the connection they have to themselves.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "dal/transfer.h"

#include "dal/dal-private.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* -- the tables -------------------------------------------------------------------------------- */

/* As enum conversation_kind, room_access and message_kind have them, and the roles of members. */
static const char *const conversation_kinds[] = {"everyone", "room", "inbox", NULL};
static const char *const accesses[] = {"open", "closed", NULL};
static const char *const roles[] = {"member", "operator", NULL};
static const char *const message_kinds[] = {"text",   "joined",  "left",    "renamed",
                                            "topic",  "invited", "removed", "announcement",
                                            "access", NULL};

#define NUMBER(field)                                                                              \
    {                                                                                              \
        field, DAL_NUMBER, NULL                                                                    \
    }
#define FLAG(field)                                                                                \
    {                                                                                              \
        field, DAL_FLAG, NULL                                                                      \
    }
#define WORD(field, words)                                                                         \
    {                                                                                              \
        field, DAL_WORD, words                                                                     \
    }
#define TEXT(field)                                                                                \
    {                                                                                              \
        field, DAL_TEXT, NULL                                                                      \
    }

static const struct transfer_table tables[DAL_TABLES] = {
    [DAL_CONVERSATIONS] = {{"conversation",
                            {NUMBER("id"), WORD("kind", conversation_kinds), TEXT("name")},
                            3},
                           SQL_EXPORT_CONVERSATIONS,
                           SQL_IMPORT_CONVERSATIONS_1,
                           SQL_IMPORT_CONVERSATIONS_64,
                           0},
    [DAL_USERS] = {{"user",
                    {NUMBER("id"), TEXT("userid"), TEXT("name"), TEXT("password_hash"),
                     NUMBER("auth_epoch"), NUMBER("created_ms"), FLAG("disabled"), FLAG("bulk"),
                     NUMBER("inbox")},
                    9},
                   SQL_EXPORT_USERS,
                   SQL_IMPORT_USERS_1,
                   SQL_IMPORT_USERS_64,
                   2},
    [DAL_ROOMS] = {{"room",
                    {NUMBER("number"), NUMBER("conversation"), TEXT("topic"),
                     WORD("access", accesses), NUMBER("made_by"), NUMBER("made_ms")},
                    6},
                   SQL_EXPORT_ROOMS,
                   SQL_IMPORT_ROOMS_1,
                   SQL_IMPORT_ROOMS_64,
                   1},
    [DAL_DEVICES] = {{"device", {NUMBER("id"), NUMBER("user"), TEXT("name"), NUMBER("seen_ms")}, 4},
                     SQL_EXPORT_DEVICES,
                     SQL_IMPORT_DEVICES_1,
                     SQL_IMPORT_DEVICES_64,
                     0},
    [DAL_MESSAGES] = {{"message",
                       {NUMBER("conversation"), NUMBER("seq"), NUMBER("time_ms"), NUMBER("sender"),
                        NUMBER("origin"), NUMBER("context"), WORD("kind", message_kinds),
                        TEXT("userid"), TEXT("name"), TEXT("key"), TEXT("text")},
                       11},
                      SQL_EXPORT_MESSAGES,
                      SQL_MESSAGES_INSERT_1,
                      SQL_MESSAGES_INSERT_64,
                      1},
    [DAL_MEMBERS] = {{"member",
                      {NUMBER("conversation"), NUMBER("user"), NUMBER("since"),
                       WORD("role", roles)},
                      4},
                     SQL_EXPORT_MEMBERS,
                     SQL_IMPORT_MEMBERS_1,
                     SQL_IMPORT_MEMBERS_64,
                     0},
    [DAL_INVITATIONS] = {{"invitation",
                          {NUMBER("conversation"), NUMBER("user"), NUMBER("invited_by"),
                           NUMBER("invited_ms")},
                          4},
                         SQL_EXPORT_INVITATIONS,
                         SQL_IMPORT_INVITATIONS_1,
                         SQL_IMPORT_INVITATIONS_64,
                         0},
    [DAL_CURSORS] = {{"cursor", {NUMBER("device"), NUMBER("conversation"), NUMBER("seq")}, 3},
                     SQL_EXPORT_CURSORS,
                     SQL_CURSORS_STORE_1,
                     SQL_CURSORS_STORE_64,
                     0},
};

const struct transfer_table *transfer_table(enum dal_table table)
{
    assert(table < DAL_TABLES);
    return &tables[table];
}

const struct dal_table_shape *dal_table_shape(enum dal_table table)
{
    return &transfer_table(table)->shape;
}

/* -- the connection ---------------------------------------------------------------------------- */

int transfer_say(char **ret_error, int error, const char *format, ...)
{
    va_list arguments;

    free(*ret_error);
    va_start(arguments, format);
    if (vasprintf(ret_error, format, arguments) < 0)
        *ret_error = NULL;
    va_end(arguments);
    return error;
}

void transfer_close(struct sql_connection **connection)
{
    if (*connection != NULL)
        (*connection)->driver->close(*connection);
    *connection = NULL;
}

/* How long somebody else's connection is waited for: one that has been closed is known to the
 * server for a moment longer. */
#define ALONE_TRIES 10
#define ALONE_PAUSE (100 * 1000 * 1000) /* nanoseconds */

static int see_that_alone(struct sql_connection *connection, char **ret_error)
{
    const struct timespec pause = {.tv_nsec = ALONE_PAUSE};

    for (int i = 0; i < ALONE_TRIES; i++) {
        uint64_t others = 0;
        if (sql_run(connection, SQL_OTHERS, NULL, row_number, &others) != SQL_OK)
            return transfer_say(ret_error, -EIO, "%s", connection->error);
        if (others == 0)
            return 0;
        (void)nanosleep(&pause, NULL);
    }
    return transfer_say(ret_error, -EBUSY, "the database is in use by another process");
}

static int prepare(struct sql_connection *connection, enum sql_role role, bool migrate,
                   char **ret_error)
{
    struct schema_versions versions;
    enum sql_status status = schema_prepare(connection, migrate, &versions);

    if (status != SQL_OK)
        return transfer_say(ret_error, status == SQL_RETRY ? -EBUSY : -ECONNREFUSED, "%s",
                            connection->error);
    return role == SQL_LOADER ? see_that_alone(connection, ret_error) : 0;
}

int transfer_open(const struct dal_config *config, enum sql_role role, bool migrate,
                  struct sql_connection **ret, char **ret_error)
{
    const struct sql_driver *driver = dal_driver(config->driver);
    struct sql_connection *connection = NULL;
    char error[256] = "";

    if (driver == NULL)
        return transfer_say(ret_error, -ECONNREFUSED, "there is no driver \"%s\"", config->driver);
    if (driver->setup != NULL && driver->setup() < 0)
        return transfer_say(ret_error, -ECONNREFUSED, "the database's library cannot be used");
    enum sql_status status = driver->open(config, role, &connection, error);
    if (status == SQL_RETRY)
        return transfer_say(ret_error, -EBUSY, "the database is in use by another process (%s)",
                            error);
    if (status != SQL_OK)
        return transfer_say(ret_error, -ECONNREFUSED, "%s", error);
    int result = prepare(connection, role, migrate, ret_error);
    if (result < 0) {
        transfer_close(&connection);
        return result;
    }
    *ret = connection;
    return 0;
}
