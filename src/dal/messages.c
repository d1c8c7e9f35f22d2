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

void message_values(struct sql_value values[MESSAGE_VALUES], const struct message *message,
                    bool in_inbox)
{
    values[0] = sql_number(message->conversation);
    values[1] = sql_number(message->seq);
    values[2] = sql_number(message->time_ms);
    values[3] = sql_number(message->sender);
    values[4] = sql_number(message->origin);
    values[5] = sql_number(message->context);
    values[6] = sql_number(message->kind);
    values[7] = sql_bytes(message->userid);
    values[8] = sql_bytes(message->name);
    values[9] = sql_bytes(message->key);
    values[10] = sql_bytes(message->text);
    values[11] = sql_number(in_inbox && message->context == 0);
}

/* -- pages ------------------------------------------------------------------------------------ */

bool page_is_full(const struct message_page *page)
{
    return page->count >= page->max_count || (page->count > 0 && page->bytes >= page->max_bytes);
}

int page_row(void *userdata, const struct sql_value *row)
{
    struct message_page *page = userdata;
    const struct message from = {
        .conversation = row[0].number,
        .seq = row[1].number,
        .time_ms = row[2].number,
        .sender = row[3].number,
        .origin = row[4].number,
        .context = row[5].number,
        .kind = (enum message_kind)row[6].number,
        .userid = row[7].text,
        .name = row[8].text,
        .key = row[9].text,
        .text = row[10].text,
        .room = row[11].text,
        .where = row[12].text,
    };

    if (from.time_ms < page->from_ms)
        return 1;
    page->more = page_is_full(page);
    if (page->more)
        return 1;
    if (array_grow(&page->messages, page->count, sizeof(struct message *)) < 0 ||
        message_new(&from, &page->messages[page->count]) < 0)
        return -ENOMEM;
    page->count++;
    page->bytes += from.text.len;
    return 0;
}

void page_clear(struct message_page *page)
{
    for (size_t i = 0; i < page->count; i++)
        message_unref(page->messages[i]);
    free(page->messages);
    page->messages = NULL;
    page->count = page->bytes = 0;
    page->more = false;
}

/* -- after a cursor --------------------------------------------------------------------------- */

struct read_request {
    struct request request;
    uint64_t conversation, after;
    dal_messages_fn callback;
    struct message_page page; /* result */
};

static struct read_request *read_of(struct request *request)
{
    return CONTAINER_OF(request, struct read_request, request);
}

static void read_release(struct request *request)
{
    page_clear(&read_of(request)->page);
}

static enum sql_status read_slice(struct sql_connection *connection, struct read_request *read,
                                  bool *ret_more)
{
    struct message_page *page = &read->page;
    size_t before = page->count, left = page->max_count - page->count;
    uint64_t after = before == 0 ? read->after : page->messages[before - 1]->seq;
    struct sql_value values[] = {sql_number(read->conversation), sql_number(after),
                                 sql_number(left < SLICE ? left : SLICE)};
    enum sql_status status = sql_run(connection, SQL_MESSAGES_READ, values, page_row, page);

    *ret_more = !page_is_full(page) && page->count - before == SLICE;
    return status;
}

static enum sql_status read_execute(struct sql_connection *connection, struct request *request)
{
    struct read_request *read = read_of(request);
    struct sql_value id[] = {sql_number(read->conversation)};
    enum sql_status status = SQL_OK;
    bool more = read->page.max_count > 0, exists = false;

    read_release(request);
    while (more && status == SQL_OK)
        status = read_slice(connection, read, &more);
    if (status == SQL_OK && read->page.count == 0)
        status = sql_run(connection, SQL_CONVERSATION_BY_ID, id, row_exists, &exists);
    request->outcome = read->page.count > 0 || exists ? DAL_OK : DAL_MISSING;
    return status;
}

static void read_deliver(struct request *request)
{
    const struct read_request *read = read_of(request);
    bool ok = request->outcome == DAL_OK;

    read->callback(request->userdata, request->outcome, ok ? read->page.messages : NULL,
                   ok ? read->page.count : 0);
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
    read->page.max_count = max_count;
    read->page.max_bytes = max_bytes;
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

/* -- what became of one ----------------------------------------------------------------------- */

struct sent_request {
    struct request request;
    uint64_t sender, conversation, seq;
    char receiver[NAME_MAX_BYTES + 1]; /* result, as what follows */
    uint64_t acked;
    dal_sent_fn callback;
};

static struct sent_request *sent_of(struct request *request)
{
    return CONTAINER_OF(request, struct sent_request, request);
}

static int sent_row(void *userdata, const struct sql_value *row)
{
    struct sent_request *sent = userdata;

    column_copy(sent->receiver, sizeof(sent->receiver), &row[0]);
    sent->acked = row[1].number;
    return 1;
}

static enum sql_status sent_execute(struct sql_connection *connection, struct request *request)
{
    struct sent_request *sent = sent_of(request);
    struct sql_value values[] = {sql_number(sent->conversation), sql_number(sent->seq),
                                 sql_number(sent->sender)};
    enum sql_status status;

    sent->receiver[0] = '\0';
    status = sql_run(connection, SQL_MESSAGE_SENT, values, sent_row, sent);
    request->outcome = sent->receiver[0] != '\0' ? DAL_OK : DAL_MISSING;
    return status;
}

static void sent_deliver(struct request *request)
{
    const struct sent_request *sent = sent_of(request);

    sent->callback(request->userdata, request->outcome,
                   request->outcome == DAL_OK ? sent->receiver : NULL, sent->acked);
}

static const struct request_kind kind_sent = {
    .name = "message sent",
    .side = REQUEST_READ,
    .execute = sent_execute,
    .deliver = sent_deliver,
};

int dal_message_sent(uint64_t sender, uint64_t conversation, uint64_t seq, dal_sent_fn callback,
                     void *userdata)
{
    struct sent_request *sent = request_new(&kind_sent, sizeof(*sent), 0, userdata);

    if (sent == NULL)
        return -ENOMEM;
    sent->sender = sender;
    sent->conversation = conversation;
    sent->seq = seq;
    sent->callback = callback;
    return dal_submit(&sent->request);
}
