/* Reading messages back, in pages, and finding one by its key.
 *
 * A page is read in slices, so that a limit in bytes that is reached early does not make the
 * server send what nobody wants.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "dal/request.h"

#include <errno.h>
#include <stdlib.h>

#define SLICE 128

struct read_request {
    struct request request;
    uint64_t conversation, after;
    unsigned max_count;
    size_t max_bytes;
    dal_messages_fn callback;
    struct message **messages; /* result */
    size_t count, bytes;
};

static struct read_request *read_of(struct request *request)
{
    return CONTAINER_OF(request, struct read_request, request);
}

static bool is_full(const struct read_request *read)
{
    return read->count >= read->max_count || (read->count > 0 && read->bytes >= read->max_bytes);
}

static int message_row(void *userdata, const struct sql_value *row)
{
    struct read_request *read = userdata;
    const struct message from = {
        .conversation = read->conversation,
        .seq = row[0].number,
        .time_ms = row[1].number,
        .sender = row[2].number,
        .origin = row[3].number,
        .context = row[4].number,
        .userid = row[5].text,
        .name = row[6].text,
        .key = row[7].text,
        .text = row[8].text,
    };

    if (array_grow(&read->messages, read->count, sizeof(struct message *)) < 0 ||
        message_new(&from, &read->messages[read->count]) < 0)
        return -ENOMEM;
    read->count++;
    read->bytes += from.text.len;
    return is_full(read) ? 1 : 0;
}

static void read_release(struct request *request)
{
    struct read_request *read = read_of(request);

    for (size_t i = 0; i < read->count; i++)
        message_unref(read->messages[i]);
    free(read->messages);
    read->messages = NULL;
    read->count = read->bytes = 0;
}

static enum sql_status read_slice(struct sql_connection *connection, struct read_request *read,
                                  bool *ret_more)
{
    size_t before = read->count, left = read->max_count - read->count;
    uint64_t after = before == 0 ? read->after : read->messages[before - 1]->seq;
    struct sql_value values[] = {sql_number(read->conversation), sql_number(after),
                                 sql_number(left < SLICE ? left : SLICE)};
    enum sql_status status = sql_run(connection, SQL_MESSAGES_READ, values, message_row, read);

    *ret_more = !is_full(read) && read->count - before == SLICE;
    return status;
}

static enum sql_status read_execute(struct sql_connection *connection, struct request *request)
{
    struct read_request *read = read_of(request);
    struct sql_value id[] = {sql_number(read->conversation)};
    enum sql_status status = SQL_OK;
    bool more = read->max_count > 0, exists = false;

    read_release(request);
    while (more && status == SQL_OK)
        status = read_slice(connection, read, &more);
    if (status == SQL_OK && read->count == 0)
        status = sql_run(connection, SQL_CONVERSATION_BY_ID, id, row_exists, &exists);
    request->outcome = read->count > 0 || exists ? DAL_OK : DAL_MISSING;
    return status;
}

static void read_deliver(struct request *request)
{
    struct read_request *read = read_of(request);
    bool ok = request->outcome == DAL_OK;

    read->callback(request->userdata, request->outcome, ok ? read->messages : NULL,
                   ok ? read->count : 0);
}

static const struct request_kind kind_read = {
    .name = "messages read",
    .side = REQUEST_READ,
    .execute = read_execute,
    .deliver = read_deliver,
    .release = read_release,
};

int dal_messages_read(uint64_t conversation, uint64_t after, unsigned max_count, size_t max_bytes,
                      dal_messages_fn callback, void *userdata)
{
    struct read_request *read = request_new(&kind_read, sizeof(*read), 0, userdata);

    if (read == NULL)
        return -ENOMEM;
    read->conversation = conversation;
    read->after = after;
    read->max_count = max_count;
    read->max_bytes = max_bytes;
    read->callback = callback;
    return dal_submit(&read->request);
}

/* -- by key ------------------------------------------------------------------------------------ */

struct find_request {
    struct request request;
    uint64_t sender;
    struct bytes key;
    uint64_t conversation, seq, time_ms; /* result */
    dal_place_fn callback;
};

static struct find_request *find_of(struct request *request)
{
    return CONTAINER_OF(request, struct find_request, request);
}

/* Columns sender, key, conversation, seq, time. */
static int place_row(void *userdata, const struct sql_value *row)
{
    struct find_request *find = userdata;

    find->conversation = row[2].number;
    find->seq = row[3].number;
    find->time_ms = row[4].number;
    return 1;
}

static enum sql_status find_execute(struct sql_connection *connection, struct request *request)
{
    struct find_request *find = find_of(request);
    struct sql_value values[2 * SQL_PADDED];
    enum sql_status status;

    for (unsigned i = 0; i < SQL_PADDED; i++) {
        values[2 * i] = sql_number(find->sender);
        values[2 * i + 1] = sql_bytes(find->key);
    }
    find->seq = 0;
    status = sql_run(connection, SQL_KEYS_PADDED, values, place_row, find);
    request->outcome = find->seq != 0 ? DAL_OK : DAL_MISSING;
    return status;
}

static void find_deliver(struct request *request)
{
    const struct find_request *find = find_of(request);

    find->callback(request->userdata, request->outcome, find->conversation, find->seq,
                   find->time_ms);
}

static const struct request_kind kind_find = {
    .name = "message find",
    .side = REQUEST_READ,
    .execute = find_execute,
    .deliver = find_deliver,
};

int dal_message_find(uint64_t sender, struct bytes key, dal_place_fn callback, void *userdata)
{
    struct find_request *find =
        request_new(&kind_find, sizeof(*find), request_space(key), userdata);

    if (find == NULL)
        return -ENOMEM;
    find->sender = sender;
    find->key = request_keep(&find->request, key);
    find->callback = callback;
    return dal_submit(&find->request);
}
