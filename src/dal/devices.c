/* Devices and their cursors.
 *
 * Cursors are stored many at once, and a device may go away between the acknowledgement and the
 * write. So they are written as they are, and only if a row they refer to is missing the list is
 * gone over for those that still have both.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "dal/request.h"

#include "util/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct store_size {
    unsigned rows;
    enum sql_id id;
} store_sizes[] = {
    {64, SQL_CURSORS_STORE_64},
    {16, SQL_CURSORS_STORE_16},
    {4, SQL_CURSORS_STORE_4},
    {1, SQL_CURSORS_STORE_1},
};

enum sql_status store_cursors(struct sql_connection *connection,
                              const struct device_cursor *cursors, size_t count)
{
    struct sql_value values[3 * 64];
    const struct store_size *size = store_sizes;

    while (count > 0) {
        enum sql_status status;
        while (size->rows > count)
            size++;
        for (unsigned i = 0; i < size->rows; i++) {
            values[3 * i] = sql_number(cursors[i].device);
            values[3 * i + 1] = sql_number(cursors[i].conversation);
            values[3 * i + 2] = sql_number(cursors[i].seq);
        }
        status = sql_run(connection, size->id, values, NULL, NULL);
        if (status != SQL_OK)
            return status;
        cursors += size->rows;
        count -= size->rows;
    }
    return SQL_OK;
}

/* -- one device -------------------------------------------------------------------------------- */

struct device_request {
    struct request request;
    uint64_t user;
    uint64_t device; /* argument, or result of adding */
    struct bytes name;
    uint64_t seen_ms;
    struct device_cursor *cursors; /* its own copy */
    size_t cursor_count;
    dal_device_fn added;
};

static struct device_request *device_of(struct request *request)
{
    return CONTAINER_OF(request, struct device_request, request);
}

struct found_device {
    uint64_t id, seen_ms;
};

static int device_row(void *userdata, const struct sql_value *row)
{
    *(struct found_device *)userdata = (struct found_device){row[0].number, row[1].number};
    return 1;
}

/* `ret->id` is 0 if the user has no device of that name. */
static enum sql_status find_device(struct sql_connection *connection, uint64_t user,
                                   struct bytes name, struct found_device *ret)
{
    struct sql_value values[] = {sql_number(user), sql_bytes(name)};

    *ret = (struct found_device){.id = 0};
    return sql_run(connection, SQL_DEVICE_BY_NAME, values, device_row, ret);
}

static enum sql_status insert_device(struct sql_connection *connection, struct device_request *add)
{
    struct sql_value values[] = {sql_number(add->user), sql_bytes(add->name),
                                 sql_number(add->seen_ms)};
    enum sql_status status = sql_run(connection, SQL_DEVICE_INSERT, values, NULL, NULL);

    if (status != SQL_OK)
        return status;
    add->device = connection->last_id;
    for (size_t i = 0; i < add->cursor_count; i++)
        add->cursors[i].device = add->device;
    return store_cursors(connection, add->cursors, add->cursor_count);
}

static enum sql_status add_execute(struct sql_connection *connection, struct request *request)
{
    struct device_request *add = device_of(request);
    struct sql_value user[] = {sql_number(add->user)};
    struct found_device found;
    bool exists = false;
    enum sql_status status = sql_run(connection, SQL_USER_BY_ID, user, row_exists, &exists);

    request->outcome = DAL_MISSING;
    if (status != SQL_OK || !exists)
        return status;
    status = find_device(connection, add->user, add->name, &found);
    if (status != SQL_OK)
        return status;
    if (found.id != 0) {
        bool own = request->uncertain && found.seen_ms == add->seen_ms;
        request->outcome = own ? DAL_OK : DAL_REFUSED;
        add->device = found.id;
        return SQL_OK;
    }
    request->outcome = DAL_OK;
    return insert_device(connection, add);
}

static void add_deliver(struct request *request)
{
    struct device_request *add = device_of(request);

    add->added(request->userdata, request->outcome, request->outcome == DAL_OK ? add->device : 0);
}

static void device_release(struct request *request)
{
    free(device_of(request)->cursors);
}

static const struct request_kind kind_add = {
    .name = "device add",
    .side = REQUEST_WRITE,
    .execute = add_execute,
    .deliver = add_deliver,
    .release = device_release,
};

static int copy_cursors(struct device_request *to, const struct device_cursor *cursors,
                        size_t count)
{
    if (count == 0)
        return 0;
    to->cursors = calloc(count, sizeof(*cursors));
    if (to->cursors == NULL)
        return -ENOMEM;
    memcpy(to->cursors, cursors, count * sizeof(*cursors));
    to->cursor_count = count;
    return 0;
}

int dal_device_add(uint64_t user, struct bytes name, const struct device_cursor *cursors,
                   size_t cursor_count, dal_device_fn callback, void *userdata)
{
    struct device_request *add =
        request_new(&kind_add, sizeof(*add), request_space(name), userdata);

    if (add == NULL)
        return -ENOMEM;
    if (copy_cursors(add, cursors, cursor_count) < 0) {
        request_free(&add->request);
        return -ENOMEM;
    }
    add->user = user;
    add->name = request_keep(&add->request, name);
    add->seen_ms = clock_real_ms();
    add->added = callback;
    return dal_submit(&add->request);
}

static enum sql_status rename_execute(struct sql_connection *connection, struct request *request)
{
    struct device_request *change = device_of(request);
    struct sql_value id[] = {sql_number(change->device)};
    struct sql_value values[] = {sql_bytes(change->name), sql_number(change->seen_ms),
                                 sql_number(change->device)};
    struct found_device found;
    uint64_t user = 0;
    enum sql_status status = sql_run(connection, SQL_DEVICE_BY_ID, id, row_number, &user);

    request->outcome = DAL_MISSING;
    if (status != SQL_OK || user == 0)
        return status;
    status = find_device(connection, user, change->name, &found);
    if (status != SQL_OK)
        return status;
    request->outcome = found.id == 0 || found.id == change->device ? DAL_OK : DAL_REFUSED;
    if (request->outcome != DAL_OK)
        return SQL_OK;
    return sql_run(connection, SQL_DEVICE_RENAME, values, NULL, NULL);
}

static const struct request_kind kind_rename = {
    .name = "device rename",
    .side = REQUEST_WRITE,
    .execute = rename_execute,
};

int dal_device_rename(uint64_t device, struct bytes name, dal_done_fn callback, void *userdata)
{
    struct device_request *change =
        request_new(&kind_rename, sizeof(*change), request_space(name), userdata);

    if (change == NULL)
        return -ENOMEM;
    change->device = device;
    change->name = request_keep(&change->request, name);
    change->seen_ms = clock_real_ms();
    change->request.done = callback;
    return dal_submit(&change->request);
}

/* A deletion whose commit was lost may find the device gone by its own doing. */
static enum sql_status delete_execute(struct sql_connection *connection, struct request *request)
{
    const struct device_request *change = device_of(request);
    struct sql_value values[] = {sql_number(change->device), sql_number(change->user)};
    enum sql_status status = sql_run(connection, SQL_DEVICE_DELETE, values, NULL, NULL);

    request->outcome = connection->changes > 0 || request->uncertain ? DAL_OK : DAL_MISSING;
    return status;
}

static const struct request_kind kind_delete = {
    .name = "device delete",
    .side = REQUEST_WRITE,
    .execute = delete_execute,
};

int dal_device_delete(uint64_t user, uint64_t device, dal_done_fn callback, void *userdata)
{
    struct device_request *change = request_new(&kind_delete, sizeof(*change), 0, userdata);

    if (change == NULL)
        return -ENOMEM;
    change->user = user;
    change->device = device;
    change->request.done = callback;
    return dal_submit(&change->request);
}

/* -- when devices were seen -------------------------------------------------------------------- */

struct seen_request {
    struct request request;
    uint64_t seen_ms;
    uint64_t *devices; /* its own copy */
    size_t count;
};

static struct seen_request *seen_of(struct request *request)
{
    return CONTAINER_OF(request, struct seen_request, request);
}

static enum sql_status seen_execute(struct sql_connection *connection, struct request *request)
{
    const struct seen_request *seen = seen_of(request);
    struct sql_value values[2 + SQL_PADDED] = {sql_number(seen->seen_ms),
                                               sql_number(seen->seen_ms)};
    enum sql_status status = SQL_OK;

    request->outcome = DAL_OK;
    for (size_t i = 0; i < seen->count && status == SQL_OK; i += SQL_PADDED) {
        for (size_t k = 0; k < SQL_PADDED; k++)
            values[2 + k] = sql_number(seen->devices[i + k < seen->count ? i + k : i]);
        status = sql_run(connection, SQL_DEVICES_SEEN_PADDED, values, NULL, NULL);
    }
    return status;
}

static void seen_release(struct request *request)
{
    free(seen_of(request)->devices);
}

static const struct request_kind kind_seen = {
    .name = "devices seen",
    .side = REQUEST_WRITE,
    .execute = seen_execute,
    .release = seen_release,
};

int dal_devices_seen(const uint64_t *devices, size_t count, uint64_t seen_ms, dal_done_fn callback,
                     void *userdata)
{
    struct seen_request *seen = request_new(&kind_seen, sizeof(*seen), 0, userdata);

    if (seen == NULL)
        return -ENOMEM;
    seen->devices = calloc(count + 1, sizeof(*devices));
    if (seen->devices == NULL) {
        request_free(&seen->request);
        return -ENOMEM;
    }
    if (count > 0)
        memcpy(seen->devices, devices, count * sizeof(*devices));
    seen->count = count;
    seen->seen_ms = seen_ms;
    seen->request.done = callback;
    return dal_submit(&seen->request);
}

/* -- cursors ----------------------------------------------------------------------------------- */

struct id_set {
    uint64_t ids[SQL_PADDED];
    unsigned count;
};

static int id_row(void *userdata, const struct sql_value *row)
{
    struct id_set *set = userdata;

    if (set->count < SQL_PADDED)
        set->ids[set->count++] = row[0].number;
    return 0;
}

static bool set_has(const struct id_set *set, uint64_t id)
{
    for (unsigned i = 0; i < set->count; i++) {
        if (set->ids[i] == id)
            return true;
    }
    return false;
}

static uint64_t device_id(const struct device_cursor *cursor)
{
    return cursor->device;
}

static uint64_t conversation_id(const struct device_cursor *cursor)
{
    return cursor->conversation;
}

/* Keeps those of at most SQL_PADDED cursors whose `id` a statement finds. */
static enum sql_status keep_found(struct sql_connection *connection, enum sql_id statement,
                                  uint64_t (*id)(const struct device_cursor *cursor),
                                  struct device_cursor *cursors, size_t *count)
{
    struct id_set set = {.count = 0};
    struct sql_value ids[SQL_PADDED];
    size_t kept = 0;
    enum sql_status status;

    if (*count == 0)
        return SQL_OK;
    for (unsigned i = 0; i < SQL_PADDED; i++)
        ids[i] = sql_number(id(&cursors[i < *count ? i : 0]));
    status = sql_run(connection, statement, ids, id_row, &set);
    for (size_t i = 0; i < *count; i++) {
        if (set_has(&set, id(&cursors[i])))
            cursors[kept++] = cursors[i];
    }
    *count = kept;
    return status;
}

/* Locks what the cursors refer to, so that it stays until the commit. */
static enum sql_status store_found(struct sql_connection *connection, struct device_request *store)
{
    enum sql_status status = SQL_OK;

    for (size_t i = 0; i < store->cursor_count && status == SQL_OK; i += SQL_PADDED) {
        struct device_cursor chunk[SQL_PADDED];
        size_t count = store->cursor_count - i < SQL_PADDED ? store->cursor_count - i : SQL_PADDED;
        memcpy(chunk, &store->cursors[i], count * sizeof(chunk[0]));
        status = keep_found(connection, SQL_DEVICES_LOCK_PADDED, device_id, chunk, &count);
        if (status == SQL_OK)
            status = keep_found(connection, SQL_CONVERSATIONS_SHARE_PADDED, conversation_id, chunk,
                                &count);
        if (status == SQL_OK)
            status = store_cursors(connection, chunk, count);
    }
    return status;
}

/* In SQLite a statement that failed has changed nothing and the transaction goes on; in MySQL too.
 */
static enum sql_status cursors_execute(struct sql_connection *connection, struct request *request)
{
    struct device_request *store = device_of(request);
    enum sql_status status = store_cursors(connection, store->cursors, store->cursor_count);

    request->outcome = DAL_OK;
    return status == SQL_NO_PARENT ? store_found(connection, store) : status;
}

static const struct request_kind kind_cursors = {
    .name = "cursors store",
    .side = REQUEST_WRITE,
    .execute = cursors_execute,
    .release = device_release,
};

int dal_cursors_store(const struct device_cursor *cursors, size_t count, dal_done_fn callback,
                      void *userdata)
{
    struct device_request *store = request_new(&kind_cursors, sizeof(*store), 0, userdata);

    if (store == NULL)
        return -ENOMEM;
    if (copy_cursors(store, cursors, count) < 0) {
        request_free(&store->request);
        return -ENOMEM;
    }
    store->request.done = callback;
    return dal_submit(&store->request);
}
