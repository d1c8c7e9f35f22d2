/* Reading a file with libconfig: its tree is walked, every leaf is looked for in the table, and
 * what is wrong is told with file and line. One mistake does not hide the next, except in the
 * file's syntax.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "config/config-key.h"
#include "config/config-literal.h"

#include <errno.h>
#include <fcntl.h>
#include <libconfig.h>
#include <libgen.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_PATH_MAX 256 /* of a key's path that is looked at */
#define MISTAKES_MAX 20  /* that are told */

struct loading {
    const struct config_table *table;
    const char *file;
    unsigned char *values; /* on the heap, as large as the table's fields reach */
    char **ret_error;
    unsigned mistakes;
    char included[PATH_MAX]; /* room for file_name() */
};

/* Adds a line to the error and returns -EINVAL. */
static int fail(struct loading *loading, const char *format, ...) PRINTF_LIKE(2, 3);
static int fail(struct loading *loading, const char *format, ...)
{
    char *before = *loading->ret_error, *mistake = NULL, *both = NULL;
    va_list args;
    va_start(args, format);
    int r = vasprintf(&mistake, format, args);
    va_end(args);
    if (r < 0)
        return -ENOMEM;
    loading->mistakes++;
    if (before == NULL) {
        *loading->ret_error = mistake;
        return -EINVAL;
    }
    r = asprintf(&both, "%s\n%s", before, mistake);
    free(mistake);
    if (r < 0)
        return -ENOMEM;
    free(before);
    *loading->ret_error = both;
    return -EINVAL;
}

/* How a file is called in a message: libconfig tells an included one as its @include has it. */
static const char *file_name(struct loading *loading, const char *file)
{
    if (file == NULL)
        return loading->file;
    const char *slash = strrchr(loading->file, '/');
    int folder = slash != NULL ? (int)(slash + 1 - loading->file) : 0;
    if (file[0] == '/' || strncmp(file, loading->file, (size_t)folder) == 0)
        return file;
    int len = snprintf(loading->included, sizeof loading->included, "%.*s%s", folder, loading->file,
                       file);
    return len < (int)sizeof loading->included ? loading->included : file;
}

static const char *file_of(struct loading *loading, const config_setting_t *setting)
{
    return file_name(loading, config_setting_source_file(setting));
}

/* -- which key was meant ---------------------------------------------------------------------- */

static unsigned smallest(unsigned a, unsigned b, unsigned c)
{
    unsigned least = a < b ? a : b;
    return least < c ? least : c;
}

/* Levenshtein's distance: insertions, deletions and replacements from `a` to `b`. */
static unsigned distance(const char *a, const char *b)
{
    unsigned row[KEY_PATH_MAX + 1];
    size_t columns = strnlen(b, KEY_PATH_MAX);
    for (size_t j = 0; j <= columns; j++)
        row[j] = (unsigned)j;
    for (size_t i = 1; a[i - 1] != '\0'; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= columns; j++) {
            unsigned above = row[j];
            row[j] = smallest(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
            diagonal = above;
        }
    }
    return row[columns];
}

static const char *last_name(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot != NULL ? dot + 1 : path;
}

/* A key in the wrong group is as near as its own name says, and a little. A part of a key's name is
 * nearly that name. */
static const char *nearest(const struct config_table *table, const char *path)
{
    const char *best = "";
    unsigned least = UINT32_MAX;
    for (size_t i = 0; i < table->count; i++) {
        const char *known = table->keys[i].path;
        unsigned whole = distance(path, known);
        unsigned name = distance(last_name(path), last_name(known)) + 1;
        if (name > 2 && strstr(last_name(known), last_name(path)) != NULL)
            name = 2;
        unsigned far = whole < name ? whole : name;
        if (far < least) {
            least = far;
            best = known;
        }
    }
    return best;
}

/* True if `path` is a group that keys of the table are in. */
static bool is_group(const struct config_table *table, const char *path)
{
    size_t len = strlen(path);
    for (size_t i = 0; i < table->count; i++)
        if (strncmp(table->keys[i].path, path, len) == 0 && table->keys[i].path[len] == '.')
            return true;
    return false;
}

/* -- one value -------------------------------------------------------------------------------- */

/* The text of a scalar; numbers are written into `room`. NULL if it is none. */
static const char *scalar_text(const config_setting_t *setting, char *room, size_t size)
{
    switch (config_setting_type(setting)) {
    case CONFIG_TYPE_INT:
    case CONFIG_TYPE_INT64:
        snprintf(room, size, "%lld", config_setting_get_int64(setting));
        return room;
    case CONFIG_TYPE_FLOAT:
        snprintf(room, size, "%g", config_setting_get_float(setting));
        return room;
    case CONFIG_TYPE_BOOL:
        return config_setting_get_bool(setting) ? "true" : "false";
    case CONFIG_TYPE_STRING:
        return config_setting_get_string(setting);
    default:
        return NULL;
    }
}

static const char *kind_name(const config_setting_t *setting)
{
    switch (config_setting_type(setting)) {
    case CONFIG_TYPE_GROUP:
        return "a group";
    case CONFIG_TYPE_INT:
    case CONFIG_TYPE_INT64:
        return "a number";
    case CONFIG_TYPE_FLOAT:
        return "a floating-point number";
    case CONFIG_TYPE_BOOL:
        return "a boolean";
    case CONFIG_TYPE_STRING:
        return "a text";
    default:
        return "a list";
    }
}

/* Whether a scalar of the file's type may stand for this key (or one of its elements). */
static bool type_fits(const struct config_key *key, const config_setting_t *setting)
{
    int type = config_setting_type(setting);
    if (key->type == CONFIG_BOOL)
        return type == CONFIG_TYPE_BOOL;
    if (key->type == CONFIG_NUMBER)
        return type == CONFIG_TYPE_INT || type == CONFIG_TYPE_INT64;
    return type == CONFIG_TYPE_STRING;
}

/* Tells of a value of the wrong type; `element` is counted from 1, 0 for the value itself. */
static int fail_type(struct loading *loading, const struct config_key *key,
                     const config_setting_t *setting, size_t element)
{
    char room[64], which[32] = "value";
    const char *text = scalar_text(setting, room, sizeof room);
    bool is_text = config_setting_type(setting) == CONFIG_TYPE_STRING;
    char *quoted = text != NULL && is_text ? config_quote(text) : NULL;
    char *allowed = config_key_allowed(key);
    if (element > 0)
        snprintf(which, sizeof which, "element %zu:", element);
    int r = -ENOMEM;
    if (allowed != NULL)
        r = fail(loading, "%s:%u: key \"%s\": %s %s%sis %s: %s", file_of(loading, setting),
                 (unsigned)config_setting_source_line(setting), key->path, which,
                 quoted != NULL ? quoted
                 : text != NULL ? text
                                : "",
                 text != NULL ? " " : "", kind_name(setting), allowed);
    free(quoted);
    free(allowed);
    return r;
}

static int store(struct loading *loading, const struct config_key *key,
                 const config_setting_t *setting, const char *const *texts, size_t count)
{
    char *reason = NULL;
    int r = config_key_store(key, loading->values, texts, count, &reason);
    if (r == -EINVAL)
        r = fail(loading, "%s:%u: key \"%s\": %s", file_of(loading, setting),
                 (unsigned)config_setting_source_line(setting), key->path, reason);
    free(reason);
    return r;
}

static int load_list(struct loading *loading, const struct config_key *key,
                     const config_setting_t *setting)
{
    size_t count = (size_t)config_setting_length(setting);
    const char **texts = calloc(count + 1, sizeof *texts);
    if (texts == NULL)
        return -ENOMEM;
    int r = 0;
    for (size_t i = 0; i < count && r == 0; i++) {
        const config_setting_t *element = config_setting_get_elem(setting, (unsigned)i);
        if (type_fits(key, element))
            texts[i] = config_setting_get_string(element);
        else
            r = fail_type(loading, key, element, i + 1);
    }
    if (r == 0)
        r = store(loading, key, setting, texts, count);
    free(texts);
    return r;
}

static int load_value(struct loading *loading, const struct config_key *key,
                      const config_setting_t *setting)
{
    int type = config_setting_type(setting);
    if (config_key_is_list(key)) {
        if (type != CONFIG_TYPE_LIST && type != CONFIG_TYPE_ARRAY)
            return fail_type(loading, key, setting, 0);
        return load_list(loading, key, setting);
    }
    char room[CONFIG_LITERAL_MAX];
    if (!type_fits(key, setting))
        return fail_type(loading, key, setting, 0);
    const char *text = scalar_text(setting, room, sizeof room);
    if (key->type == CONFIG_NUMBER &&
        config_literal_was_cut(file_of(loading, setting), config_setting_source_line(setting),
                               config_setting_name(setting), config_setting_get_int64(setting),
                               room))
        text = room;
    return store(loading, key, setting, &text, 1);
}

/* -- the tree --------------------------------------------------------------------------------- */

static int fail_unknown(struct loading *loading, const config_setting_t *setting, const char *path)
{
    return fail(loading, "%s:%u: unknown key \"%s\": the nearest known key is \"%s\"",
                file_of(loading, setting), (unsigned)config_setting_source_line(setting), path,
                nearest(loading->table, path));
}

static int load_group(struct loading *loading, const config_setting_t *group, const char *prefix);

static int load_setting(struct loading *loading, const config_setting_t *setting,
                        const char *prefix)
{
    char path[KEY_PATH_MAX];
    snprintf(path, sizeof path, "%s%s%s", prefix, prefix[0] != '\0' ? "." : "",
             config_setting_name(setting));
    const struct config_key *key = config_table_find(loading->table, path);
    if (key != NULL)
        return load_value(loading, key, setting);
    bool group = config_setting_is_group(setting);
    if (is_group(loading->table, path) && !group)
        return fail(loading, "%s:%u: key \"%s\": value is %s: allowed is a group, %s: { … };",
                    file_of(loading, setting), (unsigned)config_setting_source_line(setting), path,
                    kind_name(setting), last_name(path));
    if (group && (config_setting_length(setting) > 0 || is_group(loading->table, path)))
        return load_group(loading, setting, path);
    return fail_unknown(loading, setting, path);
}

static int load_group(struct loading *loading, const config_setting_t *group, const char *prefix)
{
    int count = config_setting_length(group), r = 0;
    for (int i = 0; i < count && r != -ENOMEM && loading->mistakes < MISTAKES_MAX; i++) {
        int loaded = load_setting(loading, config_setting_get_elem(group, (unsigned)i), prefix);
        if (loaded < 0)
            r = loaded;
    }
    return r;
}

static int cross_check(struct loading *loading, const config_t *config)
{
    const char *path, *reason;
    if (loading->table->check == NULL || loading->table->check(loading->values, &path, &reason))
        return 0;
    const struct config_key *key = config_table_find(loading->table, path);
    const config_setting_t *setting = config_lookup(config, path);
    char *value = NULL;
    int r = config_key_format(key, loading->values, &value);
    if (r < 0)
        return r;
    if (setting != NULL)
        r = fail(loading, "%s:%u: key \"%s\": value %s: %s", file_of(loading, setting),
                 (unsigned)config_setting_source_line(setting), path, value, reason);
    else
        r = fail(loading, "%s: key \"%s\": value %s (the default): %s", loading->file, path, value,
                 reason);
    free(value);
    return r;
}

/* -- the file --------------------------------------------------------------------------------- */

/* Line `number` of `file` in quotes, for the message about its syntax; NULL behind the last. */
static char *quote_line(const char *file, int number)
{
    FILE *in = fopen(file, "re");
    char *line = NULL;
    size_t size = 0;
    ssize_t len = -1;
    for (int i = 0; in != NULL && i < number; i++)
        len = getline(&line, &size, in);
    char *quoted = NULL;
    if (len > 0) {
        line[strcspn(line, "\r\n")] = '\0';
        quoted = config_quote(line + strspn(line, " \t"));
    }
    free(line);
    if (in != NULL)
        fclose(in);
    return quoted;
}

static int fail_syntax(struct loading *loading, const config_t *config)
{
    const char *file = file_name(loading, config_error_file(config));
    const char *what = config_error_text(config);
    const char *allowed = "allowed is NAME = VALUE; or NAME: { … }; with text in quotes";
    if (strstr(what, "duplicate") != NULL)
        allowed = "allowed is each name once in its group";
    else if (strstr(what, "include") != NULL)
        allowed = "allowed is @include \"FILE\" with a file that can be read";
    else if (strstr(what, "array") != NULL)
        allowed = "allowed is an array of values of one type";
    char *line = quote_line(file, config_error_line(config));
    int r = fail(loading, "%s:%d: %s%s%s: %s", file, config_error_line(config), what,
                 line != NULL ? " in " : " at the end", line != NULL ? line : "", allowed);
    free(line);
    return r;
}

/* 0 if `file` can be opened and is no directory: libconfig cannot tell why it could not read. */
static int probe(struct loading *loading)
{
    struct stat st;
    int r = 0, fd = open(loading->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &st) < 0)
        r = -errno;
    else if (S_ISDIR(st.st_mode))
        r = -EISDIR;
    if (fd >= 0)
        close(fd);
    if (r < 0 && fail(loading, "%s: cannot be read: %s", loading->file, strerror(-r)) == -ENOMEM)
        r = -ENOMEM;
    return r;
}

static int parse(struct loading *loading, config_t *config)
{
    int r = probe(loading);
    if (r < 0)
        return r;
    char *copy = strdup(loading->file);
    if (copy == NULL)
        return -ENOMEM;
    config_set_include_dir(config, dirname(copy));
    free(copy);
    if (config_read_file(config, loading->file))
        return 0;
    if (config_error_type(config) == CONFIG_ERR_FILE_IO && config_error_line(config) == 0)
        return fail(loading, "%s: cannot be read: %s", loading->file, strerror(errno));
    return fail_syntax(loading, config);
}

static size_t values_size(const struct config_table *table)
{
    size_t size = 0;
    for (size_t i = 0; i < table->count; i++)
        if (config_key_end(&table->keys[i]) > size)
            size = config_key_end(&table->keys[i]);
    return size;
}

/* The values gather aside, so that the caller's struct sees all of them or nothing. */
static int load(struct loading *loading, const config_t *config, void *values)
{
    int r = config_table_init(loading->table, loading->values);
    if (r < 0)
        return r;
    r = load_group(loading, config_root_setting(config), "");
    if (r == 0)
        r = cross_check(loading, config);
    if (r < 0)
        config_table_deinit(loading->table, loading->values);
    else
        for (size_t i = 0; i < loading->table->count; i++)
            config_key_move(&loading->table->keys[i], values, loading->values);
    return r;
}

int config_table_load(const struct config_table *table, const char *file, void *values,
                      char **ret_error)
{
    *ret_error = NULL;
    struct loading loading = {.table = table, .file = file, .ret_error = ret_error};
    loading.values = calloc(1, values_size(table) + 1);
    if (loading.values == NULL)
        return -ENOMEM;
    config_t config;
    config_init(&config);
    int r = parse(&loading, &config);
    if (r == 0)
        r = load(&loading, &config, values);
    config_destroy(&config);
    free(loading.values);
    return r;
}
