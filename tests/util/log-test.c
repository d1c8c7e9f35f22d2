/* The log: where lines go, what they look like, that nothing in them acts on a terminal, and the
 * limiter. Standard error is led into a pipe or a pseudo-terminal while a line is written. The
 * journal's only entry point is replaced by one that keeps the fields.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "util/log.h"

#include "util/bytes.h"
#include "util/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>

static char output[16384]; /* what the last capture caught, NUL-terminated */
static size_t output_len;
static int saved_stderr = -1, reading = -1;

/* Puts `writing` in the place of standard error; what is written comes out of `from`. */
static void capture_into(int writing, int from)
{
    saved_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    assert_true(saved_stderr >= 0);
    assert_true(dup2(writing, STDERR_FILENO) >= 0);
    close(writing);
    reading = from;
}

static void capture(void)
{
    int pipe_fds[2];

    assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
    capture_into(pipe_fds[1], pipe_fds[0]);
}

static void capture_end(void)
{
    ssize_t n;

    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    output_len = 0;
    while ((n = read(reading, output + output_len, sizeof(output) - 1 - output_len)) > 0)
        output_len += (size_t)n;
    output[output_len] = '\0';
    close(reading);
}

static void writes_a_line_with_its_priority(void **state)
{
    capture();
    log_setup("test");
    log_error("number %d", 7);
    log_warning("w");
    log_notice("n");
    log_info("i");
    capture_end();
    assert_string_equal(output, "<3>number 7\n<4>w\n<5>n\n<6>i\n");
}

static void level_decides(void **state)
{
    capture();
    log_setup("test");
    log_debug("not shown");
    log_set_level(LOG_DEBUG);
    log_debug("shown");
    log_set_level(LOG_ERR);
    log_warning("not shown");
    log_catalogued(LOG_WARNING, "00112233445566778899aabbccddeeff", "not shown");
    log_error("shown");
    log_set_level(LOG_INFO);
    capture_end();
    assert_string_equal(output, "<7>shown\n<3>shown\n");
}

static void level_has_names(void **state)
{
    assert_int_equal(log_level_from_name("err"), LOG_ERR);
    assert_int_equal(log_level_from_name("warning"), LOG_WARNING);
    assert_int_equal(log_level_from_name("notice"), LOG_NOTICE);
    assert_int_equal(log_level_from_name("info"), LOG_INFO);
    assert_int_equal(log_level_from_name("debug"), LOG_DEBUG);
    assert_int_equal(log_level_from_name(""), -EINVAL);
    assert_int_equal(log_level_from_name("Info"), -EINVAL);
    assert_int_equal(log_level_from_name("infos"), -EINVAL);
}

static void makes_hostile_bytes_harmless(void **state)
{
    static const struct {
        const char *text, *shown;
    } cases[] = {
        {"two\nlines", "two\\nlines"},
        {"\n<2>forged", "\\n<2>forged"},
        {"\x1b[2J", "\\u001b[2J"},
        {"\r\t\x7f", "\\u000d\\u0009\\u007f"},
        {"\xc2\x9b"
         "2J",
         "\\u009b2J"},                         /* CSI in one character */
        {"\xe2\x80\xaeright", "\\u202eright"}, /* bidi override */
        {"\xff\xc3", "\\xff\\xc3"},
        {"\xed\x95\x9c\xf0\x9f\x98\x80", "\xed\x95\x9c\xf0\x9f\x98\x80"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char expected[64];
        capture();
        log_setup("test");
        log_info("[%s]", cases[i].text);
        capture_end();
        snprintf(expected, sizeof(expected), "<6>[%s]\n", cases[i].shown);
        assert_string_equal(output, expected);
    }
}

static void bounds_a_line(void **state)
{
    static char text[10000];

    memset(text, 'x', sizeof(text) - 1);
    capture();
    log_setup("test");
    log_info("%s", text);
    capture_end();
    assert_in_range(output_len, 1000, 4096);
    assert_string_equal(output + output_len - 5, "x...\n");

    /* Each byte becomes four; a character of four bytes is not cut in two. */
    memset(text, '\xff', sizeof(text) - 1);
    capture();
    log_info("%s", text);
    capture_end();
    assert_in_range(output_len, 1000, 4096);
    assert_string_equal(output + output_len - 5, "\\xff\n");
    for (size_t i = 0; i + 4 < sizeof(text); i += 4)
        memcpy(text + i, "\xf0\x9f\x98\x80", 4);
    for (size_t offset = 0; offset < 4; offset++) {
        capture();
        log_info("%s", text + sizeof(text) - 9001 + offset * 4 - offset);
        capture_end();
        assert_in_range(output_len, 1000, 4096);
        assert_string_equal(output + output_len - 4, "...\n");
        assert_memory_equal(output + output_len - 8, "\xf0\x9f\x98\x80", 4);
    }
}

static void keeps_errno(void **state)
{
    capture();
    log_setup("test");
    errno = ENOENT;
    log_error("%m");
    int kept = errno;
    capture_end();
    assert_int_equal(kept, ENOENT);
    assert_string_equal(output, "<3>No such file or directory\n");
}

static void shows_the_name_at_a_terminal(void **state)
{
    int leader = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

    assert_true(leader >= 0);
    assert_int_equal(grantpt(leader), 0);
    assert_int_equal(unlockpt(leader), 0);
    int terminal = open(ptsname(leader), O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(terminal >= 0);
    capture_into(terminal, leader);
    log_setup("test");
    log_info("hello");
    capture_end();
    assert_string_equal(output, "test: hello\r\n");
}

static void limits_what_a_peer_can_cause(void **state)
{
    static struct log_limit limit = {.burst = 3, .interval_us = 3600 * USEC_PER_SEC};

    capture();
    log_setup("test");
    for (unsigned i = 0; i < 10; i++)
        log_limited(&limit, LOG_INFO, "bad things", "bad thing %u", i);
    limit.window_start -= limit.interval_us; /* an hour goes by */
    log_limited(&limit, LOG_INFO, "bad things", "later");
    log_limited(&limit, LOG_INFO, "bad things", "later still");
    limit.window_start -= limit.interval_us; /* another, in which nothing was left out */
    log_limited(&limit, LOG_INFO, "bad things", "at last");
    capture_end();
    assert_string_equal(output, "<6>bad thing 0\n<6>bad thing 1\n<6>bad thing 2\n"
                                "<6>bad things: 7 more lines like this were left out\n"
                                "<6>later\n<6>later still\n<6>at last\n");
}

static void lines_below_the_level_count_for_nothing(void **state)
{
    static struct log_limit limit = {.burst = 1, .interval_us = 3600 * USEC_PER_SEC};

    capture();
    log_setup("test");
    log_limited(&limit, LOG_DEBUG, "x", "hidden");
    log_limited(&limit, LOG_INFO, "x", "shown");
    capture_end();
    assert_string_equal(output, "<6>shown\n");
}

#if HAVE_SYSTEMD
static char fields[4096]; /* the fields of the last entry, one a line */
static int journal_result;

int sd_journal_sendv(const struct iovec *iov, int count);

int sd_journal_sendv(const struct iovec *iov, int count)
{
    size_t len = 0;

    for (int i = 0; i < count; i++) {
        assert_true(len + iov[i].iov_len + 2 < sizeof(fields));
        memcpy(fields + len, iov[i].iov_base, iov[i].iov_len);
        len += iov[i].iov_len;
        fields[len++] = '\n';
    }
    fields[len] = '\0';
    return journal_result;
}

/* Says, as systemd does, that standard error is the journal: it is file `device`:`inode`. */
static void announce_journal(unsigned long device, unsigned long inode)
{
    char stream[64];

    snprintf(stream, sizeof(stream), "%lu:%lu", device, inode);
    setenv("JOURNAL_STREAM", stream, 1);
}

static void sends_fields_to_the_journal(void **state)
{
    struct stat st;
    char line[64];

    capture();
    fstat(STDERR_FILENO, &st);
    announce_journal(st.st_dev, st.st_ino);
    log_setup("test");
    fields[0] = '\0';
    int at = __LINE__ + 1;
    log_catalogued(LOG_WARNING, "00112233445566778899aabbccddeeff", "two\nlines");
    capture_end();
    unsetenv("JOURNAL_STREAM");
    assert_string_equal(output, "");
    assert_non_null(strstr(fields, "MESSAGE=two\\nlines\n"));
    assert_non_null(strstr(fields, "PRIORITY=4\n"));
    assert_non_null(strstr(fields, "SYSLOG_IDENTIFIER=test\n"));
    assert_non_null(strstr(fields, "CODE_FILE=" __FILE__ "\n"));
    snprintf(line, sizeof(line), "CODE_LINE=%d\n", at);
    assert_non_null(strstr(fields, line));
    assert_non_null(strstr(fields, "CODE_FUNC=sends_fields_to_the_journal\n"));
    assert_non_null(strstr(fields, "MESSAGE_ID=00112233445566778899aabbccddeeff\n"));
}

static void falls_back_when_the_journal_fails(void **state)
{
    struct stat st;

    capture();
    fstat(STDERR_FILENO, &st);
    announce_journal(st.st_dev, st.st_ino);
    log_setup("test");
    fields[0] = '\0';
    journal_result = -ENOBUFS;
    log_info("still here");
    journal_result = 0;
    capture_end();
    unsetenv("JOURNAL_STREAM");
    assert_string_equal(output, "<6>still here\n");
    assert_null(strstr(fields, "MESSAGE_ID="));
}

static void is_not_taken_in_by_a_stale_stream(void **state)
{
    static const char *const streams[] = {
        "", ":", "1", "1:", ":1", "a:b", "1:2:3", "-1:-1", "99999999999999999999:1"};
    struct stat st;

    for (size_t i = 0; i <= ARRAY_SIZE(streams); i++) {
        capture();
        fstat(STDERR_FILENO, &st);
        if (i < ARRAY_SIZE(streams))
            setenv("JOURNAL_STREAM", streams[i], 1);
        else
            announce_journal(st.st_dev, st.st_ino + 1);
        log_setup("test");
        log_info("here");
        capture_end();
        unsetenv("JOURNAL_STREAM");
        assert_string_equal(output, "<6>here\n");
    }
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_a_line_with_its_priority),
        cmocka_unit_test(level_decides),
        cmocka_unit_test(level_has_names),
        cmocka_unit_test(makes_hostile_bytes_harmless),
        cmocka_unit_test(bounds_a_line),
        cmocka_unit_test(keeps_errno),
        cmocka_unit_test(shows_the_name_at_a_terminal),
        cmocka_unit_test(limits_what_a_peer_can_cause),
        cmocka_unit_test(lines_below_the_level_count_for_nothing),
#if HAVE_SYSTEMD
        cmocka_unit_test(sends_fields_to_the_journal),
        cmocka_unit_test(falls_back_when_the_journal_fails),
        cmocka_unit_test(is_not_taken_in_by_a_stale_stream),
#endif
    };

    unsetenv("JOURNAL_STREAM");
    return cmocka_run_group_tests_name("util/log", tests, NULL, NULL);
}
