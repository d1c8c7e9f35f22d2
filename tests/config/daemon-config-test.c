/* The daemon's table: what does not fit together is refused, and where the password comes from.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "config/daemon-config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/daemon-config-test-XXXXXX";
static char file[256], secret[256];

static int make_folder(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(file, sizeof file, "%s/multichatd.conf", folder);
    snprintf(secret, sizeof secret, "%s/mysql-password", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(file);
    unlink(secret);
    return rmdir(folder);
}

static void write_file(const char *path, const char *content)
{
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    assert_true(fputs(content, out) >= 0);
    assert_int_equal(fclose(out), 0);
}

static void load(const char *content, struct daemon_config *config)
{
    char *error = NULL;
    write_file(file, content);
    int r = daemon_config_load(file, config, &error);
    if (r < 0)
        fail_msg("%s", error);
}

static void test_defaults(void **state)
{
    (void)state;
    struct daemon_config config;
    load("", &config);
    assert_int_equal(daemon_config_priority(&config), LOG_INFO);
    assert_string_equal(daemon_config_driver(&config), HAVE_SQLITE ? "sqlite" : "mysql");
    assert_int_equal(config.limits.idle, 60 * 1000000);
    assert_int_equal(config.limits.recent, 16 * 1024 * 1024);
    assert_int_equal(config.presence.retry, 1000 * 1000);
    assert_int_equal(config.password.memory, 19 * 1024 * 1024);
    assert_int_equal(config.version1.networks.count, 2);
    daemon_config_deinit(&config);
}

static void test_log_levels(void **state)
{
    (void)state;
    static const struct {
        const char *content;
        int priority;
    } cases[] = {
        {"log: { level = \"err\"; };", LOG_ERR},
        {"log: { level = \"warning\"; };", LOG_WARNING},
        {"log: { level = \"notice\"; };", LOG_NOTICE},
        {"log: { level = \"info\"; };", LOG_INFO},
        {"log: { level = \"debug\"; };", LOG_DEBUG},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct daemon_config config;
        load(cases[i].content, &config);
        assert_int_equal(daemon_config_priority(&config), cases[i].priority);
        daemon_config_deinit(&config);
    }
}

static void test_what_does_not_fit_together(void **state)
{
    (void)state;
    static const struct {
        const char *content, *error;
    } cases[] = {
        {"storage: { mysql: { host = \"db\";\n socket = \"/run/s\"; }; };",
         ":2: key \"storage.mysql.socket\": value \"/run/s\": allowed is \"\" where "
         "storage.mysql.host is set"},
        {"storage: { mysql: { port = 3306; }; };",
         ":1: key \"storage.mysql.port\": value 3306: allowed is 0 where storage.mysql.host is "
         "\"\""},
        {"presence: { present = 3600;\n forget = 3599; };",
         ":2: key \"presence.forget\": value 3599: allowed is presence.present or more"},
        {"listen: { control = \"/a\"; ready_file = \"/a\"; };",
         ":1: key \"listen.ready_file\": value \"/a\": allowed is another path than "
         "listen.control"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct daemon_config config;
        char expected[512], *error;
        write_file(file, cases[i].content);
        assert_int_equal(daemon_config_load(file, &config, &error), -EINVAL);
        snprintf(expected, sizeof expected, "%s%s", file, cases[i].error);
        assert_string_equal(error, expected);
        free(error);
    }
}

static void test_named_file_must_be_there(void **state)
{
    (void)state;
    struct daemon_config config;
    char *error;
    unlink(file);
    assert_int_equal(daemon_config_load(file, &config, &error), -ENOENT);
    assert_non_null(error);
    free(error);
}

static void assert_password(const struct daemon_config *config, const char *expected)
{
    char *password, *error;
    assert_int_equal(daemon_config_mysql_password(config, &password, &error), 0);
    if (expected == NULL)
        assert_null(password);
    else
        assert_string_equal(password, expected);
    daemon_config_free_secret(password);
}

static void test_password_from_credential(void **state)
{
    (void)state;
    struct daemon_config config;
    load("", &config);
    unsetenv("CREDENTIALS_DIRECTORY");
    assert_password(&config, NULL);
    setenv("CREDENTIALS_DIRECTORY", folder, 1);
    unlink(secret);
    assert_password(&config, NULL);
    write_file(secret, "se:cr et\nsecond line\n");
    assert_password(&config, "se:cr et");
    write_file(secret, "without an end");
    assert_password(&config, "without an end");
    daemon_config_deinit(&config);
}

static void test_password_from_file(void **state)
{
    (void)state;
    struct daemon_config config;
    char content[512], longest[1023] = "", much[3000] = "", *password, *error;
    const struct {
        const char *content;
        int error;
        const char *words;
    } wrong[] = {
        {"", -ENODATA, "empty"}, {"\nsecond\n", -ENODATA, "empty"}, {much, -E2BIG, "too long"}};
    memset(much, 'x', sizeof much - 1); /* a password cut short is a wrong password */
    snprintf(content, sizeof content, "storage: { mysql: { password_file = \"%s\"; }; };", secret);
    load(content, &config);
    write_file(secret, "secret\r\n");
    assert_password(&config, "secret");
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        write_file(secret, wrong[i].content);
        assert_int_equal(daemon_config_mysql_password(&config, &password, &error), wrong[i].error);
        assert_non_null(strstr(error, secret));
        assert_non_null(strstr(error, wrong[i].words));
        free(error);
    }
    memset(longest, 'x', 1022);
    write_file(secret, longest);
    assert_password(&config, longest);
    unlink(secret);
    assert_int_equal(daemon_config_mysql_password(&config, &password, &error), -ENOENT);
    assert_non_null(strstr(error, "No such file"));
    free(error);
    daemon_config_deinit(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_log_levels),
        cmocka_unit_test(test_what_does_not_fit_together),
        cmocka_unit_test(test_named_file_must_be_there),
        cmocka_unit_test(test_password_from_credential),
        cmocka_unit_test(test_password_from_file),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
