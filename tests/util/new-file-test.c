/* New files: whole, of the mode asked for, and never over what is there.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "util/new-file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/multichat-new-file-XXXXXX";
static char path[PATH_MAX];

static unsigned files_in_folder(void)
{
    unsigned count = 0;
    DIR *listing = opendir(folder);
    for (struct dirent *entry = readdir(listing); entry != NULL; entry = readdir(listing))
        count += entry->d_name[0] != '.';
    closedir(listing);
    return count;
}

static void expect(const char *content, mode_t mode)
{
    char data[100] = {0};
    struct stat status;
    int fd = open(path, O_RDONLY);
    assert_int_equal(read(fd, data, sizeof data), strlen(content));
    assert_string_equal(data, content);
    assert_int_equal(fstat(fd, &status), 0);
    assert_int_equal(status.st_mode & 07777, mode);
    close(fd);
}

static void test_file_is_made_once(void **state)
{
    (void)state;
    umask(0);
    assert_int_equal(new_file_write(path, 0600, bytes_of("secret")), 0);
    expect("secret", 0600);
    assert_int_equal(new_file_write(path, 0644, bytes_of("another")), -EEXIST);
    expect("secret", 0600);
    assert_int_equal(files_in_folder(), 1);
    unlink(path);
    assert_int_equal(new_file_write(path, 0644, bytes_of("")), 0);
    expect("", 0644);
    unlink(path);
}

/* A link to nowhere is something, too: it is not followed. */
static void test_dangling_link_is_not_followed(void **state)
{
    (void)state;
    char target[PATH_MAX + 8];
    snprintf(target, sizeof target, "%s-target", path);
    assert_int_equal(symlink(target, path), 0);
    assert_int_equal(new_file_write(path, 0600, bytes_of("secret")), -EEXIST);
    assert_int_equal(access(target, F_OK), -1);
    assert_int_equal(files_in_folder(), 1);
    unlink(path);
}

static void test_failures_leave_nothing(void **state)
{
    (void)state;
    char other[PATH_MAX + 8], long_path[PATH_MAX + 10];
    snprintf(other, sizeof other, "%s/x", path);
    assert_int_equal(new_file_write(other, 0600, bytes_of("x")), -ENOENT);
    memset(long_path, 'x', sizeof long_path - 1);
    long_path[sizeof long_path - 1] = '\0';
    assert_int_equal(new_file_write(long_path, 0600, bytes_of("x")), -ENAMETOOLONG);
    assert_int_equal(files_in_folder(), 0);
}

static int setup(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/file", folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_file_is_made_once),
        cmocka_unit_test(test_dangling_link_is_not_followed),
        cmocka_unit_test(test_failures_leave_nothing),
    };
    return cmocka_run_group_tests_name("new-file", tests, setup, teardown);
}
