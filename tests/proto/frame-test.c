/* Cutting frames: boundaries of the length, bytes that come one by one, and streams of chance cut
 * at every place.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "proto/frame.h"

#include "../lib/exact.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void cuts_the_first_of_several(void **state)
{
    struct bytes stream = exact_copy("one\003two\003", 8), frame;
    size_t scanned = 0, consumed = 0;

    assert_int_equal(frame_cut(stream, 100, &scanned, &frame, &consumed), FRAME_CUT_FRAME);
    assert_true(bytes_is(frame, "one"));
    assert_ptr_equal(frame.data, stream.data);
    assert_int_equal(consumed, 4);
    assert_int_equal(scanned, 0);
    exact_free(stream);
}

static void empty_frame_is_a_frame(void **state)
{
    struct bytes stream = exact_copy("\003", 1), frame;
    size_t scanned = 0, consumed = 0;

    assert_int_equal(frame_cut(stream, 0, &scanned, &frame, &consumed), FRAME_CUT_FRAME);
    assert_int_equal(frame.len, 0);
    assert_int_equal(consumed, 1);
    exact_free(stream);
}

static void nothing_holds_no_frame(void **state)
{
    struct bytes frame = LITERAL("unchanged");
    size_t scanned = 0, consumed = 77;

    assert_int_equal(frame_cut((struct bytes){0}, 10, &scanned, &frame, &consumed), FRAME_CUT_NONE);
    assert_int_equal(frame_cut((struct bytes){0}, 0, &scanned, &frame, &consumed), FRAME_CUT_NONE);
    assert_int_equal(scanned, 0);
    assert_int_equal(consumed, 77);
    assert_true(bytes_is(frame, "unchanged"));
}

static void limit_is_exact(void **state)
{
    for (size_t max = 0; max < 70; max++)
        for (size_t len = 0; len <= 72; len++)
            for (int ended = 0; ended <= 1; ended++) {
                char text[80];
                memset(text, 'x', sizeof(text));
                text[len] = FRAME_END;
                struct bytes stream = exact_copy(text, len + (size_t)ended), frame;
                size_t scanned = 0, consumed = 0;
                enum frame_cut cut = frame_cut(stream, max, &scanned, &frame, &consumed);
                if (len > max) {
                    assert_int_equal(cut, FRAME_CUT_TOO_LONG);
                } else if (ended) {
                    assert_int_equal(cut, FRAME_CUT_FRAME);
                    assert_int_equal(frame.len, len);
                    assert_int_equal(consumed, len + 1);
                } else {
                    assert_int_equal(cut, FRAME_CUT_NONE);
                    assert_int_equal(scanned, len);
                }
                exact_free(stream);
            }
}

static void searches_no_byte_twice(void **state)
{
    char text[] = "abc\003";
    struct bytes frame;
    size_t scanned = 0, consumed;

    for (size_t len = 0; len < 3; len++) {
        struct bytes stream = {.data = text, .len = len};
        assert_int_equal(frame_cut(stream, 10, &scanned, &frame, &consumed), FRAME_CUT_NONE);
        assert_int_equal(scanned, len);
    }
    /* A byte that has been looked at is not looked at again. */
    text[0] = FRAME_END;
    assert_int_equal(frame_cut((struct bytes){text, 4}, 10, &scanned, &frame, &consumed),
                     FRAME_CUT_FRAME);
    assert_int_equal(frame.len, 3);
}

/* The frames cut from a stream that arrives in pieces are those of the whole stream. */
static void pieces_do_not_matter(void **state)
{
    enum { LEN = 400, MAX = 30 };
    uint64_t seed = 17;

    for (unsigned round = 0; round < 500; round++) {
        char text[LEN];
        size_t start = 0, arrived = 0, scanned = 0, run = 0, expected_start = 0;
        for (size_t i = 0; i < LEN; i++) {
            bool end = run == MAX || exact_random(&seed) % 12 == 0;
            text[i] = end ? FRAME_END : (char)(exact_random(&seed) % 256);
            if (text[i] == FRAME_END)
                run = 0;
            else
                run++;
        }
        while (arrived < LEN) {
            arrived += 1 + exact_random(&seed) % 20;
            if (arrived > LEN)
                arrived = LEN;
            struct bytes stream = exact_copy(text + start, arrived - start), rest = stream, frame;
            size_t consumed;
            enum frame_cut cut;
            while ((cut = frame_cut(rest, MAX, &scanned, &frame, &consumed)) == FRAME_CUT_FRAME) {
                const char *end = memchr(text + expected_start, FRAME_END, LEN - expected_start);
                assert_non_null(end);
                size_t len = (size_t)(end - text) - expected_start;
                assert_true(bytes_equal(frame, (struct bytes){text + expected_start, len}));
                expected_start += len + 1;
                rest.data += consumed;
                rest.len -= consumed;
                start += consumed;
            }
            assert_int_equal(cut, FRAME_CUT_NONE);
            exact_free(stream);
        }
        assert_int_equal(start, expected_start);
        assert_null(memchr(text + start, FRAME_END, LEN - start));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cuts_the_first_of_several), cmocka_unit_test(empty_frame_is_a_frame),
        cmocka_unit_test(nothing_holds_no_frame),    cmocka_unit_test(limit_is_exact),
        cmocka_unit_test(searches_no_byte_twice),    cmocka_unit_test(pieces_do_not_matter),
    };

    return cmocka_run_group_tests_name("proto/frame", tests, NULL, NULL);
}
