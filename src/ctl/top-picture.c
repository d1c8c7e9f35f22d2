/* The picture of `multichatctl top`: some lines of figures, and a table of who is connected. What
 * may be long stands on the right, where a narrow terminal cuts it off.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/ask.h"
#include "ctl/top.h"
#include "util/clock.h"

#include <stdlib.h>

#define COLUMNS      7
#define TEXT_MAX     24
#define SECONDS_HOUR 3600
#define SECONDS_DAY  86400

static json_int_t figure(const json_t *status, const char *section, const char *member)
{
    return number_of(json_object_get(status, section), member);
}

static double rate(const json_t *status, const char *member)
{
    return json_number_value(json_object_get(json_object_get(status, "rates"), member));
}

/* "07:05", "3:07:05", "12d 3h". */
static const char *format_duration(json_int_t seconds, char text[TEXT_MAX])
{
    if (seconds < 0)
        seconds = 0;
    int minute = (int)(seconds / 60 % 60), second = (int)(seconds % 60);
    if (seconds < SECONDS_HOUR)
        snprintf(text, TEXT_MAX, "%02d:%02d", minute, second);
    else if (seconds < SECONDS_DAY)
        snprintf(text, TEXT_MAX, "%d:%02d:%02d", (int)(seconds / SECONDS_HOUR), minute, second);
    else
        snprintf(text, TEXT_MAX, "%" JSON_INTEGER_FORMAT "d %dh", seconds / SECONDS_DAY,
                 (int)(seconds % SECONDS_DAY / SECONDS_HOUR));
    return text;
}

/* -- figures ---------------------------------------------------------------------------------- */

static void print_daemon(FILE *stream, const json_t *status)
{
    char uptime[TEXT_MAX];

    fputs("multichatd ", stream);
    print_clean(stream, text_of(json_object_get(status, "daemon"), "version"));
    fprintf(stream, ", up %s\n", format_duration(figure(status, "daemon", "uptime_s"), uptime));
}

static void print_people(FILE *stream, const json_t *status, const json_t *clients)
{
    fprintf(stream,
            "clients  %" JSON_INTEGER_FORMAT " connected: %" JSON_INTEGER_FORMAT
            " attached, %" JSON_INTEGER_FORMAT " pushed to; %" JSON_INTEGER_FORMAT
            " connections, %" JSON_INTEGER_FORMAT " of them TLS\n",
            number_of(clients, "count"), figure(status, "presence", "attached"),
            figure(status, "presence", "streams") + figure(status, "presence", "pushing"),
            figure(status, "connections", "clients"), figure(status, "connections", "tls"));
}

static void print_rates(FILE *stream, const json_t *status)
{
    fprintf(stream,
            "a second %.1f polls, %.1f connections, %.1f frames, %.1f writes, %.1f deliveries\n",
            rate(status, "polls"), rate(status, "connections"), rate(status, "frames"),
            rate(status, "writes"), rate(status, "deliveries"));
}

static void print_queues(FILE *stream, const json_t *status)
{
    fprintf(stream,
            "waiting  %" JSON_INTEGER_FORMAT " storage requests, %" JSON_INTEGER_FORMAT
            " passwords, %" JSON_INTEGER_FORMAT " devices\n",
            figure(status, "queues", "storage"), figure(status, "queues", "passwords"),
            figure(status, "queues", "devices"));
}

static void print_storage(FILE *stream, const json_t *status)
{
    const json_t *storage = json_object_get(status, "storage");
    const char *trouble = text_of(storage, "trouble");

    fputs("storage  ", stream);
    if (trouble[0] != '\0')
        print_clean(stream, trouble);
    else
        fprintf(stream,
                "%s, a commit takes %.1f ms, %.1f ms at worst of 99 in 100; "
                "%" JSON_INTEGER_FORMAT " messages",
                text_of(storage, "driver"), (double)number_of(storage, "commit_us_p50") / 1000,
                (double)number_of(storage, "commit_us_p99") / 1000, number_of(storage, "messages"));
    fputc('\n', stream);
}

/* -- clients ---------------------------------------------------------------------------------- */

struct cells {
    char waiting[TEXT_MAX], there[TEXT_MAX], version[TEXT_MAX];
};

static void fill_row(const json_t *client, json_int_t now_ms, struct cells *cells,
                     const char *row[COLUMNS])
{
    const char *device = text_of(client, "device");

    snprintf(cells->waiting, TEXT_MAX, "%" JSON_INTEGER_FORMAT, number_of(client, "waiting"));
    snprintf(cells->version, TEXT_MAX, "%" JSON_INTEGER_FORMAT, number_of(client, "version"));
    row[0] = cells->waiting;
    row[1] = format_duration((now_ms - number_of(client, "since_ms")) / 1000, cells->there);
    row[2] = text_of(client, "reached");
    row[3] = cells->version;
    row[4] = text_of(client, "address");
    row[5] = text_of(client, "userid");
    row[6] = device[0] != '\0' ? device : "-";
}

static void print_clients(FILE *stream, const json_t *clients)
{
    static const char *const titles[COLUMNS] = {"WAITING", "SINCE",  "REACHED", "V",
                                                "ADDRESS", "USERID", "DEVICE"};
    size_t count = json_array_size(clients);
    const char **rows = calloc(count + 1, sizeof(titles));
    struct cells *cells = calloc(count + 1, sizeof(*cells));
    json_int_t now_ms = (json_int_t)clock_real_ms();

    if (rows && cells) {
        memcpy(rows, titles, sizeof(titles));
        for (size_t i = 0; i < count; i++)
            fill_row(json_array_get(clients, i), now_ms, &cells[i], rows + (i + 1) * COLUMNS);
        print_table(stream, COLUMNS, rows, count + 1);
    }
    free(rows);
    free(cells);
}

void top_print(FILE *stream, const json_t *status, const json_t *clients)
{
    print_daemon(stream, status);
    print_people(stream, status, clients);
    print_rates(stream, status);
    print_queues(stream, status);
    print_storage(stream, status);
    fputc('\n', stream);
    print_clients(stream, json_object_get(clients, "clients"));
}
