/* What the model of the screen shows, row by row, without a terminal.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "screen/internal.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define NOON 43200000ULL /* of the first day, in ms */
#define DAY  86400000ULL

struct fixture {
    struct screen *screen;
    struct screen_window *window;
    struct frame frame;
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    fixture->screen = screen_new(10, 40, NULL);
    assert_non_null(fixture->screen);
    assert_int_equal(
        screen_window_new(fixture->screen, bytes_of("#room"), fixture, &fixture->window), 0);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    screen_free(fixture->screen);
    frame_deinit(&fixture->frame);
    free(fixture);
    return 0;
}

static int add(struct screen_window *window, enum screen_kind kind, uint64_t time_ms, uint64_t tag,
               const char *text)
{
    const struct screen_line line = {.kind = kind,
                                     .time_ms = time_ms,
                                     .tag = tag,
                                     .name = bytes_of("Al"),
                                     .userid = bytes_of("alice"),
                                     .text = bytes_of(text)};

    return screen_add(window, &line);
}

static void say(struct fixture *fixture, uint64_t time_ms, const char *text)
{
    assert_int_equal(add(fixture->window, SCREEN_MESSAGE, time_ms, 0, text), 1);
}

/* Says "1" to "count", a second apart. */
static void say_many(struct fixture *fixture, unsigned count)
{
    for (unsigned i = 1; i <= count; i++) {
        char text[16];

        snprintf(text, sizeof(text), "%u", i);
        say(fixture, NOON + i * 1000, text);
    }
}

/* The text of a row without the blanks at its end; valid until the next call. */
static const char *row_text(const struct frame *frame, unsigned row)
{
    static char text[4 * SCREEN_SIDE_MAX];
    size_t len = 0;

    for (unsigned i = 0; i < frame->columns; i++) {
        const struct cell *cell = &frame_row(frame, row)[i];

        memcpy(text + len, cell->text, cell->len);
        len += cell->len;
    }
    while (len > 0 && text[len - 1] == ' ')
        len--;
    text[len] = '\0';
    return text;
}

static void draw(struct fixture *fixture)
{
    assert_int_equal(screen_draw(fixture->screen, &fixture->frame), 0);
}

/* Checks the rows of lines (from the second on, above status and input). */
static void check_lines(struct fixture *fixture, const char *const expected[])
{
    draw(fixture);
    for (unsigned row = 1; row + 2 < fixture->frame.rows; row++)
        assert_string_equal(row_text(&fixture->frame, row), expected[row - 1]);
}

static void test_lines_stand_above_the_input(void **state)
{
    struct fixture *fixture = *state;

    say(fixture, NOON, "hello");
    say(fixture, NOON + 60000, "a line that is longer than the window is wide");
    check_lines(fixture,
                (const char *const[]){"", "", "", "-- Thursday, 1970-01-01 ---------------",
                                      "12:00 <Al> hello", "12:01 <Al> a line that is longer than",
                                      "           the window is wide"});
}

static void test_kinds(void **state)
{
    struct fixture *fixture = *state;
    static const enum screen_kind kinds[] = {SCREEN_OWN,    SCREEN_WHISPER,      SCREEN_OWN_WHISPER,
                                             SCREEN_NOTICE, SCREEN_ANNOUNCEMENT, SCREEN_INFO,
                                             SCREEN_ERROR};

    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
        assert_int_equal(add(fixture->window, kinds[i], NOON, 0, "x"), 1);
    check_lines(fixture,
                (const char *const[]){"12:00 <Al> x", "12:00 [Al whispers] x", "12:00 [to Al] x",
                                      "12:00 -- x", "12:00 *** x", "-- x", "!! x"});
}

static void test_lines_are_in_order_of_time_and_once(void **state)
{
    struct fixture *fixture = *state;
    struct screen_window *window = fixture->window;

    assert_int_equal(add(window, SCREEN_MESSAGE, NOON + 2000, 12, "c"), 1);
    assert_int_equal(add(window, SCREEN_INFO, 0, 0, "info"), 1);
    assert_int_equal(add(window, SCREEN_MESSAGE, NOON, 10, "a"), 1);
    assert_int_equal(add(window, SCREEN_MESSAGE, NOON + 1000, 11, "b"), 1);
    assert_int_equal(add(window, SCREEN_MESSAGE, NOON + 1000, 11, "b"), 0);
    assert_int_equal(add(window, SCREEN_MESSAGE, NOON + 3000, 13, "d"), 1);
    assert_int_equal(add(window, SCREEN_MESSAGE, NOON + 2000, 14, "c2"), 1);
    check_lines(fixture, (const char *const[]){"-- Thursday, 1970-01-01 ---------------",
                                               "12:00 <Al> a", "12:00 <Al> b", "12:00 <Al> c",
                                               "-- info", "12:00 <Al> c2", "12:00 <Al> d"});
    assert_int_equal(screen_newest_ms(window), NOON + 3000);
    assert_true(screen_has(window, 11));
    screen_drop(window, 11);
    assert_false(screen_has(window, 11));
    assert_int_equal(screen_line_count(window), 5);
}

static void test_what_waits_is_stored(void **state)
{
    struct fixture *fixture = *state;
    struct screen_window *window = fixture->window;

    say(fixture, NOON, "a");
    assert_int_equal(add(window, SCREEN_WAITING, NOON - 5000, 1, "mine"), 1);
    say(fixture, NOON + 1000, "b");
    draw(fixture);
    assert_string_equal(row_text(&fixture->frame, 6), "11:59 <Al> mine");
    assert_int_equal(screen_change(window, 1, SCREEN_OWN, NOON + 2000), 0);
    assert_int_equal(screen_change(window, 2, SCREEN_OWN, NOON + 2000), -ENOENT);
    draw(fixture);
    assert_string_equal(row_text(&fixture->frame, 7), "12:00 <Al> mine");
    assert_int_equal(screen_retag(window, 1, 7), 0);
    assert_int_equal(screen_retag(window, 1, 8), -ENOENT);
    assert_int_equal(screen_retag(window, 7, 7), -EEXIST);
    assert_int_equal(add(window, SCREEN_OWN, NOON + 2000, 7, "mine"), 0);
}

/* Lines that wait stay in the order in which they were written, whichever of them is stored. */
static void test_what_waits_stays_in_order(void **state)
{
    struct fixture *fixture = *state;
    struct screen_window *window = fixture->window;
    static const char *const texts[] = {"w1", "w2", "w3"};

    say(fixture, NOON, "before");
    for (uint64_t i = 0; i < ARRAY_SIZE(texts); i++)
        assert_int_equal(add(window, SCREEN_WAITING, NOON, 1 + i, texts[i]), 1);
    assert_int_equal(screen_change(window, 1, SCREEN_OWN, NOON + 1000), 0);
    say(fixture, NOON + 1500, "between");
    assert_int_equal(screen_change(window, 2, SCREEN_OWN, NOON + 1200), 0);
    check_lines(fixture,
                (const char *const[]){"", "-- Thursday, 1970-01-01 ---------------",
                                      "12:00 <Al> before", "12:00 <Al> w1", "12:00 <Al> w2",
                                      "12:00 <Al> w3", "12:00 <Al> between"});
    assert_int_equal(screen_change(window, 3, SCREEN_OWN, NOON + 2000), 0);
    draw(fixture);
    assert_string_equal(row_text(&fixture->frame, 6), "12:00 <Al> between");
    assert_string_equal(row_text(&fixture->frame, 7), "12:00 <Al> w3");
}

/* What is scrolled to stays in sight while what waits is stored, also at its lower end. */
static void test_storing_moves_no_view(void **state)
{
    struct fixture *fixture = *state;
    struct screen *screen = fixture->screen;

    say_many(fixture, 20);
    for (uint64_t i = 1; i <= 30; i++)
        assert_int_equal(add(fixture->window, SCREEN_WAITING, NOON, i, "waits"), 1);
    for (int rows = 10; rows < 45; rows += 5) {
        char before[256];

        for (uint64_t i = 1; i <= 30; i++)
            assert_int_equal(screen_change(fixture->window, i, SCREEN_WAITING, 0), 0);
        screen_scroll_end(screen);
        screen_scroll(screen, -rows);
        draw(fixture);
        snprintf(before, sizeof(before), "%s", row_text(&fixture->frame, 3));
        for (uint64_t i = 1; i <= 30; i++)
            assert_int_equal(screen_change(fixture->window, i, SCREEN_OWN,
                                           NOON + 30000 + (unsigned)rows * 100 + i),
                             0);
        draw(fixture);
        assert_string_equal(row_text(&fixture->frame, 3), before);
    }
}

static void test_dates(void **state)
{
    struct fixture *fixture = *state;

    say(fixture, NOON, "one");
    say(fixture, NOON + DAY, "two");
    say(fixture, UINT64_MAX, "nonsense");
    draw(fixture);
    assert_string_equal(row_text(&fixture->frame, 2), "-- Thursday, 1970-01-01 ---------------");
    assert_string_equal(row_text(&fixture->frame, 4), "-- Friday, 1970-01-02 -----------------");
}

static void test_the_unread_line(void **state)
{
    struct fixture *fixture = *state;

    say_many(fixture, 3);
    assert_int_equal(add(fixture->window, SCREEN_OWN, NOON + 2500, 0, "mine"), 1);
    screen_set_read(fixture->window, NOON + 2000);
    check_lines(fixture,
                (const char *const[]){"", "-- Thursday, 1970-01-01 ---------------", "12:00 <Al> 1",
                                      "12:00 <Al> 2", "12:00 <Al> mine",
                                      "-- unread -----------------------------", "12:00 <Al> 3"});
}

static void test_scrolling(void **state)
{
    struct fixture *fixture = *state;
    struct screen *screen = fixture->screen;

    say_many(fixture, 50);
    draw(fixture);
    assert_string_equal(row_text(&fixture->frame, 7), "12:00 <Al> 50");
    assert_true(screen_at_end(screen));
    assert_false(screen_at_top(screen));
    screen_scroll_pages(screen, -1);
    assert_false(screen_at_end(screen));
    draw(fixture);
    assert_string_equal(row_text(&fixture->frame, 7), "12:00 <Al> 45");
    say(fixture, NOON + DAY, "new");
    say(fixture, NOON - 1000, "old"); /* an older page comes in above */
    draw(fixture);
    assert_string_equal(row_text(&fixture->frame, 7), "12:00 <Al> 45");
    screen_scroll(screen, -1000000);
    assert_true(screen_at_top(screen));
    draw(fixture);
    assert_string_equal(row_text(&fixture->frame, 1), "-- Thursday, 1970-01-01 ---------------");
    assert_string_equal(row_text(&fixture->frame, 2), "11:59 <Al> old");
    assert_string_equal(row_text(&fixture->frame, 7), "12:00 <Al> 5");
    screen_scroll(screen, 1);
    assert_false(screen_at_top(screen));
    screen_scroll_top(screen);
    assert_true(screen_at_top(screen));
    screen_scroll(screen, 1000000);
    assert_true(screen_at_end(screen));
    draw(fixture);
    assert_string_equal(row_text(&fixture->frame, 7), "12:00 <Al> new");
}

/* Up and down again by every number of rows leads back, also over long lines and other widths. */
static void test_scrolling_is_undone(void **state)
{
    struct fixture *fixture = *state;
    struct screen *screen = fixture->screen;
    char before[256], text[128];

    for (unsigned i = 0; i < 60; i++) {
        memset(text, 'x', sizeof(text));
        snprintf(text + i, sizeof(text) - i, " end of %u", i);
        say(fixture, NOON + i * DAY / 4, text);
    }
    screen_scroll(screen, -40);
    for (int rows = 1; rows < 60; rows++) {
        draw(fixture);
        snprintf(before, sizeof(before), "%s", row_text(&fixture->frame, 7));
        screen_scroll(screen, -rows);
        assert_false(screen_at_top(screen));
        screen_scroll(screen, rows);
        draw(fixture);
        assert_string_equal(row_text(&fixture->frame, 7), before);
    }
    for (unsigned columns = 1; columns < 100; columns += 7) {
        screen_resize(screen, 10, columns);
        draw(fixture);
        screen_scroll(screen, -3);
        screen_scroll(screen, 3);
    }
}

static void test_few_lines_do_not_scroll(void **state)
{
    struct fixture *fixture = *state;

    screen_scroll(fixture->screen, -1);
    assert_true(screen_at_top(fixture->screen));
    say_many(fixture, 3);
    screen_scroll(fixture->screen, -1);
    screen_scroll_top(fixture->screen);
    assert_true(screen_at_end(fixture->screen));
    assert_true(screen_at_top(fixture->screen));
}

static void test_search(void **state)
{
    struct fixture *fixture = *state;
    struct screen *screen = fixture->screen;

    say_many(fixture, 30);
    say(fixture, NOON + 60000, "Ｓome THING");
    say_many(fixture, 30);
    assert_int_equal(screen_search(screen, bytes_of("nowhere"), false), 0);
    assert_true(screen_at_end(screen));
    assert_int_equal(screen_search(screen, bytes_of("some thing"), false), 1);
    assert_int_equal(screen_search(screen, bytes_of("15"), false), 1);
    assert_int_equal(screen_search(screen, bytes_of("15"), true), 1);
    assert_int_equal(screen_search(screen, bytes_of("15"), true), 0);
    draw(fixture);
    assert_string_equal(row_text(&fixture->frame, 7), "12:00 <Al> 16");
    assert_int_equal(screen_search(screen, bytes_of("\xff"), false), -EILSEQ);
    screen_clear(fixture->window);
    assert_int_equal(screen_search(screen, bytes_of("15"), true), 0);
}

static void test_limits_of_a_window(void **state)
{
    const struct screen_limits limits = {.window_lines = 5};
    struct screen *screen = screen_new(10, 40, &limits);
    struct screen_window *window;

    assert_int_equal(screen_window_new(screen, bytes_of("w"), NULL, &window), 0);
    for (uint64_t i = 1; i <= 100; i++)
        assert_int_equal(add(window, SCREEN_MESSAGE, i * 1000, i, "x"), 1);
    assert_int_equal(screen_line_count(window), 5);
    assert_true(screen_full(window));
    assert_false(screen_has(window, 95));
    assert_true(screen_has(window, 96));
    assert_int_equal(add(window, SCREEN_MESSAGE, 500, 1, "older"), 0);
    assert_int_equal(add(window, SCREEN_MESSAGE, 97500, 0, "between"), 1);
    assert_false(screen_has(window, 96));
    screen_free(screen);
}

static void test_limits_of_all_windows(void **state)
{
    const struct screen_limits limits = {.lines = 100, .bytes = 1000};
    struct screen *screen = screen_new(10, 40, &limits);
    struct screen_window *one, *two;
    static char large[900];

    memset(large, 'x', sizeof(large) - 1);
    assert_int_equal(screen_window_new(screen, bytes_of("1"), NULL, &one), 0);
    assert_int_equal(screen_window_new(screen, bytes_of("2"), NULL, &two), 0);
    for (uint64_t i = 1; i <= 100; i++)
        assert_int_equal(add(one, SCREEN_MESSAGE, i * 1000, i, "x"), 1);
    for (uint64_t i = 1; i <= 30; i++)
        assert_int_equal(add(two, SCREEN_MESSAGE, i * 1000, i, "x"), 1);
    assert_int_equal(screen_line_count(one), 70);
    assert_int_equal(screen_line_count(two), 30);
    assert_int_equal(add(two, SCREEN_MESSAGE, 50000, 0, large), 1);
    assert_true(screen_line_count(one) + screen_line_count(two) < 40);
    assert_int_equal(add(two, SCREEN_MESSAGE, 60000, 61, large), 1);
    assert_true(screen_has(two, 61));
    screen_free(screen);
}

/* A hundred thousand lines come in, and what is kept is within the limits. */
static void test_many_lines(void **state)
{
    struct screen *screen = screen_new(60, 200, NULL);
    struct screen_window *window[10];
    struct frame frame = {0};
    size_t total = 0;

    for (size_t i = 0; i < ARRAY_SIZE(window); i++)
        assert_int_equal(screen_window_new(screen, bytes_of("w"), NULL, &window[i]), 0);
    for (uint64_t i = 1; i <= 100000; i++)
        assert_int_equal(add(window[i % 10], SCREEN_MESSAGE, i, i, "said before"), 1);
    for (size_t i = 0; i < ARRAY_SIZE(window); i++)
        total += screen_line_count(window[i]);
    assert_int_equal(total, 50000);
    assert_int_equal(screen_draw(screen, &frame), 0);
    frame_deinit(&frame);
    screen_free(screen);
}

static void test_windows_and_activity(void **state)
{
    struct fixture *fixture = *state;
    struct screen *screen = fixture->screen;
    struct screen_window *bob, *two;

    assert_int_equal(screen_window_new(screen, bytes_of("bob"), NULL, &bob), 0);
    assert_int_equal(screen_window_new(screen, bytes_of("#two"), NULL, &two), 0);
    assert_ptr_equal(screen_shown(screen), fixture->window);
    assert_ptr_equal(screen_window_userdata(fixture->window), fixture);
    assert_null(screen_next_activity(screen));
    screen_raise(fixture->window, SCREEN_MENTION);
    assert_null(screen_next_activity(screen));
    screen_raise(two, SCREEN_MESSAGES);
    screen_raise(bob, SCREEN_MESSAGES);
    assert_ptr_equal(screen_next_activity(screen), two);
    screen_raise(bob, SCREEN_MENTION);
    screen_raise(bob, SCREEN_NOTICES);
    assert_int_equal(screen_activity(bob), SCREEN_MENTION);
    assert_ptr_equal(screen_next_activity(screen), bob);
    screen_resize(screen, 10, 80);
    draw(fixture);
    assert_string_equal(row_text(&fixture->frame, 8), " [1:#room] [Act: 2:bob,3:#two]");
    screen_show(bob);
    assert_ptr_equal(screen_next_activity(screen), two);
    assert_int_equal(screen_window_number(two), 3);
    screen_window_free(bob);
    assert_ptr_equal(screen_shown(screen), fixture->window);
    assert_int_equal(screen_window_number(two), 2);
    assert_null(screen_window_at(screen, 3));
    assert_null(screen_window_at(screen, 0));
    screen_show(two);
    screen_window_free(fixture->window);
    assert_ptr_equal(screen_shown(screen), two);
    screen_window_free(two);
    assert_null(screen_shown(screen));
    draw(fixture);
}

static void set_member(struct fixture *fixture, const char *userid, const char *name, bool operator,
                       bool present)
{
    const struct screen_member member = {bytes_of(userid), bytes_of(name), operator, present };

    assert_int_equal(screen_member_set(fixture->window, &member), 0);
}

static void test_members(void **state)
{
    struct fixture *fixture = *state;
    struct screen_member member;
    static const char *const expected[] = {" 2 of 4 here", "@한국", " alice", " Bob", " zed"};

    set_member(fixture, "bob", "Bob", false, false);
    set_member(fixture, "zed", "zed", false, false);
    set_member(fixture, "alice", "Alice", false, true);
    set_member(fixture, "op", "한국", true, true);
    set_member(fixture, "alice", "alice", false, true);
    assert_int_equal(screen_member_count(fixture->window), 4);
    assert_true(screen_member_at(fixture->window, 0, &member));
    assert_true(bytes_is(member.userid, "op") && member.is_operator);
    assert_false(screen_member_at(fixture->window, 4, &member));
    assert_true(screen_member_find(fixture->window, bytes_of("bob"), &member));
    assert_true(bytes_is(member.name, "Bob") && !member.present);
    screen_resize(fixture->screen, 10, 80);
    draw(fixture);
    for (unsigned i = 0; i < ARRAY_SIZE(expected); i++)
        assert_string_equal(strchr(row_text(&fixture->frame, 1 + i), '|') + 1, expected[i]);
    screen_resize(fixture->screen, 7, 80);
    draw(fixture);
    assert_string_equal(strchr(row_text(&fixture->frame, 4), '|') + 1, " +2 more");
    screen_scroll_members(fixture->screen, 10);
    draw(fixture);
    assert_string_equal(strchr(row_text(&fixture->frame, 4), '|') + 1, " zed");
    screen_scroll_members(fixture->screen, -10);
    screen_member_remove(fixture->window, bytes_of("op"));
    screen_member_remove(fixture->window, bytes_of("nobody"));
    draw(fixture);
    assert_string_equal(strchr(row_text(&fixture->frame, 2), '|') + 1, " alice");
    screen_show_members(fixture->screen, false);
    draw(fixture);
    assert_null(strchr(row_text(&fixture->frame, 2), '|'));
    screen_members_clear(fixture->window);
    assert_int_equal(screen_member_count(fixture->window), 0);
}

static void check_cursor(struct fixture *fixture, const char *text, size_t cursor, unsigned row,
                         unsigned column)
{
    assert_int_equal(screen_set_input(fixture->screen, bytes_of("> "), bytes_of(text), cursor), 0);
    draw(fixture);
    assert_int_equal(fixture->frame.cursor_row, row);
    assert_int_equal(fixture->frame.cursor_column, column);
}

static void test_the_line_being_typed(void **state)
{
    struct fixture *fixture = *state;
    char text[400];

    check_cursor(fixture, "", 0, 9, 2);
    check_cursor(fixture, "abc", 3, 9, 5);
    check_cursor(fixture, "abc", 1, 9, 3);
    check_cursor(fixture, "한국", 3, 9, 4);
    check_cursor(fixture, "\x1b[", 1, 9, 4); /* ^[ takes two columns */
    check_cursor(fixture, "e\u0301x", 3, 9, 3);
    memset(text, 'x', sizeof(text));
    text[37] = '\0'; /* the last column of the terminal stays empty */
    check_cursor(fixture, text, 37, 9, 0);
    assert_string_equal(row_text(&fixture->frame, 8), "> xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
    text[37] = 'x';
    text[399] = '\0';
    check_cursor(fixture, text, 399, 9, 11);
    check_cursor(fixture, text, 0, 7, 2);
    check_cursor(fixture, text, 150, 9, 35);
}

static void test_status_hint_and_topic(void **state)
{
    struct fixture *fixture = *state;
    const struct screen_status status = {bytes_of("alice"), bytes_of("push"), 3};

    screen_resize(fixture->screen, 10, 80);
    assert_int_equal(screen_set_status(fixture->screen, &status), 0);
    assert_int_equal(screen_set_hint(fixture->screen, bytes_of("send 3 lines? (y/n)")), 0);
    assert_int_equal(screen_window_set_topic(fixture->window, bytes_of("about\nit")), 0);
    draw(fixture);
    assert_string_equal(row_text(&fixture->frame, 0), " #room  about^Jit");
    assert_string_equal(row_text(&fixture->frame, 7), "send 3 lines? (y/n)");
    assert_string_equal(row_text(&fixture->frame, 8), " [alice] [1:#room] [push] [3 waiting]");
}

/* Whatever the size, everything is drawn inside, and the cursor is on the screen. */
static void test_every_size(void **state)
{
    struct fixture *fixture = *state;

    say_many(fixture, 30);
    say(fixture, NOON + DAY, "한국어 😀 \x1b[2J e\u0301 and more of it");
    set_member(fixture, "alice", "Alice", true, true);
    assert_int_equal(screen_set_hint(fixture->screen, bytes_of("hint")), 0);
    check_cursor(fixture, "typed 한국", 6, 9, 8);
    for (unsigned rows = 0; rows < 30; rows++) {
        for (unsigned columns = 0; columns < 90; columns++) {
            screen_resize(fixture->screen, rows, columns);
            draw(fixture);
            assert_in_range(fixture->frame.cursor_row, 0, rows ? rows - 1 : 0);
            assert_in_range(fixture->frame.cursor_column, 0, columns ? columns - 1 : 0);
        }
    }
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_lines_stand_above_the_input),
        CASE(test_kinds),
        CASE(test_lines_are_in_order_of_time_and_once),
        CASE(test_what_waits_is_stored),
        CASE(test_what_waits_stays_in_order),
        CASE(test_storing_moves_no_view),
        CASE(test_dates),
        CASE(test_the_unread_line),
        CASE(test_scrolling),
        CASE(test_scrolling_is_undone),
        CASE(test_few_lines_do_not_scroll),
        CASE(test_search),
        CASE(test_windows_and_activity),
        CASE(test_members),
        CASE(test_the_line_being_typed),
        CASE(test_status_hint_and_topic),
        CASE(test_every_size),
        cmocka_unit_test(test_limits_of_a_window),
        cmocka_unit_test(test_limits_of_all_windows),
        cmocka_unit_test(test_many_lines),
    };

    setenv("TZ", "UTC", 1);
    tzset();
    hash_setup();
    return cmocka_run_group_tests_name("screen", tests, NULL, NULL);
}
