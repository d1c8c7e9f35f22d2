/* What a typed line means, and what Tab could put into it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/commands.h"
#include "client/completion.h"
#include "util/hash.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* `kind` -1: the line is refused, with a reason. */
static void check(const char *line, int kind, const char *word, const char *second,
                  const char *text)
{
    struct command command;
    const char *reason = NULL;
    int r = command_parse(bytes_of(line), &command, &reason);

    if (kind < 0) {
        assert_int_equal(r, -EINVAL);
        assert_non_null(reason);
        return;
    }
    assert_int_equal(r, 0);
    assert_int_equal(command.kind, kind);
    assert_true(bytes_is(command.word, word));
    assert_true(bytes_is(command.second, second));
    assert_true(bytes_is(command.text, text));
}

static void test_commands(void **state)
{
    check("/msg bob  two  blanks ", COMMAND_MSG, "bob", "", " two  blanks ");
    check("/msg  #room a:b", COMMAND_MSG, "#room", "", "a:b");
    check("/to bob", COMMAND_TO, "bob", "", "");
    check("/to", COMMAND_TO, "", "", "");
    check("/query bob", COMMAND_TO, "bob", "", "");
    check("/quit ", COMMAND_QUIT, "", "", "");
    check("/exit", COMMAND_QUIT, "", "", "");
    check("/help join", COMMAND_HELP, "join", "", "");
    check("/join #lobby", COMMAND_JOIN, "#lobby", "", "");
    check("/topic  what it is  about ", COMMAND_TOPIC, "", "", "what it is  about");
    check("/topic", COMMAND_TOPIC, "", "", "");
    check("/invite bob #lobby", COMMAND_INVITE, "bob", "#lobby", "");
    check("/invite bob", COMMAND_INVITE, "bob", "", "");
    check("/history 10-20", COMMAND_HISTORY, "", "", "10-20");
    check("/search two words", COMMAND_SEARCH, "", "", "two words");
}

static void test_refused_lines(void **state)
{
    static const char *const lines[] = {
        "/msg bob", "/msg bob ",   "/msg",    "/to a b", "/quit now",      "/",
        "/QUIT",    "/ msg bob x", "/invite", "/join",   "/invite a #b c", "/!member",
    };

    for (size_t i = 0; i < COUNT_OF(lines); i++)
        check(lines[i], -1, NULL, NULL, NULL);
}

static void test_texts(void **state)
{
    check("hello /quit", COMMAND_SAY, "", "", "hello /quit");
    check("", COMMAND_SAY, "", "", "");
    check("//quit", COMMAND_SAY, "", "", "/quit");
    check(" /quit", COMMAND_SAY, "", "", " /quit");
    check("!", COMMAND_SAY, "", "", "!");
    check("!wow", COMMAND_SAY, "", "", "!wow");
    check("!join #lobby", COMMAND_SAY, "", "", "!join #lobby");
}

/* Those of the Korean original. */
static void test_exclaimed_commands(void **state)
{
    check("!whisper bob \xec\x95\x88\xeb\x85\x95", COMMAND_WHISPER, "bob", "",
          "\xec\x95\x88\xeb\x85\x95");
    check("!change \xed\x95\x9c\xea\xb5\xad", COMMAND_NICK, "\xed\x95\x9c\xea\xb5\xad", "", "");
    check("!member", COMMAND_NAMES, "", "", "");
    check("!whisper", -1, NULL, NULL, NULL);
    check("!membership", COMMAND_SAY, "", "", "!membership");
}

static void test_every_command_has_help(void **state)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    command_write_help(out);
    assert_int_equal(fclose(out), 0);
    for (int kind = COMMAND_SAY + 1; kind < COMMAND_COUNT; kind++) {
        char name[32];
        snprintf(name, sizeof(name), "/%s", command_name((enum command_kind)kind));
        const char *found = strstr(text, name);
        assert_non_null(found);
        assert_non_null(strchr(" \n", found[strlen(name)]));
        assert_int_equal(command_find(bytes_of(name)), kind);
    }
    free(text);
}

/* All of it is seen at once beside the members of a screen of 80 columns and 24 rows. */
static void test_help_is_short(void **state)
{
    char *text = NULL;
    size_t size, rows = 0;
    FILE *out = open_memstream(&text, &size);

    command_write_help(out);
    assert_int_equal(fclose(out), 0);
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1, rows++)
        assert_true(strcspn(line, "\n") <= 58);
    assert_in_range(rows, 1, 18);
    free(text);
}

/* -- Tab -------------------------------------------------------------------------------------- */

static void add_member(struct window *window, const char *userid, const char *name)
{
    const struct screen_member member = {.userid = bytes_of(userid), .name = bytes_of(name)};

    assert_int_equal(screen_member_set(window->shown, &member), 0);
}

static int make_windows(void **state)
{
    static struct windows windows;
    struct window *room;

    if (windows_init(&windows, 24, 80) < 0)
        return -1;
    room = windows_open(&windows, bytes_of("#lobby"));
    if (!room || !windows_open(&windows, bytes_of("#Lofts")) ||
        !windows_open(&windows, bytes_of("zoe")))
        return -1;
    (void)windows_switch(&windows, room);
    add_member(room, "alice", "Alice");
    add_member(room, "albert", "\xed\x95\x9c\xea\xb5\xad");
    windows_hear_of(&windows, bytes_of("#lobby"));
    windows_hear_of(&windows, bytes_of("#loggia"));
    *state = &windows;
    return 0;
}

static int free_windows(void **state)
{
    windows_deinit(*state);
    return 0;
}

/* What Tab could put at the end of `line`, joined with '|'. */
static void check_words(const struct windows *windows, const char *line, const char *expected)
{
    struct terminal_words words;
    char all[256] = "";

    completion_find(windows, bytes_of(line), strlen(line), &words);
    for (size_t i = 0; i < words.count; i++) {
        snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s%s", i > 0 ? "|" : "",
                 words.words[i]);
        free(words.words[i]);
    }
    free(words.words);
    assert_string_equal(all, expected);
}

static void test_completion(void **state)
{
    check_words(*state, "/jo", "/join ");
    check_words(*state, "/wh", "/whisper |/who ");
    check_words(*state, "/join #lo", "#lobby |#Lofts |#loggia ");
    check_words(*state, "look at #LOB", "#lobby ");
    check_words(*state, "al", "Alice: ");
    check_words(*state, "so, AL", "Alice ");
    check_words(*state, "\xed\x95\x9c", "\xed\x95\x9c\xea\xb5\xad: ");
    check_words(*state, "/msg al", "alice |albert ");
    check_words(*state, "/msg z", "zoe ");
    check_words(*state, "xyz", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commands),
        cmocka_unit_test(test_refused_lines),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_exclaimed_commands),
        cmocka_unit_test(test_every_command_has_help),
        cmocka_unit_test(test_help_is_short),
        cmocka_unit_test_setup_teardown(test_completion, make_windows, free_windows),
    };

    hash_setup();
    return cmocka_run_group_tests_name("commands", tests, NULL, NULL);
}
