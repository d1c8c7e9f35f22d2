/* import: fills an empty store from the lines of an export, all of them or none.
 *
 * Each line is held to what an export writes: every member, no other, and the right type; whether
 * they fit together is judged by the storage unit.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/ask.h"
#include "ctl/secret.h"
#include "ctl/whole.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A text of 65536 bytes, each of them escaped, and the rest of a message. */
#define LINE_MAX_BYTES ((size_t)512 << 10)

struct importing {
    struct ctl *ctl;
    FILE *stream;
    const char *path; /* for people */
    char *line;       /* LINE_MAX_BYTES and what ends it */
    uint64_t number;  /* of the line */
    struct tally tally;
    struct dal_import *import;
};

static int line_failure(const struct importing *importing, uint64_t line, const char *format, ...)
    PRINTF_LIKE(3, 4);

static int line_failure(const struct importing *importing, uint64_t line, const char *format, ...)
{
    char *words = NULL;
    va_list arguments;

    va_start(arguments, format);
    if (vasprintf(&words, format, arguments) < 0)
        words = NULL;
    va_end(arguments);
    int code = print_failure(importing->ctl, EXIT_USAGE, "invalid",
                             "%s, line %" PRIu64 ": %s; nothing has been imported", importing->path,
                             line, words ? words : "no memory");
    free(words);
    return code;
}

/* -- lines --------------------------------------------------------------------------------------
 */

/* The next one, in `importing->line`, without its end. */
static int read_line(struct importing *importing)
{
    size_t len;

    importing->number++;
    if (!fgets(importing->line, LINE_MAX_BYTES + 2, importing->stream)) {
        if (ferror(importing->stream))
            return line_failure(importing, importing->number, "%s", strerror(errno));
        return line_failure(importing, importing->number,
                            "the file ends here, and an export does not");
    }
    len = strlen(importing->line);
    if (len > 0 && importing->line[len - 1] == '\n') {
        importing->line[len - 1] = '\0';
        return EXIT_OK;
    }
    if (feof(importing->stream))
        return line_failure(importing, importing->number, "the line is cut off");
    return line_failure(importing, importing->number, "the line is too long, or holds a NUL");
}

static int read_object(struct importing *importing, json_t **ret)
{
    json_error_t error;
    int code = read_line(importing);

    if (code != EXIT_OK)
        return code;
    json_t *object = json_loads(importing->line, JSON_REJECT_DUPLICATES, &error);
    if (!object)
        return line_failure(importing, importing->number, "%s (byte %d)", error.text,
                            error.position);
    if (!json_is_object(object)) {
        json_decref(object);
        return line_failure(importing, importing->number, "it is no JSON object");
    }
    *ret = object;
    return EXIT_OK;
}

static const char *type_of(const json_t *object)
{
    const char *type = json_string_value(json_object_get(object, "type"));

    return type ? type : "";
}

/* A whole number of at least 0. */
static bool read_number(const json_t *object, const char *name, uint64_t *ret)
{
    const json_t *value = json_object_get(object, name);

    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return false;
    *ret = (uint64_t)json_integer_value(value);
    return true;
}

/* -- rows ---------------------------------------------------------------------------------------
 */

static bool read_word(const json_t *object, const struct dal_field *field, uint64_t *ret)
{
    const char *word = json_string_value(json_object_get(object, field->name));

    for (uint64_t i = 0; word && field->words[i]; i++)
        if (strcmp(field->words[i], word) == 0) {
            *ret = i;
            return true;
        }
    return false;
}

/* Texts point into `object`. */
static bool read_value(const json_t *object, const struct dal_field *field, struct dal_value *ret)
{
    const json_t *value = json_object_get(object, field->name);

    *ret = (struct dal_value){0};
    switch (field->type) {
    case DAL_NUMBER:
        return read_number(object, field->name, &ret->number);
    case DAL_FLAG:
        ret->number = json_is_true(value);
        return json_is_boolean(value);
    case DAL_WORD:
        return read_word(object, field, &ret->number);
    case DAL_TEXT:
        if (!json_is_string(value))
            return false;
        ret->text = (struct bytes){json_string_value(value), json_string_length(value)};
        return true;
    }
    return false;
}

static int import_failure(const struct importing *importing, int error)
{
    uint64_t line = 0;
    const char *words = dal_import_trouble(importing->import, &line);

    if (line > 0)
        return line_failure(importing, line, "%s", words);
    if (error == -EINVAL)
        return print_failure(importing->ctl, EXIT_USAGE, "invalid",
                             "%s: %s; nothing has been imported", importing->path, words);
    return print_failure(importing->ctl, EXIT_UNREACHABLE, "unavailable",
                         "storage: %s; nothing has been imported", words);
}

static int take_row(struct importing *importing, enum dal_table table, const json_t *object)
{
    const struct dal_table_shape *shape = dal_table_shape(table);
    struct dal_value values[DAL_FIELDS_MAX];

    for (unsigned i = 0; i < shape->field_count; i++)
        if (!read_value(object, &shape->fields[i], &values[i]))
            return line_failure(importing, importing->number, "%s: %s is missing, or is none",
                                shape->name, shape->fields[i].name);
    if (json_object_size(object) != shape->field_count + 1)
        return line_failure(importing, importing->number,
                            "%s: there is a member that it does not have", shape->name);
    tally_row(&importing->tally, table);
    int error = dal_import_row(importing->import, table, values, importing->number);
    return error < 0 ? import_failure(importing, error) : EXIT_OK;
}

/* The last line: that nothing was lost on the way. */
static int take_end(struct importing *importing, const json_t *object)
{
    uint64_t rows = 0;

    if (!read_number(object, "rows", &rows) || rows != importing->tally.all)
        return line_failure(importing, importing->number,
                            "%" PRIu64 " rows were to come, and there were %" PRIu64, rows,
                            importing->tally.all);
    importing->number++;
    if (fgetc(importing->stream) != EOF)
        return line_failure(importing, importing->number, "it stands behind the end");
    int error = dal_import_commit(importing->import);
    return error < 0 ? import_failure(importing, error) : EXIT_OK;
}

static int take_lines(struct importing *importing)
{
    for (;;) {
        json_t *object = NULL;
        int code = read_object(importing, &object);
        if (code != EXIT_OK)
            return code;
        const char *type = type_of(object);
        enum dal_table table = 0;
        bool end = strcmp(type, "end") == 0;
        while (table < DAL_TABLES && strcmp(type, dal_table_shape(table)->name) != 0)
            table++;
        if (end)
            code = take_end(importing, object);
        else if (table < DAL_TABLES)
            code = take_row(importing, table, object);
        else
            code = line_failure(importing, importing->number, "its type is not known");
        json_decref(object);
        if (end || code != EXIT_OK)
            return code;
    }
}

/* -- the first line -----------------------------------------------------------------------------
 */

static int read_ids(struct importing *importing, const json_t *object, struct dal_next_ids *ret)
{
    const json_t *next = json_object_get(object, "next");
    uint64_t version = 0;

    if (strcmp(type_of(object), "multichat-export") != 0 ||
        !read_number(object, "version", &version))
        return line_failure(importing, importing->number, "it does not begin an export");
    if (version != WHOLE_VERSION)
        return line_failure(importing, importing->number,
                            "it is of version %" PRIu64 ", and this program knows %d", version,
                            WHOLE_VERSION);
    if (!read_number(next, "conversation", &ret->conversation) ||
        !read_number(next, "user", &ret->user) || !read_number(next, "room", &ret->room) ||
        !read_number(next, "device", &ret->device))
        return line_failure(importing, importing->number, "it does not say which ids come next");
    return EXIT_OK;
}

static int read_head(struct importing *importing, struct dal_next_ids *ret)
{
    json_t *object = NULL;
    int code = read_object(importing, &object);

    if (code == EXIT_OK)
        code = read_ids(importing, object, ret);
    json_decref(object);
    return code;
}

/* -- the command --------------------------------------------------------------------------------
 */

/* The file is looked at before storage is touched. */
static int import_lines(struct importing *importing)
{
    struct dal_next_ids next;
    struct dal_config config;
    char *password = NULL, *error = NULL;
    int code = read_head(importing, &next);

    if (code == EXIT_OK)
        code = storage_configured(importing->ctl, &config, &password);
    if (code == EXIT_OK)
        code = whole_own(importing->ctl, false, &config);
    if (code != EXIT_OK) {
        secret_free(password);
        return code;
    }
    int result = dal_import_begin(&config, &next, &importing->import, &error);
    secret_free(password);
    if (result == -EINVAL) {
        code = line_failure(importing, importing->number, "%s", error ? error : "no memory");
        free(error);
        return code;
    }
    if (result < 0)
        return whole_failure(importing->ctl, "storage", result, error);
    code = take_lines(importing);
    dal_import_free(importing->import);
    return code;
}

static int open_input(struct importing *importing)
{
    const char *path = importing->ctl->arguments[0];

    if (path && strcmp(path, "-") != 0) {
        importing->path = path;
        importing->stream = fopen(path, "re");
    } else if (!path && isatty(STDIN_FILENO)) {
        return print_failure(importing->ctl, EXIT_USAGE, "usage", "name the FILE of an export");
    } else {
        importing->path = "standard input";
        importing->stream = stdin;
    }
    if (!importing->stream)
        return print_failure(importing->ctl, EXIT_USAGE, "usage", "%s: %s", path, strerror(errno));
    return EXIT_OK;
}

int command_import(struct ctl *ctl)
{
    struct importing importing = {.ctl = ctl, .line = malloc(LINE_MAX_BYTES + 2)};
    char text[TALLY_TEXT_MAX];

    if (!importing.line)
        return print_failure(ctl, EXIT_UNREACHABLE, "internal", "no memory");
    int code = open_input(&importing);
    tally_begin(&importing.tally, ctl);
    if (code == EXIT_OK)
        code = import_lines(&importing);
    tally_end(&importing.tally);
    free(importing.line);
    if (importing.stream && importing.stream != stdin)
        (void)fclose(importing.stream);
    if (code != EXIT_OK)
        return code;
    return conclude(ctl, tally_answer(&importing.tally), "imported: %s",
                    tally_text(&importing.tally, text));
}
