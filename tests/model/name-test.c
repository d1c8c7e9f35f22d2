/* Names and passwords: what is allowed, and a reason in words for each thing that is not.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/name.h"

#include "../lib/exact.h"
#include "util/attributes.h"
#include "util/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <unistr.h>

#include <cmocka.h>

#define X64 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

typedef const char *(*refusal_fn)(struct bytes bytes);

static const char *refusal(refusal_fn judge, struct bytes text)
{
    struct bytes exact = exact_copy(text.data, text.len);
    const char *reason = judge(exact);

    exact_free(exact);
    return reason;
}

static void allows_names_of_all_scripts(void **state)
{
    static const struct bytes names[] = {
        LITERAL("a"),
        LITERAL("alice"),
        LITERAL("Bob-2_x.y"),
        LITERAL("o'neil\"\\"),
        LITERAL("Ren\xc3\xa9"),
        LITERAL("\xea\xb9\x80\xec\xb2\xa0\xec\x88\x98"), /* Korean */
        LITERAL("\xd0\x98\xd0\xb2\xd0\xb0\xd0\xbd"),     /* Russian */
        LITERAL("\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d"),     /* Hebrew */
        LITERAL("\xf0\x9f\x98\x80"),                     /* emoji */
        LITERAL("e\xcc\x81"),                            /* combining accent */
        LITERAL(X64),
    };

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        const char *reason = refusal(name_refusal, names[i]);
        if (reason)
            fail_msg("%zu: %s", i, reason);
    }
}

static void refuses_names_with_a_reason(void **state)
{
    static const struct {
        struct bytes name;
        const char *word;
    } cases[] = {
        {LITERAL(""), "empty"},
        {LITERAL("x" X64), "64 bytes"},
        {LITERAL("\xff"), "UTF-8"},
        {LITERAL("a\xed\xa0\x80"), "UTF-8"},
        {LITERAL("\xc3"), "UTF-8"},
        {LITERAL("a b"), "white space"},
        {LITERAL("a\tb"), "white space"},
        {LITERAL("a\n"), "white space"},
        {LITERAL("\xc2\xa0"), "white space"},      /* no-break space */
        {LITERAL("a\xe3\x80\x80"), "white space"}, /* ideographic space */
        {LITERAL("\xe2\x80\xa8"), "white space"},  /* line separator */
        {LITERAL("\xe2\x80\xa9"), "white space"},  /* paragraph separator */
        {LITERAL("\xc2\x85"), "white space"},      /* next line, a control */
        {LITERAL("a\0b"), "control"},
        {LITERAL("\x1b[0m"), "control"},
        {LITERAL("a\x7f"), "control"},
        {LITERAL("a\xc2\x9b"), "control"},
        {LITERAL("\xe2\x80\xae"
                 "ecila"),
         "format"},                           /* right-to-left override */
        {LITERAL("a\xe2\x81\xa6"), "format"}, /* isolate */
        {LITERAL("a\xe2\x80\x8b"
                 "b"),
         "format"}, /* zero-width space */
        {LITERAL("a\xe2\x80\x8d"
                 "b"),
         "format"}, /* zero-width joiner */
        {LITERAL("\xef\xbb\xbf"
                 "a"),
         "format"}, /* byte order mark */
        {LITERAL("a\xc2\xad"
                 "b"),
         "format"},                               /* soft hyphen */
        {LITERAL("a\xf3\xa0\x81\x81"), "format"}, /* tag letter */
        {LITERAL("\xe3\x85\xa4"), "invisible"},   /* Hangul filler */
        {LITERAL("a\xcd\x8f"), "invisible"},      /* grapheme joiner */
        {LITERAL("a\xef\xb8\x8f"), "invisible"},  /* variation selector */
        {LITERAL("a:b"), ": # * % /"},
        {LITERAL("#a"), ": # * % /"},
        {LITERAL("*"), ": # * % /"},
        {LITERAL("a%"), ": # * % /"},
        {LITERAL("a/b"), ": # * % /"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const char *reason = refusal(name_refusal, cases[i].name);
        if (!reason || !strstr(reason, cases[i].word))
            fail_msg("%zu: %s", i, reason ? reason : "taken");
    }
}

static void length_counts_bytes(void **state)
{
    char text[NAME_MAX_BYTES + 3];

    for (size_t i = 0; i + 3 <= sizeof(text); i += 3)
        memcpy(text + i, "\xed\x95\x9c", 3);
    assert_null(refusal(name_refusal, (struct bytes){text, 63}));
    assert_non_null(refusal(name_refusal, (struct bytes){text, 66}));
}

/* Every character in the middle of a name: among ASCII what is allowed is told one by one. */
static void judges_every_character(void **state)
{
    unsigned allowed = 0;

    for (uint32_t character = 0; character <= 0x10ffff; character++) {
        uint8_t text[8] = {'a'};
        int len = u8_uctomb(text + 1, character, 6);
        if (len < 0)
            continue; /* a surrogate */
        text[len + 1] = 'b';
        const char *reason = name_refusal((struct bytes){(char *)text, (size_t)len + 2});
        if (character < 0x80) {
            bool expected =
                character > ' ' && character < 0x7f && !memchr(":#*%/", (int)character, 5);
            assert_int_equal(reason == NULL, expected);
        }
        allowed += reason == NULL;
    }
    assert_true(allowed > 100000);
}

static void allows_passwords(void **state)
{
    static const struct bytes passwords[] = {
        LITERAL("x"),
        LITERAL("with space"),
        LITERAL(" "),
        LITERAL("%#*/\"'\\"),
        LITERAL(X64 X64),
        LITERAL("\xea\xb9\x80\xf0\x9f\x98\x80"),
        LITERAL("\xe2\x80\x8d"),
    };

    for (size_t i = 0; i < ARRAY_SIZE(passwords); i++)
        if (refusal(password_refusal, passwords[i]))
            fail_msg("%zu: %s", i, password_refusal(passwords[i]));
}

static void refuses_passwords_with_a_reason(void **state)
{
    static const struct {
        struct bytes password;
        const char *word;
    } cases[] = {
        {LITERAL(""), "empty"},
        {LITERAL("x" X64 X64), "128 bytes"},
        {LITERAL("a:b"), "colon"},
        {LITERAL(":"), "colon"},
        {LITERAL("a\n"), "control"},
        {LITERAL("a\003"), "control"},
        {LITERAL("a\0b"), "control"},
        {LITERAL("\x7f"), "control"},
        {LITERAL("\xc2\x85"), "control"},
        {LITERAL("\xff"), "UTF-8"},
        {LITERAL("a\xf0\x9f\x98"), "UTF-8"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const char *reason = refusal(password_refusal, cases[i].password);
        if (!reason || !strstr(reason, cases[i].word))
            fail_msg("%zu: %s", i, reason ? reason : "taken");
    }
}

static void survives_bytes_of_chance(void **state)
{
    uint64_t seed = 31337;

    for (unsigned round = 0; round < 100000; round++) {
        char text[140];
        size_t len = exact_random(&seed) % sizeof(text);
        for (size_t i = 0; i < len; i++)
            text[i] = (char)exact_random(&seed);
        struct bytes exact = exact_copy(text, len);
        if (!name_refusal(exact) || !password_refusal(exact)) {
            assert_true(utf8_valid(exact));
            assert_true(len > 0 && !memchr(text, ':', len) && !memchr(text, '\003', len));
        }
        exact_free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allows_names_of_all_scripts),
        cmocka_unit_test(refuses_names_with_a_reason),
        cmocka_unit_test(length_counts_bytes),
        cmocka_unit_test(judges_every_character),
        cmocka_unit_test(allows_passwords),
        cmocka_unit_test(refuses_passwords_with_a_reason),
        cmocka_unit_test(survives_bytes_of_chance),
    };

    return cmocka_run_group_tests_name("model/name", tests, NULL, NULL);
}
