/* A whole store read and filled where memory fails: what is filled then is there, or nothing is.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "harness.h"

#include "tests/lib/fault.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char target_path[256];

/* A user in a room, and what he wrote there. */
static int setup(void **state)
{
    harness_setup(state);
    struct user alice = new_user("alice");
    uint64_t room = new_room("#room");
    assert_int_equal(member_add("#room", "alice"), DAL_OK);
    for (int i = 0; i < 70; i++) {
        char key[16];
        snprintf(key, sizeof(key), "key%d", i);
        assert_true(send_one(room, alice.id, key, "text") > 0);
    }
    harness_close();
    snprintf(target_path, sizeof(target_path), "%s-target", harness_config()->sqlite_path);
    return 0;
}

static int teardown(void **state)
{
    harness_open();
    return harness_teardown(state);
}

/* -- rows that are counted, or handed on --------------------------------------------------------
 */

struct counts {
    unsigned begun, rows[DAL_TABLES], all;
    int stop_with; /* after the first row */
};

static int count_begin(void *userdata, const struct dal_next_ids *next)
{
    struct counts *counts = userdata;

    assert_true(next->conversation > 1 && next->user > 1 && next->room > 1 && next->device > 0);
    counts->begun++;
    return 0;
}

static int count_row(void *userdata, enum dal_table table, const struct dal_value *values)
{
    struct counts *counts = userdata;

    counts->rows[table]++;
    counts->all++;
    return counts->stop_with;
}

static const struct dal_sink counting = {count_begin, count_row};

struct copying {
    const struct dal_config *target;
    struct dal_import *import;
    char *error;
    uint64_t line;
};

static int copy_begin(void *userdata, const struct dal_next_ids *next)
{
    struct copying *copying = userdata;

    return dal_import_begin(copying->target, next, &copying->import, &copying->error);
}

static int copy_row(void *userdata, enum dal_table table, const struct dal_value *values)
{
    struct copying *copying = userdata;

    return dal_import_row(copying->import, table, values, ++copying->line);
}

static int copy(const struct dal_config *target)
{
    static const struct dal_sink sink = {copy_begin, copy_row};
    struct copying copying = {.target = target};
    char *error = NULL;
    int result = dal_export(harness_config(), true, &sink, &copying, &error);

    if (result == 0)
        result = dal_import_commit(copying.import);
    dal_import_free(copying.import);
    free(copying.error);
    free(error);
    return result;
}

/* -- cases --------------------------------------------------------------------------------------
 */

static void test_a_sink_ends_it(void **state)
{
    struct counts counts = {0};
    char *error = NULL;

    assert_int_equal(dal_export(harness_config(), false, &counting, &counts, &error), 0);
    assert_int_equal(counts.rows[DAL_CONVERSATIONS], 3);
    assert_int_equal(counts.rows[DAL_MESSAGES], 70);
    assert_int_equal(counts.rows[DAL_MEMBERS], 3);
    counts = (struct counts){.stop_with = 7};
    assert_int_equal(dal_export(harness_config(), false, &counting, &counts, &error), 7);
    assert_int_equal(counts.all, 1);
    assert_null(error);
}

static void test_memory_fails_at_each_allocation(void **state)
{
    struct dal_config target = *harness_config();
    int result = -ENOMEM;
    long n = 0;

    target.sqlite_path = target_path;
    for (; result != 0; n++) {
        struct counts counts = {0};
        char *error = NULL;
        fault_countdown = n;
        result = copy(&target);
        bool failed = fault_countdown < 0;
        fault_countdown = -1;
        assert_true(result == 0 || failed);
        /* It may not even have its tables. */
        int read = dal_export(&target, false, &counting, &counts, &error);
        assert_true(read == 0 || (result != 0 && read == -ECONNREFUSED));
        assert_int_equal(counts.rows[DAL_USERS], result == 0);
        assert_int_equal(counts.rows[DAL_MESSAGES], result == 0 ? 70 : 0);
        free(error);
    }
    assert_true(n > 5);
    assert_int_equal(copy(&target), -ENOTEMPTY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_sink_ends_it, setup, teardown),
        cmocka_unit_test_setup_teardown(test_memory_fails_at_each_allocation, setup, teardown),
    };

    return cmocka_run_group_tests_name("transfer", tests, NULL, NULL);
}
