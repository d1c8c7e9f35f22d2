/* Windows: which belongs to what, how they are found, and where to go next.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/windows.h"
#include "util/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define LOBBY_NFD "#caf\x65\xcc\x81"
#define LOBBY_NFC "#caf\xc3\xa9"

static int make(void **state)
{
    static struct windows windows;

    *state = &windows;
    return windows_init(&windows, 24, 80);
}

static int unmake(void **state)
{
    windows_deinit(*state);
    return 0;
}

static struct window *open_window(struct windows *windows, const char *name)
{
    struct window *window = windows_open(windows, bytes_of(name));

    assert_non_null(window);
    return window;
}

static void test_everyone_is_always_there(void **state)
{
    struct windows *windows = *state;

    assert_int_equal(windows_count(windows), 1);
    assert_ptr_equal(windows_current(windows), windows_everyone(windows));
    windows_close(windows, windows_everyone(windows));
    assert_int_equal(windows_count(windows), 1);
    assert_ptr_equal(open_window(windows, "*"), windows_everyone(windows));
    assert_null(windows_next(windows));
}

static void test_names_that_fold_alike_are_one(void **state)
{
    struct windows *windows = *state;
    struct window *room = open_window(windows, LOBBY_NFC);

    assert_ptr_equal(windows_find(windows, bytes_of(LOBBY_NFD)), room);
    assert_ptr_equal(windows_find(windows, bytes_of("#CAF\xc3\x89")), room);
    assert_null(windows_find(windows, bytes_of("#3")));
    room->number = 3;
    assert_ptr_equal(windows_find(windows, bytes_of("#3")), room);
    assert_null(windows_find(windows, bytes_of("#")));
    assert_null(windows_find(windows, bytes_of("\xff")));
}

static struct window *of(struct windows *windows, enum v2_verb verb, const char *conversation,
                         const char *from, const char *room)
{
    const struct v2_frame frame = {
        .verb = verb,
        .conversation = {.id = 1, .name = bytes_of(conversation)},
        .userid = bytes_of(from),
        .room = {.id = room ? 7 : 0, .name = bytes_of(room ? room : "")},
    };

    return windows_of(windows, &frame, "alice");
}

static void test_where_it_belongs(void **state)
{
    struct windows *windows = *state;
    struct window *room = open_window(windows, "#lobby"), *bob = open_window(windows, "bob");

    assert_ptr_equal(of(windows, V2_VERB_MSG, "*", "bob", NULL), windows_everyone(windows));
    assert_ptr_equal(of(windows, V2_VERB_MSG, "#lobby", "bob", NULL), room);
    assert_ptr_equal(of(windows, V2_VERB_MSG, "alice", "bob", NULL), bob);
    assert_ptr_equal(of(windows, V2_VERB_MSG, "bob", "alice", NULL), bob);
    assert_ptr_equal(of(windows, V2_VERB_WHISPER, "alice", "bob", "#lobby"), room);
    assert_ptr_equal(of(windows, V2_VERB_WHISPER, "bob", "alice", "#lobby"), room);
    assert_string_equal(of(windows, V2_VERB_MSG, "alice", "carol", NULL)->name, "carol");
}

static void test_going_about(void **state)
{
    struct windows *windows = *state;
    struct window *room = open_window(windows, "#lobby"), *bob = open_window(windows, "bob");

    assert_ptr_equal(windows_beside(windows, true), room);
    assert_ptr_equal(windows_beside(windows, false), bob);
    assert_true(windows_switch(windows, room));
    assert_false(windows_switch(windows, room));
    assert_ptr_equal(windows_next(windows), windows_everyone(windows)); /* where he was before */
    screen_raise(bob->shown, SCREEN_NOTICES);
    assert_ptr_equal(windows_next(windows), bob);
    screen_raise(windows_everyone(windows)->shown, SCREEN_MENTION);
    assert_ptr_equal(windows_next(windows), windows_everyone(windows));
    windows_close(windows, room);
    assert_ptr_equal(windows_current(windows), windows_everyone(windows));
    assert_null(windows_by_id(windows, 2));
}

static void test_too_many_dialogues_make_way(void **state)
{
    struct windows *windows = *state;
    struct window *room = open_window(windows, "#lobby");
    char name[16];

    for (int i = 0; i < WINDOWS_MAX; i++) {
        snprintf(name, sizeof(name), "user%d", i);
        (void)open_window(windows, name);
        (void)open_window(windows, "user0"); /* is used all the time */
    }
    assert_int_equal(windows_count(windows), WINDOWS_MAX);
    assert_null(windows_find(windows, bytes_of("user1")));
    assert_non_null(windows_find(windows, bytes_of("user0")));
    assert_ptr_equal(windows_find(windows, bytes_of("#lobby")), room);
}

static void test_what_is_learnt_of_a_room(void **state)
{
    struct window *room = open_window(*state, "#lobby");
    struct v2_frame frame = {.verb = V2_VERB_ROOM,
                             .number = 4,
                             .access = V2_ACCESS_CLOSED,
                             .standing = V2_STANDING_OPERATOR,
                             .topic = bytes_of("tea")};
    const struct screen_member member = {.userid = bytes_of("bob"), .name = bytes_of("Bobby")};
    struct screen_member found;

    assert_false(room->joined);
    assert_int_equal(window_learn(room, &frame), 0);
    assert_true(room->joined && room->operates && room->closed);
    assert_string_equal(room->topic, "tea");
    frame.standing = V2_STANDING_INVITED;
    frame.topic = (struct bytes){"", 0};
    assert_int_equal(window_learn(room, &frame), 0);
    assert_false(room->joined || room->operates);
    assert_string_equal(room->topic, "");
    assert_int_equal(screen_member_set(room->shown, &member), 0);
    assert_true(window_find_member(room, bytes_of("bob"), &found));
    assert_true(window_find_member(room, bytes_of("BOBBY"), &found));
    assert_true(bytes_is(found.userid, "bob"));
    assert_false(window_find_member(room, bytes_of("bobb"), &found));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_everyone_is_always_there, make, unmake),
        cmocka_unit_test_setup_teardown(test_names_that_fold_alike_are_one, make, unmake),
        cmocka_unit_test_setup_teardown(test_where_it_belongs, make, unmake),
        cmocka_unit_test_setup_teardown(test_going_about, make, unmake),
        cmocka_unit_test_setup_teardown(test_too_many_dialogues_make_way, make, unmake),
        cmocka_unit_test_setup_teardown(test_what_is_learnt_of_a_room, make, unmake),
    };

    hash_setup();
    return cmocka_run_group_tests_name("windows", tests, NULL, NULL);
}
