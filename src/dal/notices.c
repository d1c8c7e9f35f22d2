/* Entries of logs that are stored together with the change they tell of, in its transaction.
 *
 * The conversation is locked before its end is read, so that no message writer can take the same
 * number; what one of them knew of the end before is old then, and it finds out by itself.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "dal/request.h"

#include "util/clock.h"

#include <errno.h>
#include <stdio.h>

struct log_end {
    bool found, is_inbox;
    uint64_t seq, time_ms;
};

static int end_row(void *userdata, const struct sql_value *row)
{
    *(struct log_end *)userdata =
        (struct log_end){true, row[3].number == CONVERSATION_INBOX, row[1].number, row[2].number};
    return 1;
}

static enum sql_status lock_end(struct sql_connection *connection, uint64_t conversation,
                                struct log_end *ret)
{
    struct sql_value ids[SQL_PADDED];
    uint64_t locked;
    enum sql_status status;

    for (size_t i = 0; i < SQL_PADDED; i++)
        ids[i] = sql_number(conversation);
    *ret = (struct log_end){.found = false};
    status = sql_run(connection, SQL_ENDS_LOCK_PADDED, ids, row_number, &locked);
    return status == SQL_OK ? sql_run(connection, SQL_ENDS_PADDED, ids, end_row, ret) : status;
}

static enum sql_status insert(struct sql_connection *connection, const struct message *message,
                              bool in_inbox)
{
    struct sql_value values[MESSAGE_VALUES];

    message_values(values, message, in_inbox);
    return sql_run(connection, SQL_MESSAGES_INSERT_1, values, NULL, NULL);
}

static enum sql_status copy(struct sql_connection *connection, const struct message *message,
                            struct message **ret)
{
    if (message_new(message, ret) == 0)
        return SQL_OK;
    snprintf(connection->error, sizeof(connection->error), "out of memory");
    return SQL_FAILED;
}

enum sql_status store_notice(struct sql_connection *connection, struct request *request,
                             const struct message *notice, struct message **ret)
{
    struct message message = message_contents(notice);
    uint64_t now = clock_real_ms();
    struct log_end end;
    enum sql_status status = lock_end(connection, notice->conversation, &end);

    *ret = NULL;
    if (status != SQL_OK || !end.found)
        return status;
    message.seq = end.seq + 1;
    message.time_ms = now > end.time_ms ? now : end.time_ms;
    request->logged = true;
    status = insert(connection, &message, end.is_inbox);
    return status == SQL_OK ? copy(connection, &message, ret) : status;
}

/* Columns sender, key, conversation, seq, time. */
static int place_row(void *userdata, const struct sql_value *row)
{
    struct message *message = userdata;

    message->conversation = row[2].number;
    message->seq = row[3].number;
    message->time_ms = row[4].number;
    return 1;
}

enum sql_status find_notice(struct sql_connection *connection, const struct message *notice,
                            struct message **ret)
{
    struct sql_value values[2 * SQL_PADDED];
    struct message message = message_contents(notice);
    enum sql_status status;

    *ret = NULL;
    for (size_t i = 0; i < SQL_PADDED; i++) {
        values[2 * i] = sql_number(notice->sender);
        values[2 * i + 1] = sql_bytes(notice->key);
    }
    message.seq = 0;
    status = sql_run(connection, SQL_KEYS_PADDED, values, place_row, &message);
    return status == SQL_OK && message.seq != 0 ? copy(connection, &message, ret) : status;
}
