/* What the program says.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/print.h"
#include "util/utf8.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <uniwidth.h>

void print_json(const json_t *answer)
{
    json_dumpf(answer, stdout, JSON_COMPACT | JSON_REAL_PRECISION(REAL_DIGITS));
    putchar('\n');
}

/* Control characters C0, DEL and C1, and what is no UTF-8, become '?'. */
void print_clean(FILE *stream, const char *text)
{
    struct bytes rest = bytes_of(text);

    while (rest.len > 0) {
        uint32_t character = 0;
        int len = utf8_decode(rest, &character);
        if (len <= 0 || character < 0x20 || (character >= 0x7f && character < 0xa0))
            fputc('?', stream);
        else
            fwrite(rest.data, 1, (size_t)len, stream);
        rest.data += len > 0 ? len : 1;
        rest.len -= (size_t)(len > 0 ? len : 1);
    }
}

int print_failure(const struct ctl *ctl, int exit_code, const char *code, const char *format, ...)
{
    char *text = NULL;
    va_list arguments;

    va_start(arguments, format);
    if (vasprintf(&text, format, arguments) < 0)
        text = NULL;
    va_end(arguments);
    const char *said = text ? text : "no memory";
    if (ctl->told) {
        free(*ctl->told);
        *ctl->told = text;
        return exit_code;
    }
    if (ctl->options.json) {
        json_t *answer =
            json_pack("{s:b,s:s,s:o}", "ok", 0, "code", code, "error", admin_text(said));
        print_json(answer);
        json_decref(answer);
    } else {
        fputs("multichatctl: ", stderr);
        print_clean(stderr, said);
        fputc('\n', stderr);
    }
    free(text);
    return exit_code;
}

/* Those that asking again later may cure. */
static bool is_temporary(const char *code)
{
    static const enum admin_code temporary[] = {ADMIN_CODE_BUSY, ADMIN_CODE_UNAVAILABLE,
                                                ADMIN_CODE_UNCERTAIN, ADMIN_CODE_STOPPING,
                                                ADMIN_CODE_INTERNAL};

    for (size_t i = 0; i < ARRAY_SIZE(temporary); i++)
        if (strcmp(code, admin_code_name(temporary[i])) == 0)
            return true;
    return false;
}

int print_refusal(const struct ctl *ctl, const json_t *answer)
{
    if (json_is_true(json_object_get(answer, "ok")))
        return EXIT_OK;
    const char *code = json_string_value(json_object_get(answer, "code"));
    const char *error = json_string_value(json_object_get(answer, "error"));
    if (!code || !error)
        return print_failure(ctl, EXIT_UNREACHABLE, admin_code_name(ADMIN_CODE_INTERNAL),
                             "what answered is no daemon of multichat");
    return print_failure(ctl, is_temporary(code) ? EXIT_UNREACHABLE : EXIT_REFUSED, code, "%s",
                         error);
}

size_t text_width(const char *text)
{
    int width = u8_strwidth((const uint8_t *)text, "UTF-8");

    return width > 0 ? (size_t)width : 0;
}

void print_table(FILE *stream, unsigned columns, const char *const *cells, size_t rows)
{
    size_t widths[TABLE_COLUMNS_MAX] = {0};

    for (size_t i = 0; i < rows * columns; i++)
        if (text_width(cells[i]) > widths[i % columns])
            widths[i % columns] = text_width(cells[i]);
    for (size_t i = 0; i < rows * columns; i++) {
        print_clean(stream, cells[i]);
        if (i % columns == columns - 1)
            fputc('\n', stream);
        else
            fprintf(stream, "%*s", (int)(widths[i % columns] - text_width(cells[i]) + 2), "");
    }
}

const char *format_date(json_int_t ms, char text[DATE_MAX])
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm parts;

    if (!localtime_r(&seconds, &parts) || !strftime(text, DATE_MAX, "%Y-%m-%d %H:%M:%S", &parts))
        memcpy(text, "?", 2);
    return text;
}
