/* The command line, read by the tables of commands and options.
 *
 * Options may stand before, between and behind the words of a command, so they are gathered first
 * and given their meaning once the command is known.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/ctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GENERAL (OPTION_CONFIG | OPTION_JSON | OPTION_HELP | OPTION_VERSION)

struct option {
    const char *name, *value, *help;
    size_t offset; /* of its field in struct options */
};

static const struct option option_table[OPTION_COUNT] = {
#define X(symbol, field, name, value, help) {name, value, help, offsetof(struct options, field)},
    OPTION_TABLE(X)
#undef X
};

/* What the command line holds, sorted into words and options; in the order given. */
struct gathered {
    const char **words;
    size_t word_count;
    struct given {
        char name[32];
        const char *value; /* NULL where there is none */
    } * given;
    size_t given_count;
};

static void complain_hint(const struct command *command)
{
    fprintf(stderr, "multichatctl: see multichatctl %s%s--help\n", command ? command->words : "",
            command ? " " : "");
}

/* -- help ------------------------------------------------------------------------------------- */

static void print_options(unsigned bits)
{
    for (unsigned i = 0; i < OPTION_COUNT; i++) {
        const struct option *option = &option_table[i];
        char left[48];
        if (!(bits & (1U << i)))
            continue;
        snprintf(left, sizeof(left), "--%s%s%s", option->name, option->value ? " " : "",
                 option->value ? option->value : "");
        printf("  %-28s  %s\n", left, option->help);
    }
}

static void print_command_help(const struct command *command)
{
    printf("usage: multichatctl %s%s%s [OPTIONS]\n\n%s\n\nOptions:\n", command->words,
           command->arguments[0] ? " " : "", command->arguments, command->help);
    print_options(command->options | GENERAL);
}

static void print_help(void)
{
    printf("usage: multichatctl [OPTIONS] COMMAND\n\nCommands:\n");
    for (const struct command *command = command_table; command->words; command++) {
        char left[48];
        snprintf(left, sizeof(left), "%s %s", command->words, command->arguments);
        printf("  %-28s  %s\n", left, command->help);
    }
    printf("\nOptions:\n");
    print_options(GENERAL | OPTION_CONTROL);
    printf("\nEach command explains itself: multichatctl COMMAND --help. See multichatctl(8).\n");
}

/* -- which command it is ----------------------------------------------------------------------- */

/* How many of the words are the command's own: 0 if it is not this command. */
static size_t match(const struct command *command, const struct gathered *gathered)
{
    const char *rest = command->words;
    size_t count = 0;

    while (*rest) {
        size_t len = strcspn(rest, " ");
        if (count == gathered->word_count || strlen(gathered->words[count]) != len ||
            strncmp(gathered->words[count], rest, len) != 0)
            return 0;
        rest += len + (rest[len] == ' ');
        count++;
    }
    return count;
}

static const struct command *find_command(const struct gathered *gathered, size_t *ret_used)
{
    for (const struct command *command = command_table; command->words; command++)
        if ((*ret_used = match(command, gathered)) > 0)
            return command;
    return NULL;
}

/* -- gathering -------------------------------------------------------------------------------- */

static const struct option *find_option(const char *name, unsigned bits)
{
    for (unsigned i = 0; i < OPTION_COUNT; i++)
        if (bits & (1U << i) && strcmp(option_table[i].name, name) == 0)
            return &option_table[i];
    return NULL;
}

/* Points to the command's own help if the words tell it, those in `rest` included: what follows
 * has not been gathered yet. */
static int complain_unknown(struct gathered *gathered, char *const *rest, const char *argument)
{
    size_t used = 0;

    for (; *rest; rest++)
        if ((*rest)[0] != '-')
            gathered->words[gathered->word_count++] = *rest;
    fprintf(stderr, "multichatctl: there is no option %s\n", argument);
    complain_hint(find_command(gathered, &used));
    return EXIT_USAGE;
}

/* One option, whose value may be the next argument; `next` is moved past what was used. */
static int gather_option(struct gathered *gathered, char **argv, int *next)
{
    const char *argument = argv[(*next)++];
    const char *name = strcmp(argument, "-h") == 0 ? "--help" : argument;
    size_t len = strcspn(name, "=");
    struct given *given = &gathered->given[gathered->given_count];

    if (name[1] != '-' || len - 2 >= sizeof(given->name))
        return complain_unknown(gathered, argv + *next, argument);
    snprintf(given->name, sizeof(given->name), "%.*s", (int)(len - 2), name + 2);
    const struct option *option = find_option(given->name, ~0U);
    if (!option)
        return complain_unknown(gathered, argv + *next, argument);
    given->value = name[len] == '=' ? name + len + 1 : NULL;
    if (option->value && !given->value && !(given->value = argv[*next])) {
        fprintf(stderr, "multichatctl: --%s needs a value: %s\n", option->name, option->value);
        return EXIT_USAGE;
    }
    if (!option->value && given->value) {
        fprintf(stderr, "multichatctl: --%s takes no value\n", option->name);
        return EXIT_USAGE;
    }
    if (option->value && name[len] != '=')
        (*next)++;
    gathered->given_count++;
    return EXIT_OK;
}

/* A lone "-" and what stands behind "--" are words. */
static int gather(struct gathered *gathered, char **argv)
{
    bool only_words = false;

    for (int next = 1; argv[next];) {
        if (!only_words && strcmp(argv[next], "--") == 0) {
            only_words = true;
            next++;
        } else if (!only_words && argv[next][0] == '-' && argv[next][1]) {
            int code = gather_option(gathered, argv, &next);
            if (code != EXIT_OK)
                return code;
        } else {
            gathered->words[gathered->word_count++] = argv[next++];
        }
    }
    return EXIT_OK;
}

/* -- giving it its meaning -------------------------------------------------------------------- */

/* Names the commands that begin with the first word, or all of them. */
static int complain_command(const struct gathered *gathered)
{
    const char *first = gathered->word_count > 0 ? gathered->words[0] : "";
    size_t len = strlen(first);
    bool group = false;

    for (const struct command *command = command_table; command->words; command++)
        group |= len > 0 && strncmp(command->words, first, len) == 0 && command->words[len] == ' ';
    if (gathered->word_count == 0)
        fprintf(stderr, "multichatctl: a command is missing; there are:");
    else
        fprintf(stderr, "multichatctl: there is no command \"%s%s%s\"; there are:", first,
                gathered->word_count > 1 ? " " : "",
                gathered->word_count > 1 ? gathered->words[1] : "");
    const char *separator = " ";
    for (const struct command *command = command_table; command->words; command++) {
        if (group && (strncmp(command->words, first, len) != 0 || command->words[len] != ' '))
            continue;
        fprintf(stderr, "%s%s", separator, command->words);
        separator = ", ";
    }
    fputc('\n', stderr);
    complain_hint(NULL);
    return EXIT_USAGE;
}

static int complain_option(const struct command *command, const char *name)
{
    const char *separator = " ";

    fprintf(stderr, "multichatctl: \"%s\" takes no --%s; it takes:", command->words, name);
    for (unsigned i = 0; i < OPTION_COUNT; i++) {
        if (!((command->options | GENERAL) & (1U << i)))
            continue;
        fprintf(stderr, "%s--%s", separator, option_table[i].name);
        separator = ", ";
    }
    fputc('\n', stderr);
    return EXIT_USAGE;
}

static int assign_options(struct ctl *ctl, const struct gathered *gathered)
{
    unsigned allowed = ctl->command ? ctl->command->options | GENERAL : GENERAL | OPTION_CONTROL;

    for (size_t i = 0; i < gathered->given_count; i++) {
        const struct given *given = &gathered->given[i];
        const struct option *option = find_option(given->name, allowed);
        if (!option && ctl->command)
            return complain_option(ctl->command, given->name);
        if (!option)
            continue; /* the missing command is what is told */
        const char **field = (const char **)(void *)((char *)&ctl->options + option->offset);
        if (*field) {
            fprintf(stderr, "multichatctl: --%s is given twice\n", option->name);
            return EXIT_USAGE;
        }
        *field = given->value ? given->value : "";
    }
    return EXIT_OK;
}

static int assign_arguments(struct ctl *ctl, const char **words, size_t count)
{
    const struct command *command = ctl->command;

    if (count < command->min || count > command->max) {
        fprintf(stderr, "multichatctl: usage: multichatctl %s%s%s [OPTIONS]\n", command->words,
                command->arguments[0] ? " " : "", command->arguments);
        complain_hint(command);
        return EXIT_USAGE;
    }
    for (size_t i = 0; i < count; i++)
        ctl->arguments[i] = words[i];
    return EXIT_OK;
}

static int interpret(struct ctl *ctl, const struct gathered *gathered)
{
    size_t used = 0;

    ctl->command = find_command(gathered, &used);
    if (ctl->command)
        ctl->reach = ctl->command->reach;
    int code = assign_options(ctl, gathered);
    if (code != EXIT_OK)
        return code;
    if (ctl->options.version) {
        puts("multichatctl " PACKAGE_VERSION);
        return -1;
    }
    if (ctl->options.help) {
        if (ctl->command)
            print_command_help(ctl->command);
        else
            print_help();
        return -1;
    }
    if (!ctl->command)
        return complain_command(gathered);
    return assign_arguments(ctl, gathered->words + used, gathered->word_count - used);
}

int command_line_parse(struct ctl *ctl, int argc, char **argv)
{
    size_t size = argc > 0 ? (size_t)argc : 1;
    struct gathered gathered = {
        .words = calloc(size, sizeof(*gathered.words)),
        .given = calloc(size, sizeof(*gathered.given)),
    };
    int code = EXIT_USAGE;

    if (!gathered.words || !gathered.given)
        fprintf(stderr, "multichatctl: no memory\n");
    else if (argc > 0)
        code = gather(&gathered, argv);
    if (code == EXIT_OK)
        code = interpret(ctl, &gathered);
    free(gathered.words);
    free(gathered.given);
    return code;
}
