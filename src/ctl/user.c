/* The commands on users.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/ask.h"
#include "ctl/secret.h"

#include <stdlib.h>

/* Before somebody types a password twice in vain: whether there is such a user, who has to be there
 * if `wanted`, else not. A daemon of before, which does not know the verb, cannot tell. Nothing is
 * held open while he types. */
static int see_whether_there(struct ctl *ctl, bool wanted)
{
    static const char verb[] = "user devices";
    const char *userid = ctl->arguments[0];
    json_t *request = json_pack("{s:s}", "verb", verb), *answer = NULL;
    int code = request_add(ctl, request, "userid", userid);

    if (code != EXIT_OK) {
        json_decref(request);
        return code;
    }
    code = session_request(ctl, request, &answer);
    session_close(ctl);
    if (code != EXIT_OK)
        return code;
    const char *why = text_of(answer, "code");
    if (json_is_true(json_object_get(answer, "ok")))
        code = wanted ? EXIT_OK
                      : print_failure(ctl, EXIT_REFUSED, admin_code_name(ADMIN_CODE_TAKEN),
                                      "the userid %s is taken", userid);
    else if (strcmp(why, admin_code_name(ADMIN_CODE_UNKNOWN_VERB)) != 0 &&
             (wanted || strcmp(why, admin_code_name(ADMIN_CODE_MISSING)) != 0))
        code = print_refusal(ctl, answer);
    json_decref(answer);
    return code;
}

/* Asks with the password added that the options or the terminal give; of a user who has to be there
 * already if `wanted`. */
static int ask_with_password(struct ctl *ctl, json_t *request, bool wanted, json_t **ret_answer)
{
    char *secret = NULL;
    int code = secret_is_typed(ctl) ? see_whether_there(ctl, wanted) : EXIT_OK;

    if (code == EXIT_OK)
        code = secret_obtain(ctl, ctl->arguments[0], &secret);
    if (code == EXIT_OK)
        code = request_add(ctl, request, "password", secret);
    secret_free(secret);
    if (code == EXIT_OK)
        return ask(ctl, request, ret_answer);
    json_decref(request);
    return code;
}

static int add_one(struct ctl *ctl)
{
    json_t *request = NULL, *answer = NULL;
    int code = request_of(ctl, "userid", NULL, &request);

    if (code == EXIT_OK)
        code = request_add_given(ctl, &request, "name", ctl->options.name);
    if (code == EXIT_OK)
        code = ask_with_password(ctl, request, false, &answer);
    return code == EXIT_OK ? conclude(ctl, answer, "user %s added", ctl->arguments[0]) : code;
}

int command_user_add(struct ctl *ctl)
{
    const struct options *options = &ctl->options;

    if (!options->batch && ctl->arguments[0])
        return add_one(ctl);
    if (!options->batch)
        return print_failure(ctl, EXIT_USAGE, "usage", "\"user add\" needs a USERID, or --batch");
    if (ctl->arguments[0] || options->name || options->password_file || options->password_fd)
        return print_failure(ctl, EXIT_USAGE, "usage",
                             "with --batch, userids, names and passwords come from its file");
    return user_add_batch(ctl);
}

int command_user_passwd(struct ctl *ctl)
{
    json_t *request = NULL, *answer = NULL;
    int code = request_of(ctl, "userid", NULL, &request);

    if (code == EXIT_OK)
        code = ask_with_password(ctl, request, true, &answer);
    return code == EXIT_OK ? conclude(ctl, answer, "%s has a new password", ctl->arguments[0])
                           : code;
}

int command_user_disable(struct ctl *ctl)
{
    json_t *answer = NULL;
    int code = ask_about(ctl, "userid", NULL, &answer);

    return code == EXIT_OK ? conclude(ctl, answer, "user %s disabled", ctl->arguments[0]) : code;
}

int command_user_enable(struct ctl *ctl)
{
    json_t *answer = NULL;
    int code = ask_about(ctl, "userid", NULL, &answer);

    return code == EXIT_OK ? conclude(ctl, answer, "user %s enabled", ctl->arguments[0]) : code;
}

int command_user_delete(struct ctl *ctl)
{
    json_t *answer = NULL;
    int code = ask_about(ctl, "userid", NULL, &answer);

    return code == EXIT_OK ? conclude(ctl, answer, "user %s deleted", ctl->arguments[0]) : code;
}

int command_user_bulk(struct ctl *ctl)
{
    const char *word = ctl->arguments[1];
    bool on = strcmp(word, "on") == 0;
    json_t *request = NULL, *answer = NULL;

    if (!on && strcmp(word, "off") != 0)
        return print_failure(ctl, EXIT_USAGE, "usage", "\"user bulk\" takes on or off");
    int code = request_of(ctl, "userid", NULL, &request);
    if (code == EXIT_OK) {
        json_object_set_new(request, "bulk", json_boolean(on));
        code = ask(ctl, request, &answer);
    }
    return code == EXIT_OK ? conclude(ctl, answer,
                                      on ? "user %s may send without limits of rate"
                                         : "limits of rate hold for user %s",
                                      ctl->arguments[0])
                           : code;
}

int command_user_revoke(struct ctl *ctl)
{
    json_t *answer = NULL;
    int code = ask_about(ctl, "userid", NULL, &answer);

    return code == EXIT_OK
               ? conclude(ctl, answer, "the sessions of user %s have ended", ctl->arguments[0])
               : code;
}

int command_user_forget(struct ctl *ctl)
{
    json_t *answer = NULL;
    int code = ask_about(ctl, "userid", "device", &answer);

    return code == EXIT_OK ? conclude(ctl, answer, "device %s of user %s deleted",
                                      ctl->arguments[1], ctl->arguments[0])
                           : code;
}

#define VERSION_TEXT 12

int command_user_devices(struct ctl *ctl)
{
    json_t *answer = NULL;
    int code = ask_about(ctl, "userid", NULL, &answer);

    if (code != EXIT_OK)
        return code;
    const json_t *devices = json_object_get(answer, "devices");
    size_t count = json_array_size(devices), cell = 3;
    const char **cells = calloc((count + 1) * 3, sizeof(*cells));
    char(*dates)[DATE_MAX] = calloc(count + 1, sizeof(*dates));
    char(*versions)[VERSION_TEXT] = calloc(count + 1, sizeof(*versions));

    if (ctl->options.json) {
        print_json(answer);
    } else if (cells && dates && versions) {
        memcpy(cells, (const char *const[]){"DEVICE", "VERSION", "SEEN"}, 3 * sizeof(*cells));
        for (size_t i = 0; i < count; i++) {
            const json_t *device = json_array_get(devices, i);
            snprintf(versions[i], VERSION_TEXT, "%u", (unsigned)number_of(device, "version"));
            cells[cell++] = text_of(device, "device");
            cells[cell++] = versions[i];
            cells[cell++] = format_date(number_of(device, "seen_ms"), dates[i]);
        }
        print_table(stdout, 3, cells, count + 1);
    }
    free(cells);
    free(dates);
    free(versions);
    json_decref(answer);
    return EXIT_OK;
}

int show_users(const struct ctl *ctl, json_t *answer, const char *member)
{
    const json_t *users = json_object_get(answer, member);
    size_t count = json_array_size(users), cell = 5;
    const char **cells = calloc((count + 1) * 5, sizeof(*cells));
    char(*dates)[DATE_MAX] = calloc(count + 1, sizeof(*dates));

    if (ctl->options.json) {
        print_json(answer);
    } else if (cells && dates) {
        memcpy(cells, (const char *const[]){"USERID", "NAME", "STATE", "RIGHTS", "CREATED"},
               5 * sizeof(*cells));
        for (size_t i = 0; i < count; i++) {
            const json_t *user = json_array_get(users, i);
            cells[cell++] = text_of(user, "userid");
            cells[cell++] = text_of(user, "name");
            cells[cell++] =
                json_is_true(json_object_get(user, "disabled")) ? "disabled" : "enabled";
            cells[cell++] = json_is_true(json_object_get(user, "bulk")) ? "bulk" : "-";
            cells[cell++] = format_date(number_of(user, "created_ms"), dates[i]);
        }
        print_table(stdout, 5, cells, count + 1);
    }
    free(cells);
    free(dates);
    json_decref(answer);
    return EXIT_OK;
}

int command_user_list(struct ctl *ctl)
{
    json_t *request = NULL, *answer = NULL;
    int code = request_of(ctl, NULL, NULL, &request);

    if (code == EXIT_OK)
        code = ask_pages(ctl, request, "users", &answer);
    return code == EXIT_OK ? show_users(ctl, answer, "users") : code;
}
