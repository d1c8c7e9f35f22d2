/* The administrative verbs without a daemon: storage, password threads and the verb table in this
 * process, and a small poll(2) loop around them.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "admin/settings.h"
#include "ctl/print.h"
#include "ctl/secret.h"
#include "ctl/session.h"

#include <errno.h>
#include <grp.h>
#include <libgen.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Requests under way; one command has a handful of them. */
#define QUEUE_MAX 1024

struct storage_host {
    struct password_pool *pool;
    struct admin *admin;
    json_t *answer;
    bool answered;
};

struct dal_config storage_config(const struct daemon_config *config, const char *password)
{
    struct dal_config storage = settings_storage(config, password);

    storage.writers = storage.readers = 1;
    storage.queue_max = QUEUE_MAX;
    storage.migrate = true;
    return storage;
}

/* -- whose files ------------------------------------------------------------------------------ */

/* Root becomes the owner of the folder the database is in, for the rest of the run: database, log
 * and shared memory are made for the daemon, which does not run as root. */
int storage_become_owner(const struct ctl *ctl, const char *path)
{
    char folder[4096];
    struct stat status;

    if (strlen(path) >= sizeof(folder))
        return print_failure(ctl, EXIT_USAGE, "config", "the path of the database is too long");
    memcpy(folder, path, strlen(path) + 1);
    const char *name = dirname(folder);
    if (stat(name, &status) < 0)
        return print_failure(ctl, EXIT_UNREACHABLE, "unavailable",
                             "the folder of the database, %s: %s", name, strerror(errno));
    umask(077);
    if (geteuid() != 0 || status.st_uid == 0)
        return EXIT_OK;
    if (setgroups(0, NULL) < 0 || setegid(status.st_gid) < 0 || seteuid(status.st_uid) < 0)
        return print_failure(ctl, EXIT_UNREACHABLE, "internal", "cannot become the owner of %s: %s",
                             name, strerror(errno));
    return EXIT_OK;
}

/* -- opening ---------------------------------------------------------------------------------- */

static void wait_for_results(struct password_pool *pool)
{
    struct pollfd entries[2] = {
        {.fd = dal_fd(), .events = POLLIN},
        {.fd = pool ? password_pool_fd(pool) : -1, .events = POLLIN},
    };

    dal_flush();
    if (poll(entries, ARRAY_SIZE(entries), -1) <= 0)
        return;
    if (entries[0].revents)
        dal_dispatch();
    if (entries[1].revents)
        password_pool_dispatch(pool);
}

struct ping {
    bool answered;
    enum dal_outcome outcome;
};

static void pinged(void *userdata, enum dal_outcome outcome)
{
    *(struct ping *)userdata = (struct ping){.answered = true, .outcome = outcome};
}

/* A round trip, which every thread answers after its first attempt to connect; that may include
 * the migration of many messages. */
static int wait_until_up(const struct ctl *ctl)
{
    struct ping ping = {0};
    struct dal_status status;
    int error = dal_ping(pinged, &ping);

    if (error < 0)
        return print_failure(ctl, EXIT_UNREACHABLE, "internal", "storage: %s", strerror(-error));
    while (!ping.answered)
        wait_for_results(NULL);
    if (ping.outcome == DAL_OK)
        return EXIT_OK;
    dal_status(&status);
    return print_failure(ctl, EXIT_UNREACHABLE, "unavailable", "storage is away: %s",
                         status.trouble);
}

int storage_open(struct ctl *ctl, const struct dal_config *config)
{
    char *error = NULL;
    int code = EXIT_OK;

    if (strcmp(config->driver, "sqlite") == 0)
        code = storage_become_owner(ctl, config->sqlite_path);
    if (code != EXIT_OK)
        return code;
    int result = dal_open(config, &error);
    if (result < 0) {
        code = print_failure(ctl, EXIT_UNREACHABLE, "unavailable", "storage: %s",
                             error ? error : strerror(-result));
        free(error);
        return code;
    }
    code = wait_until_up(ctl);
    if (code != EXIT_OK)
        dal_close();
    return code;
}

void storage_close(void)
{
    dal_close();
}

/* The password as the daemon would find it; the credential where the service manager keeps it
 * counts too, as this process is not given it. NULL if there is none. */
static int find_password(const struct ctl *ctl, char **ret)
{
    char *error = NULL;
    int result = daemon_config_mysql_password(&ctl->config, ret, &error);

    if (result < 0) {
        int code = print_failure(ctl, EXIT_USAGE, "config", "the database's password: %s",
                                 error ? error : strerror(-result));
        free(error);
        return code;
    }
    if (!*ret && access(MYSQL_CREDENTIAL, R_OK) == 0)
        return secret_for_server(ctl, MYSQL_CREDENTIAL, ret);
    return EXIT_OK;
}

int storage_configured(const struct ctl *ctl, struct dal_config *ret, char **ret_password)
{
    int code = EXIT_OK;

    if (ctl->config.storage.driver == DAEMON_DRIVER_MYSQL && !*ret_password)
        code = find_password(ctl, ret_password);
    if (code == EXIT_OK)
        *ret = storage_config(&ctl->config, *ret_password);
    return code;
}

int storage_open_configured(struct ctl *ctl, bool migrate)
{
    struct dal_config config;
    char *password = NULL;
    int code = storage_configured(ctl, &config, &password);

    if (code == EXIT_OK) {
        config.migrate = migrate;
        code = storage_open(ctl, &config);
    }
    secret_free(password);
    return code;
}

/* -- requests --------------------------------------------------------------------------------- */

int storage_host_new(const struct daemon_config *config, struct storage_host **ret)
{
    struct password_cost cost = settings_password(config);
    struct storage_host *host = calloc(1, sizeof(*host));

    if (!host)
        return -ENOMEM;
    int error =
        password_pool_new((unsigned)config->password.threads, QUEUE_MAX, &cost, &host->pool);
    if (error == 0)
        error = admin_new(host->pool, NULL, &host->admin);
    if (error < 0) {
        password_pool_free(host->pool);
        free(host);
        return error;
    }
    *ret = host;
    return 0;
}

void storage_host_free(struct storage_host *host)
{
    if (!host)
        return;
    password_pool_free(host->pool);
    admin_free(host->admin);
    free(host);
}

static void answered(void *userdata, json_t *answer)
{
    struct storage_host *host = userdata;

    host->answer = json_incref(answer);
    host->answered = true;
}

int storage_host_request(struct storage_host *host, json_t *request, json_t **ret_answer)
{
    host->answered = false;
    admin_handle(host->admin, request, answered, host);
    while (!host->answered)
        wait_for_results(host->pool);
    if (!host->answer)
        return -ENOMEM;
    *ret_answer = host->answer;
    host->answer = NULL;
    return 0;
}
