/* The account: who signs on, who waits, what is remembered, what time it is.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/account.h"
#include "client/session-file.h"
#include "util/clock.h"

#include "home.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define MINUTE_MS 60000

static struct test {
    struct settings settings;
    struct account *account;
    struct account_waiter waiters[2];
    int folder;
    char told[1024]; /* lines for the user, each with a newline */
    unsigned wanted;
} test;

static void take_notice(void *userdata, const char *line)
{
    strcat(strcat(test.told, line), "\n");
}

static void take_wanted(void *userdata)
{
    test.wanted++;
}

static void open_account(void)
{
    const struct account_hooks hooks = {.notice = take_notice, .wanted = take_wanted};

    assert_int_equal(account_open(&test.settings, NULL, "-", test.folder, &test.account), 0);
    account_set_hooks(test.account, &hooks);
}

static void reopen_account(void)
{
    account_close(test.account);
    open_account();
}

static int setup(void **state)
{
    memset(&test, 0, sizeof(test));
    if (home_make() < 0 || config_table_init(&settings_table, &test.settings) < 0)
        return -1;
    test.folder = open(home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; i < 2; i++) {
        list_init(&test.waiters[i].link);
        test.waiters[i].fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    }
    open_account();
    return 0;
}

static int teardown(void **state)
{
    account_close(test.account);
    for (int i = 0; i < 2; i++)
        close(test.waiters[i].fd);
    close(test.folder);
    settings_deinit(&test.settings);
    return home_remove();
}

static enum account_way ask(int waiter, bool go)
{
    struct account_session session;
    char password[V2_PASSWORD_MAX + 1];

    return account_way(test.account, &test.waiters[waiter], go, &session, password);
}

/* Whether the waiter was woken; it is no more, then. */
static bool woken(int waiter)
{
    uint64_t count;

    return read(test.waiters[waiter].fd, &count, sizeof(count)) > 0;
}

static void welcome(const char *name, uint64_t time_ms)
{
    struct v2_frame frame = {
        .verb = V2_VERB_WELCOME, .session = bytes_of(name), .time_ms = time_ms, .poll_seconds = 3};

    memset(frame.session_key, name[0], sizeof(frame.session_key));
    account_welcome(test.account, &frame, true);
}

static void dismiss(const char *key, const char *code, const char *reason)
{
    const struct v2_frame frame = {.verb = V2_VERB_ERR,
                                   .key = bytes_of(key),
                                   .code = bytes_of(code),
                                   .text = bytes_of(reason)};

    account_heed_dismissal(test.account, &frame);
}

static void test_a_dismissal_is_told_once(void **state)
{
    dismiss("access", "not-allowed", "only operators of the room may do that");
    dismiss("-", "timeout", "nothing was said");
    assert_string_equal(test.told, "");
    dismiss("-", "not-allowed", "go home");
    dismiss("-", "not-allowed", "go home");
    assert_string_equal(test.told, "the server closed the connection: go home\n");
}

static void test_the_password_is_asked_for_once(void **state)
{
    assert_int_equal(ask(0, false), ACCOUNT_WAIT_PASSWORD);
    assert_int_equal(ask(1, false), ACCOUNT_WAIT_PASSWORD);
    assert_int_equal(test.wanted, 1);
    assert_true(account_password_wanted(test.account));
    account_give_password(test.account, "secret");
    assert_false(account_password_wanted(test.account));
    assert_true(woken(0));
    assert_true(woken(1));
    assert_int_equal(ask(0, false), ACCOUNT_HELLO);
    assert_int_equal(test.wanted, 1);
}

static void test_one_says_hello_and_the_others_wait(void **state)
{
    struct account_session session;
    char password[V2_PASSWORD_MAX + 1];

    account_give_password(test.account, "secret");
    assert_int_equal(account_way(test.account, &test.waiters[0], true, &session, password),
                     ACCOUNT_HELLO);
    assert_string_equal(password, "secret");
    assert_int_equal(ask(1, true), ACCOUNT_WAIT_WELCOME);
    assert_false(woken(1));
    account_released(test.account); /* its connection broke: the other one tries */
    assert_true(woken(1));
    assert_int_equal(ask(1, true), ACCOUNT_HELLO);
    assert_int_equal(ask(0, true), ACCOUNT_WAIT_WELCOME);
    welcome("one", 1000000);
    account_released(test.account);
    assert_true(woken(0));
    assert_int_equal(account_way(test.account, &test.waiters[0], true, &session, password),
                     ACCOUNT_RESUME);
    assert_string_equal(session.name, "one");
    assert_int_equal(session.poll_seconds, 3);
    assert_true(session.secure);
}

static void test_who_left_is_not_woken(void **state)
{
    assert_int_equal(ask(0, false), ACCOUNT_WAIT_PASSWORD);
    account_leave(test.account, &test.waiters[0]);
    account_leave(test.account, &test.waiters[0]);
    account_give_password(test.account, "secret");
    assert_false(woken(0));
}

static void test_a_session_is_remembered(void **state)
{
    struct account_session session;
    struct stat st;
    uint64_t now = clock_real_ms() + 5 * MINUTE_MS; /* the server's clock is fast */

    assert_false(account_session(test.account, &session));
    welcome("one", now);
    assert_int_equal(fstatat(test.folder, "session", &st, 0), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    reopen_account();
    assert_true(account_session(test.account, &session));
    assert_string_equal(session.name, "one");
    assert_int_equal(session.key[31], 'o');
    assert_in_range(account_now_ms(test.account), now - 1000, now + MINUTE_MS);
    assert_int_equal(ask(0, false), ACCOUNT_RESUME);
    account_drop(test.account, session.generation + 1); /* of another one */
    assert_true(account_session(test.account, NULL));
    account_drop(test.account, session.generation);
    assert_false(account_session(test.account, NULL));
    reopen_account();
    assert_false(account_session(test.account, NULL));
    assert_string_equal(test.told, "");
}

/* Two processes with the same file, whose session has ended: the slower one takes over what the
 * faster one has got, and does not remove it. */
static void test_what_another_process_stored_is_taken_over(void **state)
{
    struct account_session session;
    struct account *other;

    welcome("one", 1000000);
    assert_true(account_session(test.account, &session));
    other = test.account;
    open_account();
    account_drop(test.account, session.generation);
    welcome("two", 1000000);
    account_close(test.account);
    test.account = other;
    account_drop(test.account, session.generation);
    assert_true(account_session(test.account, &session));
    assert_string_equal(session.name, "two");
    assert_int_equal(ask(0, true), ACCOUNT_RESUME);
    reopen_account();
    assert_true(account_session(test.account, &session));
    assert_string_equal(session.name, "two");
}

/* A file that cannot be removed does not bring back the session that has ended. */
static void test_a_session_that_ended_stays_ended(void **state)
{
    struct account_session session;

    welcome("one", 1000000);
    assert_true(account_session(test.account, &session));
    assert_int_equal(unlinkat(test.folder, "session.lock", 0), 0);
    assert_int_equal(mkdirat(test.folder, "session.lock", 0700), 0);
    account_drop(test.account, session.generation);
    assert_false(account_session(test.account, NULL));
}

static void test_a_session_of_tls_is_for_tls(void **state)
{
    welcome("one", 1000000);
    test.settings.tls.use = false;
    reopen_account();
    assert_false(account_session(test.account, NULL));
}

static void test_a_damaged_file_is_no_session(void **state)
{
    static const char *const lines[] = {
        "",
        "1\n",
        "2 one 00 tls 3 0\n",
        "1 one 00 tls 3 0\n",
        "1 one 0000000000000000000000000000000000000000000000000000000000000000 tls 0 0\n",
        "1 one 0000000000000000000000000000000000000000000000000000000000000000 tls 3 0x\n",
        "1 one 0000000000000000000000000000000000000000000000000000000000000000 tls 3 0 more\n",
    };
    static const char good[] =
        "1 one 0000000000000000000000000000000000000000000000000000000000000000 tls 3 -5\n";
    struct saved_session saved;

    for (size_t i = 0; i <= ARRAY_SIZE(lines); i++) {
        const char *line = i < ARRAY_SIZE(lines) ? lines[i] : good;
        int fd = openat(test.folder, "session", O_WRONLY | O_CREAT | O_TRUNC, 0600);
        assert_int_equal(write(fd, line, strlen(line)), strlen(line));
        close(fd);
        assert_int_equal(session_file_load(test.folder, &saved), line == good ? 0 : -EBADMSG);
    }
    assert_int_equal(saved.offset_ms, -5);
}

static void test_a_session_that_cannot_be_kept_is_told(void **state)
{
    assert_int_equal(mkdirat(test.folder, "session", 0700), 0);
    welcome("one", 1000000);
    assert_true(account_session(test.account, NULL));
    assert_non_null(strstr(test.told, "cannot be kept"));
}

static void test_time_moves_on(void **state)
{
    uint64_t server = 1700000000000, last;

    welcome("one", server);
    last = account_now_ms(test.account);
    assert_in_range(last, server, server + MINUTE_MS);
    for (int i = 0; i < 1000; i++) {
        uint64_t now = account_now_ms(test.account);
        assert_true(now > last);
        last = now;
    }
    account_set_time(test.account, last - MINUTE_MS / 2); /* never the same again */
    assert_true(account_now_ms(test.account) > last);
    account_set_time(test.account, last - 10 * MINUTE_MS); /* the server has taken none of those */
    assert_in_range(account_now_ms(test.account), last - 10 * MINUTE_MS, last - 9 * MINUTE_MS);
}

static void test_a_refusal_is_told_once_and_holds(void **state)
{
    account_give_password(test.account, "wrong");
    assert_int_equal(ask(0, true), ACCOUNT_HELLO);
    assert_int_equal(ask(1, true), ACCOUNT_WAIT_WELCOME);
    account_refuse(test.account, ACCOUNT_DENIED, "no\nreally not");
    account_released(test.account);
    assert_true(woken(1));
    assert_int_equal(ask(1, true), ACCOUNT_REFUSED);
    assert_int_equal(account_refusal(test.account), ACCOUNT_DENIED);
    account_refuse(test.account, ACCOUNT_DENIED, "no\nreally not");
    assert_string_equal(test.told, "no\nreally not\n");
    account_try_again(test.account);
    assert_int_equal(ask(0, true), ACCOUNT_HELLO);
    account_refuse(test.account, ACCOUNT_DENIED, "no\nreally not");
    assert_string_equal(test.told, "no\nreally not\nno\nreally not\n");
    welcome("one", 1000000); /* somebody was let in */
    assert_int_equal(account_refusal(test.account), ACCOUNT_WELCOME);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_a_dismissal_is_told_once),
        TEST(test_the_password_is_asked_for_once),
        TEST(test_one_says_hello_and_the_others_wait),
        TEST(test_who_left_is_not_woken),
        TEST(test_a_session_is_remembered),
        TEST(test_what_another_process_stored_is_taken_over),
        TEST(test_a_session_that_ended_stays_ended),
        TEST(test_a_session_of_tls_is_for_tls),
        TEST(test_a_damaged_file_is_no_session),
        TEST(test_a_session_that_cannot_be_kept_is_told),
        TEST(test_time_moves_on),
        TEST(test_a_refusal_is_told_once_and_holds),
    };

    return cmocka_run_group_tests_name("account", tests, NULL, NULL);
}
