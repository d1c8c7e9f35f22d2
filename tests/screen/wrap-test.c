/* Text in rows: where it is broken, and that all of it is there.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "screen/wrap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* Rows are written one below the other, each ended by '|'. */
static void check_behind(const char *text, unsigned columns, unsigned lead, unsigned indent,
                         const char *expected)
{
    static struct wrapper wrapper;
    char result[1024] = "";
    const struct cell *row;
    unsigned used;
    int at = 0;

    for (unsigned i = 0; i < lead; i++)
        wrapper.row[i] = (struct cell){.text = "_", .len = 1, .width = 1};
    wrapper_init(&wrapper, bytes_of(text), (struct style){0}, columns, lead, indent);
    while (wrapper_next(&wrapper, &row, &used)) {
        assert_in_range(used, 0, columns);
        for (unsigned i = 0; i < used; i++)
            at +=
                snprintf(result + at, sizeof(result) - (size_t)at, "%.*s", row[i].len, row[i].text);
        at += snprintf(result + at, sizeof(result) - (size_t)at, "|");
    }
    assert_string_equal(result, expected);
}

static void check(const char *text, unsigned columns, const char *expected)
{
    check_behind(text, columns, 0, 0, expected);
}

static void test_short_and_empty(void **state)
{
    check("", 10, "|");
    check("ten  bytes", 10, "ten  bytes|");
    check("a\nb", 10, "a|b|");
    check("a\n\nb", 10, "a||b|");
    check("a\n\n", 10, "a|");
    check("\na", 10, "|a|");
}

static void test_breaks_at_blanks(void **state)
{
    check("one two three", 8, "one two |three|");
    check("one two three", 7, "one two|three|");
    check("one two three", 6, "one |two |three|");
    check("a bbbbb", 6, "a |bbbbb|");
}

static void test_breaks_long_words(void **state)
{
    check("abcdefghij", 4, "abcd|efgh|ij|");
    check("ab cdefghij", 4, "ab |cdef|ghij|");
    check("abc", 1, "a|b|c|");
}

static void test_wide_characters(void **state)
{
    check("한국어로", 4, "한국|어로|");
    check("한국어로", 5, "한국|어로|");
    check("한국,어로", 4, "한|국,|어로|");
    check("가나다abc", 6, "가나|다abc|");
    check("漢字漢 字漢", 8, "漢字漢 |字漢|");
    check("漢字 漢字漢", 8, "漢字 漢|字漢|");
    check("한", 1, "?|");
}

static void test_korean_is_broken_at_blanks(void **state)
{
    check("점심 같이 먹을래요", 14, "점심 같이 |먹을래요|");
    check("가 나다라마바", 8, "가 |나다라마|바|");
    check("hello 한국어로", 10, "hello |한국어로|");
}

static void test_what_stands_before(void **state)
{
    check_behind("one two", 6, 2, 2, "__one |  two|");
    check_behind("one two", 6, 5, 0, "_____|one |two|");
    check_behind("abcdefgh", 6, 3, 3, "___abc|   def|   gh|");
    check_behind("a\nb", 6, 2, 2, "__a|  b|");
    check_behind("\nb", 6, 2, 2, "__|  b|");
    check_behind("한국", 4, 3, 0, "___|한국|");
}

static void test_spelt_characters_are_reversed(void **state)
{
    static struct wrapper wrapper;
    const struct cell *row;
    unsigned used;

    wrapper_init(&wrapper, bytes_of("a\a"), (struct style){.flags = STYLE_BOLD}, 9, 0, 0);
    assert_true(wrapper_next(&wrapper, &row, &used));
    assert_int_equal(used, 3);
    assert_int_equal(row[0].style.flags, STYLE_BOLD);
    assert_int_equal(row[1].style.flags, STYLE_BOLD | STYLE_REVERSED);
}

/* Every text, in every width: all of it comes, in order, and no row is too long. */
static void test_any_text(void **state)
{
    static const char *const pieces[] = {"a",  "bc", " ",  "  ", "한",
                                         "국", "\n", "\a", "é",  "longer"};
    uint32_t seed = 99;

    for (int round = 0; round < 5000; round++) {
        static struct wrapper wrapper;
        char text[256] = "";
        const struct cell *row;
        unsigned used, columns = 2 + (seed >> 8) % 12, indent = columns > 4 ? (seed >> 16) % 3 : 0;
        size_t rows = 0, wide = 0, wanted = 0;

        for (int i = 0; i < 20; i++) {
            seed = seed * 1664525 + 1013904223;
            strcat(text, pieces[(seed >> 24) % ARRAY_SIZE(pieces)]);
            wanted += strstr("한국", pieces[(seed >> 24) % ARRAY_SIZE(pieces)]) != NULL;
        }
        wrapper_init(&wrapper, bytes_of(text), (struct style){0}, columns, indent, indent);
        while (wrapper_next(&wrapper, &row, &used)) {
            assert_in_range(used, 0, columns);
            for (unsigned i = indent; i < used; i++)
                wide += row[i].width == 2;
            assert_in_range(++rows, 1, 400);
        }
        assert_int_equal(wide, wanted);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_short_and_empty),
        cmocka_unit_test(test_breaks_at_blanks),
        cmocka_unit_test(test_breaks_long_words),
        cmocka_unit_test(test_wide_characters),
        cmocka_unit_test(test_korean_is_broken_at_blanks),
        cmocka_unit_test(test_what_stands_before),
        cmocka_unit_test(test_spelt_characters_are_reversed),
        cmocka_unit_test(test_any_text),
    };

    return cmocka_run_group_tests_name("wrap", tests, NULL, NULL);
}
