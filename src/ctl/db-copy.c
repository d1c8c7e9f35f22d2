/* db copy: from the engine of the configuration to another one, by way of no file.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/ask.h"
#include "ctl/database.h"
#include "ctl/secret.h"
#include "ctl/whole.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct copying {
    const struct dal_config *target;
    struct dal_import *import;
    struct tally tally;
    int begun;  /* the result of dal_import_begin() */
    int result; /* of what followed there */
    char *words;
};

static int begin(void *userdata, const struct dal_next_ids *next)
{
    struct copying *copying = userdata;

    copying->begun = dal_import_begin(copying->target, next, &copying->import, &copying->words);
    return copying->begun;
}

static int take(void *userdata, enum dal_table table, const struct dal_value *values)
{
    struct copying *copying = userdata;

    tally_row(&copying->tally, table);
    copying->result = dal_import_row(copying->import, table, values, copying->tally.all);
    return copying->result;
}

static int import_failure(const struct ctl *ctl, const struct copying *copying)
{
    uint64_t row = 0;
    const char *words = dal_import_trouble(copying->import, &row);

    if (row == 0)
        return print_failure(ctl, EXIT_UNREACHABLE, "unavailable",
                             "the target: %s; nothing has been copied", words);
    return print_failure(ctl, EXIT_REFUSED, "invalid",
                         "row %" PRIu64 ": %s; nothing has been copied", row, words);
}

static int copy_all(const struct ctl *ctl, const struct dal_config *source, struct copying *copying)
{
    static const struct dal_sink sink = {begin, take};
    char *error = NULL;

    tally_begin(&copying->tally, ctl);
    int result = dal_export(source, true, &sink, copying, &error);
    if (result == 0)
        result = copying->result = dal_import_commit(copying->import);
    tally_end(&copying->tally);
    if (result == 0)
        return EXIT_OK;
    if (copying->begun < 0)
        return whole_failure(ctl, "the target", copying->begun, copying->words);
    if (copying->result < 0)
        return import_failure(ctl, copying);
    return whole_failure(ctl, "the source", result, error);
}

/* -- from where to where ------------------------------------------------------------------------
 */

/* `driver` becomes the one of the configuration. */
static int choose(struct ctl *ctl, const char *driver)
{
    const char *const *drivers = dal_drivers();

    for (size_t i = 0; drivers[i]; i++)
        if (strcmp(drivers[i], driver) == 0) {
            ctl->config.storage.driver =
                strcmp(driver, "mysql") == 0 ? DAEMON_DRIVER_MYSQL : DAEMON_DRIVER_SQLITE;
            return EXIT_OK;
        }
    return print_failure(ctl, EXIT_USAGE, "usage",
                         "--to is sqlite or mysql, and this program was built with %s alone",
                         drivers[0]);
}

/* What the configuration says of `driver`, with what the options say of MySQL instead. */
static int describe(struct ctl *ctl, const char *driver, struct dal_config *ret,
                    char **ret_password)
{
    const struct options *options = &ctl->options;
    int code = choose(ctl, driver);

    if (code == EXIT_OK && options->secret_file && strcmp(driver, "mysql") == 0)
        code = secret_for_server(ctl, options->secret_file, ret_password);
    if (code == EXIT_OK)
        code = storage_configured(ctl, ret, ret_password);
    if (code != EXIT_OK)
        return code;
    if (options->server_socket)
        ret->mysql_host = "";
    ret->mysql_socket = options->server_socket ? options->server_socket : ret->mysql_socket;
    ret->mysql_database = options->database ? options->database : ret->mysql_database;
    ret->mysql_user = options->user ? options->user : ret->mysql_user;
    return EXIT_OK;
}

struct ends {
    struct dal_config source, target;
    char *source_password, *target_password;
};

/* Passwords are read before root becomes the owner of a database file, who may not. */
static int describe_both(struct ctl *ctl, struct ends *ends)
{
    bool to_mysql = strcmp(ctl->options.to, "mysql") == 0;
    int code = describe(ctl, to_mysql ? "sqlite" : "mysql", &ends->source, &ends->source_password);

    if (code == EXIT_OK)
        code = describe(ctl, ctl->options.to, &ends->target, &ends->target_password);
    if (code == EXIT_OK)
        code = whole_own(ctl, true, &ends->source);
    if (code == EXIT_OK)
        code = whole_own(ctl, false, &ends->target);
    return code;
}

static int note_target(const struct ctl *ctl, const struct dal_config *target, json_t *settings)
{
    const char *file = ctl->options.secret_file;
    struct dal_config config = *target;
    char *absolute_file = NULL, *absolute_socket = NULL;
    int code =
        make_absolute(ctl, file ? file : ctl->config.storage.mysql.password_file, &absolute_file);

    if (code == EXIT_OK)
        code = make_absolute(ctl, target->mysql_socket, &absolute_socket);
    if (code == EXIT_OK) {
        config.mysql_socket = absolute_socket;
        note_settings(ctl, &config, absolute_file, settings);
    }
    free(absolute_file);
    free(absolute_socket);
    return code;
}

/* -- the command --------------------------------------------------------------------------------
 */

static int conclude_copy(const struct ctl *ctl, const struct ends *ends, const struct tally *tally,
                         json_t *settings)
{
    json_t *answer = tally_answer(tally);
    char text[TALLY_TEXT_MAX];

    json_object_set(answer, "settings", settings);
    if (!ctl->options.json)
        show_settings(settings);
    return conclude(ctl, answer, "copied from %s to %s: %s", ends->source.driver,
                    ends->target.driver, tally_text(tally, text));
}

static int copy(struct ctl *ctl, const struct ends *ends, json_t *settings)
{
    struct copying copying = {.target = &ends->target};
    int code = copy_all(ctl, &ends->source, &copying);

    dal_import_free(copying.import);
    return code == EXIT_OK ? conclude_copy(ctl, ends, &copying.tally, settings) : code;
}

int command_db_copy(struct ctl *ctl)
{
    bool configured =
        ctl->options.to && strcmp(daemon_config_driver(&ctl->config), ctl->options.to) == 0;
    json_t *settings = json_object();
    struct ends ends = {0};
    int code;

    if (!ctl->options.to)
        code = print_failure(ctl, EXIT_USAGE, "usage", "say where: --to mysql");
    else
        code = describe_both(ctl, &ends);
    if (code == EXIT_OK && !configured)
        json_object_set_new(settings, "storage.driver", json_string(ends.target.driver));
    if (code == EXIT_OK && strcmp(ends.target.driver, "mysql") == 0)
        code = note_target(ctl, &ends.target, settings);
    if (code == EXIT_OK)
        code = copy(ctl, &ends, settings);
    secret_free(ends.source_password);
    secret_free(ends.target_password);
    json_decref(settings);
    return code;
}
