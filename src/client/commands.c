/* The commands of line mode: see commands.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/commands.h"

#include <errno.h>

static const struct row {
    const char *name;
    enum command_shape shape;
    const char *arguments;
    const char *help;
    const char *usage;
} rows[] = {
#define X(symbol, name, shape, arguments, help)                                                    \
    [COMMAND_##symbol] = {name, shape, arguments, help, "usage: /" name " " arguments},
    COMMAND_TABLE(X)
#undef X
};

static struct bytes skip_blanks(struct bytes text)
{
    while (text.len > 0 && text.data[0] == ' ') {
        text.data++;
        text.len--;
    }
    return text;
}

/* Cuts the first word off `text`, and the one blank behind it. */
static struct bytes next_word(struct bytes *text)
{
    struct bytes word = skip_blanks(*text);
    const char *blank = word.len > 0 ? memchr(word.data, ' ', word.len) : NULL;
    size_t len = blank ? (size_t)(blank - word.data) : word.len;

    text->data = word.data + len + (blank ? 1 : 0);
    text->len = word.len - len - (blank ? 1 : 0);
    word.len = len;
    return word;
}

static int fill(enum command_kind kind, struct bytes rest, struct command *ret,
                const char **ret_reason)
{
    struct command command = {.kind = kind};
    bool fits;

    if (rows[kind].shape != COMMAND_ALONE)
        command.to = next_word(&rest);
    if (rows[kind].shape == COMMAND_TO_TEXT) {
        command.text = rest;
        fits = command.to.len > 0 && command.text.len > 0;
    } else {
        fits = skip_blanks(rest).len == 0;
    }
    if (!fits) {
        *ret_reason = rows[kind].usage;
        return -EINVAL;
    }
    *ret = command;
    return 0;
}

int command_parse(struct bytes line, struct command *ret, const char **ret_reason)
{
    struct bytes rest, name;

    if (line.len == 0 || line.data[0] != '/') {
        *ret = (struct command){.kind = COMMAND_SAY, .text = line};
        return 0;
    }
    rest = (struct bytes){line.data + 1, line.len - 1};
    if (rest.len > 0 && rest.data[0] == '/') {
        *ret = (struct command){.kind = COMMAND_SAY, .text = rest};
        return 0;
    }
    name = rest.len > 0 && rest.data[0] != ' ' ? next_word(&rest) : (struct bytes){0};
    for (enum command_kind kind = COMMAND_SAY + 1; kind < COMMAND_COUNT; kind++)
        if (bytes_is(name, rows[kind].name))
            return fill(kind, rest, ret, ret_reason);
    *ret_reason = "there is no such command; /help shows them, and // begins a text with /";
    return -EINVAL;
}

void command_write_help(FILE *out)
{
    for (enum command_kind kind = COMMAND_SAY + 1; kind < COMMAND_COUNT; kind++) {
        char usage[32];
        snprintf(usage, sizeof(usage), "/%s %s", rows[kind].name, rows[kind].arguments);
        fprintf(out, "%-14s %s\n", usage, rows[kind].help);
    }
    fputs("Any other line is sent; a line that begins with // is sent with one /.\n", out);
}
