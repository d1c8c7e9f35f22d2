/* Does to a screen what it is told on standard input, for the tests that look at it by a model of a
 * terminal. A command is a line; its fields are separated by tabs, and in texts each byte is two
 * hexadecimal digits. Each painting is written as its length, a newline and its bytes.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "screen/painter.h"
#include "screen/screen.h"
#include "util/hash.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define FIELDS_MAX 8

static struct {
    struct screen *screen;
    struct painter *painter;
    char *painted;
    size_t painted_len;
} driver;

static int write_painted(void *userdata, struct bytes bytes)
{
    driver.painted = realloc(driver.painted, driver.painted_len + bytes.len);
    if (!driver.painted)
        abort();
    memcpy(driver.painted + driver.painted_len, bytes.data, bytes.len);
    driver.painted_len += bytes.len;
    return 0;
}

static void must(int r)
{
    if (r < 0) {
        fprintf(stderr, "driver: %s\n", strerror(-r));
        exit(1);
    }
}

/* Decodes a field in its place. */
static struct bytes text(char *hex)
{
    struct bytes decoded = {.data = hex};

    for (const char *at = hex; at[0] && at[1]; at += 2) {
        char digits[] = {at[0], at[1], '\0'};

        hex[decoded.len++] = (char)strtoul(digits, NULL, 16);
    }
    return decoded;
}

static unsigned number(const char *field)
{
    return (unsigned)strtoul(field, NULL, 10);
}

static struct screen_window *window(const char *field)
{
    return screen_window_at(driver.screen, number(field));
}

static void do_window(char *field[])
{
    struct screen_window *made;

    must(screen_window_new(driver.screen, text(field[0]), NULL, &made));
}

static void do_topic(char *field[])
{
    must(screen_window_set_topic(window(field[0]), text(field[1])));
}

static void do_show(char *field[])
{
    screen_show(window(field[0]));
}

static void do_raise(char *field[])
{
    screen_raise(window(field[0]), number(field[1]));
}

/* window, kind, time in ms, name, text */
static void do_line(char *field[])
{
    const struct screen_line line = {.kind = number(field[1]),
                                     .time_ms = strtoull(field[2], NULL, 10),
                                     .name = text(field[3]),
                                     .text = text(field[4])};

    must(screen_add(window(field[0]), &line));
}

static void do_read(char *field[])
{
    screen_set_read(window(field[0]), strtoull(field[1], NULL, 10));
}

/* window, userid, name, operator, present */
static void do_member(char *field[])
{
    const struct screen_member member = {.userid = text(field[1]),
                                         .name = text(field[2]),
                                         .is_operator = number(field[3]),
                                         .present = number(field[4])};

    must(screen_member_set(window(field[0]), &member));
}

static void do_status(char *field[])
{
    const struct screen_status status = {
        .who = text(field[0]), .reached = text(field[1]), .waiting = number(field[2])};

    must(screen_set_status(driver.screen, &status));
}

static void do_input(char *field[])
{
    must(screen_set_input(driver.screen, text(field[0]), text(field[1]), number(field[2])));
}

static void do_hint(char *field[])
{
    must(screen_set_hint(driver.screen, text(field[0])));
}

static void do_size(char *field[])
{
    screen_resize(driver.screen, number(field[0]), number(field[1]));
    painter_forget(driver.painter);
}

static void do_scroll(char *field[])
{
    screen_scroll_pages(driver.screen, atoi(field[0]));
}

static void do_begin(char *field[])
{
    must(painter_begin(driver.painter));
}

static void do_end(char *field[])
{
    must(painter_end(driver.painter));
}

static void do_paint(char *field[])
{
    must(painter_paint(driver.painter, driver.screen));
    printf("%zu\n", driver.painted_len);
    fwrite(driver.painted, 1, driver.painted_len, stdout);
    fflush(stdout);
    driver.painted_len = 0;
}

static const struct command {
    const char *name;
    void (*run)(char *field[]);
} commands[] = {
    {"window", do_window}, {"topic", do_topic}, {"show", do_show},     {"raise", do_raise},
    {"line", do_line},     {"read", do_read},   {"member", do_member}, {"status", do_status},
    {"input", do_input},   {"hint", do_hint},   {"size", do_size},     {"scroll", do_scroll},
    {"begin", do_begin},   {"end", do_end},     {"paint", do_paint},
};

static void obey(char *line)
{
    static char empty[] = "";
    char *field[1 + FIELDS_MAX], *rest = line;

    line[strcspn(line, "\n")] = '\0';
    for (size_t i = 0; i <= FIELDS_MAX; i++)
        field[i] = rest ? strsep(&rest, "\t") : empty;
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        if (strcmp(commands[i].name, field[0]) == 0) {
            commands[i].run(field + 1);
            return;
        }
    }
    must(-EINVAL);
}

int main(int argc, char *argv[])
{
    const struct painter_options options = {.colours = !getenv("NO_COLOR"), .write = write_painted};
    char *line = NULL;
    size_t allocated = 0;

    hash_setup();
    driver.screen = screen_new(24, 80, NULL);
    if (!driver.screen)
        return 1;
    must(painter_new(&options, &driver.painter));
    while (getline(&line, &allocated, stdin) > 0)
        obey(line);
    free(line);
    free(driver.painted);
    painter_free(driver.painter);
    screen_free(driver.screen);
    return 0;
}
