/* Makes database and user on a MySQL or MariaDB server, as its administrator. These statements
 * take no parameters, so names and password are quoted here, and names that would need more than
 * quotes are refused.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "dal/dal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if HAVE_MYSQL

#include <mysql.h>
#include <mysqld_error.h>

static int say(char **ret_error, int error, const char *what, const char *why)
{
    if (asprintf(ret_error, "%s: %s", what, why) < 0)
        *ret_error = NULL;
    return error;
}

/* Letters, digits, '_' and '-': what needs no more than quotes anywhere. */
static bool is_plain(const char *name, size_t max)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

    return name != NULL && name[0] != '\0' && strlen(name) <= max &&
           strspn(name, allowed) == strlen(name);
}

static void close_server(MYSQL **server)
{
    if (*server != NULL)
        mysql_close(*server);
}

/* What the server says may quote the statement, and so the password: only its number is told
 * where there is one in it. */
static int run(MYSQL *server, const char *what, const char *text, bool secret, char **ret_error)
{
    char number[32];

    if (mysql_query(server, text) == 0)
        return 0;
    snprintf(number, sizeof(number), "error %u", mysql_errno(server));
    return say(ret_error, -EACCES, what, secret ? number : mysql_error(server));
}

static int run_with_password(MYSQL *server, const char *what, const char *verb, const char *user,
                             const char *password, char **ret_error)
{
    size_t len = strlen(password);
    char *quoted = malloc(2 * len + 1), *text = NULL;
    int error = -ENOMEM;

    if (quoted != NULL) {
        mysql_real_escape_string(server, quoted, password, (unsigned long)len);
        if (asprintf(&text, "%s '%s'@'localhost' IDENTIFIED BY '%s'", verb, user, quoted) >= 0) {
            error = run(server, what, text, true, ret_error);
            explicit_bzero(text, strlen(text));
            free(text);
        }
        explicit_bzero(quoted, 2 * len + 1);
        free(quoted);
    }
    return error;
}

/* In GRANT '_' is a pattern unless it is escaped. */
static void escape_pattern(const char *name, char *to)
{
    for (; *name != '\0'; name++) {
        if (*name == '_')
            *to++ = '\\';
        *to++ = *name;
    }
    *to = '\0';
}

static const char *or_null(const char *text)
{
    return text == NULL || text[0] == '\0' ? NULL : text;
}

static bool connect_as(MYSQL *server, const struct dal_provision *provision, const char *user,
                       const char *password)
{
    unsigned seconds = 10;

    mysql_options(server, MYSQL_OPT_CONNECT_TIMEOUT, &seconds);
    mysql_options(server, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    return mysql_real_connect(server, or_null(provision->host), user, password, NULL,
                              provision->port, or_null(provision->socket), 0) != NULL;
}

/* True if the server turns the user away with this password; what else may keep him out says
 * nothing about it. */
static bool has_other_password(const struct dal_provision *provision)
{
    CLEANUP(close_server) MYSQL *server = mysql_init(NULL);

    if (server == NULL || connect_as(server, provision, provision->user, provision->password))
        return false;
    return mysql_errno(server) == ER_ACCESS_DENIED_ERROR ||
           mysql_errno(server) == ER_ACCESS_DENIED_NO_PASSWORD_ERROR;
}

static int make_all(MYSQL *server, const struct dal_provision *provision, char **ret_error)
{
    char text[512], pattern[2 * 64 + 1];
    bool changed;
    int error;

    /* So that escaping means the same on both sides. */
    error = run(server, "the session", "SET SESSION sql_mode = ''", false, ret_error);
    if (error < 0)
        return error;
    snprintf(text, sizeof(text),
             "CREATE DATABASE IF NOT EXISTS `%s` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
             provision->database);
    error = run(server, "making the database", text, false, ret_error);
    if (error < 0)
        return error;
    error = run_with_password(server, "making the user", "CREATE USER IF NOT EXISTS",
                              provision->user, provision->password, ret_error);
    if (error < 0)
        return error;
    changed = has_other_password(provision);
    error = run_with_password(server, "setting the user's password", "ALTER USER", provision->user,
                              provision->password, ret_error);
    if (error < 0)
        return error;
    escape_pattern(provision->database, pattern);
    snprintf(text, sizeof(text), "GRANT ALL PRIVILEGES ON `%s`.* TO '%s'@'localhost'", pattern,
             provision->user);
    error = run(server, "granting the database to the user", text, false, ret_error);
    return error < 0 || !changed ? error : DAL_PASSWORD_CHANGED;
}

int dal_mysql_provision(const struct dal_provision *provision, char **ret_error)
{
    CLEANUP(close_server) MYSQL *server = NULL;
    const char *admin = or_null(provision->admin_user);

    if (!is_plain(provision->database, 64) || !is_plain(provision->user, 32))
        return say(ret_error, -EINVAL, "names of database and user",
                   "letters, digits, '_' and '-' are allowed");
    if (provision->password == NULL)
        return say(ret_error, -EINVAL, "the user's password", "it is missing");
    server = mysql_init(NULL);
    if (server == NULL)
        return say(ret_error, -ENOMEM, "the database's client library", "out of memory");
    if (!connect_as(server, provision, admin != NULL ? admin : "root", provision->admin_password))
        return say(ret_error, -ECONNREFUSED, "connecting as administrator", mysql_error(server));
    return make_all(server, provision, ret_error);
}

#else

int dal_mysql_provision(const struct dal_provision *provision, char **ret_error)
{
    *ret_error = strdup("this program was built without MySQL");
    return -ENOSYS;
}

#endif
