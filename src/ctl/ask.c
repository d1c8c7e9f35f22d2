/* A command's usual steps.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/ask.h"
#include "util/utf8.h"

#include <stdarg.h>
#include <stdlib.h>

const char *text_of(const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));

    return text ? text : "";
}

json_int_t number_of(const json_t *object, const char *member)
{
    return json_integer_value(json_object_get(object, member));
}

int request_add(const struct ctl *ctl, json_t *request, const char *member, const char *text)
{
    if (!utf8_valid(bytes_of(text)))
        return print_failure(ctl, EXIT_REFUSED, "invalid", "the %s is not allowed: it is not UTF-8",
                             member);
    json_object_set_new(request, member, json_string(text));
    return EXIT_OK;
}

int request_add_given(const struct ctl *ctl, json_t **request, const char *member, const char *text)
{
    int code = text ? request_add(ctl, *request, member, text) : EXIT_OK;

    if (code != EXIT_OK) {
        json_decref(*request);
        *request = NULL;
    }
    return code;
}

int request_of(const struct ctl *ctl, const char *first, const char *second, json_t **ret_request)
{
    const char *const members[] = {first, second};
    json_t *request = json_pack("{s:s}", "verb", ctl->command->words);
    int code = EXIT_OK;

    for (size_t i = 0; i < ARRAY_SIZE(members) && code == EXIT_OK; i++)
        if (members[i])
            code = request_add(ctl, request, members[i], ctl->arguments[i]);
    if (code == EXIT_OK)
        *ret_request = request;
    else
        json_decref(request);
    return code;
}

int ask(struct ctl *ctl, json_t *request, json_t **ret_answer)
{
    json_t *answer = NULL;
    int code = session_request(ctl, request, &answer);

    if (code == EXIT_OK)
        code = print_refusal(ctl, answer);
    if (code == EXIT_OK)
        *ret_answer = answer;
    else
        json_decref(answer);
    return code;
}

int ask_about(struct ctl *ctl, const char *first, const char *second, json_t **ret_answer)
{
    json_t *request = NULL;
    int code = request_of(ctl, first, second, &request);

    return code == EXIT_OK ? ask(ctl, request, ret_answer) : code;
}

/* A page that tells of no next one, or of none behind where it began, is the last. */
static bool has_next(json_t *request, const json_t *answer)
{
    const char *next = json_string_value(json_object_get(answer, "next"));

    if (!next || strcmp(next, text_of(request, "after")) <= 0)
        return false;
    json_object_set_new(request, "after", json_string(next));
    return true;
}

int ask_pages(struct ctl *ctl, json_t *request, const char *member, json_t **ret_answer)
{
    json_t *all = json_array();
    int code;
    bool more = true;

    do {
        json_t *answer = NULL;
        code = ask(ctl, json_incref(request), &answer);
        if (code != EXIT_OK)
            break;
        json_array_extend(all, json_object_get(answer, member));
        more = has_next(request, answer);
        json_decref(answer);
    } while (more);
    json_decref(request);
    if (code == EXIT_OK)
        *ret_answer = json_pack("{s:b,s:O}", "ok", 1, member, all);
    json_decref(all);
    return code;
}

int conclude(const struct ctl *ctl, json_t *answer, const char *format, ...)
{
    char *text = NULL;
    va_list arguments;

    va_start(arguments, format);
    if (vasprintf(&text, format, arguments) < 0)
        text = NULL;
    va_end(arguments);
    if (ctl->options.json)
        print_json(answer);
    else
        print_clean(stdout, text ? text : "done");
    if (!ctl->options.json)
        putchar('\n');
    free(text);
    json_decref(answer);
    return EXIT_OK;
}
