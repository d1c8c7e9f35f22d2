/* Making hostile text harmless.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/printable.h"
#include "util/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void check(const char *text, enum printable_kind kind, const char *expected)
{
    char *result = NULL;
    size_t size;
    FILE *out = open_memstream(&result, &size);

    printable_write(out, bytes_of(text), kind);
    assert_int_equal(fclose(out), 0);
    assert_string_equal(result, expected);
    free(result);
}

static void test_what_is_shown_how(void **state)
{
    check("plain, 한국어, 😀", PRINTABLE_TEXT, "plain, 한국어, 😀");
    check("\x1b[2J\x07\x7f\r", PRINTABLE_TEXT, "^[[2J^G^?^M");
    check("a\nb\tc", PRINTABLE_TEXT, "a\n    | b\tc");
    check("a\nb\tc", PRINTABLE_NAME, "a^Jb^Ic");
    check("\xc2\x9b"
          "31m",
          PRINTABLE_TEXT, "\\u{9B}31m");
    check("\u202e\u2066\u200b\ufeff\u2028", PRINTABLE_TEXT,
          "\\u{202E}\\u{2066}\\u{200B}\\u{FEFF}\\u{2028}");
    check("👩\u200d🚀", PRINTABLE_TEXT, "👩\u200d🚀");
    check("a\xff\xc3", PRINTABLE_TEXT, "a\uFFFD\uFFFD");
    check("\xed\xa0\x80", PRINTABLE_TEXT, "\uFFFD\uFFFD\uFFFD"); /* a surrogate */
    check("\U000e0041", PRINTABLE_TEXT, "\\u{E0041}");
    check("", PRINTABLE_TEXT, "");
}

/* Whatever comes in, what goes out is UTF-8 without anything that controls a terminal. */
static void test_any_bytes(void **state)
{
    uint32_t seed = 12345;

    for (int round = 0; round < 2000; round++) {
        char text[32], *result = NULL;
        size_t size;
        FILE *out = open_memstream(&result, &size);

        for (size_t i = 0; i < sizeof(text); i++)
            text[i] = (char)((seed = seed * 1664525 + 1013904223) >> 24);
        printable_write(out, (struct bytes){text, sizeof(text)}, PRINTABLE_NAME);
        assert_int_equal(fclose(out), 0);
        assert_true(utf8_valid((struct bytes){result, size}));
        for (size_t i = 0; i < size; i++)
            assert_true((unsigned char)result[i] >= 0x20 && result[i] != 0x7f);
        free(result);
    }
}

struct row {
    const char *conversation;
    uint64_t time_ms;
    bool own, again;
    time_t now;
    const char *text, *expected;
};

static void check_message(const struct row *row)
{
    const struct v2_frame msg = {
        .verb = V2_VERB_MSG,
        .conversation = {.id = 1, .name = bytes_of(row->conversation)},
        .time_ms = row->time_ms,
        .name = bytes_of("Bob"),
        .userid = bytes_of("bob"),
        .text = bytes_of(row->text),
    };
    char *line = printable_message(&msg, row->own, row->again, row->now);

    assert_string_equal(line, row->expected);
    free(line);
}

static void test_messages(void **state)
{
    static const struct row rows[] = {
        {"*", 45296789, false, false, 50000, "hi", "[12:34] Bob (bob): hi\n"},
        {"*", 45296789, true, false, 50000, "hi", "[12:34] I: hi\n"},
        {"%", 45296789, true, false, 50000, "hi", "[12:34] I: hi\n"},
        {"*", 45296789, false, false, 90000, "hi", "[1970-01-01 12:34] Bob (bob): hi\n"},
        {"*", 45296789, false, false, 50000, "a\nb\n\n", "[12:34] Bob (bob): a\n    | b\n"},
        {"*", UINT64_MAX, false, false, 0, "hi", "[00:00] Bob (bob): hi\n"},
        {"#room", 0, false, false, 0, "hi", "[00:00] [#room] Bob (bob): hi\n"},
        {"#room", 0, true, false, 0, "hi", "[00:00] [#room] I: hi\n"},
        {"alice", 0, false, false, 0, "hi", "[00:00] [direct] Bob (bob): hi\n"},
        {"alice", 0, true, false, 0, "hi", "[00:00] [to alice] I: hi\n"},
        {"#r\xc2\x9b", 0, false, false, 0, "hi", "[00:00] [#r\\u{9B}] Bob (bob): hi\n"},
        {"alice", 0, false, true, 0, "hi",
         "[00:00] (may have been shown before) [direct] Bob (bob): hi\n"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        check_message(&rows[i]);
}

/* The line for the entry in a frame, as it is shown on the day it was written. */
static void check_entry(const char *text, bool own, const char *expected)
{
    struct v2_frame entry;
    char *line;

    assert_int_equal(v2_parse(bytes_of(text), &entry, NULL), 0);
    line = printable_message(&entry, own, false, 0);
    assert_string_equal(line, expected);
    free(line);
}

static void test_whispers(void **state)
{
    check_entry("whisper:9/alice:4:0:17/#room:bob:Bob:psst", false,
                "[00:00] [#room whisper] Bob (bob): psst\n");
    check_entry("whisper:9/bob:4:0:17/#room:alice:Alice:psst", true,
                "[00:00] [#room whisper to bob] I: psst\n");
}

static void test_notes(void **state)
{
    static const struct {
        const char *frame, *expected;
    } rows[] = {
        {"note:17/#room:1:0:joined:-:bob:Bob:", "[00:00] -- Bob (bob) has joined #room\n"},
        {"note:17/#room:1:0:joined:-:*:*:", "[00:00] -- the administrator has joined #room\n"},
        {"note:17/#room:1:0:left:-:bob:Bob:", "[00:00] -- Bob (bob) has left #room\n"},
        {"note:1/*:1:0:renamed:-:bob:Robert:Bob", "[00:00] -- Bob (bob) is now called Robert\n"},
        {"note:17/#room:1:0:renamed:-:bob:Robert:Bob", ""},
        {"note:17/#room:1:0:topic:-:bob:Bob:a:b",
         "[00:00] -- Bob (bob) has set the topic of #room: a:b\n"},
        {"note:17/#room:1:0:topic:-:bob:Bob:",
         "[00:00] -- Bob (bob) has cleared the topic of #room\n"},
        {"note:9/alice:1:0:invited:17/#room:bob:Bob:",
         "[00:00] -- Bob (bob) invites you to #room\n"},
        {"note:17/#room:1:0:removed:-:*:*:carol",
         "[00:00] -- the administrator has removed carol from #room\n"},
        {"note:1/*:1:0:announcement:-:*:*:down at ten\nreally\n",
         "[00:00] -- announcement: down at ten\n    | really\n"},
        {"note:17/#room:1:0:access:-:bob:Bob:closed",
         "[00:00] -- Bob (bob) has made #room a room that is closed\n"},
        {"note:17/#room:1:0:newer-kind:-:bob:Bob:text", ""},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        check_entry(rows[i].frame, false, rows[i].expected);
        check_entry(rows[i].frame, true, rows[i].expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_shown_how),
        cmocka_unit_test(test_any_bytes),
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_whispers),
        cmocka_unit_test(test_notes),
    };

    setenv("TZ", "UTC", 1);
    tzset();
    return cmocka_run_group_tests_name("printable", tests, NULL, NULL);
}
