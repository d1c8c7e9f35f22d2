/* Devices of version 2: found, made, replaced, and where they begin.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "fixture.h"

#include "bll/internal.h"

#include "util/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct account *account_of(struct fixture *fixture, const char *userid)
{
    struct account *account;

    assert_int_equal(account_get(fixture->bll, bytes_of(userid), &account), 0);
    WAIT_FOR(fixture, account->state != ACCOUNT_LOADING);
    return account;
}

struct found {
    bool done;
    struct device *device;
    enum proto_error error;
};

static void note_found(void *userdata, struct device *device, enum proto_error error)
{
    *(struct found *)userdata = (struct found){true, device, error};
}

static struct found find(struct fixture *fixture, const char *userid, const char *name)
{
    struct found found = {0};

    device_find(fixture->bll, account_of(fixture, userid), bytes_of(name), note_found, &found);
    WAIT_FOR(fixture, found.done);
    return found;
}

static struct device *find_device(struct fixture *fixture, const char *userid, const char *name)
{
    struct found found = find(fixture, userid, name);

    assert_non_null(found.device);
    assert_string_equal(found.device->name, name);
    return found.device;
}

static uint64_t inbox_cursor(const struct device *device)
{
    const struct account *account = device->account;

    return device->cursors[account_subscription(account, account->inbox)].acked;
}

static void a_device_is_made_once(void **state)
{
    struct fixture *fixture = *state;
    struct found first = {0}, second = {0}, other = {0};
    struct account *bob = account_of(fixture, "bob");

    device_find(fixture->bll, bob, bytes_of("laptop"), note_found, &first);
    device_find(fixture->bll, bob, bytes_of("laptop"), note_found, &second);
    device_find(fixture->bll, bob, bytes_of("phone"), note_found, &other);
    assert_false(first.done);
    WAIT_FOR(fixture, first.done && second.done && other.done);
    assert_non_null(first.device);
    assert_ptr_equal(first.device, second.device);
    assert_ptr_not_equal(first.device, other.device);
    assert_ptr_equal(device_by_id(bob, first.device->id), first.device);
    assert_ptr_equal(find_device(fixture, "bob", "laptop"), first.device);
    assert_null(device_by_id(bob, 0));
    assert_null(device_by_id(bob, 4711));
}

static void a_restart_finds_it_again(void **state)
{
    struct fixture *fixture = *state;
    struct device *device = find_device(fixture, "bob", "laptop");
    uint64_t id = device->id;

    assert_string_equal(send_text(fixture, "alice", "bob", "one"), "ack");
    cursor_advance(fixture->bll, device, 0, device->cursors[0].acked);
    cursor_advance(fixture->bll, device,
                   (unsigned)account_subscription(device->account, device->account->inbox), 1);
    fixture_restart(fixture, true);
    device = find_device(fixture, "bob", "laptop");
    assert_int_equal(device->id, id);
    assert_int_equal(inbox_cursor(device), 1);
}

static void the_first_begins_with_the_membership_a_further_one_at_the_furthest(void **state)
{
    struct fixture *fixture = *state;
    struct device *device;

    assert_string_equal(send_text(fixture, "alice", "bob", "one"), "ack");
    assert_string_equal(send_text(fixture, "alice", "bob", "two"), "ack");
    device = find_device(fixture, "bob", "laptop");
    assert_int_equal(inbox_cursor(device), 0);
    cursor_advance(fixture->bll, device,
                   (unsigned)account_subscription(device->account, device->account->inbox), 2);
    assert_int_equal(inbox_cursor(find_device(fixture, "bob", "phone")), 2);
    /* One of version 1 shows nothing again either. */
    present(fixture, "bob", 10002);
    expect_no_push(fixture);
}

static void a_device_of_version_2_begins_where_one_of_version_1_is(void **state)
{
    struct fixture *fixture = *state;

    present(fixture, "bob", 10002);
    assert_string_equal(send_text(fixture, "alice", "bob", "one"), "ack");
    expect_delivery(fixture, 10002, "one");
    assert_int_equal(inbox_cursor(find_device(fixture, "bob", "laptop")), 1);
    present(fixture, "bob", 10003); /* is no place for a poll of version 1 */
    assert_int_equal(account_of(fixture, "bob")->device_count, 3);
}

/* Four are allowed. */
static void fill(struct fixture *fixture)
{
    static const char *const names[] = {"a", "b", "c", "d"};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        (void)find_device(fixture, "bob", names[i]);
        fixture->now_us += USEC_PER_SEC;
    }
    fixture->now_us += 11 * USEC_PER_SEC;
}

static void the_longest_absent_gives_way(void **state)
{
    struct fixture *fixture = *state;
    struct account *bob = account_of(fixture, "bob");
    uint64_t b, id;

    fill(fixture);
    (void)find_device(fixture, "bob", "a");
    b = find_device(fixture, "bob", "b")->id;
    fixture->now_us += USEC_PER_SEC;
    id = find_device(fixture, "bob", "c")->id;
    (void)find_device(fixture, "bob", "a");
    fixture->now_us += USEC_PER_SEC;
    (void)find_device(fixture, "bob", "e"); /* instead of d */
    assert_int_equal(bob->device_count, 4);
    (void)find_device(fixture, "bob", "f"); /* instead of b */
    assert_int_equal(bob->device_count, 4);
    assert_null(device_by_id(bob, b));
    assert_int_equal(find_device(fixture, "bob", "c")->id, id);
    fixture_restart(fixture, true);
    assert_int_equal(find_device(fixture, "bob", "c")->id, id);
    assert_int_equal(account_of(fixture, "bob")->device_count, 4);
}

static void two_at_once_do_not_take_the_same_place(void **state)
{
    struct fixture *fixture = *state;
    struct account *bob = account_of(fixture, "bob");
    struct found e = {0}, f = {0};

    fill(fixture);
    device_find(fixture->bll, bob, bytes_of("e"), note_found, &e);
    device_find(fixture->bll, bob, bytes_of("f"), note_found, &f);
    WAIT_FOR(fixture, e.done && f.done);
    assert_non_null(e.device);
    assert_non_null(f.device);
    assert_int_equal(bob->device_count, 4);
}

static void the_places_of_version_1_are_free_when_nobody_polls_there(void **state)
{
    struct fixture *fixture = *state;

    for (unsigned port = 10001; port <= 10004; port++)
        present(fixture, "bob", port);
    assert_int_equal(find(fixture, "bob", "laptop").error, PROTO_ERROR_BUSY);
    fixture->now_us += 11 * USEC_PER_SEC;
    bll_tick(fixture->bll);
    (void)find_device(fixture, "bob", "laptop");
    assert_int_equal(account_of(fixture, "bob")->device_count, 4);
    present(fixture, "bob", 10004);
}

/* Storage knows by the millisecond when devices were seen. */
static void let_a_millisecond_pass(void)
{
    uint64_t now = clock_real_ms();

    while (clock_real_ms() == now)
        continue;
}

/* When a device was there for last is remembered over a restart. */
static void who_polled_later_gives_way_later(void **state)
{
    struct fixture *fixture = *state;
    struct line *line = line_open(fixture, "127.0.0.1:1", false);
    struct welcomed session = line_hello(line, "bob", "a");
    uint64_t id = find_device(fixture, "bob", "a")->id;

    fill(fixture);
    let_a_millisecond_pass();
    (void)poll_signed(fixture, &session, "127.0.0.1:1", 0);
    fixture->now_us += 11 * USEC_PER_SEC;
    bll_tick(fixture->bll);
    fixture_restart(fixture, true);
    (void)account_of(fixture, "bob");
    fixture->now_us += 11 * USEC_PER_SEC;
    for (int i = 0; i < 3; i++) {
        static const char *const names[] = {"e", "f", "g"};
        (void)find_device(fixture, "bob", names[i]);
        fixture->now_us += USEC_PER_SEC;
    }
    assert_non_null(device_by_id(account_of(fixture, "bob"), id));
    (void)find_device(fixture, "bob", "h");
    assert_null(device_by_id(account_of(fixture, "bob"), id));
}

/* Those who were here before the start have had no time to come back. */
static void nobody_gives_way_right_after_a_start(void **state)
{
    struct fixture *fixture = *state;

    fill(fixture);
    fixture_restart(fixture, true);
    assert_int_equal(find(fixture, "bob", "e").error, PROTO_ERROR_BUSY);
    fixture->now_us += 11 * USEC_PER_SEC;
    (void)find_device(fixture, "bob", "e");
}

static void forget_device(struct fixture *fixture, const char *userid, uint64_t device)
{
    bool done = false;

    assert_int_equal(dal_device_delete(account_of(fixture, userid)->id, device, note_done, &done),
                     0);
    WAIT_FOR(fixture, done);
    bll_account_changed(fixture->bll, bytes_of(userid));
    settle(fixture);
}

static void a_device_deleted_in_storage_is_gone(void **state)
{
    struct fixture *fixture = *state;
    uint64_t laptop = find_device(fixture, "bob", "laptop")->id;
    uint64_t phone = find_device(fixture, "bob", "phone")->id;
    struct account *bob = account_of(fixture, "bob");

    forget_device(fixture, "bob", laptop);
    assert_null(device_by_id(bob, laptop));
    assert_non_null(device_by_id(bob, phone));
    assert_true(find_device(fixture, "bob", "laptop")->id > phone);
    settle(fixture);
    assert_int_equal(bob->device_count, 2);
}

/* What is loaded may be from before the device was made. */
static void a_device_made_while_its_account_is_loaded_stays(void **state)
{
    struct fixture *fixture = *state;
    struct account *bob = account_of(fixture, "bob");

    for (int i = 0; i < 20; i++) {
        struct found found = {0};
        char name[16];
        snprintf(name, sizeof(name), "d%d", i % 4);
        device_find(fixture->bll, bob, bytes_of(name), note_found, &found);
        bll_account_changed(fixture->bll, bytes_of("bob"));
        WAIT_FOR(fixture, found.done && bob->state == ACCOUNT_READY);
        assert_non_null(found.device);
        assert_ptr_equal(device_by_id(bob, found.device->id), found.device);
        settle(fixture);
        assert_int_equal(bob->device_count, i < 3 ? i + 1 : 4);
        if (i >= 3)
            forget_device(fixture, "bob", find_device(fixture, "bob", i % 2 ? "d0" : "d1")->id);
        if (i >= 3)
            (void)find_device(fixture, "bob", i % 2 ? "d0" : "d1");
    }
}

static void delete_user(struct fixture *fixture, const char *userid)
{
    bool done = false;

    assert_int_equal(dal_user_delete(bytes_of(userid), note_done, &done), 0);
    WAIT_FOR(fixture, done);
    bll_account_changed(fixture->bll, bytes_of(userid));
}

static void who_is_deleted_meanwhile_has_no_device(void **state)
{
    struct fixture *fixture = *state;
    struct account *bob = account_of(fixture, "bob");
    struct found found = {0};

    account_pin(bob);
    delete_user(fixture, "bob");
    device_find(fixture->bll, bob, bytes_of("laptop"), note_found, &found);
    WAIT_FOR(fixture, found.done);
    assert_null(found.device);
    assert_int_equal(found.error, PROTO_ERROR_DENIED);
    account_unpin(fixture->bll, bob);
    settle(fixture);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_device_is_made_once),
        CASE(a_restart_finds_it_again),
        CASE(the_first_begins_with_the_membership_a_further_one_at_the_furthest),
        CASE(a_device_of_version_2_begins_where_one_of_version_1_is),
        CASE(the_longest_absent_gives_way),
        CASE(two_at_once_do_not_take_the_same_place),
        CASE(the_places_of_version_1_are_free_when_nobody_polls_there),
        CASE(who_polled_later_gives_way_later),
        CASE(nobody_gives_way_right_after_a_start),
        CASE(a_device_deleted_in_storage_is_gone),
        CASE(a_device_made_while_its_account_is_loaded_stays),
        CASE(who_is_deleted_meanwhile_has_no_device),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
