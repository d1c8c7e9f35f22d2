/* Commands for entries: see hook.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/hook.h"

#include "client/entry.h"
#include "client/shell.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PREFIX "MULTICHAT_"

/* "MULTICHAT_FROM=bob" of "from": "bob"; freed by the caller, NULL without memory. */
static char *make_variable(const char *member, const json_t *value)
{
    char *text = NULL;
    int r;

    if (json_is_string(value))
        r = asprintf(&text, PREFIX "%s=%s", member, json_string_value(value));
    else if (json_is_integer(value))
        r = asprintf(&text, PREFIX "%s=%lld", member, (long long)json_integer_value(value));
    else
        r = asprintf(&text, PREFIX "%s=%s", member, json_is_true(value) ? "true" : "false");
    if (r < 0)
        return NULL;
    for (char *c = text + strlen(PREFIX); *c != '='; c++)
        *c = (char)toupper((unsigned char)*c);
    return text;
}

static size_t count_inherited(void)
{
    size_t count = 0;

    while (environ[count])
        count++;
    return count;
}

static void free_variables(char **variables, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(variables[i]);
}

/* Writes the variables of the entry to `ret`. How many, or -ENOMEM. */
static long make_variables(json_t *object, char **ret)
{
    const char *member;
    json_t *value;
    size_t count = 0;

    json_object_foreach(object, member, value)
    {
        if (strcmp(member, "text") == 0)
            continue;
        ret[count] = make_variable(member, value);
        if (!ret[count]) {
            free_variables(ret, count);
            return -ENOMEM;
        }
        count++;
    }
    return (long)count;
}

/* This program's environment behind the `own` first, without what was said of another entry. */
static void inherit(char **environment, size_t own)
{
    size_t end = own;

    for (char **inherited = environ; *inherited; inherited++)
        if (strncmp(*inherited, PREFIX, strlen(PREFIX)) != 0)
            environment[end++] = *inherited;
    environment[end] = NULL;
}

int hook_start(const char *command, const struct v2_frame *entry, bool again, int in, int out,
               pid_t *ret)
{
    json_t *object = entry_object(entry, again);
    size_t size = object ? json_object_size(object) + count_inherited() + 1 : 0;
    char **environment = object ? calloc(size, sizeof(*environment)) : NULL;
    long own = -ENOMEM;
    int r = -ENOMEM;

    if (environment)
        own = make_variables(object, environment);
    if (own >= 0) {
        inherit(environment, (size_t)own);
        r = shell_start(command, in, out, environment, ret);
        free_variables(environment, (size_t)own);
    }
    free(environment);
    json_decref(object);
    return r;
}
