/* The message writer: takes all messages that wait, numbers them, and commits them as one
 * transaction. While it waits for the disk the next batch gathers, so the batch size follows the
 * load without a timer.
 *
 * The next number of a conversation is known from the last commit; where it is not, the end is
 * read. Nothing is locked: another server that was first shows as a duplicate (conversation, seq),
 * a message that is sent again as a duplicate (sender, key), a conversation that is gone as a
 * missing parent. Only then are keys looked up, conversations locked and ends read anew, and with
 * these the second attempt cannot fail for the same reason.
 *
 * A batch inserts in order of conversation, so two servers take their locks in the same order.
 *
 * A message lost in its commit is looked up by its key on the next connection. If it is not there
 * it is stored again: should the server still be at work on the first commit, the unique key makes
 * the second one wait for it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "dal/dal-private.h"

#include "util/clock.h"
#include "util/hash.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BATCH_MAX       1024
#define BATCH_BYTES_MAX (1024 * 1024)

/* Conversations whose end a writer remembers. */
#define ENDS_MAX 32768

/* The sizes in which rows are inserted, greatest first. */
static const struct insert_size {
    unsigned rows;
    enum sql_id id;
} insert_sizes[] = {
    {256, SQL_MESSAGES_INSERT_256}, {64, SQL_MESSAGES_INSERT_64}, {16, SQL_MESSAGES_INSERT_16},
    {4, SQL_MESSAGES_INSERT_4},     {1, SQL_MESSAGES_INSERT_1},
};

struct store_request {
    struct request request;
    struct message *message;
    dal_stored_fn callback;
    bool again;
    bool settled;               /* finished with OK */
    uint64_t seq, time_ms;      /* what the last attempt gave it */
    bool in_inbox;              /* where it goes */
    unsigned order;             /* place in its batch */
    struct store_request *same; /* the one before it in the batch that has its key */
    struct bytes unique;        /* sender and key, for `keys` */
    UT_hash_handle hh;
};

/* The last message of a conversation. */
struct end {
    uint64_t conversation, seq, time_ms;
    bool is_inbox;
    UT_hash_handle hh;
};

struct writer {
    struct storage_thread *thread;
    struct end *ends;
    struct list batch;     /* being stored, in order of arrival */
    struct list followers; /* share the key of one in `batch` */
    unsigned count;
    struct store_request *rows[BATCH_MAX]; /* `batch` in order of conversation */
    struct sql_value values[256 * MESSAGE_VALUES];
    bool look_up; /* keys first */
    bool lock;    /* conversations first */
    bool committing;
};

/* -- the request ------------------------------------------------------------------------------- */

static struct store_request *store_of(struct request *request)
{
    return CONTAINER_OF(request, struct store_request, request);
}

static void store_deliver(struct request *request)
{
    struct store_request *store = store_of(request);

    store->callback(request->userdata, request->outcome, store->message, store->again);
}

static void store_release(struct request *request)
{
    message_unref(store_of(request)->message);
}

const struct request_kind request_kind_store = {
    .name = "message store",
    .side = REQUEST_STORE,
    .deliver = store_deliver,
    .release = store_release,
};

int dal_message_store(struct message *message, dal_stored_fn callback, void *userdata)
{
    uint64_t sender = message->sender;
    struct bytes key = message->key;
    struct store_request *store;
    char *unique;

    store = request_new(&request_kind_store, sizeof(*store), sizeof(sender) + key.len, userdata);
    if (store == NULL)
        return -ENOMEM;
    store->message = message_ref(message);
    store->callback = callback;
    store->request.conversation = message->conversation;
    unique = store->request.spare;
    memcpy(unique, &sender, sizeof(sender));
    if (key.len > 0)
        memcpy(unique + sizeof(sender), key.data, key.len);
    store->unique = (struct bytes){unique, sizeof(sender) + key.len};
    return dal_submit(&store->request);
}

/* -- ends of conversations --------------------------------------------------------------------- */

static struct end *find_end(struct writer *writer, uint64_t conversation)
{
    struct end *end;

    HASH_FIND(hh, writer->ends, &conversation, sizeof(conversation), end);
    return end;
}

static void drop_end(struct writer *writer, struct end *end)
{
    if (end == NULL)
        return;
    HASH_DEL(writer->ends, end);
    free(end);
}

void writer_forget(struct writer *writer)
{
    struct end *end, *next;

    HASH_ITER(hh, writer->ends, end, next)
    drop_end(writer, end);
}

/* Makes room for a batch; the table is in order of insertion. */
static void thin_out_ends(struct writer *writer)
{
    while (HASH_COUNT(writer->ends) > ENDS_MAX - BATCH_MAX)
        drop_end(writer, writer->ends);
}

static void forget_batch(struct writer *writer)
{
    for (unsigned i = 0; i < writer->count; i++)
        drop_end(writer, find_end(writer, writer->rows[i]->message->conversation));
}

static int end_row(void *userdata, const struct sql_value *row)
{
    struct writer *writer = userdata;
    struct end *end, *before = find_end(writer, row[0].number);

    drop_end(writer, before);
    end = calloc(1, sizeof(*end));
    if (end == NULL)
        return -ENOMEM;
    end->conversation = row[0].number;
    end->seq = row[1].number;
    end->time_ms = row[2].number;
    end->is_inbox = row[3].number == CONVERSATION_INBOX;
    HASH_ADD(hh, writer->ends, conversation, sizeof(end->conversation), end);
    /* uthash leaves hh.tbl NULL when it found no memory. */
    if (end->hh.tbl == NULL) {
        free(end);
        return -ENOMEM;
    }
    return 0;
}

static int ignore_row(void *userdata, const struct sql_value *row)
{
    return 0;
}

/* Runs a statement that takes SQL_PADDED ids on those of the batch's conversations that are not
 * known yet, or on all. */
static enum sql_status on_conversations(struct writer *writer, enum sql_id id, bool all,
                                        sql_row_fn row)
{
    struct sql_value ids[SQL_PADDED];
    uint64_t last = 0;
    unsigned used = 0;
    enum sql_status status = SQL_OK;

    for (unsigned i = 0; i <= writer->count && status == SQL_OK; i++) {
        if (i < writer->count) {
            uint64_t conversation = writer->rows[i]->message->conversation;
            bool skip =
                (i > 0 && conversation == last) || (!all && find_end(writer, conversation) != NULL);
            last = conversation;
            if (!skip)
                ids[used++] = sql_number(conversation);
        }
        if (used == SQL_PADDED || (i == writer->count && used > 0)) {
            for (unsigned j = used; j < SQL_PADDED; j++)
                ids[j] = ids[0];
            status = sql_run(writer->thread->connection, id, ids, row, writer);
            used = 0;
        }
    }
    return status;
}

/* -- the batch --------------------------------------------------------------------------------- */

static int compare_rows(const void *a, const void *b)
{
    const struct store_request *x = *(struct store_request *const *)a;
    const struct store_request *y = *(struct store_request *const *)b;

    if (x->message->conversation != y->message->conversation)
        return x->message->conversation < y->message->conversation ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

/* After `batch` has changed. */
static void sort_rows(struct writer *writer)
{
    writer->count = 0;
    LIST_FOREACH (link, &writer->batch) {
        struct store_request *store = store_of(LIST_ENTRY(link, struct request, link));
        store->order = writer->count;
        writer->rows[writer->count++] = store;
    }
    qsort(writer->rows, writer->count, sizeof(writer->rows[0]), compare_rows);
}

/* Takes from the head of what is to do: as much as one transaction should hold. Of several with
 * one key the first goes into the batch and the others follow it. */
static void take_batch(struct writer *writer)
{
    struct list taken = LIST_INIT(taken), rest = LIST_INIT(rest);
    struct store_request *keys = NULL, *store, *same;
    size_t bytes = 0;

    (void)thread_take(writer->thread, &taken, true, BATCH_MAX);
    while (!list_empty(&taken)) {
        store = store_of(LIST_FIRST(&taken, struct request, link));
        if (bytes > 0 && bytes + store->message->text.len > BATCH_BYTES_MAX)
            break;
        bytes += store->message->text.len;
        HASH_FIND(hh, keys, store->unique.data, store->unique.len, same);
        store->same = same;
        if (same == NULL)
            HASH_ADD_KEYPTR(hh, keys, store->unique.data, store->unique.len, store);
        list_move(same == NULL ? &writer->batch : &writer->followers, &store->request.link);
    }
    HASH_CLEAR(hh, keys);
    thread_put_back(writer->thread, &taken);
    sort_rows(writer);
}

static void finish(struct writer *writer, struct store_request *store, enum dal_outcome outcome)
{
    store->settled = outcome == DAL_OK;
    thread_finish(writer->thread, &store->request, outcome);
}

static void finish_stored(struct writer *writer, struct store_request *store, bool again)
{
    store->message->seq = store->seq;
    store->message->time_ms = store->time_ms;
    store->again = again;
    finish(writer, store, DAL_OK);
}

/* -- keys -------------------------------------------------------------------------------------- */

struct key_chunk {
    struct writer *writer;
    struct store_request **rows;
    unsigned count;
};

static bool has_key(const struct store_request *store, const struct sql_value *row)
{
    return store->message->sender == row[0].number && bytes_equal(store->message->key, row[1].text);
}

/* Columns sender, key, conversation, seq, time. */
static int key_row(void *userdata, const struct sql_value *row)
{
    struct key_chunk *chunk = userdata;

    for (unsigned i = 0; i < chunk->count; i++) {
        struct store_request *store = chunk->rows[i];
        bool own;
        if (store->settled || !has_key(store, row))
            continue;
        /* It is its own if this very attempt was lost in the commit. */
        own = store->request.uncertain && store->message->conversation == row[2].number &&
              store->seq == row[3].number && store->time_ms == row[4].number;
        store->message->conversation = row[2].number;
        store->seq = row[3].number;
        store->time_ms = row[4].number;
        finish_stored(chunk->writer, store, !own);
    }
    return 0;
}

/* Answers those of the batch that were stored before. */
static enum sql_status look_up_keys(struct writer *writer)
{
    struct sql_value values[2 * SQL_PADDED];
    enum sql_status status = SQL_OK;

    for (unsigned i = 0; i < writer->count && status == SQL_OK; i += SQL_PADDED) {
        unsigned left = writer->count - i;
        struct key_chunk chunk = {writer, &writer->rows[i], left < SQL_PADDED ? left : SQL_PADDED};
        for (unsigned j = 0; j < SQL_PADDED; j++) {
            const struct message *message = chunk.rows[j < chunk.count ? j : 0]->message;
            values[2 * j] = sql_number(message->sender);
            values[2 * j + 1] = sql_bytes(message->key);
        }
        status = sql_run(writer->thread->connection, SQL_KEYS_PADDED, values, key_row, &chunk);
    }
    sort_rows(writer);
    return status;
}

/* -- one attempt ------------------------------------------------------------------------------- */

/* Reads the ends that are not known; answers messages to conversations that are gone. */
static enum sql_status prepare_ends(struct writer *writer)
{
    enum sql_status status = SQL_OK;

    if (writer->lock)
        status = on_conversations(writer, SQL_ENDS_LOCK_PADDED, true, ignore_row);
    if (status == SQL_OK)
        status = on_conversations(writer, SQL_ENDS_PADDED, false, end_row);
    if (status != SQL_OK)
        return status;
    for (unsigned i = 0; i < writer->count; i++) {
        if (find_end(writer, writer->rows[i]->message->conversation) == NULL)
            finish(writer, writer->rows[i], DAL_MISSING);
    }
    sort_rows(writer);
    return SQL_OK;
}

/* Numbers and times; the ends themselves move when the commit has succeeded. */
static void assign_numbers(struct writer *writer)
{
    uint64_t now = clock_real_ms();

    for (unsigned i = 0; i < writer->count; i++) {
        struct store_request *store = writer->rows[i];
        uint64_t conversation = store->message->conversation;
        if (i > 0 && writer->rows[i - 1]->message->conversation == conversation) {
            store->seq = writer->rows[i - 1]->seq + 1;
            store->time_ms = writer->rows[i - 1]->time_ms;
            store->in_inbox = writer->rows[i - 1]->in_inbox;
        } else {
            const struct end *end = find_end(writer, conversation);
            store->seq = end->seq + 1;
            store->time_ms = now > end->time_ms ? now : end->time_ms;
            store->in_inbox = end->is_inbox;
        }
    }
}

static void move_ends(struct writer *writer)
{
    for (unsigned i = 0; i < writer->count; i++) {
        const struct store_request *store = writer->rows[i];
        uint64_t conversation = store->message->conversation;
        if (i + 1 == writer->count || writer->rows[i + 1]->message->conversation != conversation) {
            struct end *end = find_end(writer, conversation);
            end->seq = store->seq;
            end->time_ms = store->time_ms;
        }
    }
}

static void fill_row(struct sql_value *to, const struct store_request *store)
{
    message_values(to, store->message, store->in_inbox);
    to[1] = sql_number(store->seq);
    to[2] = sql_number(store->time_ms);
}

static bool is_whisper(const struct message *message)
{
    return message->kind == MESSAGE_TEXT && message->context != 0;
}

/* Puts the whispers into the histories of their two. */
static enum sql_status insert_whispers(struct writer *writer)
{
    enum sql_status status = SQL_OK;

    for (unsigned i = 0; i < writer->count && status == SQL_OK; i++) {
        const struct store_request *store = writer->rows[i];
        const struct message *message = store->message;
        struct sql_value values[] = {sql_number(store->time_ms),
                                     sql_number(message->conversation),
                                     sql_number(store->seq),
                                     sql_number(message->context),
                                     sql_number(message->conversation),
                                     sql_number(store->time_ms),
                                     sql_number(message->conversation),
                                     sql_number(store->seq),
                                     sql_number(message->context),
                                     sql_number(message->sender)};
        if (is_whisper(message))
            status = sql_run(writer->thread->connection, SQL_WHISPER_INSERT, values, NULL, NULL);
    }
    return status;
}

static enum sql_status insert_rows(struct writer *writer)
{
    const struct insert_size *size = insert_sizes;
    unsigned done = 0;

    while (done < writer->count) {
        enum sql_status status;
        while (size->rows > writer->count - done)
            size++;
        for (unsigned i = 0; i < size->rows; i++)
            fill_row(&writer->values[i * MESSAGE_VALUES], writer->rows[done + i]);
        status = sql_run(writer->thread->connection, size->id, writer->values, NULL, NULL);
        if (status != SQL_OK)
            return status;
        done += size->rows;
    }
    return SQL_OK;
}

static enum sql_status commit(struct writer *writer)
{
    struct sql_connection *connection = writer->thread->connection;
    uint64_t started = clock_monotonic_us();
    enum sql_status status;

    writer->committing = true;
    status = connection->driver->commit(connection);
    writer->committing = status == SQL_LOST;
    if (status != SQL_OK)
        return status;
    dal_committed(dal_instance(), writer->count, clock_monotonic_us() - started);
    move_ends(writer);
    for (unsigned i = 0; i < writer->count; i++)
        finish_stored(writer, writer->rows[i], false);
    return SQL_OK;
}

static enum sql_status attempt(struct writer *writer)
{
    struct sql_connection *connection = writer->thread->connection;
    enum sql_status status = SQL_OK;

    if (writer->look_up)
        status = look_up_keys(writer);
    if (status != SQL_OK || writer->count == 0)
        return status;
    status = connection->driver->begin(connection, true);
    if (status == SQL_OK)
        status = prepare_ends(writer);
    if (status != SQL_OK)
        return status;
    if (writer->count == 0)
        return connection->driver->rollback(connection);
    assign_numbers(writer);
    status = insert_rows(writer);
    if (status == SQL_OK)
        status = insert_whispers(writer);
    return status == SQL_OK ? commit(writer) : status;
}

/* -- the whole --------------------------------------------------------------------------------- */

/* True if another attempt is called for; sets what it has to do first. */
static bool learn(struct writer *writer, enum sql_status status)
{
    switch (status) {
    case SQL_DUPLICATE:
        writer->look_up = writer->lock = true;
        return true;
    case SQL_NO_PARENT:
        writer->lock = true;
        return true;
    case SQL_RETRY:
        return true;
    case SQL_OK:
    case SQL_REFUSED:
    case SQL_LOST:
    case SQL_FAILED:
        break;
    }
    return false;
}

static enum sql_status attempts(struct writer *writer)
{
    uint64_t since = clock_monotonic_us();
    enum sql_status status = SQL_RETRY;

    writer->lock = writer->look_up = writer->committing = false;
    for (unsigned i = 0; i < writer->count; i++)
        writer->look_up |= writer->rows[i]->request.uncertain;
    for (unsigned tries = 0; thread_may_retry(tries, since); tries++) {
        if (tries > 0 && status == SQL_RETRY)
            thread_pause(tries);
        status = attempt(writer);
        if (status == SQL_OK)
            return status;
        forget_batch(writer);
        if (status != SQL_LOST && thread_rollback(writer->thread) == SQL_LOST)
            status = SQL_LOST;
        if (!learn(writer, status))
            return status;
    }
    return SQL_FAILED;
}

/* Those that follow one that is stored are answered like it; the others are on their own now. */
static void settle_followers(struct writer *writer)
{
    LIST_FOREACH_SAFE (link, &writer->followers) {
        struct store_request *store = store_of(LIST_ENTRY(link, struct request, link));
        if (store->same->settled) {
            store->message->conversation = store->same->message->conversation;
            store->seq = store->same->message->seq;
            store->time_ms = store->same->message->time_ms;
            finish_stored(writer, store, true);
        }
        store->same = NULL;
    }
    list_splice(&writer->batch, &writer->followers);
}

static void refuse_batch(struct writer *writer, enum dal_outcome outcome)
{
    for (unsigned i = 0; i < writer->count; i++) {
        if (!writer->rows[i]->request.uncertain || outcome == DAL_REFUSED)
            finish(writer, writer->rows[i], outcome);
    }
}

/* What is left in `batch` after this is to be tried again. */
static void judge(struct writer *writer, enum sql_status status)
{
    struct storage_thread *thread = writer->thread;

    switch (status) {
    case SQL_OK:
        thread_fault(thread, NULL, NULL);
        break;
    case SQL_LOST:
        for (unsigned i = 0; i < writer->count && writer->committing; i++)
            writer->rows[i]->request.uncertain = true;
        break;
    case SQL_REFUSED:
        if (writer->count == 1)
            refuse_batch(writer, DAL_REFUSED);
        break;
    case SQL_FAILED:
    case SQL_RETRY:
    case SQL_DUPLICATE:
    case SQL_NO_PARENT:
        thread_fault(thread, "message store", thread->connection->error);
        refuse_batch(writer, DAL_UNAVAILABLE);
        break;
    }
}

void writer_store(struct writer *writer)
{
    struct storage_thread *thread = writer->thread;
    enum sql_status status;
    bool uncertain;

    thin_out_ends(writer);
    take_batch(writer);
    status = attempts(writer);
    judge(writer, status);
    uncertain = !list_empty(&writer->batch);
    settle_followers(writer);
    /* After a failure only what is uncertain is left, and waits for a better connection. */
    if (status == SQL_LOST || (status == SQL_FAILED && uncertain))
        thread_lost(thread, &writer->batch);
    else if (status == SQL_REFUSED && uncertain)
        thread_halve(thread, &writer->batch, writer->count);
    else
        thread_put_back(thread, &writer->batch);
    assert(list_empty(&writer->batch));
}

int writer_new(struct storage_thread *thread, struct writer **ret)
{
    struct writer *writer = calloc(1, sizeof(*writer));

    if (writer == NULL)
        return -ENOMEM;
    writer->thread = thread;
    list_init(&writer->batch);
    list_init(&writer->followers);
    *ret = writer;
    return 0;
}

void writer_free(struct writer *writer)
{
    if (writer == NULL)
        return;
    writer_forget(writer);
    free(writer);
}
