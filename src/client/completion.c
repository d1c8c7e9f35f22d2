/* What Tab could put where the cursor is: see completion.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/completion.h"

#include "client/commands.h"
#include "util/utf8.h"

#include <stdio.h>
#include <stdlib.h>

#define WORDS_MAX 100

/* What is looked for, and what was found. */
struct search {
    char *folded;       /* the word as far as it is typed */
    const char *behind; /* what follows a word that is put there */
    struct terminal_words *found;
};

static bool has(const struct search *search, const char *word)
{
    for (size_t i = 0; i < search->found->count; i++)
        if (strcmp(search->found->words[i], word) == 0)
            return true;
    return false;
}

/* Takes a word that begins, whatever its case, as what is typed. */
static void consider(struct search *search, const char *before, struct bytes word)
{
    struct terminal_words *found = search->found;
    char *whole = NULL, *folded = NULL;

    if (found->count == WORDS_MAX || asprintf(&whole, "%s%.*s", before, BYTES_ARG(word)) < 0)
        return;
    if (utf8_fold(bytes_of(whole), &folded) == 0 &&
        strncmp(folded, search->folded, strlen(search->folded)) == 0) {
        char *text = NULL;
        if (asprintf(&text, "%s%s", whole, search->behind) >= 0) {
            if (has(search, text))
                free(text);
            else
                found->words[found->count++] = text;
        }
    }
    free(folded);
    free(whole);
}

static void consider_commands(struct search *search)
{
    for (enum command_kind kind = COMMAND_SAY + 1; kind < COMMAND_COUNT; kind++)
        consider(search, "/", bytes_of(command_name(kind)));
}

static void consider_windows(struct search *search, const struct windows *windows,
                             enum window_kind kind)
{
    const struct window *window;

    for (size_t i = 1; (window = windows_at(windows, i)); i++)
        if (window->kind == kind)
            consider(search, "", bytes_of(window->name));
}

/* Those whom one could talk to, or about, by userid or by the name that is shown. */
static void consider_members(struct search *search, const struct windows *windows, bool by_name)
{
    struct screen_window *shown = windows_current(windows)->shown;
    struct screen_member member;

    for (size_t i = 0; screen_member_at(shown, i, &member); i++)
        consider(search, "", by_name ? member.name : member.userid);
}

/* Where the word at the cursor begins. */
static size_t word_start(struct bytes line, size_t cursor)
{
    size_t start = cursor;

    while (start > 0 && line.data[start - 1] != ' ')
        start--;
    return start;
}

static void consider_all(struct search *search, const struct windows *windows, struct bytes line,
                         struct terminal_words *ret)
{
    bool command = line.len > 0 && (line.data[0] == '/' || line.data[0] == '!');

    search->behind = command || ret->start > 0 ? " " : ": ";
    if (ret->start == 0 && command) {
        consider_commands(search);
    } else if (search->folded[0] == '#') {
        consider_windows(search, windows, WINDOW_ROOM);
        for (size_t i = 0; i < windows->room_count; i++)
            consider(search, "", bytes_of(windows->rooms[i]));
    } else if (command) {
        consider_members(search, windows, false);
        consider_windows(search, windows, WINDOW_DIALOGUE);
    } else {
        consider_members(search, windows, true);
    }
}

void completion_find(const struct windows *windows, struct bytes line, size_t cursor,
                     struct terminal_words *ret)
{
    struct search search = {.found = ret};
    struct bytes word;

    *ret = (struct terminal_words){.start = word_start(line, cursor)};
    word = (struct bytes){line.data + ret->start, cursor - ret->start};
    if (utf8_fold(word, &search.folded) < 0)
        return;
    ret->words = calloc(WORDS_MAX, sizeof(*ret->words));
    if (ret->words)
        consider_all(&search, windows, line, ret);
    free(search.folded);
}
