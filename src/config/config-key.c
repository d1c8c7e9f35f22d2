/* One key's value: judging texts, storing, formatting. One table has a row for each type.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "config/config-key.h"

#include "util/cursor.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define QUOTED_MAX 120 /* bytes of a value that an error message repeats */

struct config_rules {
    size_t size; /* of the field */
    bool list;
    /* Stores one text: 0, -EINVAL (not allowed) or -ENOMEM. */
    int (*store)(const struct config_key *key, void *field, const char *const *texts, size_t count);
    /* Both NULL where the field owns nothing. `copy` fills an empty field: 0 or -ENOMEM. */
    void (*clear)(void *field);
    int (*copy)(void *field, const void *from);
    bool (*equal)(const void *a, const void *b);
    /* Writes the value as a file has it. */
    void (*format)(const struct config_key *key, const void *field, FILE *out);
    /* Writes what may stand behind "allowed". */
    void (*allowed)(const struct config_key *key, FILE *out);
};

static void *field_of(const struct config_key *key, void *values)
{
    return (char *)values + key->offset;
}

static const void *const_field_of(const struct config_key *key, const void *values)
{
    return (const char *)values + key->offset;
}

static bool within(const struct config_key *key, uint64_t number)
{
    return number >= key->min && (key->max == 0 || number <= key->max);
}

static void write_quoted(const char *text, FILE *out)
{
    fputc('"', out);
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\')
            fprintf(out, "\\%c", *c);
        else if ((unsigned char)*c < 0x20 || *c == 0x7f)
            fprintf(out, "\\x%02x", (unsigned char)*c);
        else
            fputc(*c, out);
    }
    fputc('"', out);
}

/* -- bool ------------------------------------------------------------------------------------- */

static int bool_store(const struct config_key *key, void *field, const char *const *texts,
                      size_t count)
{
    bool is_true = strcmp(texts[0], "true") == 0;
    if (!is_true && strcmp(texts[0], "false") != 0)
        return -EINVAL;
    *(bool *)field = is_true;
    return 0;
}

static bool bool_equal(const void *a, const void *b)
{
    return *(const bool *)a == *(const bool *)b;
}

static void bool_format(const struct config_key *key, const void *field, FILE *out)
{
    fputs(*(const bool *)field ? "true" : "false", out);
}

static void bool_allowed(const struct config_key *key, FILE *out)
{
    fputs("are true and false", out);
}

/* -- number ----------------------------------------------------------------------------------- */

static uint64_t scale_of(const struct config_key *key)
{
    return key->scale == 0 ? 1 : key->scale;
}

static int number_store(const struct config_key *key, void *field, const char *const *texts,
                        size_t count)
{
    uint64_t number;
    if (bytes_to_u64(bytes_of(texts[0]), UINT64_MAX / scale_of(key), &number) < 0 ||
        !within(key, number))
        return -EINVAL;
    *(uint64_t *)field = number * scale_of(key);
    return 0;
}

static bool number_equal(const void *a, const void *b)
{
    return *(const uint64_t *)a == *(const uint64_t *)b;
}

static void number_format(const struct config_key *key, const void *field, FILE *out)
{
    fprintf(out, "%" PRIu64, *(const uint64_t *)field / scale_of(key));
}

static void number_allowed(const struct config_key *key, FILE *out)
{
    if (key->max != 0)
        fprintf(out, "are %" PRIu64 " to %" PRIu64, key->min, key->max);
    else
        fprintf(out, "is %" PRIu64 " or more", key->min);
    if (key->unit != NULL)
        fprintf(out, " %s", key->unit);
}

/* -- string and path -------------------------------------------------------------------------- */

static bool printable(const char *text)
{
    for (const char *c = text; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            return false;
    return true;
}

static int string_store(const struct config_key *key, void *field, const char *const *texts,
                        size_t count)
{
    if (!printable(texts[0]) || !within(key, strlen(texts[0])))
        return -EINVAL;
    char *copy = strdup(texts[0]);
    if (copy == NULL)
        return -ENOMEM;
    free(*(char **)field);
    *(char **)field = copy;
    return 0;
}

static int path_store(const struct config_key *key, void *field, const char *const *texts,
                      size_t count)
{
    if (texts[0][0] != '/' && texts[0][0] != '\0')
        return -EINVAL;
    return string_store(key, field, texts, count);
}

static void string_clear(void *field)
{
    free(*(char **)field);
    *(char **)field = NULL;
}

static int string_copy(void *field, const void *from)
{
    *(char **)field = strdup(*(char *const *)from);
    return *(char **)field == NULL ? -ENOMEM : 0;
}

static bool string_equal(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b) == 0;
}

static void string_format(const struct config_key *key, const void *field, FILE *out)
{
    write_quoted(*(char *const *)field, out);
}

static void write_length(const struct config_key *key, FILE *out)
{
    if (key->max != 0)
        fprintf(out, " of %" PRIu64 " to %" PRIu64 " bytes", key->min, key->max);
    else if (key->min > 0)
        fputs(" that is not empty", out);
}

static void string_allowed(const struct config_key *key, FILE *out)
{
    fputs("is a text", out);
    write_length(key, out);
    fputs(" without control characters, in quotes", out);
}

static void path_allowed(const struct config_key *key, FILE *out)
{
    fputs("is an absolute path", out);
    if (key->max != 0)
        fprintf(out, " of at most %" PRIu64 " bytes", key->max);
    fputs(", in quotes", out);
    if (key->min == 0)
        fputs(", or \"\"", out);
}

/* -- choice ----------------------------------------------------------------------------------- */

static int choice_store(const struct config_key *key, void *field, const char *const *texts,
                        size_t count)
{
    for (int i = 0; key->choices[i] != NULL; i++) {
        if (strcmp(texts[0], key->choices[i]) == 0) {
            *(int *)field = i;
            return 0;
        }
    }
    return -EINVAL;
}

static bool choice_equal(const void *a, const void *b)
{
    return *(const int *)a == *(const int *)b;
}

static void choice_format(const struct config_key *key, const void *field, FILE *out)
{
    write_quoted(key->choices[*(const int *)field], out);
}

static void choice_allowed(const struct config_key *key, FILE *out)
{
    for (size_t i = 0; key->choices[i] != NULL; i++) {
        fputs(i == 0 ? "are " : key->choices[i + 1] != NULL ? ", " : " and ", out);
        write_quoted(key->choices[i], out);
    }
}

/* -- address ---------------------------------------------------------------------------------- */

static int address_store(const struct config_key *key, void *field, const char *const *texts,
                         size_t count)
{
    struct addr addr;
    if (addr_parse(texts[0], &addr) < 0)
        return -EINVAL;
    *(struct addr *)field = addr;
    return 0;
}

static bool address_equal(const void *a, const void *b)
{
    return addr_equal(a, b);
}

static void address_format(const struct config_key *key, const void *field, FILE *out)
{
    static const uint8_t any[16];
    const struct addr *addr = field;
    char text[ADDR_TEXT_MAX];
    if (addr->family == AF_INET6 && memcmp(addr->ip, any, sizeof any) == 0)
        fprintf(out, "\"*:%u\"", (unsigned)addr->port);
    else
        fprintf(out, "\"%s\"", addr_format(addr, text));
}

static void address_allowed(const struct config_key *key, FILE *out)
{
    fputs("is ADDRESS:PORT, such as \"192.0.2.1:9001\", \"[::1]:9001\" or \"*:9001\"", out);
}

/* -- list of strings -------------------------------------------------------------------------- */

static void strings_clear(void *field)
{
    struct config_strings *strings = field;
    for (size_t i = 0; i < strings->count; i++)
        free(strings->items[i]);
    free(strings->items);
    *strings = (struct config_strings){0};
}

static int strings_store(const struct config_key *key, void *field, const char *const *texts,
                         size_t count)
{
    struct config_strings strings = {.items = calloc(count + 1, sizeof *strings.items)};
    if (strings.items == NULL)
        return -ENOMEM;
    int r = 0;
    while (r == 0 && strings.count < count) {
        const char *text = texts[strings.count];
        char *copy = printable(text) && text[0] != '\0' ? strdup(text) : NULL;
        if (copy != NULL)
            strings.items[strings.count++] = copy;
        else
            r = printable(text) && text[0] != '\0' ? -ENOMEM : -EINVAL;
    }
    if (r < 0) {
        strings_clear(&strings);
        return r;
    }
    strings_clear(field);
    *(struct config_strings *)field = strings;
    return 0;
}

static int strings_copy(void *field, const void *from)
{
    const struct config_strings *strings = from;
    return strings_store(NULL, field, (const char *const *)strings->items, strings->count);
}

static bool strings_equal(const void *a, const void *b)
{
    const struct config_strings *left = a, *right = b;
    if (left->count != right->count)
        return false;
    for (size_t i = 0; i < left->count; i++)
        if (strcmp(left->items[i], right->items[i]) != 0)
            return false;
    return true;
}

static void strings_format(const struct config_key *key, const void *field, FILE *out)
{
    const struct config_strings *strings = field;
    fputc('[', out);
    for (size_t i = 0; i < strings->count; i++) {
        fputs(i == 0 ? " " : ", ", out);
        write_quoted(strings->items[i], out);
    }
    fputs(" ]", out);
}

static void write_elements(const struct config_key *key, FILE *out)
{
    if (key->max != 0)
        fprintf(out, " of %" PRIu64 " to %" PRIu64, key->min, key->max);
    else if (key->min > 0)
        fprintf(out, " of at least %" PRIu64, key->min);
}

static void strings_allowed(const struct config_key *key, FILE *out)
{
    fputs("is a list", out);
    write_elements(key, out);
    fputs(" texts, such as [ \"one\", \"two\" ]", out);
}

/* -- list of networks ------------------------------------------------------------------------- */

static void networks_clear(void *field)
{
    struct config_networks *networks = field;
    free(networks->items);
    *networks = (struct config_networks){0};
}

static int networks_store(const struct config_key *key, void *field, const char *const *texts,
                          size_t count)
{
    struct network *items = calloc(count + 1, sizeof *items);
    if (items == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        if (network_parse(texts[i], &items[i]) < 0) {
            free(items);
            return -EINVAL;
        }
    }
    networks_clear(field);
    *(struct config_networks *)field = (struct config_networks){items, count};
    return 0;
}

static int networks_copy(void *field, const void *from)
{
    const struct config_networks *networks = from;
    struct network *items = calloc(networks->count + 1, sizeof *items);
    if (items == NULL)
        return -ENOMEM;
    if (networks->count > 0)
        memcpy(items, networks->items, networks->count * sizeof *items);
    *(struct config_networks *)field = (struct config_networks){items, networks->count};
    return 0;
}

static bool networks_equal(const void *a, const void *b)
{
    const struct config_networks *left = a, *right = b;
    if (left->count != right->count)
        return false;
    for (size_t i = 0; i < left->count; i++) {
        const struct network *x = &left->items[i], *y = &right->items[i];
        if (x->family != y->family || x->prefix != y->prefix ||
            memcmp(x->ip, y->ip, sizeof x->ip) != 0)
            return false;
    }
    return true;
}

static void networks_format(const struct config_key *key, const void *field, FILE *out)
{
    const struct config_networks *networks = field;
    fputc('[', out);
    for (size_t i = 0; i < networks->count; i++) {
        const struct network *network = &networks->items[i];
        struct addr addr = {.family = network->family};
        char host[ADDR_TEXT_MAX];
        memcpy(addr.ip, network->ip, sizeof addr.ip);
        fprintf(out, "%s \"%s", i == 0 ? "" : ",", addr_format_host(&addr, host));
        if (network->prefix < (network->family == AF_INET ? 32 : 128))
            fprintf(out, "/%u", (unsigned)network->prefix);
        fputc('"', out);
    }
    fputs(" ]", out);
}

static void networks_allowed(const struct config_key *key, FILE *out)
{
    fputs("is a list", out);
    write_elements(key, out);
    fputs(" networks, such as [ \"192.0.2.0/24\", \"::1\" ]", out);
}

/* --------------------------------------------------------------------------------------------- */

static const struct config_rules rules_table[] = {
    [CONFIG_BOOL] = {sizeof(bool), false, bool_store, NULL, NULL, bool_equal, bool_format,
                     bool_allowed},
    [CONFIG_NUMBER] = {sizeof(uint64_t), false, number_store, NULL, NULL, number_equal,
                       number_format, number_allowed},
    [CONFIG_STRING] = {sizeof(char *), false, string_store, string_clear, string_copy, string_equal,
                       string_format, string_allowed},
    [CONFIG_CHOICE] = {sizeof(int), false, choice_store, NULL, NULL, choice_equal, choice_format,
                       choice_allowed},
    [CONFIG_PATH] = {sizeof(char *), false, path_store, string_clear, string_copy, string_equal,
                     string_format, path_allowed},
    [CONFIG_ADDRESS] = {sizeof(struct addr), false, address_store, NULL, NULL, address_equal,
                        address_format, address_allowed},
    [CONFIG_STRINGS] = {sizeof(struct config_strings), true, strings_store, strings_clear,
                        strings_copy, strings_equal, strings_format, strings_allowed},
    [CONFIG_NETWORKS] = {sizeof(struct config_networks), true, networks_store, networks_clear,
                         networks_copy, networks_equal, networks_format, networks_allowed},
};

static const struct config_rules *rules_of(const struct config_key *key)
{
    assert((size_t)key->type < ARRAY_SIZE(rules_table));
    return &rules_table[key->type];
}

bool config_key_is_list(const struct config_key *key)
{
    return rules_of(key)->list;
}

/* The whole value as the message repeats it: bare numbers and booleans, quoted text, lists. */
static char *describe_value(const struct config_key *key, const char *const *texts, size_t count)
{
    bool bare = key->type == CONFIG_NUMBER || key->type == CONFIG_BOOL;
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    if (out == NULL)
        return NULL;
    if (config_key_is_list(key))
        fputc('[', out);
    for (size_t i = 0; i < count && ftell(out) < QUOTED_MAX; i++) {
        char *quoted = config_quote(texts[i]);
        const char *plain = bare && printable(texts[i]) && texts[i][0] != '\0' ? texts[i] : quoted;
        if (plain != NULL)
            fprintf(out, "%s%s", i == 0 ? "" : ", ", plain);
        free(quoted);
    }
    if (config_key_is_list(key))
        fputc(']', out);
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

static int refuse(const struct config_key *key, const char *const *texts, size_t count,
                  char **ret_reason)
{
    char *value = describe_value(key, texts, count);
    char *allowed = config_key_allowed(key);
    int r = -EINVAL;
    if (value == NULL || allowed == NULL ||
        asprintf(ret_reason, "value %s: %s", value, allowed) < 0)
        r = -ENOMEM;
    free(value);
    free(allowed);
    return r;
}

int config_key_store(const struct config_key *key, void *values, const char *const *texts,
                     size_t count, char **ret_reason)
{
    const struct config_rules *rules = rules_of(key);
    int r = -EINVAL;
    if (rules->list ? within(key, count) : count == 1)
        r = rules->store(key, field_of(key, values), texts, count);
    return r == -EINVAL ? refuse(key, texts, count, ret_reason) : r;
}

int config_key_store_fallback(const struct config_key *key, void *values)
{
    char **parts = NULL;
    long count = config_key_is_list(key) ? config_split(key->fallback, &parts) : 1;
    if (count < 0)
        return (int)count;
    const char *const *texts = parts != NULL ? (const char *const *)parts : &key->fallback;
    int r = rules_of(key)->store(key, field_of(key, values), texts, (size_t)count);
    assert(r != -EINVAL);
    free(parts);
    return r;
}

void config_key_zero(const struct config_key *key, void *values)
{
    memset(field_of(key, values), 0, rules_of(key)->size);
}

size_t config_key_end(const struct config_key *key)
{
    return key->offset + rules_of(key)->size;
}

void config_key_move(const struct config_key *key, void *to, const void *from)
{
    memcpy(field_of(key, to), const_field_of(key, from), rules_of(key)->size);
}

void config_key_clear(const struct config_key *key, void *values)
{
    if (rules_of(key)->clear != NULL)
        rules_of(key)->clear(field_of(key, values));
}

bool config_key_equal(const struct config_key *key, const void *a, const void *b)
{
    return rules_of(key)->equal(const_field_of(key, a), const_field_of(key, b));
}

int config_key_copy(const struct config_key *key, void *to, const void *from)
{
    const struct config_rules *rules = rules_of(key);
    union {
        char *string;
        struct config_strings strings;
        struct config_networks networks;
    } copy = {0};
    if (rules->copy == NULL) {
        config_key_move(key, to, from);
        return 0;
    }
    int r = rules->copy(&copy, const_field_of(key, from));
    if (r < 0)
        return r;
    config_key_clear(key, to);
    memcpy(field_of(key, to), &copy, rules->size);
    return 0;
}

int config_key_format(const struct config_key *key, const void *values, char **ret)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    if (out == NULL)
        return -ENOMEM;
    rules_of(key)->format(key, const_field_of(key, values), out);
    if (fclose(out) != 0) {
        free(text);
        return -ENOMEM;
    }
    *ret = text;
    return 0;
}

char *config_key_allowed(const struct config_key *key)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    if (out == NULL)
        return NULL;
    fputs("allowed ", out);
    rules_of(key)->allowed(key, out);
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

char *config_quote(const char *text)
{
    char shown[QUOTED_MAX + sizeof "..."];
    size_t len = strlen(text);
    if (len > QUOTED_MAX) {
        len = QUOTED_MAX;
        while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
            len--; /* not in the middle of a character */
        memcpy(shown, text, len);
        memcpy(shown + len, "...", sizeof "...");
        text = shown;
    }
    char *quoted = NULL;
    size_t quoted_len;
    FILE *out = open_memstream(&quoted, &quoted_len);
    if (out == NULL)
        return NULL;
    write_quoted(text, out);
    if (fclose(out) != 0) {
        free(quoted);
        return NULL;
    }
    return quoted;
}

long config_split(const char *text, char ***ret)
{
    size_t len = strlen(text), commas = 0;
    for (const char *c = text; *c != '\0'; c++)
        commas += *c == ',';
    char **parts = malloc((commas + 1) * sizeof *parts + len + 1);
    if (parts == NULL)
        return -ENOMEM;
    char *rest = memcpy(parts + commas + 1, text, len + 1);
    long count = 0;
    while (rest != NULL) {
        char *part = strsep(&rest, ",");
        part += strspn(part, " \t");
        for (size_t end = strlen(part); end > 0 && isblank((unsigned char)part[end - 1]); end--)
            part[end - 1] = '\0';
        if (*part != '\0' || commas > 0)
            parts[count++] = part;
    }
    *ret = parts;
    return count;
}
