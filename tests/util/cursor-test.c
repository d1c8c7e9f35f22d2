/* The cursors: fields, numbers, the sticky error, and room to the byte.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "util/cursor.h"

#include "../lib/exact.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void reads_fields(void **state)
{
    struct bytes input = exact_copy("a::bc:d:e", 9);
    struct reader reader;

    reader_init(&reader, input);
    assert_true(bytes_is(reader_field(&reader, ':'), "a"));
    assert_true(bytes_is(reader_field(&reader, ':'), ""));
    assert_true(bytes_is(reader_field(&reader, ':'), "bc"));
    assert_true(bytes_is(reader_rest(&reader), "d:e"));
    assert_true(bytes_is(reader_rest(&reader), ""));
    assert_int_equal(reader.error, 0);
    exact_free(input);
}

static void separator_at_the_end_leaves_an_empty_rest(void **state)
{
    struct bytes input = exact_copy("a:", 2);
    struct reader reader;

    reader_init(&reader, input);
    assert_true(bytes_is(reader_field(&reader, ':'), "a"));
    assert_int_equal(reader_rest(&reader).len, 0);
    assert_int_equal(reader.error, 0);
    exact_free(input);
}

static void error_sticks(void **state)
{
    struct bytes input = exact_copy("a:bc", 4);
    struct reader reader;

    reader_init(&reader, input);
    reader_field(&reader, ':');
    assert_true(bytes_is(reader_field(&reader, ':'), ""));
    assert_int_equal(reader.error, -EBADMSG);
    assert_true(bytes_is(reader_rest(&reader), ""));
    assert_true(bytes_is(reader_field(&reader, 'c'), ""));
    assert_int_equal(reader.error, -EBADMSG);
    exact_free(input);
}

static void reads_nothing_from_nothing(void **state)
{
    struct reader reader;

    reader_init(&reader, (struct bytes){0});
    assert_int_equal(reader_rest(&reader).len, 0);
    assert_int_equal(reader.error, 0);
    assert_int_equal(reader_field(&reader, ':').len, 0);
    assert_int_equal(reader.error, -EBADMSG);
}

static int number(const char *text, uint64_t max, uint64_t *ret)
{
    struct bytes input = exact_copy(text, strlen(text));
    int r = bytes_to_u64(input, max, ret);

    exact_free(input);
    return r;
}

static void reads_numbers(void **state)
{
    static const struct {
        const char *text;
        uint64_t max;
        int result;
        uint64_t value;
    } cases[] = {
        {"0", 0, 0, 0},
        {"1", 0, -ERANGE, 0},
        {"9", 8, -ERANGE, 0},
        {"8", 8, 0, 8},
        {"65535", 65535, 0, 65535},
        {"65536", 65535, -ERANGE, 0},
        {"100000", 65535, -ERANGE, 0},
        {"0000000000000000000000000000000007", 9, 0, 7},
        {"18446744073709551615", UINT64_MAX, 0, UINT64_MAX},
        {"18446744073709551616", UINT64_MAX, -ERANGE, 0},
        {"18446744073709551620", UINT64_MAX, -ERANGE, 0},
        {"99999999999999999999999999", UINT64_MAX, -ERANGE, 0},
        {"99999999999999999999999999x", UINT64_MAX, -EBADMSG, 0},
        {"", 9, -EBADMSG, 0},
        {"-1", 9, -EBADMSG, 0},
        {"+1", 9, -EBADMSG, 0},
        {" 1", 9, -EBADMSG, 0},
        {"1 ", 9, -EBADMSG, 0},
        {"1.0", 9, -EBADMSG, 0},
        {"0x1", 9, -EBADMSG, 0},
        {"1e1", 9, -EBADMSG, 0},
        {"\xd9\xa1", 9, -EBADMSG, 0}, /* an Arabic digit */
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        uint64_t value = 4711;
        if (number(cases[i].text, cases[i].max, &value) != cases[i].result)
            fail_msg("'%s'", cases[i].text);
        assert_int_equal(value, cases[i].result < 0 ? 4711 : cases[i].value);
    }
}

static void number_with_nul_is_none(void **state)
{
    uint64_t value;

    assert_int_equal(bytes_to_u64(LITERAL("12\0"), 999, &value), -EBADMSG);
}

static struct bytes written(const struct writer *writer)
{
    return (struct bytes){.data = writer->data, .len = writer->len};
}

static void writes_to_the_last_byte(void **state)
{
    for (size_t size = 0; size < 20; size++) {
        struct bytes room = exact_copy("....................", size);
        struct writer writer;
        writer_init(&writer, (char *)(uintptr_t)room.data, size);
        writer_text(&writer, "abc");
        writer_char(&writer, ':');
        writer_u64(&writer, 120);
        writer_bytes(&writer, LITERAL("\0x"));
        writer_bytes(&writer, (struct bytes){0});
        if (size >= 9) {
            assert_int_equal(writer.error, 0);
            assert_true(bytes_equal(written(&writer), LITERAL("abc:120\0x")));
        } else {
            assert_int_equal(writer.error, -ENOBUFS);
        }
        exact_free(room);
    }
}

static void writer_error_sticks(void **state)
{
    char room[4];
    struct writer writer;

    writer_init(&writer, room, sizeof(room));
    writer_text(&writer, "ab");
    writer_text(&writer, "cde");
    writer_char(&writer, 'f'); /* would fit, but would leave a hole before it */
    assert_int_equal(writer.error, -ENOBUFS);
    assert_int_equal(writer.len, 2);
}

static void writes_numbers(void **state)
{
    static const uint64_t numbers[] = {0,          1,           9,
                                       10,         65535,       UINT32_MAX,
                                       INT64_MAX,  UINT64_MAX,  10000000000000000000U,
                                       1700000000, 99999999999U};

    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
        char room[20], text[32];
        struct writer writer;
        uint64_t back;
        writer_init(&writer, room, sizeof(room));
        writer_u64(&writer, numbers[i]);
        snprintf(text, sizeof(text), "%llu", (unsigned long long)numbers[i]);
        assert_true(bytes_is(written(&writer), text));
        assert_int_equal(bytes_to_u64(written(&writer), UINT64_MAX, &back), 0);
        assert_true(back == numbers[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_fields),
        cmocka_unit_test(separator_at_the_end_leaves_an_empty_rest),
        cmocka_unit_test(error_sticks),
        cmocka_unit_test(reads_nothing_from_nothing),
        cmocka_unit_test(reads_numbers),
        cmocka_unit_test(number_with_nul_is_none),
        cmocka_unit_test(writes_to_the_last_byte),
        cmocka_unit_test(writer_error_sticks),
        cmocka_unit_test(writes_numbers),
    };

    return cmocka_run_group_tests_name("util/cursor", tests, NULL, NULL);
}
