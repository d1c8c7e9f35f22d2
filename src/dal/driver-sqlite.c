/* SQLite: one writer, readers beside it (WAL), a commit is on disk when it is reported
 * (synchronous=FULL).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "dal/driver.h"

#include "util/attributes.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUSY_MS  4000
#define ALONE_MS 1000 /* a daemon that runs will not go */

struct sqlite_connection {
    struct sql_connection base;
    sqlite3 *db;
    sqlite3_stmt *prepared[SQL_IDS];
};

static struct sqlite_connection *sqlite_of(struct sql_connection *connection)
{
    return (struct sqlite_connection *)connection;
}

/* -- errors ------------------------------------------------------------------------------------ */

static enum sql_status classify_constraint(int code)
{
    switch (code) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
        return SQL_DUPLICATE;
    case SQLITE_CONSTRAINT_FOREIGNKEY:
        return SQL_NO_PARENT;
    default:
        return SQL_REFUSED;
    }
}

static enum sql_status classify(int code)
{
    if (code == SQLITE_READONLY_DBMOVED)
        return SQL_LOST;
    switch (code & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return SQL_OK;
    case SQLITE_CONSTRAINT:
        return classify_constraint(code);
    case SQLITE_TOOBIG:
    case SQLITE_MISMATCH:
        return SQL_REFUSED;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
        return SQL_RETRY;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
        return SQL_LOST;
    default:
        return SQL_FAILED;
    }
}

static enum sql_status failed(struct sqlite_connection *connection, int code)
{
    snprintf(connection->base.error, sizeof(connection->base.error), "%s",
             sqlite3_errmsg(connection->db));
    return classify(code);
}

/* -- connection -------------------------------------------------------------------------------- */

/* `journal_mode` says what it has become, which is not an error to SQLite if it is something else.
 */
static int wal_row(void *userdata, int count, char **columns, char **names)
{
    if (count == 1 && columns[0] != NULL && strcmp(columns[0], "wal") == 0)
        *(bool *)userdata = true;
    return 0;
}

/* Few pages, for the system's cache has the rest; but those that one large transaction with client
 * keys in no order changes have to fit, or they are written to the log more than once. */
static const char *const cache_sizes[] = {
    [SQL_READER] = "PRAGMA cache_size = -2048",
    [SQL_WRITER] = "PRAGMA cache_size = -8192",
    [SQL_CHECKER] = "PRAGMA cache_size = -2048",
    [SQL_LOADER] = "PRAGMA cache_size = -65536",
};

static int configure(struct sqlite_connection *connection, enum sql_role role)
{
    /* Two connections of one process that make a new file a WAL one at once would meet a lock
     * that the busy handler does not wait for. */
    static pthread_mutex_t alone = PTHREAD_MUTEX_INITIALIZER;
    bool wal = false;
    int code;

    sqlite3_extended_result_codes(connection->db, 1);
    sqlite3_busy_timeout(connection->db, role == SQL_LOADER ? ALONE_MS : BUSY_MS);
    /* Before the first look at the file, so that nobody else gets at it from then on. */
    if (role == SQL_LOADER) {
        code = sqlite3_exec(connection->db, "PRAGMA locking_mode = EXCLUSIVE", NULL, NULL, NULL);
        if (code != SQLITE_OK)
            return code;
    }
    pthread_mutex_lock(&alone);
    code = sqlite3_exec(connection->db, "PRAGMA journal_mode = WAL", wal_row, &wal, NULL);
    pthread_mutex_unlock(&alone);
    if (code != SQLITE_OK)
        return code;
    if (!wal)
        snprintf(connection->base.caution, sizeof(connection->base.caution),
                 "SQLite cannot use a write-ahead log for this file");
    code = sqlite3_exec(connection->db, cache_sizes[role], NULL, NULL, NULL);
    if (code != SQLITE_OK)
        return code;
    return sqlite3_exec(connection->db,
                        "PRAGMA synchronous = FULL;"
                        "PRAGMA foreign_keys = ON;"
                        "PRAGMA trusted_schema = OFF;"
                        "PRAGMA temp_store = MEMORY;"
                        "PRAGMA journal_size_limit = 67108864",
                        NULL, NULL, NULL);
}

/* The file holds password hashes, so it is made for its owner alone (SQLite gives its companions
 * the same mode). Not if it exists: to close a descriptor of it would drop this process's locks. */
static void create_private(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd >= 0)
        close(fd);
}

/* SQLite says no more than that it is "unable to open database file". The folder of `path` in
 * words, if that is the reason. */
static bool folder_trouble(const char *path, char error[256])
{
    const char *slash = strrchr(path, '/');
    struct stat status;
    char *folder, reason[128];
    int r;

    if (slash == NULL || slash == path)
        return false;
    folder = strndup(path, (size_t)(slash - path));
    if (folder == NULL)
        return false;
    r = stat(folder, &status) < 0 ? errno : 0;
    if (r == ENOENT)
        snprintf(error, 256, "%s: the folder %s does not exist", path, folder);
    else if (r != 0)
        snprintf(error, 256, "%s: the folder %s: %s", path, folder,
                 strerror_r(r, reason, sizeof(reason)));
    free(folder);
    return r != 0;
}

static void sqlite_close(struct sql_connection *base)
{
    struct sqlite_connection *connection = sqlite_of(base);

    if (base == NULL)
        return;
    for (size_t i = 0; i < SQL_IDS; i++)
        sqlite3_finalize(connection->prepared[i]);
    sqlite3_close(connection->db);
    free(connection);
}

static enum sql_status sqlite_open(const struct dal_config *config, enum sql_role role,
                                   struct sql_connection **ret, char error[256])
{
    const char *path = config->sqlite_path == NULL ? "" : config->sqlite_path;
    struct sqlite_connection *connection = calloc(1, sizeof(*connection));
    int code;

    if (connection == NULL) {
        snprintf(error, 256, "out of memory");
        return SQL_FAILED;
    }
    connection->base.driver = &driver_sqlite;
    snprintf(connection->base.server, sizeof(connection->base.server), "SQLite %s",
             sqlite3_libversion());
    create_private(path);
    code = sqlite3_open_v2(path, &connection->db,
                           SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE,
                           NULL);
    if (code == SQLITE_OK)
        code = configure(connection, role);
    if (code == SQLITE_OK) {
        *ret = &connection->base;
        return SQL_OK;
    }
    if ((code & 0xff) != SQLITE_CANTOPEN || !folder_trouble(path, error))
        snprintf(error, 256, "%s: %s", path,
                 connection->db != NULL ? sqlite3_errmsg(connection->db) : sqlite3_errstr(code));
    sqlite_close(&connection->base);
    return classify(code);
}

static void sqlite_cut_short(struct sql_connection *base)
{
    sqlite3_interrupt(sqlite_of(base)->db);
}

static enum sql_status sqlite_ping(struct sql_connection *base)
{
    return SQL_OK;
}

/* -- statements -------------------------------------------------------------------------------- */

static enum sql_status sqlite_script(struct sql_connection *base, const char *text)
{
    struct sqlite_connection *connection = sqlite_of(base);
    int code = sqlite3_exec(connection->db, text, NULL, NULL, NULL);

    return code == SQLITE_OK ? SQL_OK : failed(connection, code);
}

static enum sql_status prepare(struct sqlite_connection *connection, enum sql_id id,
                               sqlite3_stmt **ret)
{
    const char *text = sql_statement(id)->text[SQL_DIALECT_SQLITE];
    int code;

    if (connection->prepared[id] == NULL) {
        code = sqlite3_prepare_v3(connection->db, text, -1, SQLITE_PREPARE_PERSISTENT,
                                  &connection->prepared[id], NULL);
        if (code != SQLITE_OK)
            return failed(connection, code);
    }
    *ret = connection->prepared[id];
    return SQL_OK;
}

static int bind(sqlite3_stmt *statement, const struct sql_value *values)
{
    int count = sqlite3_bind_parameter_count(statement), code = SQLITE_OK;

    for (int i = 0; i < count && code == SQLITE_OK; i++) {
        const struct sql_value *value = &values[i];
        if (value->type == SQL_NUMBER)
            code = sqlite3_bind_int64(statement, i + 1, (sqlite3_int64)value->number);
        else
            code = sqlite3_bind_text64(statement, i + 1,
                                       value->text.data == NULL ? "" : value->text.data,
                                       value->text.len, SQLITE_STATIC, SQLITE_UTF8);
    }
    return code;
}

static void get_row(sqlite3_stmt *statement, const char *columns, struct sql_value *row)
{
    for (int i = 0; columns[i] != '\0'; i++) {
        if (columns[i] == 'n') {
            row[i] = sql_number((uint64_t)sqlite3_column_int64(statement, i));
        } else {
            /* The pointer first: asking for it may convert, which changes the length. */
            const char *data = (const char *)sqlite3_column_text(statement, i);
            size_t len = (size_t)sqlite3_column_bytes(statement, i);
            row[i] = sql_bytes((struct bytes){data == NULL ? "" : data, len});
        }
    }
}

static enum sql_status step_all(struct sqlite_connection *connection, sqlite3_stmt *statement,
                                const char *columns, sql_row_fn row_function, void *userdata)
{
    struct sql_value row[SQL_COLUMNS_MAX];
    int code, wanted = 0;

    while (wanted == 0 && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        if (row_function == NULL)
            continue;
        get_row(statement, columns, row);
        wanted = row_function(userdata, row);
    }
    if (wanted < 0) {
        snprintf(connection->base.error, sizeof(connection->base.error), "out of memory");
        return SQL_FAILED;
    }
    if (wanted > 0 || code == SQLITE_DONE)
        return SQL_OK;
    return failed(connection, code);
}

static enum sql_status sqlite_run(struct sql_connection *base, enum sql_id id,
                                  const struct sql_value *values, sql_row_fn row, void *userdata)
{
    struct sqlite_connection *connection = sqlite_of(base);
    const struct sql_statement *text = sql_statement(id);
    sqlite3_stmt *statement = NULL;
    enum sql_status status;
    int code;

    if (text->text[SQL_DIALECT_SQLITE] == NULL)
        return SQL_OK;
    status = prepare(connection, id, &statement);
    if (status != SQL_OK)
        return status;
    code = bind(statement, values);
    if (code == SQLITE_OK)
        status = step_all(connection, statement, text->columns, row, userdata);
    else
        status = failed(connection, code);
    if (status == SQL_OK) {
        base->last_id = (uint64_t)sqlite3_last_insert_rowid(connection->db);
        base->changes = (uint64_t)sqlite3_changes(connection->db);
    }
    sqlite3_reset(statement);
    return status;
}

/* -- transactions ------------------------------------------------------------------------------ */

/* What writes takes the lock at once: to find out later that another process was faster would mean
 * to begin again. */
static enum sql_status sqlite_begin(struct sql_connection *base, bool writes)
{
    return sqlite_script(base, writes ? "BEGIN IMMEDIATE" : "BEGIN");
}

/* After an error other than BUSY the transaction may have ended either way. If it is still open it
 * was not committed; else only a look at what is there can tell. */
static enum sql_status sqlite_commit(struct sql_connection *base)
{
    struct sqlite_connection *connection = sqlite_of(base);
    enum sql_status status = sqlite_script(base, "COMMIT");

    if (status == SQL_OK || status == SQL_RETRY)
        return status;
    return sqlite3_get_autocommit(connection->db) ? SQL_LOST : SQL_FAILED;
}

/* Some errors have rolled it back already. */
static enum sql_status sqlite_rollback(struct sql_connection *base)
{
    if (sqlite3_get_autocommit(sqlite_of(base)->db))
        return SQL_OK;
    return sqlite_script(base, "ROLLBACK") == SQL_OK ? SQL_OK : SQL_LOST;
}

/* -- check ------------------------------------------------------------------------------------- */

struct check {
    sql_finding_fn finding;
    void *userdata;
};

static int integrity_row(void *userdata, int count, char **columns, char **names)
{
    struct check *check = userdata;

    if (count > 0 && columns[0] != NULL && strcmp(columns[0], "ok") != 0)
        check->finding(check->userdata, columns[0]);
    return 0;
}

/* Columns: table, rowid, parent table, number of the key. */
static int foreign_key_row(void *userdata, int count, char **columns, char **names)
{
    struct check *check = userdata;
    char finding[160];

    snprintf(finding, sizeof(finding), "a row of table %s refers to one that table %s lacks",
             count > 0 && columns[0] != NULL ? columns[0] : "?",
             count > 2 && columns[2] != NULL ? columns[2] : "?");
    check->finding(check->userdata, finding);
    return 0;
}

static enum sql_status sqlite_check(struct sql_connection *base, sql_finding_fn finding,
                                    void *userdata)
{
    struct sqlite_connection *connection = sqlite_of(base);
    struct check check = {finding, userdata};
    int code = sqlite3_exec(connection->db, "PRAGMA integrity_check", integrity_row, &check, NULL);

    if (code == SQLITE_OK)
        code =
            sqlite3_exec(connection->db, "PRAGMA foreign_key_check", foreign_key_row, &check, NULL);
    return code == SQLITE_OK ? SQL_OK : failed(connection, code);
}

static int sqlite_setup(void)
{
    return sqlite3_threadsafe() == 0 || sqlite3_initialize() != SQLITE_OK ? -ENOSYS : 0;
}

const struct sql_driver driver_sqlite = {
    .name = "sqlite",
    .dialect = SQL_DIALECT_SQLITE,
    .writers_max = 1,
    .setup = sqlite_setup,
    .open = sqlite_open,
    .close = sqlite_close,
    .interrupt = sqlite_cut_short,
    .ping = sqlite_ping,
    .begin = sqlite_begin,
    .commit = sqlite_commit,
    .rollback = sqlite_rollback,
    .run = sqlite_run,
    .script = sqlite_script,
    .check = sqlite_check,
};
