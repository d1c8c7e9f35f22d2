/* db init on a MySQL or MariaDB server: the password file first, so that what cannot be kept is
 * never set; then database and user, through the server's local socket; then the tables, as that
 * user, which shows that he can get in.
 *
 * A password file that is there already is used and not replaced: a daemon may be running with it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/database.h"
#include "ctl/print.h"
#include "ctl/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What to set it to, and what the configuration says. */
struct choice {
    const char *key, *wanted, *configured;
};

static const char *first_of(const char *option, const char *configured)
{
    return option ? option : configured;
}

/* -- the password file ------------------------------------------------------------------------ */

/* Makes the last folder of `path` where it is missing; open() says whatever else is wrong. */
static void make_folder(const char *path)
{
    char *copy = strdup(path);

    if (copy)
        (void)mkdir(dirname(copy), 0700);
    free(copy);
}

/* Writes the secret and a newline to a new file, and to the disk. 0 or -errno. */
static int write_secret(const char *path, const char *secret)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0)
        return -errno;
    int error = 0;
    if (dprintf(fd, "%s\n", secret) < 0 || fsync(fd) < 0)
        error = -errno;
    if (close(fd) < 0 && error == 0)
        error = -errno;
    if (error < 0)
        unlink(path);
    return error;
}

static int make_secret(const struct ctl *ctl, const char *path, char **ret, bool *ret_made)
{
    char secret[SECRET_TEXT_LEN + 1];

    secret_random(secret);
    make_folder(path);
    int error = write_secret(path, secret);
    char *copy = error == 0 ? strdup(secret) : NULL;
    explicit_bzero(secret, sizeof(secret));
    if (error == 0 && !copy)
        error = -ENOMEM;
    if (error < 0)
        return print_failure(ctl, EXIT_USAGE, "usage", "the password file %s: %s", path,
                             strerror(-error));
    *ret = copy;
    *ret_made = true;
    return EXIT_OK;
}

static int keep_secret(const struct ctl *ctl, const char *path, char **ret, bool *ret_made)
{
    struct stat status;

    if (lstat(path, &status) == 0)
        return secret_for_server(ctl, path, ret);
    if (errno != ENOENT)
        return print_failure(ctl, EXIT_USAGE, "usage", "the password file %s: %s", path,
                             strerror(errno));
    return make_secret(ctl, path, ret, ret_made);
}

/* -- the server ------------------------------------------------------------------------------- */

static int provision(const struct ctl *ctl, const struct dal_config *config)
{
    char *admin_password = NULL, *error = NULL;
    int code = EXIT_OK;

    if (ctl->options.admin_password_file)
        code = secret_for_server(ctl, ctl->options.admin_password_file, &admin_password);
    if (code != EXIT_OK)
        return code;
    struct dal_provision wish = {
        .admin_user = ctl->options.admin_user,
        .admin_password = admin_password,
        .socket = config->mysql_socket,
        .port = config->mysql_port,
        .database = config->mysql_database,
        .user = config->mysql_user,
        .password = config->mysql_password,
    };
    int result = dal_mysql_provision(&wish, &error);
    if (result == -EINVAL) /* a name; the server has not been asked */
        code = print_failure(ctl, EXIT_USAGE, "usage", "database \"%s\", user \"%s\": %s",
                             wish.database, wish.user, error ? error : strerror(-result));
    else if (result < 0)
        code = print_failure(ctl, EXIT_UNREACHABLE, "unavailable", "%s",
                             error ? error : strerror(-result));
    if (result == DAL_PASSWORD_CHANGED)
        fprintf(stderr,
                "multichatctl: the database user %s was there already; his password has been "
                "changed\n",
                wish.user);
    free(error);
    secret_free(admin_password);
    return code;
}

static int bring_up(struct ctl *ctl, struct dal_config *config, struct dal_status *ret_status)
{
    int code = storage_open(ctl, config);
    if (code != EXIT_OK)
        return code;
    dal_status(ret_status);
    storage_close();
    return EXIT_OK;
}

void note_settings(const struct ctl *ctl, const struct dal_config *config, const char *secret_file,
                   json_t *settings)
{
    bool by_credential = strcmp(secret_file, MYSQL_CREDENTIAL) == 0;
    const struct daemon_config *now = &ctl->config;
    const struct choice choices[] = {
        {"storage.mysql.host", config->mysql_host, now->storage.mysql.host},
        {"storage.mysql.socket", config->mysql_socket, now->storage.mysql.socket},
        {"storage.mysql.database", config->mysql_database, now->storage.mysql.database},
        {"storage.mysql.user", config->mysql_user, now->storage.mysql.user},
        {"storage.mysql.password_file", by_credential ? "" : secret_file,
         now->storage.mysql.password_file},
    };

    for (size_t i = 0; i < ARRAY_SIZE(choices); i++)
        if (strcmp(choices[i].wanted, choices[i].configured) != 0)
            json_object_set_new(settings, choices[i].key, admin_text(choices[i].wanted));
}

int make_absolute(const struct ctl *ctl, const char *path, char **ret)
{
    char *absolute = path[0] == '/' || !path[0] ? strdup(path) : realpath(path, NULL);

    if (!absolute)
        return print_failure(ctl, EXIT_USAGE, "usage", "%s: %s", path, strerror(errno));
    *ret = absolute;
    return EXIT_OK;
}

/* Makes database, user and tables with the password `secret`, which `file` holds. */
static int init_server(struct ctl *ctl, const char *secret, const char *file, const char *socket,
                       json_t *settings, struct dal_status *ret_status, bool *ret_provisioned)
{
    struct dal_config config = storage_config(&ctl->config, secret);

    config.mysql_host = "";
    config.mysql_socket = socket;
    config.mysql_database = first_of(ctl->options.database, config.mysql_database);
    config.mysql_user = first_of(ctl->options.user, config.mysql_user);
    int code = provision(ctl, &config);
    if (code != EXIT_OK)
        return code;
    *ret_provisioned = true;
    code = bring_up(ctl, &config, ret_status);
    if (code == EXIT_OK)
        note_settings(ctl, &config, file, settings);
    return code;
}

int init_mysql(struct ctl *ctl, json_t *settings, struct dal_status *ret_status)
{
    const struct options *options = &ctl->options;
    const char *file = first_of(options->secret_file, ctl->config.storage.mysql.password_file);
    char *secret = NULL, *absolute_file = NULL, *absolute_socket = NULL;
    bool made = false, provisioned = false;

    if (!file[0])
        file = MYSQL_CREDENTIAL;
    int code = make_absolute(
        ctl, first_of(options->server_socket, ctl->config.storage.mysql.socket), &absolute_socket);
    if (code == EXIT_OK)
        code = keep_secret(ctl, file, &secret, &made);
    if (code == EXIT_OK)
        code = make_absolute(ctl, file, &absolute_file);
    if (code == EXIT_OK)
        code = init_server(ctl, secret, absolute_file, absolute_socket, settings, ret_status,
                           &provisioned);
    if (made && !provisioned)
        unlink(file);
    secret_free(secret);
    free(absolute_file);
    free(absolute_socket);
    return code;
}
