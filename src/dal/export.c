/* Reading a whole store as one snapshot, row by row.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "dal/transfer.h"

#include <errno.h>

struct export
{
    const struct dal_sink *sink;
    void *userdata;
    enum dal_table table;
    int result; /* of the sink */
};

static int ids_row(void *userdata, const struct sql_value *row)
{
    *(struct dal_next_ids *)userdata = (struct dal_next_ids){
        .conversation = row[0].number + 1,
        .user = row[1].number + 1,
        .room = row[2].number + 1,
        .device = row[3].number + 1,
    };
    return 0;
}

static int table_row(void *userdata, const struct sql_value *row)
{
    struct export *export = userdata;
    const struct dal_table_shape *shape = dal_table_shape(export->table);
    struct dal_value values[DAL_FIELDS_MAX];

    for (unsigned i = 0; i < shape->field_count; i++)
        values[i] = (struct dal_value){row[i].number, row[i].text};
    export->result = export->sink->row(export->userdata, export->table, values);
    return export->result != 0;
}

static enum sql_status read_all(struct sql_connection *connection, struct export *export)
{
    struct dal_next_ids next;
    enum sql_status status = connection->driver->begin(connection, false);

    if (status == SQL_OK)
        status = sql_run(connection, SQL_LAST_IDS, NULL, ids_row, &next);
    if (status == SQL_OK)
        export->result = export->sink->begin(export->userdata, &next);
    for (export->table = 0; export->table < DAL_TABLES && status == SQL_OK && export->result == 0;
         export->table++)
        status = sql_run(connection, transfer_table(export->table)->read, NULL, table_row, export);
    return status;
}

int dal_export(const struct dal_config *config, bool alone, const struct dal_sink *sink,
               void *userdata, char **ret_error)
{
    CLEANUP(transfer_close) struct sql_connection *connection = NULL;
    struct export export = {.sink = sink, .userdata = userdata};
    int error =
        transfer_open(config, alone ? SQL_LOADER : SQL_CHECKER, false, &connection, ret_error);

    if (error < 0)
        return error;
    if (read_all(connection, &export) != SQL_OK)
        return transfer_say(ret_error, -EIO, "%s", connection->error);
    (void)connection->driver->rollback(connection);
    return export.result;
}
