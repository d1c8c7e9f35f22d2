/* The server's secret: made once, kept, and refused where it is none.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/secret.h"

#include "util/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define MAKERS 8

static char folder[] = "/tmp/secret-test-XXXXXX";
static char file[128], credential[128];

static int make_folder(void **state)
{
    (void)state;
    unsetenv("CREDENTIALS_DIRECTORY");
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(file, sizeof file, "%s/file", folder);
    snprintf(credential, sizeof credential, "%s/server-secret", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

static int remove_files(void **state)
{
    (void)state;
    unsetenv("CREDENTIALS_DIRECTORY");
    unlink(file);
    unlink(credential);
    return 0;
}

static void write_file(const char *path, int first, size_t len, mode_t mode)
{
    char content[SECRET_LEN + 8];
    for (size_t i = 0; i < len; i++)
        content[i] = (char)(first + (int)i);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
    assert_true(fd >= 0);
    assert_int_equal(fchmod(fd, mode), 0);
    assert_int_equal(write(fd, content, len), len);
    close(fd);
}

static void load(bool make, uint8_t secret[SECRET_LEN])
{
    char *error = NULL;
    if (secret_load(file, make, secret, &error) != 0)
        fail_msg("%s", error);
}

static void made_once_and_kept(void **state)
{
    (void)state;
    uint8_t first[SECRET_LEN] = {0}, second[SECRET_LEN], none[SECRET_LEN] = {0};
    struct stat st;
    load(true, first);
    assert_memory_not_equal(first, none, SECRET_LEN);
    assert_int_equal(stat(file, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(st.st_size, SECRET_LEN);
    load(true, second);
    assert_memory_equal(first, second, SECRET_LEN);
}

static void *maker(void *secret)
{
    char *error = NULL;
    bool made = secret_load(file, true, secret, &error) == 0;
    free(error);
    return made ? secret : NULL;
}

static void two_starts_make_one(void **state)
{
    (void)state;
    pthread_t threads[MAKERS];
    uint8_t secrets[MAKERS][SECRET_LEN];
    void *made;
    for (int i = 0; i < MAKERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, maker, secrets[i]), 0);
    for (int i = 0; i < MAKERS; i++) {
        assert_int_equal(pthread_join(threads[i], &made), 0);
        assert_non_null(made);
        assert_memory_equal(secrets[0], secrets[i], SECRET_LEN);
    }
}

static void not_made_unless_told(void **state)
{
    (void)state;
    uint8_t secret[SECRET_LEN];
    char *error;
    assert_int_equal(secret_load(file, false, secret, &error), 1);
    assert_int_equal(access(file, F_OK), -1);
}

static void credential_goes_first(void **state)
{
    (void)state;
    uint8_t secret[SECRET_LEN];
    write_file(file, 1, SECRET_LEN, 0600);
    write_file(credential, 100, SECRET_LEN, 0440);
    load(false, secret);
    assert_int_equal(secret[0], 1);
    setenv("CREDENTIALS_DIRECTORY", folder, 1);
    load(false, secret);
    assert_int_equal(secret[0], 100);
    assert_int_equal(unlink(credential), 0);
    load(false, secret);
    assert_int_equal(secret[0], 1);
}

static void refused(const char *path, int error, const char *words)
{
    uint8_t secret[SECRET_LEN] = {7};
    char *told;
    assert_int_equal(secret_load(file, true, secret, &told), error);
    if (strstr(told, path) == NULL || strstr(told, words) == NULL)
        fail_msg("%s: not \"%s\"", told, words);
    free(told);
    assert_int_equal(secret[0], 7); /* not touched */
}

static void what_is_no_secret_is_refused(void **state)
{
    (void)state;
    write_file(file, 1, SECRET_LEN - 1, 0600);
    refused(file, -EINVAL, "has 31 bytes: allowed are 32");
    write_file(file, 1, SECRET_LEN + 1, 0600);
    refused(file, -EINVAL, "has 33 bytes: allowed are 32");
    write_file(file, 1, 0, 0600);
    refused(file, -EINVAL, "has 0 bytes");
    write_file(file, 1, SECRET_LEN, 0640);
    refused(file, -EPERM, "has mode 0640: allowed is 0600");
    write_file(file, 1, SECRET_LEN, 0604);
    refused(file, -EPERM, "has mode 0604: allowed is 0600");
    setenv("CREDENTIALS_DIRECTORY", folder, 1);
    write_file(credential, 1, 5, 0400);
    refused(credential, -EINVAL, "has 5 bytes: allowed are 32");
}

static void pipe_is_refused_and_holds_nobody_up(void **state)
{
    (void)state;
    assert_int_equal(mkfifo(file, 0600), 0);
    refused(file, -EINVAL, "is no regular file");
}

static void folder_that_is_missing_is_told(void **state)
{
    (void)state;
    uint8_t secret[SECRET_LEN];
    char *error;
    assert_int_equal(secret_load("/nonexistent/secret", true, secret, &error), -ENOENT);
    assert_non_null(strstr(error, "/nonexistent/secret: the server's secret cannot be made"));
    free(error);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(made_once_and_kept, remove_files),
        cmocka_unit_test_teardown(two_starts_make_one, remove_files),
        cmocka_unit_test_teardown(not_made_unless_told, remove_files),
        cmocka_unit_test_teardown(credential_goes_first, remove_files),
        cmocka_unit_test_teardown(what_is_no_secret_is_refused, remove_files),
        cmocka_unit_test_teardown(pipe_is_refused_and_holds_nobody_up, remove_files),
        cmocka_unit_test_teardown(folder_that_is_missing_is_told, remove_files),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
