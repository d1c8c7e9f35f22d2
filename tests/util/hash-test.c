/* The keyed hash: the same input gives the same hash under one key, another under another key.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "util/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void is_the_same_for_the_same_bytes(void **state)
{
    char one[] = "alice", other[] = "alice";

    assert_int_equal(hash_bytes(one, 5), hash_bytes(other, 5));
    assert_int_equal(hash_bytes("", 0), hash_bytes("x", 0));
}

static void depends_on_every_byte_and_the_length(void **state)
{
    /* One collision by chance is as good as never; two are a bug. */
    unsigned char text[64] = {0};
    uint32_t before = hash_bytes(text, sizeof(text));
    unsigned equal = hash_bytes(text, sizeof(text) - 1) == before;

    for (size_t i = 0; i < sizeof(text); i++) {
        text[i] = 1;
        equal += hash_bytes(text, sizeof(text)) == before;
        text[i] = 0;
    }
    assert_true(equal <= 1);
}

static void another_key_gives_other_hashes(void **state)
{
    unsigned equal = 0;
    uint32_t before[16];

    for (unsigned i = 0; i < 16; i++)
        before[i] = hash_bytes(&i, sizeof(i));
    hash_setup();
    for (unsigned i = 0; i < 16; i++)
        equal += hash_bytes(&i, sizeof(i)) == before[i];
    assert_true(equal <= 1);
}

struct entry {
    unsigned number;
    UT_hash_handle hh;
};

static void tables_work_with_it(void **state)
{
    struct entry *table = NULL, *entry, *next;
    unsigned wanted;

    for (unsigned i = 0; i < 1000; i++) {
        entry = calloc(1, sizeof(*entry));
        assert_non_null(entry);
        entry->number = i;
        HASH_ADD(hh, table, number, sizeof(entry->number), entry);
    }
    for (wanted = 0; wanted < 1000; wanted++) {
        HASH_FIND(hh, table, &wanted, sizeof(wanted), entry);
        assert_non_null(entry);
        assert_int_equal(entry->number, wanted);
    }
    HASH_FIND(hh, table, &wanted, sizeof(wanted), entry);
    assert_null(entry);
    HASH_ITER(hh, table, entry, next)
    {
        HASH_DEL(table, entry);
        free(entry);
    }
    assert_null(table);
}

static int setup(void **state)
{
    hash_setup();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_the_same_for_the_same_bytes),
        cmocka_unit_test(depends_on_every_byte_and_the_length),
        cmocka_unit_test(another_key_gives_other_hashes),
        cmocka_unit_test(tables_work_with_it),
    };

    return cmocka_run_group_tests_name("util/hash", tests, setup, NULL);
}
