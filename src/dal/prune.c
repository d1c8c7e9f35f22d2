/* Retention: old messages are taken out of the beginnings of logs, a little at a time.
 *
 * Times do not go back within a conversation, so what is too old is a beginning of its log, as what
 * is too many. The newest message stays: the next number follows from it. Each request looks at a
 * few conversations and is done after a few milliseconds, for the messages of the first writer wait
 * behind it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "dal/request.h"

#include "util/clock.h"

#include <errno.h>
#include <stdlib.h>

/* Conversations looked at in one step. */
#define LOOKED_AT 64

/* Messages deleted by one statement, and the time after which none follows. */
#define SLICE   100
#define TIME_US (3 * USEC_PER_MSEC)

struct span {
    uint64_t conversation, first, first_ms, last;
};

struct prune_request {
    struct request request;
    struct dal_prune asked;
    dal_prune_fn callback;
    struct span spans[LOOKED_AT];
    size_t count;
    uint64_t deleted, next; /* result */
};

static struct prune_request *prune_of(struct request *request)
{
    return CONTAINER_OF(request, struct prune_request, request);
}

/* Columns id, first seq, its time, last seq. */
static int span_row(void *userdata, const struct sql_value *row)
{
    struct prune_request *prune = userdata;

    prune->spans[prune->count++] =
        (struct span){row[0].number, row[1].number, row[2].number, row[3].number};
    return prune->count == LOOKED_AT ? 1 : 0;
}

/* Up to which number there are too many. */
static uint64_t surplus(const struct dal_prune *asked, const struct span *span)
{
    return asked->keep != 0 && span->last > asked->keep ? span->last - asked->keep : 0;
}

static bool is_due(const struct dal_prune *asked, const struct span *span)
{
    return span->first < span->last &&
           (span->first <= surplus(asked, span) || span->first_ms < asked->before_ms);
}

/* Deletes a slice; what is left of the span begins behind it. */
static enum sql_status delete_slice(struct sql_connection *connection, struct prune_request *prune,
                                    struct span *span)
{
    uint64_t left = prune->asked.max_rows - prune->deleted;
    uint64_t below = span->first + (left < SLICE ? left : SLICE);
    struct sql_value values[] = {sql_number(span->conversation), sql_number(0),
                                 sql_number(surplus(&prune->asked, span)),
                                 sql_number(prune->asked.before_ms)};
    enum sql_status status;

    if (below > span->last)
        below = span->last;
    values[1] = sql_number(below);
    status = sql_run(connection, SQL_PRUNE, values, NULL, NULL);
    if (status != SQL_OK)
        return status;
    prune->deleted += connection->changes;
    /* Fewer: the first one that is not due has been met. */
    span->first = connection->changes == below - span->first ? below : span->last;
    return SQL_OK;
}

static bool is_time_up(const struct prune_request *prune, uint64_t since)
{
    if (prune->deleted >= prune->asked.max_rows)
        return true;
    /* However slow it all is, each step gets somewhere. */
    return prune->deleted > 0 && clock_monotonic_us() - since >= TIME_US;
}

static enum sql_status prune_execute(struct sql_connection *connection, struct request *request)
{
    struct prune_request *prune = prune_of(request);
    struct sql_value values[] = {sql_number(prune->asked.after), sql_number(LOOKED_AT)};
    uint64_t since = clock_monotonic_us();
    enum sql_status status;

    prune->count = 0;
    prune->deleted = prune->next = 0;
    request->outcome = DAL_OK;
    status = sql_run(connection, SQL_PRUNE_LIST, values, span_row, prune);
    for (size_t i = 0; i < prune->count && status == SQL_OK; i++) {
        struct span *span = &prune->spans[i];
        while (status == SQL_OK && is_due(&prune->asked, span)) {
            if (is_time_up(prune, since)) {
                prune->next = span->conversation - 1;
                return SQL_OK;
            }
            status = delete_slice(connection, prune, span);
        }
    }
    if (prune->count == LOOKED_AT)
        prune->next = prune->spans[LOOKED_AT - 1].conversation;
    return status;
}

static void prune_deliver(struct request *request)
{
    const struct prune_request *prune = prune_of(request);
    bool ok = request->outcome == DAL_OK;

    prune->callback(request->userdata, request->outcome, ok ? prune->deleted : 0,
                    ok ? prune->next : 0);
}

static const struct request_kind kind_prune = {
    .name = "prune",
    .side = REQUEST_WRITE,
    .execute = prune_execute,
    .deliver = prune_deliver,
};

int dal_prune(const struct dal_prune *asked, dal_prune_fn callback, void *userdata)
{
    struct prune_request *prune = request_new(&kind_prune, sizeof(*prune), 0, userdata);

    if (prune == NULL)
        return -ENOMEM;
    prune->asked = *asked;
    prune->callback = callback;
    return dal_submit(&prune->request);
}
