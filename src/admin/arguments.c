/* The arguments of requests: one table of names, types and checks. What a verb does not know is
 * refused, not passed over, so that a misspelt argument cannot change what a request means.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "admin/request.h"
#include "util/utf8.h"

#include <stdio.h>

#define AFTER_MAX 256 /* bytes of the place where a list goes on */

/* Takes one argument; NULL or why not, in words (static). */
typedef const char *(*take_fn)(struct arguments *arguments, json_t *value, const char *text,
                               size_t len);

struct argument_type {
    const char *name;
    json_type type;
    take_fn take;
};

static const char *take_userid(struct arguments *arguments, json_t *value, const char *text,
                               size_t len)
{
    (void)value;
    arguments->userid = (struct bytes){text, len};
    return name_refusal(arguments->userid);
}

static const char *take_name(struct arguments *arguments, json_t *value, const char *text,
                             size_t len)
{
    (void)value;
    arguments->name = (struct bytes){text, len};
    return name_refusal(arguments->name);
}

static const char *take_password(struct arguments *arguments, json_t *value, const char *text,
                                 size_t len)
{
    (void)value;
    arguments->password = (struct bytes){text, len};
    return password_refusal(arguments->password);
}

/* "#staff" and "staff" are the same room: a '#' is a nuisance in a shell. */
static const char *take_room(struct arguments *arguments, json_t *value, const char *text,
                             size_t len)
{
    struct bytes name = {text, len};
    (void)value;
    if (name.len > 0 && name.data[0] == '#')
        name = (struct bytes){name.data + 1, name.len - 1};
    const char *refusal = name_refusal(name);
    if (!refusal)
        snprintf(arguments->room, sizeof(arguments->room), "#%.*s", BYTES_ARG(name));
    return refusal;
}

static const char *take_after(struct arguments *arguments, json_t *value, const char *text,
                              size_t len)
{
    (void)value;
    arguments->after = (struct bytes){text, len};
    return len <= AFTER_MAX ? NULL : "it is longer than what an answer tells as \"next\"";
}

static const char *take_limit(struct arguments *arguments, json_t *value, const char *text,
                              size_t len)
{
    (void)text, (void)len;
    json_int_t number = json_integer_value(value);
    if (number < 1 || number > ADMIN_PAGE_MAX)
        return "allowed are 1 to 500";
    arguments->limit = (unsigned)number;
    return NULL;
}
_Static_assert(ADMIN_PAGE_MAX == 500, "the words above say so");

static const char *take_users(struct arguments *arguments, json_t *value, const char *text,
                              size_t len)
{
    (void)text, (void)len;
    if (json_array_size(value) < 1 || json_array_size(value) > ADMIN_BATCH_MAX)
        return "allowed are 1 to 100 users";
    arguments->users = value;
    return NULL;
}
_Static_assert(ADMIN_BATCH_MAX == 100, "the words above say so");

static const char *take_bulk(struct arguments *arguments, json_t *value, const char *text,
                             size_t len)
{
    (void)text, (void)len;
    arguments->bulk = json_is_true(value);
    return NULL;
}

static const char *take_device(struct arguments *arguments, json_t *value, const char *text,
                               size_t len)
{
    (void)value;
    arguments->device = (struct bytes){text, len};
    return len <= DEVICE_NAME_MAX ? NULL : "it is longer than any device's name";
}

static const char *take_order(struct arguments *arguments, json_t *value, const char *text,
                              size_t len)
{
    (void)value, (void)len;
    arguments->by_waiting = strcmp(text, "waiting") == 0;
    return arguments->by_waiting || strcmp(text, "userid") == 0
               ? NULL
               : "allowed are \"userid\" and \"waiting\"";
}

/* C0, DEL or C1, beside those `allowed`; `text` is valid UTF-8 without NUL. */
static bool has_control_character(struct bytes text, const char *allowed)
{
    while (text.len > 0) {
        uint32_t character = 0;
        int len = utf8_decode(text, &character);
        bool control = character < 0x20 || (character >= 0x7f && character < 0xa0);
        if (len <= 0 || (control && !strchr(allowed, text.data[0])))
            return true;
        text = (struct bytes){text.data + len, text.len - (size_t)len};
    }
    return false;
}

static const char *take_reason(struct arguments *arguments, json_t *value, const char *text,
                               size_t len)
{
    (void)value;
    arguments->reason = text;
    if (len == 0 || len > ADMIN_REASON_MAX)
        return "allowed are 1 to 200 bytes";
    return has_control_character((struct bytes){text, len}, "") ? "it has a control character"
                                                                : NULL;
}
_Static_assert(ADMIN_REASON_MAX == 200, "the words above say so");

static const char *take_topic(struct arguments *arguments, json_t *value, const char *text,
                              size_t len)
{
    (void)value;
    arguments->topic = (struct bytes){text, len};
    return topic_refusal(arguments->topic);
}

static const char *take_access(struct arguments *arguments, json_t *value, const char *text,
                               size_t len)
{
    (void)value, (void)len;
    bool closed = strcmp(text, "closed") == 0;
    arguments->access = closed ? ROOM_CLOSED : ROOM_OPEN;
    return closed || strcmp(text, "open") == 0 ? NULL : "allowed are \"open\" and \"closed\"";
}

static const char *take_operator(struct arguments *arguments, json_t *value, const char *text,
                                 size_t len)
{
    (void)value;
    arguments->operator_userid = (struct bytes){text, len};
    return name_refusal(arguments->operator_userid);
}

static const char *take_plain(struct arguments *arguments, json_t *value, const char *text,
                              size_t len)
{
    (void)value;
    arguments->plain_userid = (struct bytes){text, len};
    return name_refusal(arguments->plain_userid);
}

static const char *take_text(struct arguments *arguments, json_t *value, const char *text,
                             size_t len)
{
    (void)value;
    arguments->text = (struct bytes){text, len};
    if (len == 0 || len > ADMIN_ANNOUNCEMENT_MAX)
        return "allowed are 1 to 2000 bytes";
    return has_control_character(arguments->text, "\n\t")
               ? "of control characters, newline and tab are allowed"
               : NULL;
}
_Static_assert(ADMIN_ANNOUNCEMENT_MAX == 2000, "the words above say so");

static const struct argument_type argument_types[ARGUMENT_COUNT] = {
    [ARGUMENT_USERID] = {"userid", JSON_STRING, take_userid},
    [ARGUMENT_NAME] = {"name", JSON_STRING, take_name},
    [ARGUMENT_PASSWORD] = {"password", JSON_STRING, take_password},
    [ARGUMENT_ROOM] = {"room", JSON_STRING, take_room},
    [ARGUMENT_AFTER] = {"after", JSON_STRING, take_after},
    [ARGUMENT_LIMIT] = {"limit", JSON_INTEGER, take_limit},
    [ARGUMENT_USERS] = {"users", JSON_ARRAY, take_users},
    [ARGUMENT_BULK] = {"bulk", JSON_TRUE, take_bulk},
    [ARGUMENT_DEVICE] = {"device", JSON_STRING, take_device},
    [ARGUMENT_ORDER] = {"order", JSON_STRING, take_order},
    [ARGUMENT_REASON] = {"reason", JSON_STRING, take_reason},
    [ARGUMENT_TOPIC] = {"topic", JSON_STRING, take_topic},
    [ARGUMENT_ACCESS] = {"access", JSON_STRING, take_access},
    [ARGUMENT_OPERATOR] = {"operator", JSON_STRING, take_operator},
    [ARGUMENT_PLAIN] = {"plain", JSON_STRING, take_plain},
    [ARGUMENT_TEXT] = {"text", JSON_STRING, take_text},
};

/* JSON_TRUE stands for both booleans. */
static bool has_type(const json_t *value, json_type type)
{
    return type == JSON_TRUE ? json_is_boolean(value) : json_typeof(value) == type;
}

static const char *type_words(json_type type)
{
    switch (type) {
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
        return "a whole number";
    case JSON_TRUE:
        return "true or false";
    default:
        return "an array";
    }
}

/* "userid, name, password" into `text`. */
static const char *list_allowed(unsigned bits, char *text, size_t size)
{
    size_t len = 0;

    text[0] = '\0';
    for (unsigned i = 0; i < ARGUMENT_COUNT; i++)
        if (bits & (1U << i) && len < size)
            len += (size_t)snprintf(text + len, size - len, "%s%s", len ? ", " : "",
                                    argument_types[i].name);
    return len ? text : "none";
}

/* The first member that the verb does not know, or NULL. */
static const char *unknown_member(json_t *json, unsigned allowed)
{
    const char *key;
    json_t *value;

    json_object_foreach(json, key, value)
    {
        bool known = strcmp(key, "verb") == 0;
        for (unsigned i = 0; i < ARGUMENT_COUNT && !known; i++)
            known = allowed & (1U << i) && strcmp(key, argument_types[i].name) == 0;
        if (!known)
            return key;
    }
    return NULL;
}

static json_t *parse_one(json_t *json, const struct argument_type *type,
                         struct arguments *arguments)
{
    json_t *value;
    json_error_t error;

    if (json_unpack_ex(json, &error, 0, "{s:o}", type->name, &value) < 0 ||
        !has_type(value, type->type))
        return admin_refusal(ADMIN_CODE_INVALID, "the argument \"%s\" has to be %s", type->name,
                             type_words(type->type));
    const char *why =
        type->take(arguments, value, json_string_value(value), json_string_length(value));
    if (!why)
        return NULL;
    return admin_refusal(ADMIN_CODE_INVALID, "the %s is not allowed: %s", type->name, why);
}

/* False with the refusal if the argument is wrong, or missing where `needed`. */
static bool parse_argument(json_t *json, const char *verb, unsigned index, bool needed,
                           struct arguments *arguments, json_t **ret_refusal)
{
    const struct argument_type *type = &argument_types[index];

    if (json_object_get(json, type->name)) {
        *ret_refusal = parse_one(json, type, arguments);
        arguments->given |= 1U << index;
        return !*ret_refusal;
    }
    if (needed)
        *ret_refusal =
            admin_refusal(ADMIN_CODE_INVALID, "\"%s\" needs the argument \"%s\"", verb, type->name);
    return !needed;
}

bool arguments_parse(json_t *json, const char *verb, unsigned required, unsigned optional,
                     struct arguments *ret, json_t **ret_refusal)
{
    char allowed[128];

    *ret = (struct arguments){.limit = ADMIN_PAGE_MAX};
    const char *unknown = unknown_member(json, required | optional);
    if (unknown) {
        struct bytes shown = shorten(bytes_of(unknown));
        *ret_refusal = admin_refusal(
            ADMIN_CODE_INVALID, "\"%s\" has no argument \"%.*s\"; allowed are: %s", verb,
            BYTES_ARG(shown), list_allowed(required | optional, allowed, sizeof(allowed)));
        return false;
    }
    for (unsigned i = 0; i < ARGUMENT_COUNT; i++)
        if ((required | optional) & (1U << i) &&
            !parse_argument(json, verb, i, required & (1U << i), ret, ret_refusal))
            return false;
    return true;
}
