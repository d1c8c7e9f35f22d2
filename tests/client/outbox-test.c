/* The outbox: order, limits, inheritance, and what is on disk after a crash or a failure at each
 * single call to the system.
 *
 * The calls by which it changes the disk go through disk-faults.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/outbox.h"

#include "disk-faults.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* The clock, and what is drawn at random, while they are told to stand still. */
static struct {
    uint64_t time_us;
    unsigned draws; /* so many are 7 */
} still;

uint64_t __real_clock_real_us(void);
uint64_t __wrap_clock_real_us(void);
ssize_t __real_getrandom(void *data, size_t size, unsigned flags);
ssize_t __wrap_getrandom(void *data, size_t size, unsigned flags);

uint64_t __wrap_clock_real_us(void)
{
    return still.time_us > 0 ? still.time_us : __real_clock_real_us();
}

ssize_t __wrap_getrandom(void *data, size_t size, unsigned flags)
{
    if (still.draws == 0)
        return __real_getrandom(data, size, flags);
    still.draws--;
    memset(data, 7, size);
    return (ssize_t)size;
}

static int setup(void **state)
{
    memset(&still, 0, sizeof(still));
    return make_folder();
}

static int teardown(void **state)
{
    return remove_folder();
}

static struct outbox *open_outbox(void)
{
    struct outbox *outbox = NULL;

    assert_int_equal(outbox_open(folder, 100, 1 << 20, &outbox), 0);
    return outbox;
}

static void add(struct outbox *outbox, const char *to, const char *text)
{
    assert_int_equal(outbox_add(outbox, bytes_of(to), bytes_of(text), NULL), 0);
}

/* The first entry is this one; it is removed. */
static void take(struct outbox *outbox, const char *to, const char *text)
{
    const struct outbox_entry *entry = outbox_first(outbox);
    struct outbox_letter letter;

    assert_non_null(entry);
    assert_int_equal(outbox_load(outbox, entry, &letter), 0);
    assert_true(bytes_is(letter.recipient, to));
    assert_true(bytes_is(letter.text, text));
    outbox_letter_deinit(&letter);
    assert_int_equal(outbox_remove(outbox, entry), 0);
}

static size_t count_entries(const char *path)
{
    DIR *dir = opendir(path);
    const struct dirent *item;
    size_t count = 0;

    assert_non_null(dir);
    while ((item = readdir(dir)))
        count += item->d_name[0] != '.';
    closedir(dir);
    return count;
}

static void test_order_and_content(void **state)
{
    struct outbox *outbox = open_outbox();
    char text[16];

    add(outbox, "#room", "a\nb\n\n");
    for (int i = 0; i < 50; i++) {
        snprintf(text, sizeof(text), "%d", i);
        add(outbox, "bob", text);
    }
    assert_int_equal(outbox_count(outbox), 51);
    take(outbox, "#room", "a\nb\n\n");
    for (int i = 0; i < 50; i++) {
        snprintf(text, sizeof(text), "%d", i);
        take(outbox, "bob", text);
    }
    assert_null(outbox_first(outbox));
    outbox_close(outbox);
    assert_int_equal(count_entries(folder), 0); /* nothing is left lying about */
}

static void test_the_next_run_takes_over_in_order(void **state)
{
    struct outbox *outbox = open_outbox();

    add(outbox, "bob", "one");
    add(outbox, "bob", "two");
    outbox_close(outbox);
    outbox = open_outbox();
    add(outbox, "bob", "three");
    outbox_close(outbox);
    outbox = open_outbox();
    take(outbox, "bob", "one");
    take(outbox, "bob", "two");
    take(outbox, "bob", "three");
    outbox_close(outbox);
    assert_int_equal(count_entries(folder), 0);
}

static void test_nobody_takes_from_the_living(void **state)
{
    struct outbox *first = open_outbox(), *second;

    add(first, "bob", "mine");
    second = open_outbox();
    assert_int_equal(outbox_count(second), 0);
    add(second, "bob", "yours");
    assert_int_equal(outbox_adopt(first), 0);
    assert_int_equal(outbox_adopted(first), 0);
    outbox_close(second);
    assert_int_equal(outbox_adopt(first), 1);
    assert_int_equal(outbox_adopted(first), 1);
    take(first, "bob", "mine");
    take(first, "bob", "yours");
    outbox_close(first);
}

/* Two processes that kept a message in the same microsecond, and count processes alike: neither
 * takes the place of the other when one inherits it. */
static void test_made_at_the_same_time(void **state)
{
    struct outbox *first, *second;

    still.time_us = 1700000000000000;
    first = open_outbox();
    second = open_outbox();
    add(first, "bob", "mine");
    add(second, "bob", "yours");
    assert_string_not_equal(outbox_first(first)->name, outbox_first(second)->name);
    outbox_close(second);
    assert_int_equal(outbox_adopt(first), 1);
    assert_int_equal(outbox_count(first), 2);
    outbox_close(first);
    assert_int_equal(count_entries(folder), 1);
}

/* The same with random digits that agree as well: what is taken over gets another name. */
static void test_names_that_are_the_same(void **state)
{
    struct outbox *first, *second;

    still.time_us = 1700000000000000;
    still.draws = 3; /* a name each, and the first try at another */
    first = open_outbox();
    second = open_outbox();
    add(first, "bob", "mine");
    add(second, "bob", "yours");
    assert_string_equal(outbox_first(first)->name, outbox_first(second)->name);
    outbox_close(second);
    assert_int_equal(outbox_adopt(first), 1);
    assert_int_equal(still.draws, 0);
    still.time_us = 0;
    add(first, "bob", "later");
    assert_int_equal(outbox_count(first), 3);
    if (outbox_first(first)->adopted) { /* they are of the same time: either is the older */
        take(first, "bob", "yours");
        take(first, "bob", "mine");
    } else {
        take(first, "bob", "mine");
        take(first, "bob", "yours");
    }
    take(first, "bob", "later");
    outbox_close(first);
}

static void test_limits(void **state)
{
    struct outbox *outbox = NULL;

    assert_int_equal(outbox_open(folder, 2, 100, &outbox), 0);
    add(outbox, "bob", "one");
    add(outbox, "bob", "two");
    assert_int_equal(outbox_add(outbox, bytes_of("bob"), bytes_of("three"), NULL), -ENOBUFS);
    take(outbox, "bob", "one");
    assert_int_equal(
        outbox_add(outbox, bytes_of("bob"), (struct bytes){(const char[100]){0}, 100}, NULL),
        -ENOBUFS);
    add(outbox, "bob", "three");
    take(outbox, "bob", "two");
    take(outbox, "bob", "three");
    outbox_close(outbox);
}

static void test_room(void **state)
{
    struct outbox *outbox = NULL;

    assert_int_equal(outbox_open(folder, 2, 1000, &outbox), 0);
    assert_true(outbox_has_room(outbox, 1000)); /* for all there ever is */
    add(outbox, "bob", "one");
    assert_true(outbox_has_room(outbox, 1));
    assert_false(outbox_has_room(outbox, 1000));
    add(outbox, "bob", "two");
    assert_false(outbox_has_room(outbox, 1));
    take(outbox, "bob", "one");
    take(outbox, "bob", "two");
    outbox_close(outbox);
}

static void test_files_of_others_are_left_alone(void **state)
{
    struct outbox *outbox = open_outbox();
    char path[128];

    snprintf(path, sizeof(path), "%s/notes", folder);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof(path), "%s/123", folder);
    assert_int_equal(symlink("/etc", path), 0);
    assert_int_equal(outbox_adopt(outbox), 0);
    outbox_close(outbox);
    assert_int_equal(count_entries(folder), 2);
}

static void test_a_damaged_entry(void **state)
{
    struct outbox *outbox = open_outbox();
    struct outbox_letter letter;

    add(outbox, "", ""); /* a lone newline */
    assert_int_equal(outbox_load(outbox, outbox_first(outbox), &letter), 0);
    outbox_letter_deinit(&letter);
    outbox_close(outbox);
    /* Cut short behind our back. */
    DIR *dir = opendir(folder);
    const struct dirent *item;
    while ((item = readdir(dir))) {
        char path[600];
        DIR *spool;
        const struct dirent *file;
        if (item->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "%s/%s", folder, item->d_name);
        spool = opendir(path);
        while ((file = readdir(spool)))
            if (file->d_name[0] == '0')
                assert_int_equal(truncate(strcat(strcat(path, "/"), file->d_name), 0), 0);
        closedir(spool);
    }
    closedir(dir);
    outbox = open_outbox();
    assert_int_equal(outbox_load(outbox, outbox_first(outbox), &letter), -EBADMSG);
    assert_int_equal(outbox_remove(outbox, outbox_first(outbox)), 0);
    outbox_close(outbox);
}

static void test_synced_before_and_after_it_gets_its_name(void **state)
{
    struct outbox *outbox = open_outbox();

    arm(FAULT_NONE, 0);
    add(outbox, "bob", "text");
    assert_string_equal(fault.trace, "owwwsrs");
    take(outbox, "bob", "text");
    outbox_close(outbox);
}

/* What a process does that may end at any call: adds, takes over what is there, removes. Writes
 * one letter to `report` for each message that it knows to be kept, and for each removed. */
static void live(int report)
{
    struct outbox *outbox = NULL;

    if (outbox_open(folder, 100, 1 << 20, &outbox) < 0)
        return;
    for (char c = 'a'; c < 'd'; c++) {
        struct bytes text = {&c, 1};
        if (outbox_add(outbox, bytes_of("bob"), text, NULL) == 0)
            (void)!__real_write(report, &c, 1);
    }
    if (outbox_remove(outbox, outbox_first(outbox)) == 0)
        (void)!__real_write(report, "-", 1);
    outbox_close(outbox);
}

/* All that is in the outbox now, in order. Nothing is taken out. */
static void read_back(char *ret, size_t size)
{
    struct outbox *outbox = open_outbox();
    size_t count = 0;

    while (outbox_first(outbox)) {
        struct outbox_letter letter;
        assert_int_equal(outbox_load(outbox, outbox_first(outbox), &letter), 0);
        assert_true(bytes_is(letter.recipient, "bob"));
        assert_int_equal(letter.text.len, 1);
        assert_true(count + 1 < size);
        ret[count++] = letter.text.data[0];
        outbox_letter_deinit(&letter);
        assert_int_equal(outbox_remove(outbox, outbox_first(outbox)), 0);
    }
    ret[count] = '\0';
    outbox_close(outbox);
}

/* What has to be there by what live() reported. */
static void expect(const char *report, char *ret)
{
    const char *first = strchr(report, '-') ? report + 1 : report;

    strcpy(ret, first);
    ret[strcspn(ret, "-")] = '\0';
}

static void test_a_crash_at_each_call(void **state)
{
    char report[16], expected[16], found[16];
    unsigned n = 1;

    while (live_with(live, FAULT_CRASH, n++, report, sizeof(report))) {
        size_t len;
        read_back(found, sizeof(found));
        expect(report, expected);
        len = strlen(expected);
        /* What was kept is there. Before it could report so, the process may have stored one
         * more, or removed the first. */
        if (strncmp(found, expected, len) == 0)
            assert_true(strlen(found) <= len + 1);
        else
            assert_string_equal(found, expected + 1);
        assert_int_equal(count_entries(folder), 0);
    }
    read_back(found, sizeof(found));
    assert_string_equal(report, "abc-");
    assert_string_equal(found, "bc");
    assert_true(n > 20); /* it went through the calls */
}

static void test_a_failure_of_each_call(void **state)
{
    char report[16], expected[16], found[16];
    unsigned n = 1;

    while (live_with(live, FAULT_ERROR, n++, report, sizeof(report))) {
        /* What outbox_add() took is there, what it refused is not. */
        read_back(found, sizeof(found));
        expect(report, expected);
        assert_string_equal(found, expected);
        assert_int_equal(count_entries(folder), 0);
    }
    assert_true(n > 20);
}

/* Left behind by a process that is gone: its messages survive a crash of who takes them over. */
static void test_a_crash_while_taking_over(void **state)
{
    char found[16];
    bool crashed = true;

    for (unsigned n = 1; crashed; n++) {
        struct outbox *outbox = open_outbox();
        int status;
        pid_t child;

        add(outbox, "bob", "1");
        add(outbox, "bob", "2");
        outbox_close(outbox);
        child = fork();
        if (child == 0) {
            arm(FAULT_CRASH, n);
            (void)!outbox_open(folder, 100, 1 << 20, &outbox);
            _exit(0);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        crashed = WEXITSTATUS(status) == CRASHED;
        read_back(found, sizeof(found));
        assert_string_equal(found, "12");
        assert_int_equal(count_entries(folder), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_order_and_content, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_next_run_takes_over_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nobody_takes_from_the_living, setup, teardown),
        cmocka_unit_test_setup_teardown(test_made_at_the_same_time, setup, teardown),
        cmocka_unit_test_setup_teardown(test_names_that_are_the_same, setup, teardown),
        cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_room, setup, teardown),
        cmocka_unit_test_setup_teardown(test_files_of_others_are_left_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_damaged_entry, setup, teardown),
        cmocka_unit_test_setup_teardown(test_synced_before_and_after_it_gets_its_name, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_crash_at_each_call, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_failure_of_each_call, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_crash_while_taking_over, setup, teardown),
    };

    return cmocka_run_group_tests_name("outbox", tests, NULL, NULL);
}
