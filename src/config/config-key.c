/* One key's value: judging texts, storing, formatting.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "config/config-key.h"

#include "config/config-type.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define QUOTED_MAX 120 /* bytes of a value that an error message repeats */

static void *field_of(const struct config_key *key, void *values)
{
    return (char *)values + key->offset;
}

static const void *const_field_of(const struct config_key *key, const void *values)
{
    return (const char *)values + key->offset;
}

bool config_key_is_list(const struct config_key *key)
{
    return config_rules_of(key)->list;
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
        const char *plain =
            bare && config_printable(texts[i]) && texts[i][0] != '\0' ? texts[i] : quoted;
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

/* What was probably meant, for each text that tells. */
static char *suggestions(const struct config_key *key, const char *const *texts, size_t count)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    if (out == NULL)
        return NULL;
    for (size_t i = 0; i < count && config_rules_of(key)->suggest != NULL; i++)
        config_rules_of(key)->suggest(texts[i], out);
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
    char *meant = suggestions(key, texts, count);
    int r = -EINVAL;
    if (value == NULL || allowed == NULL || meant == NULL ||
        asprintf(ret_reason, "value %s: %s%s", value, allowed, meant) < 0)
        r = -ENOMEM;
    free(value);
    free(allowed);
    free(meant);
    return r;
}

int config_key_store(const struct config_key *key, void *values, const char *const *texts,
                     size_t count, char **ret_reason)
{
    const struct config_rules *rules = config_rules_of(key);
    int r = -EINVAL;
    if (rules->list ? config_within(key, count) : count == 1)
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
    int r = config_rules_of(key)->store(key, field_of(key, values), texts, (size_t)count);
    assert(r != -EINVAL);
    free(parts);
    return r;
}

void config_key_zero(const struct config_key *key, void *values)
{
    memset(field_of(key, values), 0, config_rules_of(key)->size);
}

size_t config_key_end(const struct config_key *key)
{
    return key->offset + config_rules_of(key)->size;
}

void config_key_move(const struct config_key *key, void *to, const void *from)
{
    memcpy(field_of(key, to), const_field_of(key, from), config_rules_of(key)->size);
}

void config_key_clear(const struct config_key *key, void *values)
{
    if (config_rules_of(key)->clear != NULL)
        config_rules_of(key)->clear(field_of(key, values));
}

bool config_key_equal(const struct config_key *key, const void *a, const void *b)
{
    return config_rules_of(key)->equal(const_field_of(key, a), const_field_of(key, b));
}

int config_key_copy(const struct config_key *key, void *to, const void *from)
{
    const struct config_rules *rules = config_rules_of(key);
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
    config_rules_of(key)->format(key, const_field_of(key, values), out);
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
    config_rules_of(key)->allowed(key, out);
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
    config_write_quoted(text, out);
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
