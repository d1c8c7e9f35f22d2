/* Finding a number where it is written: as much of libconfig's lexical rules as that takes.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "config/config-literal.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct lexer {
    FILE *in;
    unsigned line; /* of the next character */
};

static int next_character(struct lexer *lexer)
{
    int c = getc(lexer->in);
    if (c == '\n')
        lexer->line++;
    return c;
}

static int peek_character(struct lexer *lexer)
{
    return ungetc(getc(lexer->in), lexer->in);
}

static void skip_line(struct lexer *lexer)
{
    for (int c = 0; c != '\n' && c != EOF;)
        c = next_character(lexer);
}

static void skip_long_comment(struct lexer *lexer)
{
    int before = next_character(lexer), c = next_character(lexer);
    for (; c != EOF && !(before == '*' && c == '/'); c = next_character(lexer))
        before = c;
}

static void skip_string(struct lexer *lexer)
{
    for (int c = 0; c != '"' && c != EOF;) {
        c = next_character(lexer);
        if (c == '\\')
            (void)next_character(lexer);
    }
}

/* The first character that is neither blank nor in a comment or string, or EOF. */
static int next_significant(struct lexer *lexer)
{
    for (;;) {
        int c = next_character(lexer);
        if (c == '"')
            skip_string(lexer);
        else if (c == '#' || (c == '/' && peek_character(lexer) == '/'))
            skip_line(lexer);
        else if (c == '/' && peek_character(lexer) == '*')
            skip_long_comment(lexer);
        else if (c == EOF || !isspace(c))
            return c;
    }
}

static bool in_word(int c)
{
    return isalnum(c) || (c != EOF && c != '\0' && strchr("_*-+.", c) != NULL);
}

/* A name, a number, or a single other character; false at the end. */
static bool next_token(struct lexer *lexer, char token[CONFIG_LITERAL_MAX], unsigned *ret_line)
{
    size_t len = 0;
    int c = next_significant(lexer);
    if (c == EOF)
        return false;
    *ret_line = lexer->line;
    token[len++] = (char)c;
    while (in_word(c) && in_word(peek_character(lexer))) {
        c = next_character(lexer);
        if (len < CONFIG_LITERAL_MAX - 1)
            token[len++] = (char)c; /* what is left out changes no number that fits */
    }
    token[len] = '\0';
    return true;
}

/* True if libconfig may have made `value` of the literal, and it is another number. */
static bool is_cut(const char *literal, long long value)
{
    bool hexadecimal = strncasecmp(literal, "0x", 2) == 0;
    char *end;
    errno = 0;
    long long number = strtoll(literal, &end, hexadecimal ? 16 : 10);
    if (end == literal || (*end != '\0' && *end != 'L'))
        return false;
    return (int)number == (int)value && (number != value || errno == ERANGE);
}

static bool find(struct lexer *lexer, unsigned line, const char *name, long long value,
                 char text[CONFIG_LITERAL_MAX])
{
    char token[CONFIG_LITERAL_MAX];
    unsigned at = 0, unused;
    while (at <= line && next_token(lexer, token, &at)) {
        if (at != line || strcmp(token, name) != 0)
            continue;
        if (next_token(lexer, token, &unused) && (token[0] == '=' || token[0] == ':') &&
            next_token(lexer, token, &unused) && is_cut(token, value)) {
            memcpy(text, token, sizeof token);
            return true;
        }
    }
    return false;
}

bool config_literal_was_cut(const char *file, unsigned line, const char *name, long long value,
                            char text[CONFIG_LITERAL_MAX])
{
    struct stat st;
    /* What is no file cannot be read a second time. */
    if (stat(file, &st) < 0 || !S_ISREG(st.st_mode))
        return false;
    struct lexer lexer = {.in = fopen(file, "re"), .line = 1};
    if (lexer.in == NULL)
        return false;
    bool cut = find(&lexer, line, name, value, text);
    fclose(lexer.in);
    return cut;
}
