/* db init: makes the database, brings its schema up, and says what the configuration lacks to use
 * it. Nothing in it minds being done already.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/ask.h"
#include "ctl/database.h"

#include <stdlib.h>
#include <string.h>

/* The configured driver, or the one the options name; that one is noted as a setting. */
static int choose_driver(struct ctl *ctl, json_t *settings)
{
    const char *const *drivers = dal_drivers();
    const char *wanted = ctl->options.driver;

    if (!wanted || strcmp(wanted, daemon_config_driver(&ctl->config)) == 0)
        return EXIT_OK;
    for (size_t i = 0; drivers[i]; i++)
        if (strcmp(drivers[i], wanted) == 0) {
            ctl->config.storage.driver =
                strcmp(wanted, "mysql") == 0 ? DAEMON_DRIVER_MYSQL : DAEMON_DRIVER_SQLITE;
            json_object_set_new(settings, "storage.driver", json_string(wanted));
            return EXIT_OK;
        }
    return print_failure(ctl, EXIT_USAGE, "usage", "--driver %s: allowed %s %s%s%s", wanted,
                         drivers[1] ? "are" : "is", drivers[0], drivers[1] ? " and " : "",
                         drivers[1] ? drivers[1] : "");
}

static int init_sqlite(struct ctl *ctl, struct dal_status *ret_status)
{
    const struct options *options = &ctl->options;

    if (options->admin_user || options->admin_password_file || options->database || options->user ||
        options->server_socket || options->secret_file)
        return print_failure(ctl, EXIT_USAGE, "usage",
                             "with the driver sqlite, \"db init\" takes no option but --driver");
    int code = storage_open_configured(ctl, true);
    if (code != EXIT_OK)
        return code;
    dal_status(ret_status);
    storage_close();
    return EXIT_OK;
}

/* -- settings as the configuration has them --------------------------------------------------- */

/* A key's value in its groups, which are made: "storage.mysql.user" is in two of them. */
static void place_setting(json_t *group, const char *key, json_t *value)
{
    for (size_t len; key[len = strcspn(key, ".")]; key += len + 1) {
        char name[32];
        snprintf(name, sizeof(name), "%.*s", (int)len, key);
        if (!json_object_get(group, name))
            json_object_set_new(group, name, json_object());
        group = json_object_get(group, name);
    }
    json_object_set(group, key, value);
}

static void print_quoted(const char *text)
{
    char *quoted = malloc(2 * strlen(text) + 1), *to = quoted;

    if (!quoted)
        return;
    for (; *text; *to++ = *text++)
        if (*text == '"' || *text == '\\')
            *to++ = '\\';
    *to = '\0';
    putchar('"');
    print_clean(stdout, quoted);
    putchar('"');
    free(quoted);
}

/* No deeper than the keys have dots. */
static void print_group(json_t *group, int indent)
{
    const char *name;
    json_t *value;

    json_object_foreach(group, name, value)
    {
        if (json_is_object(value)) {
            printf("%*s%s:\n%*s{\n", indent, "", name, indent, "");
            print_group(value, indent + 4);
            printf("%*s};\n", indent, "");
        } else {
            printf("%*s%s = ", indent, "", name);
            print_quoted(json_string_value(value));
            printf(";\n");
        }
    }
}

void show_settings(json_t *settings)
{
    const char *key;
    json_t *value, *groups;

    if (json_object_size(settings) == 0) {
        printf("the configuration needs no change\n");
        return;
    }
    groups = json_object();
    json_object_foreach(settings, key, value) place_setting(groups, key, value);
    printf("set in the configuration, in the groups that it has already, then restart "
           "multichatd:\n\n");
    print_group(groups, 0);
    putchar('\n');
    json_decref(groups);
}

static int conclude_init(struct ctl *ctl, const struct dal_status *status, json_t *settings)
{
    const struct daemon_config *config = &ctl->config;
    bool mysql = config->storage.driver == DAEMON_DRIVER_MYSQL;
    const char *database = ctl->options.database ? ctl->options.database
                           : mysql               ? config->storage.mysql.database
                                                 : config->storage.sqlite_path;

    if (!ctl->options.json) {
        printf("the database is ");
        print_clean(stdout, database);
        printf(" on %s\n", status->server);
        show_settings(settings);
    }
    return conclude_schema(ctl, status,
                           json_pack("{s:b,s:s,s:o,s:o,s:i,s:i,s:O}", "ok", 1, "driver",
                                     daemon_config_driver(&ctl->config), "database",
                                     admin_text(database), "server", admin_text(status->server),
                                     "schema_before", status->schema_before, "schema_version",
                                     status->schema_version, "settings", settings));
}

int command_db_init(struct ctl *ctl)
{
    struct dal_status status;
    json_t *settings = json_object();
    int code = choose_driver(ctl, settings);

    if (code == EXIT_OK)
        code = ctl->config.storage.driver == DAEMON_DRIVER_MYSQL
                   ? init_mysql(ctl, settings, &status)
                   : init_sqlite(ctl, &status);
    if (code == EXIT_OK)
        code = conclude_init(ctl, &status, settings);
    json_decref(settings);
    return code;
}
