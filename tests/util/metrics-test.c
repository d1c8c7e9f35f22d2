/* The table of counters: every one has a name of its own.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "util/metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void names_are_unique(void **state)
{
    for (unsigned i = 0; i < METRIC_COUNT; i++)
        for (unsigned j = 0; j < i; j++)
            assert_string_not_equal(metric_name(i), metric_name(j));
}

static void names_are_words_of_small_letters(void **state)
{
    for (unsigned i = 0; i < METRIC_COUNT; i++) {
        const char *name = metric_name(i);
        assert_true(name[0] != '\0');
        assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz-"), strlen(name));
    }
}

static void names_belong_to_their_symbols(void **state)
{
    assert_string_equal(metric_name(METRIC_POLLS), "polls");
    assert_string_equal(metric_name(METRIC_WRITES_STORED), "writes-stored");
    assert_string_equal(metric_name(METRIC_PASSWORDS_BUSY), "passwords-busy");
}

static void counters_are_apart(void **state)
{
    struct metrics metrics = {0};

    metrics_add(&metrics, METRIC_FRAMES, 2);
    metrics_add(&metrics, METRIC_FRAMES, 3);
    for (unsigned i = 0; i < METRIC_COUNT; i++)
        assert_int_equal(metrics.value[i], i == METRIC_FRAMES ? 5 : 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_unique),
        cmocka_unit_test(names_are_words_of_small_letters),
        cmocka_unit_test(names_belong_to_their_symbols),
        cmocka_unit_test(counters_are_apart),
    };

    return cmocka_run_group_tests_name("util/metrics", tests, NULL, NULL);
}
