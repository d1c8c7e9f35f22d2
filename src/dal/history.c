/* What somebody may read again: a conversation from its newest message back, with what was
 * whispered to and by him, or what two users wrote to each other.
 *
 * By time it is made of streams, each in order and newest first, of which as many messages are
 * taken as one page can hold; they are merged then. Times do not go back within a conversation and
 * its numbers are dense, so that the place of a time is found by halving, without an index on time.
 * What may be taken out of a log meanwhile is its beginning.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "dal/request.h"

#include <errno.h>
#include <stdlib.h>

/* Greater than every seq and time; a number of SQL has a sign. */
#define OPEN_END ((uint64_t)INT64_MAX)

#define STREAMS 2

struct history_request {
    struct request request;
    struct dal_history asked;
    dal_history_fn callback;
    struct message_page streams[STREAMS]; /* newest first */
    struct message **messages;            /* result, oldest first; they belong to the streams */
    size_t count;
    bool has_next;
    struct dal_place next;
};

static struct history_request *history_of(struct request *request)
{
    return CONTAINER_OF(request, struct history_request, request);
}

static void history_release(struct request *request)
{
    struct history_request *history = history_of(request);

    for (size_t i = 0; i < STREAMS; i++)
        page_clear(&history->streams[i]);
    free(history->messages);
    history->messages = NULL;
    history->count = 0;
    history->has_next = false;
}

/* -- where a stream begins -------------------------------------------------------------------- */

struct log {
    uint64_t conversation;
    uint64_t first, last, last_ms; /* 0: it is empty */
};

static int end_row(void *userdata, const struct sql_value *row)
{
    struct log *log = userdata;

    log->last = row[1].number;
    log->last_ms = row[2].number;
    return 1;
}

static enum sql_status read_end(struct sql_connection *connection, struct log *log)
{
    struct sql_value ids[SQL_PADDED];

    for (size_t i = 0; i < SQL_PADDED; i++)
        ids[i] = sql_number(log->conversation);
    return sql_run(connection, SQL_ENDS_PADDED, ids, end_row, log);
}

static bool is_before(uint64_t time_ms, uint64_t conversation, const struct dal_place *place)
{
    return time_ms < place->time_ms ||
           (time_ms == place->time_ms && conversation < place->conversation);
}

/* The first seq of the log that is not before `to`, which is in another one. */
static enum sql_status halve(struct sql_connection *connection, const struct log *log,
                             const struct dal_place *to, uint64_t *ret)
{
    uint64_t low = log->first, high = log->last;
    enum sql_status status = SQL_OK;

    while (low < high && status == SQL_OK) {
        uint64_t middle = low + (high - low) / 2, time_ms = 0;
        struct sql_value values[] = {sql_number(log->conversation), sql_number(middle)};
        status = sql_run(connection, SQL_MESSAGE_TIME, values, row_number, &time_ms);
        if (is_before(time_ms, log->conversation, to))
            low = middle + 1;
        else
            high = middle;
    }
    *ret = low;
    return status;
}

/* The seq up to which, without it, messages of a conversation are before `to`. */
static enum sql_status find_bound(struct sql_connection *connection, uint64_t conversation,
                                  const struct dal_place *to, uint64_t *ret)
{
    struct log log = {.conversation = conversation};
    struct sql_value id[] = {sql_number(conversation)};
    enum sql_status status;

    *ret = OPEN_END;
    if (to->time_ms == 0)
        return SQL_OK;
    if (to->conversation == conversation) {
        *ret = to->seq;
        return SQL_OK;
    }
    status = read_end(connection, &log);
    if (status != SQL_OK || is_before(log.last_ms, conversation, to))
        return status;
    status = sql_run(connection, SQL_START, id, row_number, &log.first);
    return status == SQL_OK ? halve(connection, &log, to, ret) : status;
}

/* -- the streams ------------------------------------------------------------------------------ */

static struct sql_value limit_of(const struct message_page *page)
{
    return sql_number((uint64_t)page->max_count + 1);
}

static enum sql_status read_log(struct sql_connection *connection, uint64_t conversation,
                                uint64_t from, uint64_t below, struct message_page *page)
{
    struct sql_value values[] = {sql_number(conversation), sql_number(from), sql_number(below),
                                 limit_of(page)};

    return sql_run(connection, SQL_HISTORY_LOG, values, page_row, page);
}

static enum sql_status read_whispers(struct sql_connection *connection,
                                     const struct dal_history *asked, struct message_page *page)
{
    bool open = asked->to.time_ms == 0;
    uint64_t time_ms = open ? OPEN_END : asked->to.time_ms;
    struct sql_value values[] = {sql_number(asked->conversation),
                                 sql_number(asked->reader),
                                 sql_number(time_ms),
                                 sql_number(time_ms),
                                 sql_number(asked->to.conversation),
                                 sql_number(asked->to.conversation),
                                 sql_number(asked->to.seq),
                                 limit_of(page)};

    return sql_run(connection, SQL_HISTORY_WHISPERS, values, page_row, page);
}

/* What `sender` wrote into the inbox of another user. */
static enum sql_status read_dialogue(struct sql_connection *connection, uint64_t sender,
                                     uint64_t inbox, const struct dal_place *to,
                                     struct message_page *page)
{
    uint64_t below = OPEN_END;
    enum sql_status status = find_bound(connection, inbox, to, &below);
    struct sql_value values[] = {sql_number(sender), sql_number(inbox), sql_number(below),
                                 limit_of(page)};

    return status == SQL_OK ? sql_run(connection, SQL_HISTORY_DIALOGUE, values, page_row, page)
                            : status;
}

static enum sql_status read_room(struct sql_connection *connection, struct history_request *history)
{
    const struct dal_history *asked = &history->asked;
    uint64_t below = OPEN_END;
    enum sql_status status = find_bound(connection, asked->conversation, &asked->to, &below);

    if (status == SQL_OK)
        status = read_log(connection, asked->conversation, 0, below, &history->streams[0]);
    if (status == SQL_OK)
        status = read_whispers(connection, asked, &history->streams[1]);
    return status;
}

/* With himself somebody has one stream. */
static enum sql_status read_both(struct sql_connection *connection, struct history_request *history)
{
    const struct dal_history *asked = &history->asked;
    enum sql_status status = read_dialogue(connection, asked->reader, asked->conversation,
                                           &asked->to, &history->streams[0]);

    if (status != SQL_OK || asked->peer == asked->reader)
        return status;
    return read_dialogue(connection, asked->peer, asked->inbox, &asked->to, &history->streams[1]);
}

static enum sql_status read_numbers(struct sql_connection *connection,
                                    struct history_request *history)
{
    const struct dal_history *asked = &history->asked;
    uint64_t to = asked->to.seq;

    return read_log(connection, asked->conversation, asked->from,
                    to != 0 && to < OPEN_END ? to + 1 : OPEN_END, &history->streams[0]);
}

/* -- the page --------------------------------------------------------------------------------- */

static bool is_later(const struct message *a, const struct message *b)
{
    if (a->time_ms != b->time_ms)
        return a->time_ms > b->time_ms;
    if (a->conversation != b->conversation)
        return a->conversation > b->conversation;
    return a->seq > b->seq;
}

/* The stream whose next message is the newest; NULL if there is none any more. */
static struct message_page *newest_stream(struct history_request *history, size_t taken[STREAMS])
{
    struct message_page *newest = NULL;
    const struct message *found = NULL;

    for (size_t i = 0; i < STREAMS; i++) {
        struct message_page *stream = &history->streams[i];
        if (taken[i] == stream->count)
            continue;
        if (found == NULL || is_later(stream->messages[taken[i]], found)) {
            newest = stream;
            found = stream->messages[taken[i]];
        }
    }
    return newest;
}

static void reverse(struct message **messages, size_t count)
{
    for (size_t i = 0; i < count / 2; i++) {
        struct message *other = messages[i];
        messages[i] = messages[count - 1 - i];
        messages[count - 1 - i] = other;
    }
}

/* By number it is the last one that is wanted. */
static void set_next(struct history_request *history, const struct message *oldest)
{
    history->has_next = true;
    history->next = history->asked.by_number
                        ? (struct dal_place){.seq = oldest->seq - 1}
                        : (struct dal_place){oldest->time_ms, oldest->conversation, oldest->seq};
}

static int merge(struct history_request *history)
{
    const struct dal_history *asked = &history->asked;
    size_t taken[STREAMS] = {0}, bytes = 0;
    struct message_page *stream;
    bool more = false;

    for (size_t i = 0; i < STREAMS; i++)
        more |= history->streams[i].more;
    while ((stream = newest_stream(history, taken)) != NULL) {
        struct message *message = stream->messages[taken[stream - history->streams]];
        if (history->count >= asked->max_count || (history->count > 0 && bytes >= asked->max_bytes))
            break;
        if (array_grow(&history->messages, history->count, sizeof(struct message *)) < 0)
            return -ENOMEM;
        history->messages[history->count++] = message;
        bytes += message->text.len;
        taken[stream - history->streams]++;
    }
    if (history->count > 0 && (stream != NULL || more))
        set_next(history, history->messages[history->count - 1]);
    reverse(history->messages, history->count);
    return 0;
}

static enum sql_status history_execute(struct sql_connection *connection, struct request *request)
{
    struct history_request *history = history_of(request);
    const struct dal_history *asked = &history->asked;
    struct sql_value id[] = {sql_number(asked->conversation)};
    bool exists = false;
    enum sql_status status;

    history_release(request);
    for (size_t i = 0; i < STREAMS; i++)
        history->streams[i] = (struct message_page){.max_count = asked->max_count,
                                                    .max_bytes = asked->max_bytes,
                                                    .from_ms = asked->by_number ? 0 : asked->from};
    if (asked->by_number)
        status = read_numbers(connection, history);
    else if (asked->peer != 0)
        status = read_both(connection, history);
    else
        status = read_room(connection, history);
    if (status == SQL_OK)
        status = sql_run(connection, SQL_CONVERSATION_BY_ID, id, row_exists, &exists);
    request->outcome = exists ? DAL_OK : DAL_MISSING;
    if (status == SQL_OK && merge(history) < 0)
        request->outcome = DAL_UNAVAILABLE;
    return status;
}

static void history_deliver(struct request *request)
{
    const struct history_request *history = history_of(request);
    bool ok = request->outcome == DAL_OK;

    history->callback(request->userdata, request->outcome, ok ? history->messages : NULL,
                      ok ? history->count : 0, ok && history->has_next ? &history->next : NULL);
}

static const struct request_kind kind_history = {
    .name = "history",
    .side = REQUEST_READ,
    .execute = history_execute,
    .deliver = history_deliver,
    .release = history_release,
};

int dal_history(const struct dal_history *asked, dal_history_fn callback, void *userdata)
{
    struct history_request *history = request_new(&kind_history, sizeof(*history), 0, userdata);

    if (history == NULL)
        return -ENOMEM;
    history->asked = *asked;
    history->callback = callback;
    return dal_submit(&history->request);
}
