/* Lines: reading them by pieces, what may be sent, and knowing them again.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/echo.h"
#include "client/letter.h"
#include "client/lines.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

/* Feeds `text` in pieces of `piece` bytes and joins what came out with '|', '!' for a line too
 * long. */
static void split(const char *text, size_t piece, size_t max, char *ret)
{
    struct lines lines;
    struct bytes line;
    enum lines_result result = LINES_NONE;
    size_t len = strlen(text), at = 0;
    int fds[2];

    assert_int_equal(pipe(fds), 0);
    lines_init(&lines, max);
    ret[0] = '\0';
    while (result != LINES_END) {
        size_t n = at + piece > len ? len - at : piece;
        if (n > 0) {
            assert_int_equal(write(fds[1], text + at, n), n);
            at += n;
        } else if (fds[1] >= 0) {
            close(fds[1]);
            fds[1] = -1;
        }
        assert_int_equal(lines_read(&lines, fds[0]), 0);
        while ((result = lines_next(&lines, &line)) != LINES_NONE && result != LINES_END)
            sprintf(ret + strlen(ret), result == LINES_LINE ? "%.*s|" : "!",
                    result == LINES_LINE ? (int)line.len : 0, line.data);
    }
    lines_deinit(&lines);
    close(fds[0]);
}

static void test_lines(void **state)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"", ""},
        {"a\n\nb\n", "a||b|"},
        {"a\nlast", "a|last|"},
        {"12345678\nx\n", "12345678|x|"},
        {"123456789\nx\n", "!x|"},
        {"x\n1234567890123456789012345678901234567890\ny\nz", "x|!y|z|"},
        {"1234567890123456789012345678901234567890", "!"},
    };
    char got[200];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        for (size_t piece = 1; piece < 50; piece++) {
            split(cases[i].text, piece, 8, got);
            assert_string_equal(got, cases[i].expected);
        }
}

static void test_recipients(void **state)
{
    static const char *const good[] = {"bob", "#room", "*", "한국", "a.b@c"};
    static const char *const bad[] = {"",  "#",   "a b", "a:b",  "a/b",  "**",
                                      "%", "##a", "a\n", "\xff", "\x7f", "*a"};
    char name[80];

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_null(letter_recipient_refusal(bytes_of(good[i])));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_non_null(letter_recipient_refusal(bytes_of(bad[i])));
    memset(name, 'x', sizeof(name));
    assert_null(letter_recipient_refusal((struct bytes){name, 64}));
    assert_non_null(letter_recipient_refusal((struct bytes){name, 65}));
}

static void test_texts(void **state)
{
    char *text = malloc(65537);

    memset(text, 'x', 65537);
    assert_null(letter_text_refusal((struct bytes){text, 65536}));
    assert_non_null(letter_text_refusal((struct bytes){text, 65537}));
    assert_non_null(letter_text_refusal((struct bytes){text, 0}));
    assert_non_null(letter_text_refusal((struct bytes){"a\0b", 3}));
    assert_non_null(letter_text_refusal(bytes_of("a\003")));
    assert_non_null(letter_text_refusal(bytes_of("\xc3\x28")));
    assert_null(letter_text_refusal(bytes_of(":\n\t\x1b")));
    free(text);
}

static void test_echo(void **state)
{
    struct echo echo = {0};
    char text[16];

    echo_remember(&echo, bytes_of("hello"));
    echo_remember(&echo, bytes_of("hello"));
    assert_false(echo_recognise(&echo, bytes_of("other")));
    assert_false(echo_recognise(&echo, bytes_of("hell")));
    assert_true(echo_recognise(&echo, bytes_of("hello")));
    assert_true(echo_recognise(&echo, bytes_of("hello")));
    assert_false(echo_recognise(&echo, bytes_of("hello")));
    for (int i = 0; i <= ECHO_MAX; i++) {
        snprintf(text, sizeof(text), "t%d", i);
        echo_remember(&echo, bytes_of(text));
    }
    assert_false(echo_recognise(&echo, bytes_of("t0"))); /* the oldest gave way */
    assert_true(echo_recognise(&echo, bytes_of("t1")));
    echo_deinit(&echo);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_recipients),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_echo),
    };

    return cmocka_run_group_tests_name("lines", tests, NULL, NULL);
}
