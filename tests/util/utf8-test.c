/* UTF-8: validity against a second opinion, cutting at every byte, folding, decoding.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "util/utf8.h"

#include "../lib/exact.h"
#include "../lib/fault.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static bool valid(const char *text, size_t len)
{
    struct bytes input = exact_copy(text, len);
    bool result = utf8_valid(input);

    exact_free(input);
    return result;
}

/* The table of RFC 3629, section 4, by hand: the length of the character at `s`, or 0. */
static size_t character_length(const unsigned char *s, size_t len)
{
    unsigned low = 0x80, high = 0xbf;
    size_t need;

    if (s[0] < 0x80)
        return 1;
    if (s[0] >= 0xc2 && s[0] <= 0xdf)
        need = 2;
    else if (s[0] >= 0xe0 && s[0] <= 0xef)
        need = 3;
    else if (s[0] >= 0xf0 && s[0] <= 0xf4)
        need = 4;
    else
        return 0;
    low = s[0] == 0xe0 ? 0xa0 : s[0] == 0xf0 ? 0x90 : low;
    high = s[0] == 0xed ? 0x9f : s[0] == 0xf4 ? 0x8f : high;
    if (len < need || s[1] < low || s[1] > high)
        return 0;
    for (size_t i = 2; i < need; i++)
        if (s[i] < 0x80 || s[i] > 0xbf)
            return 0;
    return need;
}

static bool valid_by_hand(const char *text, size_t len)
{
    for (size_t i = 0, n; i < len; i += n)
        if ((n = character_length((const unsigned char *)text + i, len - i)) == 0)
            return false;
    return true;
}

static void judges_every_start_of_a_character(void **state)
{
    for (unsigned first = 0; first < 256; first++)
        for (unsigned second = 0; second < 256; second++) {
            const char text[4] = {(char)first, (char)second, '\x80', '\x80'};
            for (size_t len = 1; len <= 4; len++)
                if (valid(text, len) != valid_by_hand(text, len))
                    fail_msg("%02x %02x, length %zu", first, second, len);
        }
}

static void judges_random_bytes(void **state)
{
    static const unsigned char interesting[] = {'a',  'b',  0x7f, 0x80, 0xbf, 0xc2, 0xdf, 0xe0,
                                                0xa0, 0xed, 0x9f, 0xef, 0xf0, 0x90, 0xf4, 0x8f};
    uint64_t seed = 20240229;

    for (unsigned round = 0; round < 200000; round++) {
        char text[24];
        size_t len = exact_random(&seed) % sizeof(text);
        for (size_t i = 0; i < len; i++)
            text[i] = (char)interesting[exact_random(&seed) % sizeof(interesting)];
        assert_int_equal(valid(text, len), valid_by_hand(text, len));
    }
}

/* The quick way looks at eight bytes at a time; a bad byte is seen wherever it stands. */
static void sees_a_bad_byte_anywhere(void **state)
{
    char text[40];

    memset(text, 'x', sizeof(text));
    for (size_t len = 0; len <= sizeof(text); len++) {
        assert_true(valid(text, len));
        for (size_t i = 0; i < len; i++) {
            text[i] = '\xff';
            assert_false(valid(text, len));
            text[i] = 'x';
        }
    }
}

static void allows_nul_and_noncharacters(void **state)
{
    assert_true(valid("a\0b", 3));
    assert_true(valid("\xef\xbf\xbf", 3));
    assert_true(utf8_valid((struct bytes){0}));
}

static void cuts_between_characters(void **state)
{
    /* 1, 2, 3 and 4 bytes; boundaries at 0 1 3 6 10 11. */
    static const char text[] = "a\xc3\xa9\xed\x95\x9c\xf0\x9f\x98\x80z";
    static const size_t expected[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11, 11};

    for (size_t max = 0; max < ARRAY_SIZE(expected); max++) {
        struct bytes input = exact_copy(text, sizeof(text) - 1);
        assert_int_equal(utf8_prefix(input, max), expected[max]);
        exact_free(input);
    }
    assert_int_equal(utf8_prefix((struct bytes){0}, 0), 0);
    assert_int_equal(utf8_prefix((struct bytes){0}, 5), 0);
}

static void folds_look_alikes_together(void **state)
{
    static const struct {
        const char *text, *folded;
    } cases[] = {
        {"", ""},
        {"alice", "alice"},
        {"ALICE", "alice"},
        {"\xc3\x89t\xc3\xa9", "\xc3\xa9t\xc3\xa9"}, /* É */
        {"e\xcc\x81", "\xc3\xa9"},                  /* e and a combining accent */
        {"Stra\xc3\x9f"
         "e",
         "strasse"},                   /* ß */
        {"\xef\xbc\xa1lice", "alice"}, /* full-width A */
        {"\xe2\x84\xa1", "tel"},       /* TEL sign: normalised, then folded */
        {"\xef\xac\x81sh", "fish"},    /* ligature fi */
        {"\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab", "\xed\x95\x9c"}, /* jamo of 한 */
        {"\xce\xa3\xcf\x82", "\xcf\x83\xcf\x83"},                 /* both sigmas */
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct bytes input = exact_copy(cases[i].text, strlen(cases[i].text));
        char *folded, *again;
        assert_int_equal(utf8_fold(input, &folded), 0);
        assert_string_equal(folded, cases[i].folded);
        assert_int_equal(utf8_fold(bytes_of(folded), &again), 0);
        assert_string_equal(again, folded); /* folding the folded changes nothing */
        free(again);
        free(folded);
        exact_free(input);
    }
}

static void folds_nothing_that_is_no_text(void **state)
{
    static const struct bytes cases[] = {LITERAL("\xff"), LITERAL("a\xed\xa0\x80"), LITERAL("a\0b"),
                                         LITERAL("\xc3")};
    char *folded = (char *)"unchanged";

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct bytes input = exact_copy(cases[i].data, cases[i].len);
        assert_int_equal(utf8_fold(input, &folded), -EILSEQ);
        assert_string_equal(folded, "unchanged");
        exact_free(input);
    }
}

static void folding_survives_without_memory(void **state)
{
    char *folded = NULL;

    fault_countdown = 0;
    assert_int_equal(utf8_fold(bytes_of("ALICE"), &folded), -ENOMEM);
    fault_countdown = -1;
    assert_null(folded);
}

static void decodes(void **state)
{
    static const struct {
        const char *text;
        int len;
        uint32_t character;
    } cases[] = {
        {"a", 1, 'a'},
        {"ab", 1, 'a'},
        {"\xc3\xa9z", 2, 0xe9},
        {"\xed\x95\x9c", 3, 0xd55c},
        {"\xf0\x9f\x98\x80", 4, 0x1f600},
        {"\xf4\x8f\xbf\xbf", 4, 0x10ffff},
        {"\x80", -EILSEQ, 0},
        {"\xc3", -EILSEQ, 0},
        {"\xed\x95", -EILSEQ, 0},
        {"\xf0\x9f\x98", -EILSEQ, 0},
        {"\xc0\x80", -EILSEQ, 0},
        {"\xed\xa0\x80", -EILSEQ, 0},
        {"\xf4\x90\x80\x80", -EILSEQ, 0},
        {"\xff", -EILSEQ, 0},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct bytes input = exact_copy(cases[i].text, strlen(cases[i].text));
        uint32_t character = 0;
        assert_int_equal(utf8_decode(input, &character), cases[i].len);
        assert_int_equal(character, cases[i].character);
        exact_free(input);
    }
    uint32_t character = 1;
    assert_int_equal(utf8_decode(LITERAL("\0x"), &character), 1);
    assert_int_equal(character, 0);
}

static void scrubs(void **state)
{
    static const struct {
        const char *text, *scrubbed;
    } cases[] = {
        {"", ""},
        {"plain", "plain"},
        {"\xeb\xb0\xa5 \xf0\x9f\x99\x82", "\xeb\xb0\xa5 \xf0\x9f\x99\x82"},
        {"cut \xeb\xb0", "cut ??"},
        {"\xff\xea\xb0.", "???."},
        {"\xed\xa0\x80\xc0\x80", "?????"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char text[32];
        strcpy(text, cases[i].text);
        utf8_scrub(text);
        assert_string_equal(text, cases[i].scrubbed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judges_every_start_of_a_character),
        cmocka_unit_test(judges_random_bytes),
        cmocka_unit_test(sees_a_bad_byte_anywhere),
        cmocka_unit_test(allows_nul_and_noncharacters),
        cmocka_unit_test(cuts_between_characters),
        cmocka_unit_test(folds_look_alikes_together),
        cmocka_unit_test(folds_nothing_that_is_no_text),
        cmocka_unit_test(folding_survives_without_memory),
        cmocka_unit_test(decodes),
        cmocka_unit_test(scrubs),
    };

    return cmocka_run_group_tests_name("util/utf8", tests, NULL, NULL);
}
