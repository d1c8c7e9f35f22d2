/* status: what the daemon and its storage are doing.
 *
 * The answer is shown as it comes, section by section, so that what a daemon adds is shown without
 * this program's knowing it: a paragraph each without the figures that are 0, or a line a value.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/ask.h"

#include <stdlib.h>

#define VALUE_TEXT    32
#define LINE_COLUMNS  80 /* of a terminal */
#define TITLE_COLUMNS 13

/* A plain value in words; anything else as JSON in `*ret_owned`, to be freed. */
static const char *value_text(const json_t *value, char text[VALUE_TEXT], char **ret_owned)
{
    *ret_owned = NULL;
    if (json_is_string(value))
        return json_string_value(value);
    if (json_is_boolean(value))
        return json_is_true(value) ? "yes" : "no";
    if (json_is_integer(value)) {
        snprintf(text, VALUE_TEXT, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        return text;
    }
    *ret_owned =
        json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(REAL_DIGITS));
    return *ret_owned ? *ret_owned : "";
}

/* -- everything ------------------------------------------------------------------------------- */

static void show_line(const char *key, const json_t *value, int width)
{
    char text[VALUE_TEXT], *owned;
    const char *shown = value_text(value, text, &owned);

    if (shown[0]) {
        printf("  %-*s  ", width, key);
        print_clean(stdout, shown);
        putchar('\n');
    }
    free(owned);
}

static void show_section(const char *title, json_t *section)
{
    const char *key;
    json_t *value;
    int width = 0;

    json_object_foreach(section, key, value) if ((int)strlen(key) > width) width = (int)strlen(key);
    printf("%s\n", title);
    json_object_foreach(section, key, value) show_line(key, value, width);
}

/* -- what there is to say -----------------------------------------------------------------------
 */

static bool is_zero(const json_t *value)
{
    return json_is_number(value) && !(json_number_value(value) > 0);
}

/* Behind those of its section that take `column` columns already; returns how many it is then. */
static size_t show_pair(size_t column, const char *key, const char *shown)
{
    size_t width = strlen(key) + 1 + text_width(shown);

    if (column > 0 && TITLE_COLUMNS + column + width + 2 > LINE_COLUMNS) {
        printf("\n%*s", TITLE_COLUMNS, "");
        column = 0;
    } else if (column > 0) {
        fputs(", ", stdout);
        column += 2;
    }
    printf("%s ", key);
    print_clean(stdout, shown);
    return column + width;
}

static void sum_up(const char *title, json_t *section)
{
    const char *key;
    json_t *value;
    size_t column = 0;

    printf("%-*s", TITLE_COLUMNS, title);
    json_object_foreach(section, key, value)
    {
        char text[VALUE_TEXT], *owned;
        const char *shown = value_text(value, text, &owned);

        if (shown[0] && !is_zero(value))
            column = show_pair(column, key, shown);
        free(owned);
    }
    puts(column > 0 ? "" : "nothing");
}

/* --------------------------------------------------------------------------------------------- */

static void show(json_t *answer, void (*show_object)(const char *title, json_t *section))
{
    const char *key;
    json_t *value;

    json_object_foreach(answer, key, value) if (json_is_object(value)) show_object(key, value);
    else if (strcmp(key, "ok") != 0) show_line(key, value, 0);
    fflush(stdout);
}

static void warn(const json_t *storage)
{
    const char *trouble = text_of(storage, "trouble");
    const char *what = NULL;

    if (!json_is_true(json_object_get(storage, "up")))
        what = "storage is away";
    else if (!json_is_true(json_object_get(storage, "durable")))
        what = "storage is not durable: a crash may lose acknowledged messages";
    if (!what)
        return;
    fprintf(stderr, "multichatctl: warning: %s%s", what, trouble[0] ? ": " : "");
    print_clean(stderr, trouble);
    fputc('\n', stderr);
}

int command_status(struct ctl *ctl)
{
    json_t *request = json_pack("{s:s}", "verb", "status"), *answer = NULL;
    int code = ask(ctl, request, &answer);

    if (code != EXIT_OK)
        return code;
    if (ctl->options.json) {
        print_json(answer);
    } else {
        show(answer, ctl->options.all ? show_section : sum_up);
        warn(json_object_get(answer, "storage"));
    }
    json_decref(answer);
    return EXIT_OK;
}
