/* The verb table and what carries a request through it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "admin/admin.h"
#include "admin/request.h"
#include "util/log.h"
#include "util/utf8.h"

#include <errno.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define SHOWN_MAX 64 /* bytes of something unknown that an error message repeats */

#define PAGED (ARGUMENT_BIT(AFTER) | ARGUMENT_BIT(LIMIT))

/* In the order of multichatctl(8). */
static const struct verb verbs[] = {
    {"user add", ARGUMENT_BIT(USERID) | ARGUMENT_BIT(PASSWORD), ARGUMENT_BIT(NAME), verb_user_add},
    {"user add batch", ARGUMENT_BIT(USERS), 0, verb_user_add_batch},
    {"user passwd", ARGUMENT_BIT(USERID) | ARGUMENT_BIT(PASSWORD), 0, verb_user_passwd},
    {"user list", 0, PAGED, verb_user_list},
    {"user disable", ARGUMENT_BIT(USERID), 0, verb_user_disable},
    {"user enable", ARGUMENT_BIT(USERID), 0, verb_user_enable},
    {"user bulk", ARGUMENT_BIT(USERID) | ARGUMENT_BIT(BULK), 0, verb_user_bulk},
    {"user revoke", ARGUMENT_BIT(USERID), 0, verb_user_revoke},
    {"user devices", ARGUMENT_BIT(USERID), 0, verb_user_devices},
    {"user forget", ARGUMENT_BIT(USERID) | ARGUMENT_BIT(DEVICE), 0, verb_user_forget},
    {"user delete", ARGUMENT_BIT(USERID), 0, verb_user_delete},
    {"room add", ARGUMENT_BIT(ROOM), 0, verb_room_add},
    {"room delete", ARGUMENT_BIT(ROOM), 0, verb_room_delete},
    {"room list", 0, PAGED, verb_room_list},
    {"room join", ARGUMENT_BIT(ROOM) | ARGUMENT_BIT(USERID), 0, verb_room_join},
    {"room part", ARGUMENT_BIT(ROOM) | ARGUMENT_BIT(USERID), 0, verb_room_part},
    {"room members", ARGUMENT_BIT(ROOM), PAGED, verb_room_members},
    {"room set", ARGUMENT_BIT(ROOM),
     ARGUMENT_BIT(TOPIC) | ARGUMENT_BIT(ACCESS) | ARGUMENT_BIT(OPERATOR) | ARGUMENT_BIT(PLAIN),
     verb_room_set},
    {"room invite", ARGUMENT_BIT(ROOM) | ARGUMENT_BIT(USERID), 0, verb_room_invite},
    {"rooms", 0, PAGED, verb_rooms},
    {"status", 0, 0, verb_status},
    {"clients", 0, PAGED | ARGUMENT_BIT(ORDER), verb_clients},
    {"kick", ARGUMENT_BIT(USERID), ARGUMENT_BIT(ROOM) | ARGUMENT_BIT(REASON), verb_kick},
    {"announce", ARGUMENT_BIT(TEXT), 0, verb_announce},
    {"db check", 0, 0, verb_db_check},
};

const char *admin_code_name(enum admin_code code)
{
    static const char *const names[ADMIN_CODE_COUNT] = {
#define X(symbol, code, help) [ADMIN_CODE_##symbol] = code,
        ADMIN_CODE_TABLE(X)
#undef X
    };
    return names[code];
}

json_t *admin_text(const char *text)
{
    char *copy = strdup(text);
    json_t *json = NULL;

    if (copy) {
        utf8_scrub(copy);
        json = json_string(copy);
    }
    free(copy);
    return json;
}

PRINTF_LIKE(2, 0)
static json_t *refusal_va(enum admin_code code, const char *format, va_list arguments)
{
    char *text = NULL;

    if (vasprintf(&text, format, arguments) < 0)
        return NULL;
    json_t *answer = json_pack("{s:b,s:s,s:o}", "ok", 0, "code", admin_code_name(code), "error",
                               admin_text(text));
    free(text);
    return answer;
}

json_t *admin_refusal(enum admin_code code, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    json_t *answer = refusal_va(code, format, arguments);
    va_end(arguments);
    return answer;
}

struct bytes shorten(struct bytes text)
{
    return (struct bytes){text.data, utf8_prefix(text, SHOWN_MAX)};
}

json_t *refusal_of_error(int error)
{
    if (error == -EAGAIN)
        return admin_refusal(ADMIN_CODE_BUSY, "too many requests are waiting; try again later");
    if (error == -ESHUTDOWN)
        return admin_refusal(ADMIN_CODE_STOPPING, "storage is being closed");
    log_error("an administrative request failed: %s", strerror(-error));
    return admin_refusal(ADMIN_CODE_INTERNAL, "internal error: %s", strerror(-error));
}

json_t *refusal_of_outcome(enum dal_outcome outcome)
{
    struct dal_status status;

    if (outcome == DAL_UNAVAILABLE) {
        dal_status(&status);
        return admin_refusal(ADMIN_CODE_UNAVAILABLE, "storage is away: %s",
                             status.trouble[0] ? status.trouble : "try again later");
    }
    if (outcome == DAL_UNCERTAIN)
        return admin_refusal(ADMIN_CODE_UNCERTAIN,
                             "storage failed during the commit; see whether it was changed");
    log_error("storage ended an administrative request as \"%s\"", dal_outcome_name(outcome));
    return admin_refusal(ADMIN_CODE_INTERNAL, "internal error: storage says \"%s\"",
                         dal_outcome_name(outcome));
}

json_t *user_to_json(const struct user *user)
{
    return json_pack("{s:s,s:s,s:b,s:b,s:I}", "userid", user->userid, "name", user->name,
                     "disabled", user->disabled, "bulk", user->bulk, "created_ms",
                     (json_int_t)user->created_ms);
}

/* -- the life of a request -------------------------------------------------------------------- */

static void request_free(struct request *request)
{
    list_remove(&request->link);
    if (request->state)
        request->state_free(request->state);
    json_decref(request->json);
    free(request);
}

void request_finish(struct request *request, json_t *answer)
{
    admin_answer_fn callback = request->callback;
    void *userdata = request->userdata;

    request_free(request);
    callback(userdata, answer);
    json_decref(answer);
}

void request_refuse(struct request *request, enum admin_code code, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    json_t *answer = refusal_va(code, format, arguments);
    va_end(arguments);
    request_finish(request, answer);
}

void request_check(struct request *request, int error)
{
    if (error < 0)
        request_finish(request, refusal_of_error(error));
}

void request_account_changed(struct request *request, struct bytes userid)
{
    const struct admin_hooks *hooks = &request->admin->hooks;

    if (hooks->account_changed)
        hooks->account_changed(hooks->userdata, userid);
}

static void wipe_and_free(void *data)
{
    if (data)
        explicit_bzero(data, malloc_usable_size(data));
    free(data);
}

void admin_setup(void)
{
    json_set_alloc_funcs(malloc, wipe_and_free);
}

int admin_new(struct password_pool *pool, const struct admin_hooks *hooks, struct admin **ret)
{
    struct admin *admin = calloc(1, sizeof(*admin));

    if (!admin)
        return -ENOMEM;
    admin->pool = pool;
    if (hooks)
        admin->hooks = *hooks;
    list_init(&admin->requests);
    *ret = admin;
    return 0;
}

void admin_free(struct admin *admin)
{
    if (!admin)
        return;
    while (!list_empty(&admin->requests))
        request_refuse(LIST_FIRST(&admin->requests, struct request, link), ADMIN_CODE_STOPPING,
                       "the program ended before it was done");
    free(admin);
}

/* -- from JSON to a verb ---------------------------------------------------------------------- */

static void answer_and_drop(admin_answer_fn callback, void *userdata, json_t *answer)
{
    callback(userdata, answer);
    json_decref(answer);
}

static const struct verb *find_verb(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
        if (strcmp(verbs[i].name, name) == 0)
            return &verbs[i];
    return NULL;
}

static json_t *refuse_verb(const char *name)
{
    char list[1024];
    size_t len = 0;
    struct bytes shown = shorten(bytes_of(name));

    list[0] = '\0';
    for (size_t i = 0; i < ARRAY_SIZE(verbs) && len < sizeof(list); i++)
        len +=
            (size_t)snprintf(list + len, sizeof(list) - len, "%s%s", i ? ", " : "", verbs[i].name);
    return admin_refusal(ADMIN_CODE_UNKNOWN_VERB, "there is no verb \"%.*s\"; there are: %s",
                         BYTES_ARG(shown), list);
}

/* The request, not yet on its way; NULL with the refusal. */
static struct request *request_new(struct admin *admin, json_t *json, json_t **ret_refusal)
{
    const char *name;
    json_error_t error;
    struct arguments arguments;

    if (json_unpack_ex(json, &error, 0, "{s:s}", "verb", &name) < 0) {
        *ret_refusal = admin_refusal(
            ADMIN_CODE_MALFORMED, "a request is an object with a string \"verb\": %s", error.text);
        return NULL;
    }
    const struct verb *verb = find_verb(name);
    if (!verb) {
        *ret_refusal = refuse_verb(name);
        return NULL;
    }
    if (!arguments_parse(json, verb->name, verb->required, verb->optional, &arguments, ret_refusal))
        return NULL;
    struct request *request = calloc(1, sizeof(*request));
    if (!request) {
        *ret_refusal = NULL;
        return NULL;
    }
    *request = (struct request){
        .admin = admin, .verb = verb, .json = json_incref(json), .arguments = arguments};
    list_init(&request->link);
    list_append(&admin->requests, &request->link);
    return request;
}

void admin_handle(struct admin *admin, json_t *json, admin_answer_fn callback, void *userdata)
{
    json_t *refusal = NULL;
    struct request *request = request_new(admin, json, &refusal);

    if (!request) {
        answer_and_drop(callback, userdata, refusal);
        return;
    }
    request->callback = callback;
    request->userdata = userdata;
    request->verb->handle(request);
}

void admin_handle_line(struct admin *admin, struct bytes line, admin_answer_fn callback,
                       void *userdata)
{
    json_error_t error;
    json_t *json = json_loadb(line.data, line.len, JSON_REJECT_DUPLICATES, &error);

    if (!json) {
        answer_and_drop(callback, userdata,
                        admin_refusal(ADMIN_CODE_MALFORMED, "no JSON object: %s (column %d)",
                                      error.text, error.column));
        return;
    }
    admin_handle(admin, json, callback, userdata);
    json_decref(json);
}
