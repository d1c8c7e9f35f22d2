/* The bytes of a terminal: see terminal-strings.h.
 *
 * The one part that knows the library of terminfo. What it needs is copied, for the library has one
 * current terminal, and readline uses that.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "screen/terminal-strings.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <curses.h>
#include <term.h>

/* Fit to be read on black and on white. */
static const struct {
    short of_256, of_8;
} palette[STYLE_COLOURS] = {
    {167, 1}, {34, 2}, {136, 3}, {33, 4},  {133, 5}, {37, 6},
    {166, 1}, {64, 2}, {69, 4},  {168, 5}, {72, 6},  {130, 3},
};

/* A copy without the delays "$<5/>", which no terminal of today waits for. */
static char *copy(const char *string)
{
    char *result = malloc(strlen(string) + 1), *to = result;

    while (result && *string) {
        const char *end = string[0] == '$' && string[1] == '<' ? strchr(string, '>') : NULL;

        if (end)
            string = end + 1;
        else
            *to++ = *string++;
    }
    if (result)
        *to = '\0';
    return result;
}

static char *look_up(const char *name)
{
    const char *string = tigetstr((char *)name);

    return copy(string && string != (char *)-1 ? string : "");
}

static int load_strings(struct terminal_strings *strings)
{
    const struct {
        char **string;
        const char *name;
    } table[] = {
        {&strings->enter, "smcup"},       {&strings->leave, "rmcup"},
        {&strings->clear, "clear"},       {&strings->clear_to_end_of_row, "el"},
        {&strings->hide_cursor, "civis"}, {&strings->show_cursor, "cnorm"},
        {&strings->ring, "bel"},          {&strings->plain, "sgr0"},
        {&strings->bold, "bold"},         {&strings->faint, "dim"},
        {&strings->underlined, "smul"},   {&strings->reversed, "rev"},
        {&strings->place_at, "cup"},      {&strings->scroll_region, "csr"},
        {&strings->scroll_up, "ind"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        *table[i].string = look_up(table[i].name);
        if (!*table[i].string)
            return -ENOMEM;
    }
    return 0;
}

static int load_colours(struct terminal_strings *strings)
{
    int count = tigetnum((char *)"colors");
    const char *format = tigetstr((char *)"setaf");
    bool any = count >= 8 && format && format != (char *)-1;

    for (unsigned i = 0; i <= STYLE_COLOURS; i++) {
        short colour = i == 0 ? 0 : count >= 256 ? palette[i - 1].of_256 : palette[i - 1].of_8;

        strings->colours[i] = copy(any && i > 0 ? tiparm(format, colour) : "");
        if (!strings->colours[i])
            return -ENOMEM;
    }
    return 0;
}

static int load(struct terminal_strings *strings)
{
    int r = load_strings(strings);

    if (r < 0)
        return r;
    if (!strings->place_at[0] || !strings->clear[0])
        return -ENOTSUP;
    return load_colours(strings);
}

int terminal_strings_init(struct terminal_strings *strings, const char *term)
{
    TERMINAL *before = set_curterm(NULL), *ours;
    int found, r = -ENOTSUP;

    *strings = (struct terminal_strings){.enter = NULL};
    if (setupterm((char *)term, STDOUT_FILENO, &found) == OK)
        r = load(strings);
    ours = set_curterm(before);
    if (ours)
        del_curterm(ours);
    if (r < 0)
        terminal_strings_deinit(strings);
    return r;
}

void terminal_strings_deinit(struct terminal_strings *strings)
{
    char **all[] = {&strings->enter,       &strings->leave,
                    &strings->clear,       &strings->clear_to_end_of_row,
                    &strings->hide_cursor, &strings->show_cursor,
                    &strings->ring,        &strings->plain,
                    &strings->bold,        &strings->faint,
                    &strings->underlined,  &strings->reversed,
                    &strings->place_at,    &strings->scroll_region,
                    &strings->scroll_up};

    for (size_t i = 0; i < ARRAY_SIZE(all); i++)
        free(*all[i]);
    for (unsigned i = 0; i <= STYLE_COLOURS; i++)
        free(strings->colours[i]);
    *strings = (struct terminal_strings){.enter = NULL};
}

const char *terminal_format(const char *format, unsigned first, unsigned second)
{
    return tiparm(format, (int)first, (int)second);
}
