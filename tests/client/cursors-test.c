/* The journal of what was shown: what it says after a crash, a torn write or a failure at each
 * single call to the system, and of damaged files.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/cursors.h"

#include "disk-faults.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

static int folder_fd;

static int setup(void **state)
{
    if (make_folder() < 0)
        return -1;
    folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return folder_fd < 0 ? -1 : 0;
}

static int teardown(void **state)
{
    close(folder_fd);
    return remove_folder();
}

static struct cursors *open_cursors(void)
{
    struct cursors *cursors = NULL;

    assert_int_equal(cursors_open(folder_fd, &cursors), 0);
    return cursors;
}

static void write_journal(const char *text, size_t len)
{
    int fd = openat(folder_fd, "cursors", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, len), len);
    close(fd);
}

static off_t journal_size(void)
{
    struct stat st;

    assert_int_equal(fstatat(folder_fd, "cursors", &st, 0), 0);
    return st.st_size;
}

static void show(struct cursors *cursors, uint64_t conversation, uint64_t seq)
{
    assert_int_equal(cursors_begin(cursors, conversation, seq), 0);
    cursors_end(cursors, conversation, seq, true);
}

static void test_it_remembers(void **state)
{
    struct cursors *cursors = open_cursors();

    for (uint64_t conversation = 50; conversation > 0; conversation--)
        show(cursors, conversation, conversation * 10);
    assert_int_equal(cursors_sync(cursors), 0);
    for (int run = 0; run < 2; run++) {
        for (uint64_t conversation = 1; conversation <= 50; conversation++) {
            assert_int_equal(cursors_judge(cursors, conversation, 1), CURSORS_SHOWN);
            assert_int_equal(cursors_judge(cursors, conversation, conversation * 10),
                             CURSORS_SHOWN);
            assert_int_equal(cursors_judge(cursors, conversation, conversation * 10 + 1),
                             CURSORS_NEW);
        }
        assert_int_equal(cursors_judge(cursors, 51, 1), CURSORS_NEW);
        cursors_close(cursors);
        cursors = open_cursors();
    }
    assert_int_equal(cursors_damage(cursors), 0);
    cursors_close(cursors);
}

static void test_begun_and_not_ended_is_in_doubt(void **state)
{
    struct cursors *cursors = open_cursors();

    show(cursors, 1, 4);
    assert_int_equal(cursors_begin(cursors, 1, 5), 0);
    cursors_close(cursors);
    for (int run = 0; run < 2; run++) { /* a second crash at the same message changes nothing */
        cursors = open_cursors();
        assert_int_equal(cursors_judge(cursors, 1, 4), CURSORS_SHOWN);
        assert_int_equal(cursors_judge(cursors, 1, 5), CURSORS_MAYBE);
        assert_int_equal(cursors_judge(cursors, 1, 6), CURSORS_NEW);
        assert_int_equal(cursors_begin(cursors, 1, 5), 0);
        cursors_close(cursors);
    }
    cursors = open_cursors();
    cursors_end(cursors, 1, 5, true);
    assert_int_equal(cursors_judge(cursors, 1, 5), CURSORS_SHOWN);
    cursors_close(cursors);
}

static void test_what_did_not_reach_the_screen_is_new(void **state)
{
    struct cursors *cursors = open_cursors();

    assert_int_equal(cursors_begin(cursors, 1, 5), 0);
    cursors_end(cursors, 1, 5, false);
    cursors_close(cursors);
    cursors = open_cursors();
    assert_int_equal(cursors_judge(cursors, 1, 5), CURSORS_NEW);
    /* But not where an earlier try may have shown it. */
    assert_int_equal(cursors_begin(cursors, 1, 5), 0);
    cursors_close(cursors);
    cursors = open_cursors();
    assert_int_equal(cursors_begin(cursors, 1, 5), 0);
    cursors_end(cursors, 1, 5, false);
    assert_int_equal(cursors_judge(cursors, 1, 5), CURSORS_MAYBE);
    cursors_close(cursors);
    cursors = open_cursors();
    assert_int_equal(cursors_judge(cursors, 1, 5), CURSORS_MAYBE);
    cursors_close(cursors);
}

static void test_it_stays_short(void **state)
{
    struct cursors *cursors = open_cursors();

    for (uint64_t seq = 1; seq <= 20000; seq++) {
        show(cursors, seq % 3, seq);
        if (seq % 100 == 0)
            assert_int_equal(cursors_sync(cursors), 0);
        assert_true(journal_size() < CURSORS_COMPACT + 100 * 64);
    }
    assert_int_equal(cursors_begin(cursors, 1, 20001), 0);
    cursors_close(cursors);
    cursors = open_cursors();
    assert_int_equal(cursors_judge(cursors, 0, 19998), CURSORS_SHOWN);
    assert_int_equal(cursors_judge(cursors, 2, 20000), CURSORS_SHOWN);
    assert_int_equal(cursors_judge(cursors, 2, 20001), CURSORS_NEW);
    assert_int_equal(cursors_judge(cursors, 1, 20001), CURSORS_MAYBE);
    cursors_close(cursors);
}

static void test_many_conversations(void **state)
{
    struct cursors *cursors = open_cursors();

    for (uint64_t conversation = 1; conversation <= CURSORS_MAX; conversation++)
        show(cursors, conversation, 1);
    assert_int_equal(cursors_begin(cursors, CURSORS_MAX + 1, 1), -ENOBUFS);
    assert_int_equal(cursors_begin(cursors, CURSORS_MAX, 2), 0);
    assert_int_equal(cursors_sync(cursors), 0);
    cursors_close(cursors);
}

static void test_damaged_files(void **state)
{
    static const struct {
        const char *text;
        unsigned damage;
        uint64_t shown, maybe; /* of conversation 7; 0: none */
    } rows[] = {
        {"", 0, 0, 0},
        {"shown 7 5\n", 0, 5, 0},
        {"shown 7 5\nshown 7 42", 0, 5, 0},
        {"shown 7 5\nbegin 7 6\nshown 7 ", 0, 5, 6},
        {"shown 7 5\nshown 7 3\n", 0, 5, 0},
        {"shown 7 5\nbegin 7 4\n", 0, 5, 0},
        {"garbage\nshown 7 5\n\nshown  7 9\nshown 7 9 \nshown 7\nSHOWN 7 9\n", 6, 5, 0},
        {"shown 7 99999999999999999999\nshown 7 -9\nshown 7 +9\nshown 7 0x9\n", 4, 0, 0},
        {"shown 7 18446744073709551615\n", 0, UINT64_MAX, 0},
        {"shown\nbegin\nnot\nshownx\n", 4, 0, 0},
        {"begin 7 6\nnot 7 6\n", 0, 0, 0},
        {"begin 7 6\nshown 7 8\n", 0, 8, 0},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        write_journal(rows[i].text, strlen(rows[i].text));
        for (int run = 0; run < 2; run++) {
            struct cursors *cursors = open_cursors();
            assert_int_equal(cursors_damage(cursors), run == 0 ? rows[i].damage : 0);
            if (rows[i].shown > 0)
                assert_int_equal(cursors_judge(cursors, 7, rows[i].shown), CURSORS_SHOWN);
            if (rows[i].shown < UINT64_MAX)
                assert_int_not_equal(cursors_judge(cursors, 7, rows[i].shown + 1), CURSORS_SHOWN);
            if (rows[i].maybe > 0)
                assert_int_equal(cursors_judge(cursors, 7, rows[i].maybe), CURSORS_MAYBE);
            cursors_close(cursors);
        }
    }
}

static void test_blocks_that_never_reached_the_disk(void **state)
{
    static char text[20000];
    struct cursors *cursors;
    int len = snprintf(text, sizeof(text), "shown 7 5\n");

    memcpy(text + 12000, "\nshown 8 6\n", 11); /* between them zeros, as after a power cut */
    assert_true(len > 0);
    write_journal(text, 12011);
    cursors = open_cursors();
    assert_int_equal(cursors_damage(cursors), 1);
    assert_int_equal(cursors_judge(cursors, 7, 5), CURSORS_SHOWN);
    assert_int_equal(cursors_judge(cursors, 8, 6), CURSORS_SHOWN);
    assert_true(journal_size() < 100);
    cursors_close(cursors);
}

/* What a process does that may end at any call. Writes to `report` the number of each message as
 * it is shown, and '!' when all of them may be acknowledged. */
static void live(int report)
{
    struct cursors *cursors;

    if (cursors_open(folder_fd, &cursors) < 0)
        return;
    for (char seq = '1'; seq <= '6'; seq++) {
        if (cursors_begin(cursors, 1, (uint64_t)seq) == 0) {
            (void)!__real_write(report, &seq, 1);
            cursors_end(cursors, 1, (uint64_t)seq, true);
        } else {
            seq--; /* again; it fails once */
        }
        if (seq % 2 == 0 && cursors_sync(cursors) == 0)
            (void)!__real_write(report, "!", 1);
    }
    cursors_close(cursors);
}

/* Nothing that was shown is new, nothing that was not is shown, and at most one is in doubt; what
 * may have been acknowledged is in none. */
static void check_report(const char *report)
{
    struct cursors *cursors = open_cursors();
    const char *acknowledged = strrchr(report, '!');
    unsigned doubts = 0;

    assert_int_equal(cursors_damage(cursors), 0);
    for (char seq = '1'; seq <= '6'; seq++) {
        const char *shown = strchr(report, seq);
        enum cursors_verdict verdict = cursors_judge(cursors, 1, (uint64_t)seq);
        assert_int_not_equal(verdict, shown ? CURSORS_NEW : CURSORS_SHOWN);
        if (shown && shown < acknowledged)
            assert_int_equal(verdict, CURSORS_SHOWN);
        doubts += verdict == CURSORS_MAYBE;
    }
    assert_true(doubts <= 1);
    cursors_close(cursors);
}

static void fill_journal(void)
{
    static char text[CURSORS_COMPACT + 100];
    size_t len = 0;

    while (len <= CURSORS_COMPACT)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "shown 2 %zu\n", len);
    write_journal(text, len);
}

static void go_through(enum fault_kind kind, bool filled)
{
    char report[32];
    unsigned n = 0;
    bool more = true;

    while (more) {
        (void)unlinkat(folder_fd, "cursors", 0);
        if (filled)
            fill_journal();
        more = live_with(live, kind, ++n, report, sizeof(report));
        check_report(report);
    }
    assert_string_equal(report, "12!34!56!");
    assert_true(n > 15); /* it went through the calls */
}

static void test_a_crash_at_each_call(void **state)
{
    go_through(FAULT_CRASH, false);
    go_through(FAULT_CRASH, true);
}

static void test_a_crash_in_the_middle_of_each_write(void **state)
{
    go_through(FAULT_TORN, false);
    go_through(FAULT_TORN, true);
}

static void test_a_failure_of_each_call(void **state)
{
    char report[32];

    for (int filled = 0; filled < 2; filled++) {
        unsigned n = 0;
        do {
            (void)unlinkat(folder_fd, "cursors", 0);
            if (filled)
                fill_journal();
            report[0] = '\0';
            n++;
            if (!live_with(live, FAULT_ERROR, n, report, sizeof(report)))
                break;
            check_report(report);
            /* One failure stops nothing for good, unless it is the opening itself. */
            assert_true(report[0] == '\0' || strstr(report, "6!") || strstr(report, "56"));
        } while (true);
        assert_string_equal(report, "12!34!56!");
        assert_true(n > 15);
    }
}

static void test_synced_before_anything_is_acknowledged(void **state)
{
    struct cursors *cursors = open_cursors();

    arm(FAULT_NONE, 0);
    show(cursors, 1, 1);
    show(cursors, 1, 2);
    assert_int_equal(cursors_sync(cursors), 0);
    assert_int_equal(cursors_sync(cursors), 0); /* nothing new: no work for the disk */
    assert_string_equal(fault.trace, "wwwwd");
    cursors_close(cursors);
}

static struct cursors *being_synced;

static void end_meanwhile(void)
{
    fault.during_sync = NULL;
    cursors_end(being_synced, 1, 2, true);
}

/* The disk may take its time; what is shown meanwhile gets its record at once, and is not taken for
 * synced. */
static void test_who_shows_does_not_wait_for_the_disk(void **state)
{
    struct cursors *cursors = open_cursors();

    arm(FAULT_NONE, 0);
    show(cursors, 1, 1);
    assert_int_equal(cursors_begin(cursors, 1, 2), 0);
    being_synced = cursors;
    fault.during_sync = end_meanwhile;
    assert_int_equal(cursors_sync(cursors), 0);
    assert_int_equal(cursors_judge(cursors, 1, 2), CURSORS_SHOWN);
    assert_int_equal(cursors_sync(cursors), 0);
    assert_string_equal(fault.trace, "wwwwdd");
    cursors_close(cursors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_it_remembers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_begun_and_not_ended_is_in_doubt, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_did_not_reach_the_screen_is_new, setup, teardown),
        cmocka_unit_test_setup_teardown(test_it_stays_short, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_conversations, setup, teardown),
        cmocka_unit_test_setup_teardown(test_damaged_files, setup, teardown),
        cmocka_unit_test_setup_teardown(test_blocks_that_never_reached_the_disk, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_crash_at_each_call, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_crash_in_the_middle_of_each_write, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_failure_of_each_call, setup, teardown),
        cmocka_unit_test_setup_teardown(test_synced_before_anything_is_acknowledged, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_who_shows_does_not_wait_for_the_disk, setup, teardown),
    };

    return cmocka_run_group_tests_name("cursors", tests, NULL, NULL);
}
