/* The types a key may have: how each judges a text, stores, copies, compares and shows a value. One
 * table has a row for each.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "config/config-type.h"

#include "util/cursor.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

bool config_within(const struct config_key *key, uint64_t number)
{
    return number >= key->min && (key->max == 0 || number <= key->max);
}

void config_write_quoted(const char *text, FILE *out)
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
        !config_within(key, number))
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

bool config_printable(const char *text)
{
    for (const char *c = text; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            return false;
    return true;
}

static int string_store(const struct config_key *key, void *field, const char *const *texts,
                        size_t count)
{
    if (!config_printable(texts[0]) || !config_within(key, strlen(texts[0])))
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
    config_write_quoted(*(char *const *)field, out);
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
    config_write_quoted(key->choices[*(const int *)field], out);
}

static void choice_allowed(const struct config_key *key, FILE *out)
{
    for (size_t i = 0; key->choices[i] != NULL; i++) {
        fputs(i == 0 ? "are " : key->choices[i + 1] != NULL ? ", " : " and ", out);
        config_write_quoted(key->choices[i], out);
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
        char *copy = config_printable(text) && text[0] != '\0' ? strdup(text) : NULL;
        if (copy != NULL)
            strings.items[strings.count++] = copy;
        else
            r = config_printable(text) && text[0] != '\0' ? -ENOMEM : -EINVAL;
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
        config_write_quoted(strings->items[i], out);
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

static bool same_network(const struct network *a, const struct network *b)
{
    return a->family == b->family && a->prefix == b->prefix &&
           memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}

static void write_network(const struct network *network, FILE *out)
{
    struct addr addr = {.family = network->family};
    char host[ADDR_TEXT_MAX];
    memcpy(addr.ip, network->ip, sizeof addr.ip);
    fprintf(out, "\"%s", addr_format_host(&addr, host));
    if (network->prefix < (network->family == AF_INET ? 32 : 128))
        fprintf(out, "/%u", (unsigned)network->prefix);
    fputc('"', out);
}

/* True if bits are set behind the prefix, so that a host may have been meant, or another prefix. */
static bool names_host(const char *text, const struct network *network)
{
    char host[ADDR_TEXT_MAX] = "";
    struct network alone;
    size_t len = strcspn(text, "/");
    if (len >= sizeof host)
        return false;
    memcpy(host, text, len);
    return network_parse(host, &alone) == 0 && memcmp(alone.ip, network->ip, sizeof alone.ip) != 0;
}

static void networks_suggest(const char *text, FILE *out)
{
    struct network network;
    if (network_parse(text, &network) < 0 || !names_host(text, &network))
        return;
    fputs("; ", out);
    config_write_quoted(text, out);
    fputs(" is a host in the network ", out);
    write_network(&network, out);
}

static int networks_store(const struct config_key *key, void *field, const char *const *texts,
                          size_t count)
{
    struct network *items = calloc(count + 1, sizeof *items);
    if (items == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        if (network_parse(texts[i], &items[i]) < 0 || names_host(texts[i], &items[i])) {
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
    for (size_t i = 0; i < left->count; i++)
        if (!same_network(&left->items[i], &right->items[i]))
            return false;
    return true;
}

static void networks_format(const struct config_key *key, const void *field, FILE *out)
{
    const struct config_networks *networks = field;
    fputc('[', out);
    for (size_t i = 0; i < networks->count; i++) {
        fputs(i == 0 ? " " : ", ", out);
        write_network(&networks->items[i], out);
    }
    fputs(" ]", out);
}

static void networks_allowed(const struct config_key *key, FILE *out)
{
    fputs("is a list", out);
    write_elements(key, out);
    fputs(" networks, such as [ \"192.0.2.0/24\", \"::1\" ]", out);
}

static const struct config_rules rules_table[] = {
    [CONFIG_BOOL] = {sizeof(bool), false, bool_store, NULL, NULL, bool_equal, bool_format,
                     bool_allowed, NULL},
    [CONFIG_NUMBER] = {sizeof(uint64_t), false, number_store, NULL, NULL, number_equal,
                       number_format, number_allowed, NULL},
    [CONFIG_STRING] = {sizeof(char *), false, string_store, string_clear, string_copy, string_equal,
                       string_format, string_allowed, NULL},
    [CONFIG_CHOICE] = {sizeof(int), false, choice_store, NULL, NULL, choice_equal, choice_format,
                       choice_allowed, NULL},
    [CONFIG_PATH] = {sizeof(char *), false, path_store, string_clear, string_copy, string_equal,
                     string_format, path_allowed, NULL},
    [CONFIG_ADDRESS] = {sizeof(struct addr), false, address_store, NULL, NULL, address_equal,
                        address_format, address_allowed, NULL},
    [CONFIG_STRINGS] = {sizeof(struct config_strings), true, strings_store, strings_clear,
                        strings_copy, strings_equal, strings_format, strings_allowed, NULL},
    [CONFIG_NETWORKS] = {sizeof(struct config_networks), true, networks_store, networks_clear,
                         networks_copy, networks_equal, networks_format, networks_allowed,
                         networks_suggest},
};

const struct config_rules *config_rules_of(const struct config_key *key)
{
    assert((size_t)key->type < ARRAY_SIZE(rules_table));
    return &rules_table[key->type];
}
