/* Text cut into cells, with widths that hold on every terminal.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "screen/cell.h"
#include "util/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* Cells written as "TEXT/WIDTH ", with ? where the width is not sure and ! where it is spelt. */
static void check_mode(struct bytes text, enum cell_mode mode, const char *expected)
{
    char result[512] = "";
    struct cell_reader reader;
    struct cell cell;
    int at = 0;

    cell_reader_init(&reader, text, mode);
    while (cell_next(&reader, &cell))
        at += snprintf(result + at, sizeof(result) - (size_t)at, "%.*s/%u%s%s ", cell.len,
                       cell.text, cell.width, cell.sure ? "" : "?", cell.spelt ? "!" : "");
    assert_string_equal(result, expected);
}

static void check(const char *text, const char *expected)
{
    check_mode(bytes_of(text), CELLS_LINE, expected);
}

static void test_letters(void **state)
{
    check("", "");
    check("a b", "a/1  /1 b/1 ");
    check("é", "é/1 ");
    check("한국", "한/2 국/2 ");
    check("漢字カナ", "漢/2 字/2 カ/2 ナ/2 ");
    check("ﾊﾝ", "ﾊ/1? ﾝ/1? ");
    check("Жω", "Ж/1 ω/1 ");
    check("…", "…/1? ");
}

static void test_marks_stay_with_their_base(void **state)
{
    check("e\u0301", "é/1 ");
    check("x\u0301y", "x\u0301/1? y/1 ");
    check("\u0301a", "\u25cc\u0301/1? a/1 ");
    check("a\u0301\u0302\u0303\u0304\u0305\u0306z",
          "\u00e1\u0302\u0303\u0304/1? z/1 "); /* four, and composed */
    check("\n\u0301", "^/1! J/1! \u25cc\u0301/1? ");
}

static void test_korean_of_single_letters(void **state)
{
    check("\u1112\u1161\u11ab", "한/2 ");
    check("\u1100\u1161\u1100", "가/2 \u1100/2? ");
    check("\u1161", "\\/1! u/1! {/1! 1/1! 1/1! 6/1! 1/1! }/1! ");
    check("ㄱㅏ", "ㄱ/2 ㅏ/2 ");
}

static void test_emoji(void **state)
{
    check("😀!", "😀/2? !/1 ");
    check("👩\u200d🚀", "👩/2? 🚀/2? ");
    check("👍\U0001f3fd.", "👍/2? ./1 ");
    check("\U0001f3fd", "\U0001f3fd/2? ");
    check("a\U0001f3fd", "a/1 \U0001f3fd/2? ");
    check("❤\ufe0fx", "❤/1? x/1 ");
    check("1\ufe0f\u20e3", "1/1 ");
    check("\U0001f1f0\U0001f1f7", "K/1 R/1 ");
    check("\u200d\ufe0f", "");
}

static void test_what_would_do_harm_is_spelt(void **state)
{
    check("\x1b[2J", "^/1! [/1! [/1 2/1 J/1 ");
    check("\u202e", "\\/1! u/1! {/1! 2/1! 0/1! 2/1! E/1! }/1! ");
    check("\xff", "\ufffd/1? ");
    check("\xc3", "\ufffd/1? ");
}

static void test_lines_and_tabs(void **state)
{
    check_mode(bytes_of("a\n\tb"), CELLS_TEXT, "a/1 \n/0  /1  /1  /1  /1 b/1 ");
    check_mode(bytes_of("a\r\n"), CELLS_TEXT, "a/1 ^/1! M/1! \n/0 ");
    check("\t", "^/1! I/1! ");
}

/* Whatever comes in: cells are UTF-8, fit, and hold nothing that controls a terminal. */
static void test_any_bytes(void **state)
{
    uint32_t seed = 4711;

    for (int round = 0; round < 20000; round++) {
        char text[48];
        size_t len = 0;
        struct cell_reader reader;
        struct cell cell;

        while (len + 4 < sizeof(text)) {
            seed = seed * 1664525 + 1013904223;
            if (round % 2)
                text[len++] = (char)(seed >> 24);
            else /* three bytes of a character, mostly one that combines with its neighbours */
                len += (size_t)snprintf(text + len, 4, "%c%c%c", 0xe0 + (seed >> 28) % 16,
                                        0x80 + (seed >> 20) % 64, 0x80 + (seed >> 12) % 64);
        }
        cell_reader_init(&reader, (struct bytes){text, len}, CELLS_LINE);
        while (cell_next(&reader, &cell)) {
            assert_in_range(cell.width, 1, 2);
            assert_in_range(cell.len, 1, CELL_BYTES_MAX);
            assert_true(utf8_valid((struct bytes){cell.text, cell.len}));
            for (unsigned i = 0; i < cell.len; i++)
                assert_true((unsigned char)cell.text[i] >= 0x20 && cell.text[i] != 0x7f);
        }
    }
}

/* A base with a heap of marks is one cell, and costs no more than reading it. */
static void test_a_heap_of_marks(void **state)
{
    static char text[1 + 2 * 30000];
    struct cell_reader reader;
    struct cell cell;

    text[0] = 'a';
    for (size_t i = 1; i < sizeof(text); i += 2) {
        text[i] = '\xcc';
        text[i + 1] = '\x81';
    }
    cell_reader_init(&reader, (struct bytes){text, sizeof(text)}, CELLS_LINE);
    assert_true(cell_next(&reader, &cell));
    assert_false(cell_next(&reader, &cell));
}

static void test_columns(void **state)
{
    assert_int_equal(cell_columns(bytes_of("a한\x07")), 5);
    assert_int_equal(cell_columns(bytes_of("")), 0);
}

static void test_colours_are_stable(void **state)
{
    bool seen[STYLE_COLOURS + 1] = {false};

    for (char c = 'a'; c <= 'z'; c++)
        for (char d = 'a'; d <= 'z'; d++)
            seen[style_colour_of((struct bytes){(char[]){c, d}, 2})] = true;
    assert_false(seen[0]);
    for (unsigned i = 1; i <= STYLE_COLOURS; i++)
        assert_true(seen[i]);
    assert_int_equal(style_colour_of(bytes_of("alice")), style_colour_of(bytes_of("alice")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_letters),
        cmocka_unit_test(test_marks_stay_with_their_base),
        cmocka_unit_test(test_korean_of_single_letters),
        cmocka_unit_test(test_emoji),
        cmocka_unit_test(test_what_would_do_harm_is_spelt),
        cmocka_unit_test(test_lines_and_tabs),
        cmocka_unit_test(test_any_bytes),
        cmocka_unit_test(test_a_heap_of_marks),
        cmocka_unit_test(test_columns),
        cmocka_unit_test(test_colours_are_stable),
    };

    return cmocka_run_group_tests_name("cell", tests, NULL, NULL);
}
