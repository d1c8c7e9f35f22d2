/* Names with numbers on the disk; whether a text names somebody.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/mention.h"
#include "client/notebook.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

struct place {
    char path[64];
    int folder;
};

static int make_place(void **state)
{
    static struct place place;

    snprintf(place.path, sizeof(place.path), "/tmp/notebook-test-XXXXXX");
    if (!mkdtemp(place.path))
        return -1;
    place.folder = open(place.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *state = &place;
    return place.folder < 0;
}

static int leave_place(void **state)
{
    struct place *place = *state;

    (void)unlinkat(place->folder, "file", 0);
    close(place->folder);
    return rmdir(place->path);
}

static void write_file(const struct place *place, const char *text)
{
    int fd = openat(place->folder, "file", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static void test_kept(void **state)
{
    const struct place *place = *state;
    struct notebook book;

    assert_int_equal(notebook_open(&book, place->folder, "file"), 0);
    assert_int_equal(notebook_get(&book, bytes_of("#lobby")), 0);
    assert_int_equal(notebook_set(&book, bytes_of("#lobby"), 17), 0);
    assert_int_equal(notebook_set(&book, bytes_of("\xed\x95\x9c"), UINT64_MAX), 0);
    assert_int_equal(notebook_set(&book, bytes_of("gone"), 1), 0);
    assert_int_equal(notebook_set(&book, bytes_of("gone"), 0), 0);
    assert_true(notebook_set(&book, bytes_of("two\nlines"), 1) < 0);
    assert_true(notebook_set(&book, bytes_of(""), 1) < 0);
    assert_int_equal(notebook_save(&book), 0);
    assert_false(book.changed);
    notebook_close(&book);
    assert_int_equal(notebook_open(&book, place->folder, "file"), 0);
    assert_int_equal(book.count, 2);
    assert_int_equal(notebook_get(&book, bytes_of("#lobby")), 17);
    assert_true(notebook_get(&book, bytes_of("\xed\x95\x9c")) == UINT64_MAX);
    notebook_close(&book);
}

static void test_a_damaged_file_is_read_as_far_as_it_goes(void **state)
{
    const struct place *place = *state;
    struct notebook book;

    write_file(place, "5 good\nnonsense\n7\n0 zero\n -1 x\n8 a b\n9 torn");
    assert_int_equal(notebook_open(&book, place->folder, "file"), 0);
    assert_int_equal(notebook_get(&book, bytes_of("good")), 5);
    assert_int_equal(notebook_get(&book, bytes_of("a b")), 8);
    assert_int_equal(book.count, 2);
    notebook_close(&book);
}

static void test_a_limit(void **state)
{
    const struct place *place = *state;
    struct notebook book;
    char name[16];

    assert_int_equal(notebook_open(&book, place->folder, "file"), 0);
    for (unsigned i = 1; i <= NOTEBOOK_MAX + 1; i++) {
        snprintf(name, sizeof(name), "n%u", i);
        assert_int_equal(notebook_set(&book, bytes_of(name), i), 0);
    }
    assert_int_equal(book.count, NOTEBOOK_MAX);
    assert_int_equal(notebook_get(&book, bytes_of("n1")), 0); /* the least made way */
    assert_int_equal(notebook_get(&book, bytes_of("n2")), 2);
    notebook_close(&book);
}

static void test_without_a_folder_nothing_is_kept(void **state)
{
    struct notebook book;

    assert_int_equal(notebook_open(&book, -1, "file"), 0);
    assert_int_equal(notebook_set(&book, bytes_of("x"), 1), 0);
    assert_true(notebook_save(&book) < 0);
    assert_int_equal(notebook_get(&book, bytes_of("x")), 1);
    notebook_close(&book);
}

static void check_mention(const char *text, const char *name, bool expected)
{
    assert_true(mention_is_in(bytes_of(text), name) == expected);
}

static void test_mentions(void **state)
{
    check_mention("hello Bob!", "bob", true);
    check_mention("BOB", "bob", true);
    check_mention("bob: look", "bob", true);
    check_mention("bobby and kabob", "bob", false);
    check_mention("bobby, bob", "bob", true);
    check_mention("bob_2", "bob", false);
    check_mention("@bob's", "bob", true);
    check_mention("\xef\xbc\xa2ob", "bob", true); /* a wide B */
    check_mention("", "bob", false);
    check_mention("anything", "", false);
    /* a Korean name with a particle behind it */
    check_mention("\xeb\xaf\xbc\xec\x88\x98\xec\x95\xbc \xec\x95\x88\xeb\x85\x95",
                  "\xeb\xaf\xbc\xec\x88\x98", true);
    check_mention("\xff\xfe", "bob", false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_kept, make_place, leave_place),
        cmocka_unit_test_setup_teardown(test_a_damaged_file_is_read_as_far_as_it_goes, make_place,
                                        leave_place),
        cmocka_unit_test_setup_teardown(test_a_limit, make_place, leave_place),
        cmocka_unit_test(test_without_a_folder_nothing_is_kept),
        cmocka_unit_test(test_mentions),
    };

    return cmocka_run_group_tests_name("notebook", tests, NULL, NULL);
}
