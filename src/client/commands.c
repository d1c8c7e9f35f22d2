/* The commands at a terminal: see commands.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/commands.h"

#include <errno.h>

#define HELP_COLUMNS 58 /* there is room for them beside the members on a screen of 80 */
#define USAGE_MAX    48

static const struct row {
    const char *name;
    const char *other; /* NULL: it has no other name; one that begins with '!' goes without slash */
    enum command_shape shape;
    const char *arguments;
    const char *help;
    const char *usage;
} rows[] = {[COMMAND_SAY] = {.name = ""},
#define X(symbol, name, other, shape, arguments, help)                                             \
    [COMMAND_##symbol] = {name,                                                                    \
                          other,                                                                   \
                          shape,                                                                   \
                          arguments,                                                               \
                          help,                                                                    \
                          sizeof(arguments) > 1 ? "usage: /" name " " arguments " (" help ")"      \
                                                : "usage: /" name " (" help ")"},
            COMMAND_TABLE(X)
#undef X
};

/* What a command of each shape has behind its name. */
static const struct shape {
    unsigned words_min, words_max;
    bool text; /* the rest of the line is one */
    bool sent; /* it is, as it stands, and has to be there */
} shapes[] = {
    [COMMAND_ALONE] = {0, 0, false, false},      [COMMAND_WORD] = {1, 1, false, false},
    [COMMAND_MAYBE_WORD] = {0, 1, false, false}, [COMMAND_WORDS] = {1, 2, false, false},
    [COMMAND_WORD_TEXT] = {1, 1, true, true},    [COMMAND_MAYBE_TEXT] = {0, 0, true, false},
};

static struct bytes skip_blanks(struct bytes text)
{
    while (text.len > 0 && text.data[0] == ' ') {
        text.data++;
        text.len--;
    }
    return text;
}

static struct bytes trim(struct bytes text)
{
    text = skip_blanks(text);
    while (text.len > 0 && text.data[text.len - 1] == ' ')
        text.len--;
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
    const struct shape *shape = &shapes[rows[kind].shape];
    struct command command = {.kind = kind};
    struct bytes *words[] = {&command.word, &command.second};
    unsigned count = 0;
    bool fits;

    for (unsigned i = 0; i < shape->words_max; i++) {
        *words[i] = next_word(&rest);
        count += words[i]->len > 0;
    }
    if (shape->text)
        command.text = shape->sent ? rest : trim(rest);
    fits = count >= shape->words_min && (shape->text || trim(rest).len == 0);
    if (!fits || (shape->sent && command.text.len == 0)) {
        *ret_reason = rows[kind].usage;
        return -EINVAL;
    }
    *ret = command;
    return 0;
}

/* A command of the original client: its '!' stands where others have a slash. */
static int find_exclaimed(struct bytes name)
{
    for (enum command_kind kind = COMMAND_SAY + 1; kind < COMMAND_COUNT; kind++)
        if (rows[kind].other && rows[kind].other[0] == '!' && bytes_is(name, rows[kind].other))
            return (int)kind;
    return -ENOENT;
}

int command_find(struct bytes name)
{
    int kind = name.len > 0 && name.data[0] == '!' ? find_exclaimed(name) : -ENOENT;

    if (name.len > 0 && name.data[0] == '/') {
        name.data++;
        name.len--;
    }
    for (int i = COMMAND_SAY + 1; i < COMMAND_COUNT && kind < 0; i++)
        if (bytes_is(name, rows[i].name) ||
            (rows[i].other && rows[i].other[0] != '!' && bytes_is(name, rows[i].other)))
            kind = i;
    return kind;
}

int command_parse(struct bytes line, struct command *ret, const char **ret_reason)
{
    struct bytes rest = line, name;
    bool slash = line.len > 0 && line.data[0] == '/';
    int kind;

    if (line.len > 1 && slash && line.data[1] == '/') {
        *ret = (struct command){.kind = COMMAND_SAY, .text = {line.data + 1, line.len - 1}};
        return 0;
    }
    name = line.len > 0 && line.data[0] != ' ' ? next_word(&rest) : (struct bytes){0};
    kind = slash ? command_find(name) : find_exclaimed(name);
    if (kind >= 0)
        return fill((enum command_kind)kind, rest, ret, ret_reason);
    if (!slash) {
        *ret = (struct command){.kind = COMMAND_SAY, .text = line};
        return 0;
    }
    *ret_reason = "there is no such command; /help shows them, and // begins a text with /";
    return -EINVAL;
}

const char *command_name(enum command_kind kind)
{
    return rows[kind].name;
}

/* How a command is typed. */
static void format_usage(const struct row *row, char ret[USAGE_MAX])
{
    snprintf(ret, USAGE_MAX, "/%s%s%s", row->name, row->arguments[0] ? " " : "", row->arguments);
}

void command_write_usage(FILE *out, enum command_kind kind)
{
    const struct row *row = &rows[kind];
    char usage[USAGE_MAX];

    format_usage(row, usage);
    fprintf(out, "%s: %s", usage, row->help);
    if (row->other)
        fprintf(out, "; also %s%s", row->other[0] == '!' ? "" : "/", row->other);
    fputc('\n', out);
}

void command_write_help(FILE *out)
{
    char usage[USAGE_MAX];
    size_t column = 0, len;

    for (enum command_kind kind = COMMAND_SAY + 1; kind < COMMAND_COUNT; kind++) {
        format_usage(&rows[kind], usage);
        len = strlen(usage);
        if (column > 0 && column + 2 + len > HELP_COLUMNS) {
            fputc('\n', out);
            column = 0;
        }
        column += (size_t)fprintf(out, "%s%s", column > 0 ? "  " : "", usage);
    }
    fputs("\n"
          "/help COMMAND tells what it does; /help keys: the keys.\n"
          "!whisper, !change, !member are /whisper, /nick, /names.\n"
          "Other lines are sent; one that begins with // with one /.\n",
          out);
}
