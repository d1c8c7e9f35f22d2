/* The command line and the configuration file.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/options.h"
#include "client/password.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64];

static int setup(void **state)
{
    strcpy(folder, "/tmp/multichat-options-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    setenv("HOME", folder, 1);
    unsetenv("XDG_CONFIG_HOME");
    unsetenv("XDG_STATE_HOME");
    return 0;
}

static int teardown(void **state)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/.config/multichat/config", folder);
    unlink(path);
    for (int i = 0; i < 2; i++) {
        *strrchr(path, '/') = '\0';
        rmdir(path);
    }
    return rmdir(folder);
}

static void write_config(const char *text)
{
    char path[128];
    FILE *file;

    snprintf(path, sizeof(path), "%s/.config", folder);
    mkdir(path, 0700);
    strcat(path, "/multichat");
    mkdir(path, 0700);
    strcat(path, "/config");
    file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

/* Parses the words of `line`. */
static int parse(const char *line, struct invocation *ret, char **ret_error)
{
    static char copy[512];
    static char *argv[32];
    int argc = 1;

    snprintf(copy, sizeof(copy), "%s", line);
    argv[0] = copy + sizeof(copy) - 1; /* "" */
    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
        argv[argc++] = word;
    argv[argc] = NULL;
    return options_parse(argc, argv, ret, ret_error);
}

static struct invocation good(const char *line)
{
    struct invocation invocation;
    char *error = NULL;
    int r = parse(line, &invocation, &error);

    if (r < 0)
        fail_msg("%s: %s", line, error);
    assert_null(error);
    return invocation;
}

static void bad(const char *line, const char *reason)
{
    struct invocation invocation;
    char *error = NULL;

    assert_true(parse(line, &invocation, &error) < 0);
    assert_non_null(error);
    if (!strstr(error, reason))
        fail_msg("%s: \"%s\" says nothing of \"%s\"", line, error, reason);
    free(error);
}

static void test_defaults(void **state)
{
    struct invocation invocation = good("");

    assert_int_equal(invocation.mode, MODE_LINE);
    assert_string_equal(invocation.settings.server, "localhost");
    assert_int_equal(invocation.settings.poll_port, 9001);
    assert_int_equal(invocation.settings.write_port, 9002);
    assert_true(invocation.settings.user[0] != '\0');
    assert_int_equal(invocation.password_fd, PASSWORD_FD_NONE);
    assert_int_equal(invocation.count, 0);
    assert_int_equal(invocation.timeout_us, 0);
    options_deinit(&invocation);
}

static void test_modes_and_operands(void **state)
{
    struct invocation invocation = good("send --user alice bob text");

    assert_int_equal(invocation.mode, MODE_SEND);
    assert_string_equal(invocation.to, "bob");
    assert_string_equal(invocation.text, "text");
    assert_string_equal(invocation.settings.user, "alice");
    options_deinit(&invocation);
    invocation = good("send -- bob --json");
    assert_string_equal(invocation.text, "--json");
    options_deinit(&invocation);
    invocation = good("recv --count 3 --timeout 2 --json --password-fd 0");
    assert_int_equal(invocation.mode, MODE_RECV);
    assert_int_equal(invocation.count, 3);
    assert_int_equal(invocation.timeout_us, 2000000);
    assert_true(invocation.json);
    assert_int_equal(invocation.password_fd, 0);
    options_deinit(&invocation);
    invocation = good("--help --user alice");
    assert_int_equal(invocation.mode, MODE_HELP);
    options_deinit(&invocation);
    invocation = good("-h");
    assert_int_equal(invocation.mode, MODE_HELP);
    options_deinit(&invocation);
    invocation = good("recv --count 1 -h");
    assert_int_equal(invocation.mode, MODE_HELP);
    options_deinit(&invocation);
    invocation = good("--version");
    assert_int_equal(invocation.mode, MODE_VERSION);
    options_deinit(&invocation);
}

static void test_rooms_may_go_without_their_sign(void **state)
{
    static const struct {
        const char *line, *to, *text;
        enum mode mode;
    } rows[] = {
        {"join lobby", "#lobby", NULL, MODE_JOIN},
        {"part #lobby", "#lobby", NULL, MODE_PART},
        {"who", NULL, NULL, MODE_WHO},
        {"who *", "*", NULL, MODE_WHO},
        {"who 1", "#1", NULL, MODE_WHO},
        {"send --room 1 text", "#1", "text", MODE_SEND},
        {"send --room #lobby", "#lobby", NULL, MODE_SEND},
        {"send bob", "bob", NULL, MODE_SEND},
        {"history bob", "bob", NULL, MODE_HISTORY},
        {"history --room lobby", "#lobby", NULL, MODE_HISTORY},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct invocation invocation = good(rows[i].line);
        assert_int_equal(invocation.mode, rows[i].mode);
        if (rows[i].to)
            assert_string_equal(invocation.to, rows[i].to);
        else
            assert_null(invocation.to);
        if (rows[i].text)
            assert_string_equal(invocation.text, rows[i].text);
        else
            assert_null(invocation.text);
        options_deinit(&invocation);
    }
    bad("send --room lobby bob text", "usage");
    bad("history bob --room lobby", "usage");
    bad("who --room lobby", "no meaning");
    bad("send bob text --file x", "not both");
}

static void test_tls(void **state)
{
    char *cwd = getcwd(NULL, 0), expected[600];
    struct invocation invocation = good("");

    assert_true(invocation.settings.tls.use);
    assert_string_equal(invocation.settings.tls.ca, "");
    options_deinit(&invocation);
    invocation = good("--no-tls --tls-ca system");
    assert_false(invocation.settings.tls.use);
    assert_string_equal(invocation.settings.tls.ca, "system");
    options_deinit(&invocation);
    invocation = good("--tls-ca ca.pem --tls-certificate /c --tls-key k");
    snprintf(expected, sizeof(expected), "%s/ca.pem", cwd);
    assert_string_equal(invocation.settings.tls.ca, expected);
    assert_string_equal(invocation.settings.tls.certificate, "/c");
    snprintf(expected, sizeof(expected), "%s/k", cwd);
    assert_string_equal(invocation.settings.tls.key, expected);
    options_deinit(&invocation);
    write_config("tls: { use = false; ca = \"system\"; };\n");
    invocation = good("--tls-ca /ca");
    assert_false(invocation.settings.tls.use);
    assert_string_equal(invocation.settings.tls.ca, "/ca");
    options_deinit(&invocation);
    free(cwd);
}

static void test_the_new_password(void **state)
{
    struct invocation invocation = good("passwd --password-fd 3 --new-password-fd 4");

    assert_int_equal(invocation.mode, MODE_PASSWD);
    assert_int_equal(invocation.password_fd, 3);
    assert_int_equal(invocation.new_password_fd, 4);
    assert_null(invocation.new_password_file);
    options_deinit(&invocation);
    invocation = good("passwd --new-password-file /new");
    assert_int_equal(invocation.new_password_fd, PASSWORD_FD_NONE);
    assert_string_equal(invocation.new_password_file, "/new");
    options_deinit(&invocation);
}

static void test_what_is_refused(void **state)
{
    bad("--unknown", "--unknown");
    bad("-z", "-z");
    bad("-hz", "-z");
    bad("--user", "--user");
    bad("--json=yes recv", "--json");
    bad("chat", "\"chat\"");
    bad("send", "usage");
    bad("send a b c", "TEXT is one argument, so quote it");
    bad("recv bob", "usage");
    bad("--count 1", "--count");
    bad("send --json bob x", "--json");
    bad("recv --linger 1", "--linger");
    bad("recv --count none", "--count");
    bad("recv --count 0", "--count");
    bad("recv --timeout -1", "--timeout");
    bad("--poll-port 0", "--poll-port");
    bad("--write-port 65536", "--write-port");
    bad("--password-fd 99999999999", "--password-fd");
    bad("--listen nowhere", "listen");
    bad("--listen 1.2.3.4:99999", "listen");
    bad("--listen 127.0.0.1:80 recv", "0 (any free one) or 1024 to 65535");
    bad("--listen [::1]:1023", "0 (any free one) or 1024 to 65535");
    bad("--user a:b", "userid");
    bad("--config /does/not/exist", "/does/not/exist");
    bad("--no-tls=true", "--no-tls");
    bad("--tls-key key.pem", "tls.certificate");
    bad("--tls-certificate certificate.pem", "tls.key");
    bad("passwd bob", "usage");
    bad("send --new-password-fd 3 bob", "--new-password-fd");
    bad("passwd --new-password-file", "--new-password-file");
}

static void test_the_file_and_options_over_it(void **state)
{
    struct invocation invocation;
    char *cwd = getcwd(NULL, 0), expected[600];

    write_config("user = \"carol\"; server = \"chat.example\"; poll_port = 1;\n"
                 "password_file = \"/secret\"; listen = \"none\";\n"
                 "outbox: { messages = 7; };\n");
    invocation = good("");
    assert_string_equal(invocation.settings.user, "carol");
    assert_string_equal(invocation.settings.server, "chat.example");
    assert_int_equal(invocation.settings.outbox.messages, 7);
    assert_false(settings_listens(&invocation.settings));
    options_deinit(&invocation);
    invocation = good("--user dave --poll-port 2 --password-file pw --listen 127.0.0.1");
    assert_true(settings_listens(&invocation.settings));
    assert_string_equal(invocation.settings.user, "dave");
    assert_int_equal(invocation.settings.poll_port, 2);
    snprintf(expected, sizeof(expected), "%s/pw", cwd);
    assert_string_equal(invocation.settings.password_file, expected);
    options_deinit(&invocation);
    /* A command given now outweighs a file named there. */
    invocation = good("--password-command x");
    assert_string_equal(invocation.settings.password_file, "");
    options_deinit(&invocation);
    free(cwd);
}

static void test_a_broken_file_is_told(void **state)
{
    write_config("user = \"carol\";\npoll_port = 0;\n");
    bad("", "config:2: ");
    write_config("nickname = \"carol\";\n");
    bad("", "nickname");
    write_config("user = \n");
    bad("", "config:");
    write_config("tls: { ca = \"ca.pem\"; };\n");
    bad("", "\"system\"");
    write_config("listen = \"127.0.0.1:1\";\n");
    bad("", "0 (any free one) or 1024 to 65535");
}

static void check_outbox(const char *line, const char *expected)
{
    struct invocation invocation = good(line);
    char *path = NULL, full[256];

    assert_int_equal(settings_state_path(&invocation.settings, "outbox", &path), 0);
    snprintf(full, sizeof(full), "%s/.local/state/multichat/outbox/%s", folder, expected);
    assert_string_equal(path, full);
    free(path);
    options_deinit(&invocation);
}

static void test_the_place_of_the_outbox(void **state)
{
    check_outbox("--user alice --server chat.example", "chat.example:9002,alice");
    check_outbox("--user 한국 --server ::1 --write-port 7", "%3A%3A1:7,한국");
    check_outbox("--user ,. --server ..", "%2E.:9002,%2C.");
    unsetenv("HOME");
    struct invocation invocation = good("--user a");
    char *path = NULL;
    assert_int_equal(settings_state_path(&invocation.settings, "outbox", &path), -ENOENT);
    options_deinit(&invocation);
}

static void check_listen(const char *line, const char *server, const char *expected)
{
    struct invocation invocation = good(line);
    struct addr from, addr;
    char text[ADDR_TEXT_MAX];

    assert_int_equal(addr_parse(server, &from), 0);
    settings_listen_addr(&invocation.settings, &from, &addr);
    assert_string_equal(addr_format(&addr, text), expected);
    options_deinit(&invocation);
}

static void test_where_it_listens(void **state)
{
    check_listen("--user a", "127.0.0.1:9002", "127.0.0.1:0");
    check_listen("--user a", "[::1]:9002", "[::1]:0");
    check_listen("--user a", "192.0.2.1:9002", "0.0.0.0:0");
    check_listen("--user a", "[2001:db8::1]:9002", "[::]:0");
    check_listen("--user a --listen 192.0.2.7", "192.0.2.1:9002", "192.0.2.7:0");
    check_listen("--user a --listen 192.0.2.7:4000", "192.0.2.1:9002", "192.0.2.7:4000");
    check_listen("--user a --listen 192.0.2.7:0", "192.0.2.1:9002", "192.0.2.7:0");
    check_listen("--user a --listen 192.0.2.7:1024", "192.0.2.1:9002", "192.0.2.7:1024");
    check_listen("--user a --listen ::1", "[::1]:9002", "[::1]:0");
    check_listen("--user a --listen [::1]:4000", "[::1]:9002", "[::1]:4000");
    check_listen("--user a --listen [::1]", "[::1]:9002", "[::1]:0");
}

static void test_help_names_every_option(void **state)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    options_write_help(out);
    fclose(out);
    for (size_t i = 0; i < settings_table.count; i++) {
        const char *key = settings_table.keys[i].path;
        char option[64];
        /* These are for the file alone. */
        if (strncmp(key, "outbox.", 7) == 0 || strcmp(key, "bell") == 0 ||
            strcmp(key, "notify") == 0)
            continue;
        snprintf(option, sizeof(option), "--%s", strcmp(key, "tls.use") == 0 ? "no-tls" : key);
        for (char *c = option; *c; c++)
            *c = *c == '_' || *c == '.' ? '-' : *c;
        if (!strstr(text, option))
            fail_msg("%s is not in the help", option);
    }
    free(text);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_defaults),
        TEST(test_modes_and_operands),
        TEST(test_rooms_may_go_without_their_sign),
        TEST(test_tls),
        TEST(test_the_new_password),
        TEST(test_what_is_refused),
        TEST(test_the_file_and_options_over_it),
        TEST(test_a_broken_file_is_told),
        TEST(test_the_place_of_the_outbox),
        TEST(test_where_it_listens),
        TEST(test_help_names_every_option),
    };

    return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
