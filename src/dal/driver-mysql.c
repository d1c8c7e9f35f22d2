/* MySQL and MariaDB, through whichever client library provides mysql.h. Only what MariaDB
 * Connector/C and Oracle's libmysqlclient 8 have in common is used.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "dal/driver.h"

#include "util/attributes.h"
#include "util/clock.h"

#include <assert.h>
#include <errmsg.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <mysql.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* The type of a flag in MYSQL_BIND: Oracle's library has used bool since version 8. */
#if defined(MARIADB_BASE_VERSION) || defined(MARIADB_PACKAGE_VERSION) || MYSQL_VERSION_ID < 80000
typedef my_bool mysql_flag;
#else
typedef bool mysql_flag;
#endif

#define CONNECT_SECONDS 5
#define ANSWER_SECONDS  10
#define CHECK_SECONDS   3600

/* The first size of a column's buffer; it grows to what comes. */
#define COLUMN_BYTES 256

struct column {
    char *data;
    unsigned long size, len;
    uint64_t number;
    mysql_flag null, error;
};

struct mysql_connection {
    struct sql_connection base;
    MYSQL *mysql;
    MYSQL_STMT *prepared[SQL_IDS];
    struct column columns[SQL_COLUMNS_MAX];
    MYSQL_BIND *parameters;
    unsigned long parameter_count;
};

static struct mysql_connection *mysql_of(struct sql_connection *connection)
{
    return (struct mysql_connection *)connection;
}

/* -- errors ------------------------------------------------------------------------------------ */

/* By number, which is the protocol's and stays: Oracle's header renames those errors that its own
 * server no longer sends, and each server has some that the other's header does not know. */
static const struct error_class {
    unsigned number;
    enum sql_status status;
} error_classes[] = {
    {1062, SQL_DUPLICATE}, /* ER_DUP_ENTRY */
    {1586, SQL_DUPLICATE}, /* ER_DUP_ENTRY_WITH_KEY_NAME */
    {1216, SQL_NO_PARENT}, /* ER_NO_REFERENCED_ROW */
    {1452, SQL_NO_PARENT}, /* ER_NO_REFERENCED_ROW_2 */
    {1406, SQL_REFUSED},   /* ER_DATA_TOO_LONG */
    {1366, SQL_REFUSED},   /* ER_TRUNCATED_WRONG_VALUE_FOR_FIELD */
    {1264, SQL_REFUSED},   /* ER_WARN_DATA_OUT_OF_RANGE */
    {1300, SQL_REFUSED},   /* ER_INVALID_CHARACTER_STRING */
    {1048, SQL_REFUSED},   /* ER_BAD_NULL_ERROR */
    {1213, SQL_RETRY},     /* ER_LOCK_DEADLOCK */
    {1205, SQL_RETRY},     /* ER_LOCK_WAIT_TIMEOUT */
    {1615, SQL_RETRY},     /* ER_NEED_REPREPARE */
    {1020, SQL_RETRY},     /* ER_CHECKREAD: the row has changed since it was read */
    {1243, SQL_LOST},      /* ER_UNKNOWN_STMT_HANDLER */
    {1053, SQL_LOST},      /* ER_SERVER_SHUTDOWN */
    {1184, SQL_LOST},      /* ER_NEW_ABORTING_CONNECTION */
    {1152, SQL_LOST},      /* ER_ABORTING_CONNECTION */
    {1158, SQL_LOST},      /* ER_NET_READ_ERROR */
    {1159, SQL_LOST},      /* ER_NET_READ_INTERRUPTED */
    {1160, SQL_LOST},      /* ER_NET_ERROR_ON_WRITE */
    {1161, SQL_LOST},      /* ER_NET_WRITE_INTERRUPTED */
    {1154, SQL_LOST},      /* ER_NET_READ_ERROR_FROM_PIPE */
    {1156, SQL_LOST},      /* ER_NET_PACKETS_OUT_OF_ORDER */
    {1927, SQL_LOST},      /* ER_CONNECTION_KILLED, of MariaDB */
    {3169, SQL_LOST},      /* ER_SESSION_WAS_KILLED, of MySQL 8 */
    {4031, SQL_LOST},      /* ER_CLIENT_INTERACTION_TIMEOUT, of MySQL 8 */
};

/* The client's own errors (2000 to 2999) are about the connection, but for these. */
static enum sql_status classify(unsigned number)
{
    if (number == CR_OUT_OF_MEMORY)
        return SQL_FAILED;
    if (number >= CR_MIN_ERROR && number <= 2999)
        return SQL_LOST;
    for (size_t i = 0; i < ARRAY_SIZE(error_classes); i++) {
        if (error_classes[i].number == number)
            return error_classes[i].status;
    }
    return SQL_FAILED;
}

static enum sql_status failed(struct mysql_connection *connection)
{
    snprintf(connection->base.error, sizeof(connection->base.error), "%s",
             mysql_error(connection->mysql));
    return classify(mysql_errno(connection->mysql));
}

static enum sql_status statement_failed(struct mysql_connection *connection, MYSQL_STMT *statement)
{
    snprintf(connection->base.error, sizeof(connection->base.error), "%s",
             mysql_stmt_error(statement));
    return classify(mysql_stmt_errno(statement));
}

static enum sql_status no_memory(struct mysql_connection *connection)
{
    snprintf(connection->base.error, sizeof(connection->base.error), "out of memory");
    return SQL_FAILED;
}

/* -- the library ------------------------------------------------------------------------------- */

static int library_error;

static void start_library(void)
{
    library_error = mysql_library_init(0, NULL, NULL) == 0 ? 0 : -ENOMEM;
}

/* Once in the life of the process: what the library keeps serves every later dal_open() too, and
 * not every version of it can be started again. */
static int mysql_setup(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, start_library);
    return library_error;
}

static void mysql_begin_thread(void)
{
    mysql_thread_init();
}

static void mysql_end_thread(void)
{
    mysql_thread_end();
}

/* -- connection -------------------------------------------------------------------------------- */

static void mysql_close_connection(struct sql_connection *base)
{
    struct mysql_connection *connection = mysql_of(base);

    if (base == NULL)
        return;
    for (size_t i = 0; i < SQL_IDS; i++) {
        if (connection->prepared[i] != NULL)
            mysql_stmt_close(connection->prepared[i]);
    }
    if (connection->mysql != NULL)
        mysql_close(connection->mysql);
    for (size_t i = 0; i < SQL_COLUMNS_MAX; i++)
        free(connection->columns[i].data);
    free(connection->parameters);
    free(connection);
}

static const char *or_null(const char *text)
{
    return text == NULL || text[0] == '\0' ? NULL : text;
}

static bool is_patient(enum sql_role role)
{
    return role == SQL_CHECKER || role == SQL_LOADER;
}

/* Reconnecting is this program's own business, and is off in every library by default. */
static bool connect_server(struct mysql_connection *connection, const struct dal_config *config,
                           enum sql_role role)
{
    unsigned connect_seconds = CONNECT_SECONDS;
    unsigned answer_seconds = is_patient(role) ? CHECK_SECONDS : ANSWER_SECONDS;
    MYSQL *mysql = connection->mysql;

    mysql_options(mysql, MYSQL_OPT_CONNECT_TIMEOUT, &connect_seconds);
    mysql_options(mysql, MYSQL_OPT_READ_TIMEOUT, &answer_seconds);
    mysql_options(mysql, MYSQL_OPT_WRITE_TIMEOUT, &answer_seconds);
    mysql_options(mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    if (mysql_real_connect(mysql, or_null(config->mysql_host), or_null(config->mysql_user),
                           config->mysql_password, config->mysql_database, config->mysql_port,
                           or_null(config->mysql_socket), CLIENT_FOUND_ROWS) == NULL)
        return false;
    /* Not every version of the libraries does it. */
    (void)fcntl(mysql->net.fd, F_SETFD, FD_CLOEXEC);
    return true;
}

/* A lock is waited for less long than an answer, so that to wait for one is not taken for a dead
 * server. */
static bool configure_session(struct mysql_connection *connection, enum sql_role role)
{
    static const char *const common[] = {
        "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,NO_AUTO_VALUE_ON_ZERO', "
        "autocommit = 1, innodb_lock_wait_timeout = 3, foreign_key_checks = 1, unique_checks = 1",
        "SET NAMES utf8mb4 COLLATE utf8mb4_bin",
    };
    /* For rows that go into a pipe; and what the server knows of ids has to be of this moment,
     * which MySQL 8 has to be told, and MariaDB passes over. */
    const char *patience =
        "SET SESSION /*!80000 information_schema_stats_expiry = 0, */ net_write_timeout = 3600";
    const char *isolation = role == SQL_WRITER
                                ? "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"
                                : "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ";

    for (size_t i = 0; i < ARRAY_SIZE(common); i++) {
        if (mysql_query(connection->mysql, common[i]) != 0)
            return false;
    }
    if (is_patient(role) && mysql_query(connection->mysql, patience) != 0)
        return false;
    return mysql_query(connection->mysql, isolation) == 0;
}

/* "10.11.6-MariaDB-0+deb12u1"; some versions put "5.5.5-" before it for old clients. */
static void name_server(struct mysql_connection *connection)
{
    const char *version = mysql_get_server_info(connection->mysql);
    bool mariadb = strstr(version, "MariaDB") != NULL;
    size_t len;

    if (mariadb && strncmp(version, "5.5.5-", 6) == 0)
        version += 6;
    len = strcspn(version, "-");
    snprintf(connection->base.server, sizeof(connection->base.server), "%s %.*s",
             mariadb ? "MariaDB" : "MySQL", (int)len, version);
}

/* A commit is on disk if InnoDB's log is flushed with it and, where there is a binary log, that is
 * too: after a crash the two are made to agree. */
static void judge_durability(struct mysql_connection *connection, const char *flush,
                             const char *log_bin, const char *sync_binlog)
{
    char *caution = connection->base.caution;
    size_t size = sizeof(connection->base.caution);

    if (strcmp(flush, "1") != 0 && strcmp(flush, "3") != 0)
        snprintf(caution, size, "the server has innodb_flush_log_at_trx_commit = %s instead of 1",
                 flush);
    else if (strcmp(log_bin, "0") != 0 && strcmp(sync_binlog, "1") != 0)
        snprintf(caution, size, "the server has a binary log and sync_binlog = %s instead of 1",
                 sync_binlog);
}

static bool inspect_server(struct mysql_connection *connection)
{
    MYSQL_RES *result;
    MYSQL_ROW row;

    name_server(connection);
    if (mysql_query(connection->mysql,
                    "SELECT @@GLOBAL.innodb_flush_log_at_trx_commit, @@GLOBAL.log_bin, "
                    "@@GLOBAL.sync_binlog") != 0)
        return false;
    result = mysql_store_result(connection->mysql);
    if (result == NULL)
        return false;
    row = mysql_fetch_row(result);
    if (row != NULL && row[0] != NULL && row[1] != NULL && row[2] != NULL)
        judge_durability(connection, row[0], row[1], row[2]);
    mysql_free_result(result);
    return true;
}

static enum sql_status mysql_open(const struct dal_config *config, enum sql_role role,
                                  struct sql_connection **ret, char error[256])
{
    struct mysql_connection *connection = calloc(1, sizeof(*connection));
    enum sql_status status;

    if (connection != NULL)
        connection->mysql = mysql_init(NULL);
    if (connection == NULL || connection->mysql == NULL) {
        snprintf(error, 256, "out of memory");
        mysql_close_connection(&connection->base);
        return SQL_FAILED;
    }
    connection->base.driver = &driver_mysql;
    if (connect_server(connection, config, role) && configure_session(connection, role) &&
        inspect_server(connection)) {
        *ret = &connection->base;
        return SQL_OK;
    }
    status = failed(connection);
    snprintf(error, 256, "%s", connection->base.error);
    mysql_close_connection(&connection->base);
    return status;
}

static void mysql_cut_short(struct sql_connection *base)
{
    (void)shutdown(mysql_of(base)->mysql->net.fd, SHUT_RDWR);
}

static enum sql_status mysql_ping_server(struct sql_connection *base)
{
    if (mysql_ping(mysql_of(base)->mysql) == 0)
        return SQL_OK;
    (void)failed(mysql_of(base));
    return SQL_LOST;
}

/* -- statements -------------------------------------------------------------------------------- */

/* The result, where there is one, is of no interest. */
static enum sql_status mysql_script(struct sql_connection *base, const char *text)
{
    struct mysql_connection *connection = mysql_of(base);
    MYSQL_RES *result;

    if (mysql_query(connection->mysql, text) != 0)
        return failed(connection);
    result = mysql_store_result(connection->mysql);
    if (result != NULL)
        mysql_free_result(result);
    return SQL_OK;
}

static enum sql_status prepare(struct mysql_connection *connection, enum sql_id id,
                               MYSQL_STMT **ret)
{
    const char *text = sql_statement(id)->text[SQL_DIALECT_MYSQL];
    MYSQL_STMT *statement = connection->prepared[id];
    enum sql_status status;

    if (statement == NULL) {
        statement = mysql_stmt_init(connection->mysql);
        if (statement == NULL)
            return failed(connection);
        if (mysql_stmt_prepare(statement, text, strlen(text)) != 0) {
            status = statement_failed(connection, statement);
            mysql_stmt_close(statement);
            return status;
        }
        connection->prepared[id] = statement;
    }
    *ret = statement;
    return SQL_OK;
}

static enum sql_status reserve_parameters(struct mysql_connection *connection, unsigned long count)
{
    MYSQL_BIND *parameters;

    if (count <= connection->parameter_count)
        return SQL_OK;
    parameters = realloc(connection->parameters, count * sizeof(*parameters));
    if (parameters == NULL)
        return no_memory(connection);
    connection->parameters = parameters;
    connection->parameter_count = count;
    return SQL_OK;
}

/* Texts go as bytes without a character set: the server takes them as they are, compares names by
 * their bytes, and still refuses a text that is not UTF-8. */
static void fill_parameter(MYSQL_BIND *parameter, const struct sql_value *value)
{
    memset(parameter, 0, sizeof(*parameter));
    if (value->type == SQL_NUMBER) {
        parameter->buffer_type = MYSQL_TYPE_LONGLONG;
        parameter->buffer = (void *)&value->number;
        parameter->is_unsigned = 1;
    } else {
        parameter->buffer_type = MYSQL_TYPE_BLOB;
        parameter->buffer = (void *)(value->text.data == NULL ? "" : value->text.data);
        parameter->buffer_length = value->text.len;
    }
}

static enum sql_status bind_parameters(struct mysql_connection *connection, MYSQL_STMT *statement,
                                       const struct sql_value *values)
{
    unsigned long count = mysql_stmt_param_count(statement);
    enum sql_status status = reserve_parameters(connection, count);

    if (status != SQL_OK || count == 0)
        return status;
    for (unsigned long i = 0; i < count; i++)
        fill_parameter(&connection->parameters[i], &values[i]);
    if (mysql_stmt_bind_param(statement, connection->parameters) != 0)
        return statement_failed(connection, statement);
    return SQL_OK;
}

/* -- results ----------------------------------------------------------------------------------- */

static enum sql_status grow_column(struct mysql_connection *connection, struct column *column,
                                   unsigned long size)
{
    char *data;

    if (size <= column->size)
        return SQL_OK;
    data = realloc(column->data, size);
    if (data == NULL)
        return no_memory(connection);
    column->data = data;
    column->size = size;
    return SQL_OK;
}

static void fill_result(MYSQL_BIND *bind, struct column *column, char type)
{
    memset(bind, 0, sizeof(*bind));
    bind->is_null = &column->null;
    bind->error = &column->error;
    bind->length = &column->len;
    if (type == 'n') {
        bind->buffer_type = MYSQL_TYPE_LONGLONG;
        bind->buffer = &column->number;
        bind->is_unsigned = 1;
    } else {
        bind->buffer_type = MYSQL_TYPE_BLOB;
        bind->buffer = column->data;
        bind->buffer_length = column->size;
    }
}

static enum sql_status bind_columns(struct mysql_connection *connection, MYSQL_STMT *statement,
                                    const char *types)
{
    MYSQL_BIND binds[SQL_COLUMNS_MAX];

    for (size_t i = 0; types[i] != '\0'; i++) {
        struct column *column = &connection->columns[i];
        if (grow_column(connection, column, COLUMN_BYTES) != SQL_OK)
            return SQL_FAILED;
        fill_result(&binds[i], column, types[i]);
    }
    if (mysql_stmt_bind_result(statement, binds) != 0)
        return statement_failed(connection, statement);
    return SQL_OK;
}

/* What did not fit is fetched again into a larger buffer, which serves the rows to come too once it
 * is bound: that may only be done when this row has been used, for with some versions of the
 * library binding clears the lengths. */
static enum sql_status fetch_rest(struct mysql_connection *connection, MYSQL_STMT *statement,
                                  const char *types)
{
    for (unsigned i = 0; types[i] != '\0'; i++) {
        struct column *column = &connection->columns[i];
        MYSQL_BIND bind;
        if (types[i] == 'n' || column->len <= column->size)
            continue;
        if (grow_column(connection, column, column->len + column->len / 2) != SQL_OK)
            return SQL_FAILED;
        fill_result(&bind, column, types[i]);
        if (mysql_stmt_fetch_column(statement, &bind, i, 0) != 0)
            return statement_failed(connection, statement);
    }
    return SQL_OK;
}

static void get_row(const struct mysql_connection *connection, const char *types,
                    struct sql_value *row)
{
    for (size_t i = 0; types[i] != '\0'; i++) {
        const struct column *column = &connection->columns[i];
        if (types[i] == 'n')
            row[i] = sql_number(column->null ? 0 : column->number);
        else
            row[i] = sql_bytes((struct bytes){column->data, column->null ? 0 : column->len});
    }
}

static enum sql_status fetch_all(struct mysql_connection *connection, MYSQL_STMT *statement,
                                 const char *types, sql_row_fn row_function, void *userdata)
{
    struct sql_value row[SQL_COLUMNS_MAX];
    enum sql_status status = bind_columns(connection, statement, types);

    while (status == SQL_OK) {
        int code = mysql_stmt_fetch(statement), wanted;
        if (code == MYSQL_NO_DATA)
            break;
        if (code == MYSQL_DATA_TRUNCATED)
            status = fetch_rest(connection, statement, types);
        else if (code != 0)
            status = statement_failed(connection, statement);
        if (status != SQL_OK)
            break;
        get_row(connection, types, row);
        wanted = row_function(userdata, row);
        if (wanted < 0)
            status = no_memory(connection);
        if (wanted != 0)
            break;
        if (code == MYSQL_DATA_TRUNCATED)
            status = bind_columns(connection, statement, types);
    }
    return status;
}

static enum sql_status mysql_run(struct sql_connection *base, enum sql_id id,
                                 const struct sql_value *values, sql_row_fn row, void *userdata)
{
    struct mysql_connection *connection = mysql_of(base);
    const struct sql_statement *text = sql_statement(id);
    MYSQL_STMT *statement = NULL;
    enum sql_status status;

    if (text->text[SQL_DIALECT_MYSQL] == NULL)
        return SQL_OK;
    status = prepare(connection, id, &statement);
    if (status == SQL_OK)
        status = bind_parameters(connection, statement, values);
    if (status != SQL_OK)
        return status;
    if (mysql_stmt_execute(statement) != 0)
        return statement_failed(connection, statement);
    if (text->columns[0] != '\0') {
        status = fetch_all(connection, statement, text->columns, row, userdata);
        /* Reads what is left of the rows, so that the connection is free for the next one. */
        mysql_stmt_free_result(statement);
        return status;
    }
    base->last_id = mysql_stmt_insert_id(statement);
    base->changes = mysql_stmt_affected_rows(statement);
    return SQL_OK;
}

/* -- transactions ------------------------------------------------------------------------------ */

static enum sql_status mysql_begin(struct sql_connection *base, bool writes)
{
    return mysql_script(base, writes ? "START TRANSACTION"
                                     : "START TRANSACTION WITH CONSISTENT SNAPSHOT");
}

/* An error that is no deadlock leaves open whether the commit took effect. */
static enum sql_status mysql_commit_transaction(struct sql_connection *base)
{
    struct mysql_connection *connection = mysql_of(base);

    if (mysql_commit(connection->mysql) == 0)
        return SQL_OK;
    return failed(connection) == SQL_RETRY ? SQL_RETRY : SQL_LOST;
}

static enum sql_status mysql_rollback_transaction(struct sql_connection *base)
{
    struct mysql_connection *connection = mysql_of(base);

    if (mysql_rollback(connection->mysql) == 0)
        return SQL_OK;
    (void)failed(connection);
    return SQL_LOST;
}

/* -- check ------------------------------------------------------------------------------------- */

/* Columns: table, operation, kind of line, text. */
static enum sql_status check_table(struct mysql_connection *connection, const char *table,
                                   sql_finding_fn finding, void *userdata)
{
    char text[256];
    MYSQL_RES *result;
    MYSQL_ROW row;

    snprintf(text, sizeof(text), "CHECK TABLE %s", table);
    if (mysql_query(connection->mysql, text) != 0)
        return failed(connection);
    result = mysql_store_result(connection->mysql);
    if (result == NULL)
        return failed(connection);
    while ((row = mysql_fetch_row(result)) != NULL && mysql_num_fields(result) >= 4) {
        bool ok = row[3] != NULL &&
                  (strcmp(row[3], "OK") == 0 || strcmp(row[3], "Table is already up to date") == 0);
        bool note = row[2] != NULL && strcmp(row[2], "note") == 0;
        if (ok || note)
            continue;
        snprintf(text, sizeof(text), "table %s: %s", table, row[3] != NULL ? row[3] : "?");
        finding(userdata, text);
    }
    mysql_free_result(result);
    return SQL_OK;
}

static enum sql_status mysql_check(struct sql_connection *base, sql_finding_fn finding,
                                   void *userdata)
{
    static const char *const tables[] = {"conversations", "users",   "members",       "messages",
                                         "devices",       "cursors", "schema_version"};
    enum sql_status status = SQL_OK;

    for (size_t i = 0; i < ARRAY_SIZE(tables) && status == SQL_OK; i++)
        status = check_table(mysql_of(base), tables[i], finding, userdata);
    return status;
}

const struct sql_driver driver_mysql = {
    .name = "mysql",
    .dialect = SQL_DIALECT_MYSQL,
    .setup = mysql_setup,
    .thread_begin = mysql_begin_thread,
    .thread_end = mysql_end_thread,
    .open = mysql_open,
    .close = mysql_close_connection,
    .interrupt = mysql_cut_short,
    .ping = mysql_ping_server,
    .begin = mysql_begin,
    .commit = mysql_commit_transaction,
    .rollback = mysql_rollback_transaction,
    .run = mysql_run,
    .script = mysql_script,
    .check = mysql_check,
};
