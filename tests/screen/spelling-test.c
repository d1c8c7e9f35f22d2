/* Which characters are spelt out, and how.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "screen/spelling.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void check(uint32_t c, const char *expected)
{
    char spelling[SPELLING_MAX] = "";

    assert_int_equal(spelling_of(c, spelling), strlen(expected));
    assert_string_equal(spelling, expected);
}

static void test_controls(void **state)
{
    for (uint32_t c = 0; c < 0x20; c++)
        check(c, (char[]){'^', (char)(c + 0x40), '\0'});
    check(0x7f, "^?");
    for (uint32_t c = 0x80; c < 0xa0; c++)
        check(c,
              (char[]){'\\', 'u', '{', c < 0x90 ? '8' : '9', "0123456789ABCDEF"[c % 16], '}', 0});
}

static void test_what_turns_or_hides(void **state)
{
    static const uint32_t hidden[] = {
        0x00ad, 0x061c, 0x115f, 0x1160,  0x180e,  0x200b,  0x200e,  0x200f,   0x2028,
        0x2029, 0x202a, 0x202b, 0x202c,  0x202d,  0x202e,  0x2060,  0x2064,   0x2065,
        0x2066, 0x2067, 0x2068, 0x2069,  0x206f,  0x3164,  0xfdd0,  0xfeff,   0xffa0,
        0xfff9, 0xfffe, 0xffff, 0x1d173, 0x1fffe, 0xe0041, 0xe01ef, 0x10ffff,
    };
    char spelling[SPELLING_MAX];

    for (size_t i = 0; i < ARRAY_SIZE(hidden); i++)
        assert_int_not_equal(spelling_of(hidden[i], spelling), 0);
    check(0x202e, "\\u{202E}");
    check(0x10ffff, "\\u{10FFFF}");
}

static void test_what_is_shown(void **state)
{
    static const uint32_t shown[] = {' ',    '~',    0xa0,   0xe9,   0x301,  0x5d0,   0x627,
                                     0x200c, 0x200d, 0xac00, 0xfe0f, 0xfffd, 0x1f600, 0x1f1e6};
    char spelling[SPELLING_MAX];

    for (size_t i = 0; i < ARRAY_SIZE(shown); i++)
        assert_int_equal(spelling_of(shown[i], spelling), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_controls),
        cmocka_unit_test(test_what_turns_or_hides),
        cmocka_unit_test(test_what_is_shown),
    };

    return cmocka_run_group_tests_name("spelling", tests, NULL, NULL);
}
