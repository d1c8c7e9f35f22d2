/* The answers a connection owes.
 *
 * Replies stand on the list `owed` in the order of their frames. One that is ended before its turn
 * keeps a copy of its answer.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/connection-private.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

struct reply {
    struct list link;              /* on its connection's list `owed` */
    struct connection *connection; /* NULL once that has no more use for it */
    bool ended;
    bool close;
    char *answer; /* if it was ended before its turn */
    size_t answer_len;
};

struct reply *reply_new(struct connection *connection)
{
    struct reply *reply = calloc(1, sizeof *reply);
    if (reply == NULL)
        return NULL;
    reply->connection = connection;
    list_init(&reply->link);
    list_append(&connection->owed, &reply->link);
    connection->owed_count++;
    return reply;
}

static void reply_free(struct reply *reply)
{
    list_remove(&reply->link);
    free(reply->answer);
    free(reply);
}

void replies_disown(struct connection *connection)
{
    LIST_FOREACH_SAFE (link, &connection->owed) {
        struct reply *reply = LIST_ENTRY(link, struct reply, link);
        list_remove(link);
        reply->connection = NULL;
        if (reply->ended)
            reply_free(reply);
    }
    connection->owed_count = 0;
    connection->kept = 0;
}

size_t replies_memory(const struct connection *connection)
{
    return connection->owed_count * sizeof(struct reply) + connection->kept;
}

/* What the first reply of the list leaves behind when its answer has been put out. */
static void reply_leave(struct reply *reply)
{
    struct connection *connection = reply->connection;
    bool close = reply->close;
    connection->kept -= reply->answer_len;
    reply_free(reply);
    connection->owed_count--;
    if (close)
        replies_disown(connection);
    if (connection->owed_count == 0)
        connection_restart_clock(connection);
}

/* Puts out the answers whose turn has come. */
static void put_out_ended(struct connection *connection)
{
    while (!list_empty(&connection->owed)) {
        struct reply *reply = LIST_FIRST(&connection->owed, struct reply, link);
        if (!reply->ended)
            break;
        connection_put_out(connection,
                           (struct bytes){.data = reply->answer, .len = reply->answer_len});
        reply_leave(reply);
    }
}

static int keep_answer(struct reply *reply, struct bytes answer)
{
    if (answer.len == 0)
        return 0;
    reply->answer = malloc(answer.len);
    if (reply->answer == NULL)
        return -ENOMEM;
    memcpy(reply->answer, answer.data, answer.len);
    reply->answer_len = answer.len;
    reply->connection->kept += answer.len;
    return 0;
}

void reply_send(struct reply *reply, struct bytes answer, bool close)
{
    struct connection *connection = reply->connection;
    assert(!reply->ended);
    if (connection == NULL) {
        reply_free(reply);
        return;
    }
    reply->ended = true;
    reply->close = close;
    if (close) {
        connection->suspending = false;
        connection_end(connection);
    }
    connection_settle_later(connection);
    if (connection->owed.next != &reply->link) {
        if (keep_answer(reply, answer) < 0)
            connection_break(connection);
        return;
    }
    connection_put_out(connection, answer);
    reply_leave(reply);
    put_out_ended(connection);
}

/* It is an answer, to no frame. */
void connection_tell(struct connection *connection, struct bytes bytes)
{
    struct reply *reply;

    if (list_empty(&connection->owed)) {
        connection_write(connection, bytes);
        return;
    }
    reply = reply_new(connection);
    if (reply == NULL)
        connection_break(connection);
    else
        reply_send(reply, bytes, false);
}

void reply_drop(struct reply *reply, bool close)
{
    reply_send(reply, (struct bytes){.data = NULL, .len = 0}, close);
}
