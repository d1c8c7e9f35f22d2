/* What is done with a table as a whole: defaults, setting from text, freeing, finding.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "config/config-table.h"

#include "config/config-key.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

int config_table_init(const struct config_table *table, void *values)
{
    for (size_t i = 0; i < table->count; i++)
        config_key_zero(&table->keys[i], values);
    for (size_t i = 0; i < table->count; i++) {
        int r = config_key_store_fallback(&table->keys[i], values);
        if (r < 0) {
            config_table_deinit(table, values);
            return r;
        }
    }
    return 0;
}

void config_table_deinit(const struct config_table *table, void *values)
{
    for (size_t i = 0; i < table->count; i++)
        config_key_clear(&table->keys[i], values);
}

const struct config_key *config_table_find(const struct config_table *table, const char *path)
{
    for (size_t i = 0; i < table->count; i++)
        if (strcmp(table->keys[i].path, path) == 0)
            return &table->keys[i];
    return NULL;
}

int config_table_set(const struct config_table *table, void *values, const char *path,
                     const char *text, const char *origin, char **ret_error)
{
    *ret_error = NULL;
    const struct config_key *key = config_table_find(table, path);
    if (key == NULL)
        return asprintf(ret_error, "%s: unknown key \"%s\"", origin, path) < 0 ? -ENOMEM : -EINVAL;
    char **parts = NULL;
    long count = config_key_is_list(key) ? config_split(text, &parts) : 1;
    if (count < 0)
        return (int)count;
    char *reason = NULL;
    const char *const *texts = parts != NULL ? (const char *const *)parts : &text;
    int r = config_key_store(key, values, texts, (size_t)count, &reason);
    if (reason != NULL && asprintf(ret_error, "%s: %s", origin, reason) < 0) {
        *ret_error = NULL;
        r = -ENOMEM;
    }
    free(reason);
    free(parts);
    return r;
}
