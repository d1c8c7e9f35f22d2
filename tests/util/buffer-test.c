/* The byte queue: order, limit, memory given back, and every allocation failing once.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "util/buffer.h"

#include "../lib/exact.h"
#include "../lib/fault.h"

#include <errno.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void is_empty_at_first(void **state)
{
    struct buffer buffer;

    buffer_init(&buffer, 10);
    assert_int_equal(buffer_len(&buffer), 0);
    assert_int_equal(buffer_peek(&buffer).len, 0);
    assert_null(buffer.data);
    buffer_consume(&buffer, 0);
    assert_int_equal(buffer_append(&buffer, (struct bytes){0}), 0);
    assert_null(buffer.data);
    buffer_deinit(&buffer);
    buffer_deinit(&buffer);
}

static void keeps_order(void **state)
{
    struct buffer buffer;

    buffer_init(&buffer, 100);
    assert_int_equal(buffer_append(&buffer, bytes_of("one")), 0);
    assert_int_equal(buffer_append(&buffer, bytes_of("two")), 0);
    assert_true(bytes_is(buffer_peek(&buffer), "onetwo"));
    buffer_consume(&buffer, 2);
    assert_true(bytes_is(buffer_peek(&buffer), "etwo"));
    assert_int_equal(buffer_append(&buffer, bytes_of("3")), 0);
    assert_true(bytes_is(buffer_peek(&buffer), "etwo3"));
    buffer_deinit(&buffer);
    assert_int_equal(buffer_len(&buffer), 0);
    assert_int_equal(buffer_append(&buffer, bytes_of("again")), 0);
    assert_true(bytes_is(buffer_peek(&buffer), "again"));
    buffer_deinit(&buffer);
}

static void limit_is_exact(void **state)
{
    for (size_t limit = 0; limit < 600; limit += limit < 4 ? 1 : 149) {
        struct buffer buffer;
        char *space;
        buffer_init(&buffer, limit);
        for (size_t i = 0; i < limit; i++)
            assert_int_equal(buffer_append(&buffer, bytes_of("x")), 0);
        assert_int_equal(buffer_append(&buffer, bytes_of("x")), -ENOBUFS);
        assert_int_equal(buffer_reserve(&buffer, 1, &space), -ENOBUFS);
        assert_int_equal(buffer_len(&buffer), limit);
        assert_true(buffer.allocated <= limit);
        if (limit > 0) {
            buffer_consume(&buffer, 1);
            assert_int_equal(buffer_append(&buffer, bytes_of("xy")), -ENOBUFS);
            assert_int_equal(buffer_append(&buffer, bytes_of("y")), 0);
        }
        buffer_deinit(&buffer);
    }
}

static void refuses_lengths_that_would_wrap(void **state)
{
    struct buffer buffer;

    buffer_init(&buffer, 10);
    assert_int_equal(buffer_append(&buffer, bytes_of("x")), 0);
    assert_int_equal(buffer_append(&buffer, (struct bytes){.data = "x", .len = SIZE_MAX}),
                     -ENOBUFS);
    assert_true(bytes_is(buffer_peek(&buffer), "x"));
    buffer_deinit(&buffer);
}

static void reserves_at_most_what_is_left(void **state)
{
    struct buffer buffer;
    char *space;

    buffer_init(&buffer, 10);
    assert_int_equal(buffer_reserve(&buffer, 4, &space), 4);
    memcpy(space, "abcd", 4);
    buffer_commit(&buffer, 3);
    assert_true(bytes_is(buffer_peek(&buffer), "abc"));
    assert_int_equal(buffer_reserve(&buffer, 100, &space), 7);
    memset(space, 'z', 7);
    buffer_commit(&buffer, 7);
    assert_true(bytes_is(buffer_peek(&buffer), "abczzzzzzz"));
    buffer_consume(&buffer, 9);
    assert_int_equal(buffer_reserve(&buffer, 100, &space), 9);
    buffer_commit(&buffer, 0);
    assert_true(bytes_is(buffer_peek(&buffer), "z"));
    buffer_deinit(&buffer);
}

static void another_limit_holds_from_then_on(void **state)
{
    struct buffer buffer;

    buffer_init(&buffer, 4);
    assert_int_equal(buffer_append(&buffer, bytes_of("abcd")), 0);
    buffer_set_limit(&buffer, 6);
    assert_int_equal(buffer_append(&buffer, bytes_of("efg")), -ENOBUFS);
    assert_int_equal(buffer_append(&buffer, bytes_of("ef")), 0);
    buffer_set_limit(&buffer, 2); /* what is there stays */
    assert_int_equal(buffer_append(&buffer, bytes_of("g")), -ENOBUFS);
    assert_true(bytes_is(buffer_peek(&buffer), "abcdef"));
    buffer_consume(&buffer, 6);
    buffer_set_limit(&buffer, 2);
    assert_int_equal(buffer_append(&buffer, bytes_of("abc")), -ENOBUFS);
    assert_int_equal(buffer_append(&buffer, bytes_of("ab")), 0);
    buffer_deinit(&buffer);
}

static void holds_no_memory_when_empty(void **state)
{
    struct buffer buffer;
    char *space;

    buffer_init(&buffer, 1000);
    assert_int_equal(buffer_append(&buffer, bytes_of("abc")), 0);
    buffer_consume(&buffer, 3);
    assert_null(buffer.data);
    assert_int_equal(buffer_reserve(&buffer, 500, &space), 500);
    buffer_commit(&buffer, 0);
    assert_null(buffer.data);
    assert_int_equal(buffer.limit, 1000);
}

/* Against a plain array that is shifted by hand. */
static void behaves_as_a_queue(void **state)
{
    enum { LIMIT = 1500 };
    static char model[LIMIT], chunk[LIMIT + 10];
    size_t held = 0;
    uint64_t seed = 4711;
    struct buffer buffer;

    buffer_init(&buffer, LIMIT);
    for (unsigned round = 0; round < 20000; round++) {
        size_t len = exact_random(&seed) % (round % 50 ? 40 : LIMIT + 10);
        if (exact_random(&seed) % 2) {
            memset(chunk, (int)exact_random(&seed), len);
            int r = buffer_append(&buffer, (struct bytes){.data = chunk, .len = len});
            assert_int_equal(r, held + len > LIMIT ? -ENOBUFS : 0);
            if (r == 0) {
                memcpy(model + held, chunk, len);
                held += len;
            }
        } else {
            if (len > held)
                len = held;
            buffer_consume(&buffer, len);
            memmove(model, model + len, held - len);
            held -= len;
        }
        assert_true(bytes_equal(buffer_peek(&buffer), (struct bytes){model, held}));
    }
    buffer_deinit(&buffer);
}

static void survives_without_memory(void **state)
{
    struct buffer buffer;
    char big[1000] = "", *space;

    buffer_init(&buffer, 5000);
    fault_countdown = 0;
    assert_int_equal(buffer_append(&buffer, bytes_of("abc")), -ENOMEM);
    fault_countdown = 0;
    assert_int_equal(buffer_reserve(&buffer, 10, &space), -ENOMEM);
    assert_int_equal(buffer_append(&buffer, bytes_of("abc")), 0);
    fault_countdown = 0;
    assert_int_equal(buffer_append(&buffer, (struct bytes){big, sizeof(big)}), -ENOMEM);
    fault_countdown = -1;
    assert_true(bytes_is(buffer_peek(&buffer), "abc"));
    buffer_deinit(&buffer);
}

#define SECRET "a password"

static unsigned secrets_freed, freed;

void __real_free(void *data);
void __wrap_free(void *data);
void __wrap_free(void *data)
{
    if (data) {
        freed++;
        secrets_freed += memmem(data, malloc_usable_size(data), SECRET, strlen(SECRET)) != NULL;
    }
    __real_free(data);
}

static void leaves_nothing_in_memory(void **state)
{
    struct buffer buffer;
    char *space;

    secrets_freed = freed = 0;
    buffer_init(&buffer, 100000);
    assert_int_equal(buffer_append(&buffer, bytes_of(SECRET)), 0);
    assert_true(buffer_reserve(&buffer, 5000, &space) >= 5000); /* moves it */
    assert_int_equal(freed, 1);
    assert_true(bytes_is(buffer_peek(&buffer), SECRET));
    buffer_consume(&buffer, buffer_len(&buffer));
    assert_int_equal(freed, 2);
    assert_int_equal(buffer_append(&buffer, bytes_of(SECRET)), 0);
    buffer_deinit(&buffer);
    assert_int_equal(freed, 3);
    assert_int_equal(secrets_freed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leaves_nothing_in_memory),
        cmocka_unit_test(is_empty_at_first),
        cmocka_unit_test(keeps_order),
        cmocka_unit_test(limit_is_exact),
        cmocka_unit_test(refuses_lengths_that_would_wrap),
        cmocka_unit_test(reserves_at_most_what_is_left),
        cmocka_unit_test(another_limit_holds_from_then_on),
        cmocka_unit_test(holds_no_memory_when_empty),
        cmocka_unit_test(behaves_as_a_queue),
        cmocka_unit_test(survives_without_memory),
    };

    return cmocka_run_group_tests_name("util/buffer", tests, NULL, NULL);
}
