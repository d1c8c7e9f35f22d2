/* Delivery: what reaches whom, in which order, and what becomes of it when a push fails or the
 * server restarts.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "fixture.h"

#include "bll/internal.h"

#include "util/clock.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void poll_later(struct fixture *fixture, const char *userid, unsigned port)
{
    fixture->now_us += 2 * USEC_PER_SEC;
    present(fixture, userid, port);
}

static void a_message_is_pushed_at_once_to_who_is_present(void **state)
{
    struct fixture *fixture = *state;
    char *colon;

    present(fixture, "bob", 10002);
    assert_string_equal(send_text(fixture, "alice", "bob", "hello: \"you\""), "ack");
    WAIT_FOR(fixture, fixture->push_count == 1);
    assert_memory_equal(fixture->pushes[0].payload, "newmsg:", 7);
    colon = strchr(fixture->pushes[0].payload + 7, ':');
    assert_string_equal(colon, ":alice:alice:hello: \"you\"");
    expect_delivery(fixture, 10002, "hello: \"you\"");
    expect_no_push(fixture);
    assert_int_equal(counted(fixture, METRIC_MESSAGES_DELIVERED), 1);
}

static void what_waits_is_delivered_at_a_poll_in_order_one_at_a_time(void **state)
{
    struct fixture *fixture = *state;

    for (int i = 0; i < 100; i++) { /* several pages */
        char text[24];
        snprintf(text, sizeof(text), "line %d", i);
        assert_string_equal(send_text(fixture, i % 2 ? "alice" : "carol", "bob", text), "ack");
    }
    present(fixture, "bob", 10002);
    for (int i = 0; i < 100; i++) {
        char text[24];
        snprintf(text, sizeof(text), "line %d", i);
        WAIT_FOR(fixture, fixture->push_count > 0);
        assert_int_equal(fixture->push_count, 1);
        expect_delivery(fixture, 10002, text);
    }
    expect_no_push(fixture);
}

static void a_refused_delivery_is_not_spent(void **state)
{
    struct fixture *fixture = *state;

    fixture->config.v1_port_order = PORT_ORDER_HOST;
    assert_int_equal(bll_reconfigure(fixture->bll, &fixture->config), 0);
    present(fixture, "bob", 10002);
    assert_string_equal(send_text(fixture, "alice", "bob", "one"), "ack");
    end_push(fixture, BLL_PUSH_REFUSED);
    expect_no_push(fixture);
    present(fixture, "bob", 10002); /* too soon */
    expect_no_push(fixture);
    poll_later(fixture, "bob", 10002);
    end_push(fixture, BLL_PUSH_FAILED);
    expect_no_push(fixture);
    assert_string_equal(send_text(fixture, "alice", "bob", "two"), "ack");
    expect_no_push(fixture);
    poll_later(fixture, "bob", 10002);
    expect_delivery(fixture, 10002, "one");
    expect_delivery(fixture, 10002, "two");
}

/* Polls every second; the seconds until the next push. */
static unsigned seconds_to_push(struct fixture *fixture, const char *userid, unsigned port)
{
    unsigned seconds = 0;

    while (fixture->push_count == 0) {
        fixture->now_us += USEC_PER_SEC;
        seconds++;
        present(fixture, userid, port);
    }
    return seconds;
}

static void who_times_out_again_and_again_is_tried_less_often(void **state)
{
    static const unsigned waits[] = {1, 2, 4, 8, 8};
    struct fixture *fixture = *state;

    present(fixture, "bob", 10002);
    assert_string_equal(send_text(fixture, "alice", "bob", "one"), "ack");
    for (size_t i = 0; i < ARRAY_SIZE(waits); i++) {
        end_push(fixture, BLL_PUSH_FAILED);
        assert_int_equal(seconds_to_push(fixture, "bob", 10002), waits[i]);
    }
    expect_delivery(fixture, 10002, "one");
    assert_string_equal(send_text(fixture, "alice", "bob", "two"), "ack");
    end_push(fixture, BLL_PUSH_FAILED);
    assert_int_equal(seconds_to_push(fixture, "bob", 10002), 1); /* as if nothing had been */
    expect_delivery(fixture, 10002, "two");
}

static void nothing_is_pushed_to_who_has_not_polled_lately(void **state)
{
    struct fixture *fixture = *state;

    present(fixture, "bob", 10002);
    fixture->now_us += 11 * USEC_PER_SEC;
    bll_tick(fixture->bll);
    assert_string_equal(send_text(fixture, "alice", "bob", "one"), "ack");
    expect_no_push(fixture);
    present(fixture, "bob", 10002);
    expect_delivery(fixture, 10002, "one");
}

static void the_swapped_port_is_tried_where_the_plain_one_is_refused(void **state)
{
    struct fixture *fixture = *state;

    present(fixture, "bob", 4391); /* an early client that listens on 10001 */
    assert_string_equal(send_text(fixture, "alice", "bob", "one"), "ack");
    WAIT_FOR(fixture, fixture->push_count == 1);
    assert_int_equal(fixture->pushes[0].to.port, 4391);
    end_push(fixture, BLL_PUSH_REFUSED);
    expect_delivery(fixture, 10001, "one");
    assert_string_equal(send_text(fixture, "alice", "bob", "two"), "ack");
    WAIT_FOR(fixture, fixture->push_count == 1);
    assert_int_equal(fixture->pushes[0].to.port, 10001); /* remembered */
    end_push(fixture, BLL_PUSH_REFUSED);
    expect_no_push(fixture); /* what worked is not doubted: the client has ended */
    poll_later(fixture, "bob", 4391);
    expect_delivery(fixture, 10001, "two");
}

static void both_orders_refused_begin_again_at_the_next_poll(void **state)
{
    struct fixture *fixture = *state;

    present(fixture, "bob", 4391);
    assert_string_equal(send_text(fixture, "alice", "bob", "one"), "ack");
    for (int i = 0; i < 3; i++) {
        WAIT_FOR(fixture, fixture->push_count == 1);
        assert_int_equal(fixture->pushes[0].to.port, 4391);
        end_push(fixture, BLL_PUSH_REFUSED);
        WAIT_FOR(fixture, fixture->push_count == 1);
        assert_int_equal(fixture->pushes[0].to.port, 10001);
        end_push(fixture, BLL_PUSH_REFUSED);
        expect_no_push(fixture);
        poll_later(fixture, "bob", 4391);
    }
    expect_delivery(fixture, 4391, "one");
}

static void a_privileged_port_is_never_connected_to(void **state)
{
    struct fixture *fixture = *state;

    present(fixture, "bob", 22);      /* swapped: 5632 */
    present(fixture, "carol", 0x101); /* swapped: the same */
    assert_string_equal(send_text(fixture, "alice", "bob", "one"), "ack");
    expect_delivery(fixture, 5632, "one");
    assert_string_equal(send_text(fixture, "alice", "carol", "two"), "ack");
    expect_no_push(fixture);
    fixture->config.v1_port_order = PORT_ORDER_HOST;
    assert_int_equal(bll_reconfigure(fixture->bll, &fixture->config), 0);
    assert_string_equal(send_text(fixture, "alice", "bob", "three"), "ack");
    expect_no_push(fixture);
}

static void network_order_is_swapped_without_trying(void **state)
{
    struct fixture *fixture = *state;

    fixture->config.v1_port_order = PORT_ORDER_NETWORK;
    assert_int_equal(bll_reconfigure(fixture->bll, &fixture->config), 0);
    present(fixture, "bob", 4391);
    assert_string_equal(send_text(fixture, "alice", "bob", "one"), "ack");
    expect_delivery(fixture, 10001, "one");
}

static void everyone_but_the_sender_gets_what_is_for_everyone(void **state)
{
    struct fixture *fixture = *state;

    present(fixture, "alice", 10001);
    present(fixture, "bob", 10002);
    present(fixture, "carol", 10003);
    assert_string_equal(send_text(fixture, "alice", "%", "to all"), "ack");
    expect_delivery(fixture, 10002, "to all");
    expect_delivery(fixture, 10003, "to all");
    expect_no_push(fixture);
    assert_string_equal(send_text(fixture, "bob", "*", "and back"), "ack");
    expect_delivery(fixture, 10001, "and back");
    expect_delivery(fixture, 10003, "and back");
    expect_no_push(fixture);
}

static void other_devices_of_the_sender_get_it(void **state)
{
    struct fixture *fixture = *state;

    present(fixture, "alice", 10001);
    poll_from(fixture, "alice", "pw-alice", "192.0.2.9:40000", 10009);
    settle(fixture);
    assert_string_equal(send_text(fixture, "alice", "%", "to all"), "ack");
    expect_delivery(fixture, 10009, "to all");
    expect_no_push(fixture);
    /* Two at one address: which one sent it cannot be told, so both get it. */
    present(fixture, "alice", 10002);
    assert_string_equal(send_text(fixture, "alice", "%", "again"), "ack");
    expect_delivery(fixture, 10001, "again");
    expect_delivery(fixture, 10009, "again");
    expect_delivery(fixture, 10002, "again");
    expect_no_push(fixture);
}

static void a_note_to_oneself_arrives(void **state)
{
    struct fixture *fixture = *state;

    assert_string_equal(send_text(fixture, "alice", "alice", "remember"), "ack");
    present(fixture, "alice", 10001);
    expect_delivery(fixture, 10001, "remember");
    assert_string_equal(send_text(fixture, "alice", "alice", "remember, from here"), "ack");
    expect_delivery(fixture, 10001, "remember, from here");
}

static void a_room_reaches_its_members(void **state)
{
    struct fixture *fixture = *state;

    fixture_add_room(fixture, "#tea");
    fixture_join(fixture, "#tea", "alice");
    fixture_join(fixture, "#tea", "bob");
    present(fixture, "alice", 10001);
    present(fixture, "bob", 10002);
    present(fixture, "carol", 10003);
    assert_string_equal(send_text(fixture, "alice", "#tea", "kettle"), "ack");
    expect_delivery(fixture, 10002, "kettle");
    expect_no_push(fixture);
    assert_memory_equal(send_text(fixture, "carol", "#tea", "me too"), "err:not-member:", 15);
    assert_memory_equal(send_text(fixture, "alice", "#coffee", "x"), "err:unknown:", 12);
    assert_memory_equal(send_text(fixture, "alice", "#", "x"), "err:unknown:", 12);
    assert_memory_equal(send_text(fixture, "alice", "dave", "x"), "err:unknown:", 12);
    fixture_join(fixture, "#tea", "carol"); /* from here on */
    expect_no_push(fixture);
    assert_string_equal(send_text(fixture, "carol", "#tea", "hello"), "ack");
    expect_delivery(fixture, 10001, "hello");
    expect_delivery(fixture, 10002, "hello");
    expect_no_push(fixture);
}

static void long_texts_go_in_parts_and_only_what_failed_is_repeated(void **state)
{
    struct fixture *fixture = *state;
    char text[9001], received[9001] = "";
    int parts = 0;

    for (size_t i = 0; i + 3 <= 9000; i += 3)
        memcpy(text + i, "\xed\x95\x9c", 3); /* one Korean syllable after the other */
    text[9000] = '\0';
    present(fixture, "bob", 10002);
    assert_string_equal(send_text(fixture, "alice", "bob", text), "ack");
    while (strlen(received) < 9000) {
        char *part;
        WAIT_FOR(fixture, fixture->push_count == 1);
        assert_true(strlen(fixture->pushes[0].payload) <= 4095);
        part = strstr(fixture->pushes[0].payload, ":alice:alice:");
        assert_non_null(part);
        if (parts++ == 1) {
            end_push(fixture, BLL_PUSH_FAILED);
            poll_later(fixture, "bob", 10002);
            continue;
        }
        strcat(received, part + 13);
        end_push(fixture, BLL_PUSH_DELIVERED);
    }
    assert_int_equal(parts, 4);
    assert_string_equal(received, text);
    expect_no_push(fixture);
    assert_int_equal(counted(fixture, METRIC_MESSAGES_DELIVERED), 1);
}

/* A part has arrived and the next one has to wait for its turn when the stop begins. */
static void a_stop_finishes_the_parts_of_a_message(void **state)
{
    struct fixture *fixture = *state;
    char text[5001];

    memset(text, 'x', 5000);
    text[5000] = '\0';
    present(fixture, "bob", 10002);
    present(fixture, "carol", 10003);
    assert_string_equal(send_text(fixture, "alice", "bob", text), "ack");
    WAIT_FOR(fixture, fixture->push_count == 1);
    assert_string_equal(send_text(fixture, "alice", "carol", "one"), "ack");
    assert_string_equal(send_text(fixture, "alice", "carol", "two"), "ack");
    WAIT_FOR(fixture, fixture->push_count == 2);
    fixture->push_result = -EAGAIN;
    end_push(fixture, BLL_PUSH_DELIVERED);
    bll_quiesce(fixture->bll);
    fixture->push_result = 0;
    expect_delivery(fixture, 10003, "one");
    WAIT_FOR(fixture, fixture->push_count == 1);
    end_push(fixture, BLL_PUSH_DELIVERED);
    expect_no_push(fixture);
    fixture_restart(fixture, true);
    present(fixture, "bob", 10002);
    expect_no_push(fixture);
    present(fixture, "carol", 10003);
    expect_delivery(fixture, 10003, "two");
}

/* With more devices ready than there may be pushes, the parts of a message do not queue up anew. */
static void the_parts_of_a_message_follow_each_other(void **state)
{
    struct fixture *fixture = *state;
    char text[5001];

    memset(text, 'x', 5000);
    text[5000] = '\0';
    present(fixture, "bob", 10002);
    present(fixture, "carol", 10003);
    assert_string_equal(send_text(fixture, "alice", "bob", text), "ack");
    WAIT_FOR(fixture, fixture->push_count == 1);
    fixture->push_result = -EAGAIN;
    assert_string_equal(send_text(fixture, "alice", "carol", "one"), "ack");
    fixture->push_result = 0;
    bll_pushed(fixture->bll, fixture->pushes[0].token, BLL_PUSH_DELIVERED);
    assert_int_equal(fixture->push_count, 2);
    assert_int_equal(fixture->pushes[1].to.port, 10002);
    fixture->pushes[0] = fixture->pushes[1];
    fixture->push_count = 1;
    end_push(fixture, BLL_PUSH_DELIVERED);
    expect_delivery(fixture, 10003, "one");
}

static void a_restart_loses_and_repeats_nothing(void **state)
{
    struct fixture *fixture = *state;

    present(fixture, "bob", 10002);
    assert_string_equal(send_text(fixture, "alice", "bob", "one"), "ack");
    expect_delivery(fixture, 10002, "one");
    assert_string_equal(send_text(fixture, "alice", "bob", "two"), "ack");
    end_push(fixture, BLL_PUSH_FAILED);
    fixture_restart(fixture, true);
    expect_no_push(fixture);
    present(fixture, "bob", 10002);
    expect_delivery(fixture, 10002, "two");
    expect_no_push(fixture);
}

static void what_arrives_while_cursors_are_stored_is_not_repeated_after_a_stop(void **state)
{
    struct fixture *fixture = *state;

    present(fixture, "bob", 10002);
    assert_string_equal(send_text(fixture, "alice", "bob", "one"), "ack");
    assert_string_equal(send_text(fixture, "alice", "bob", "two"), "ack");
    expect_delivery(fixture, 10002, "one");
    WAIT_FOR(fixture, fixture->push_count == 1);
    assert_false(bll_flush_cursors(fixture->bll));
    end_push(fixture, BLL_PUSH_DELIVERED);
    bll_quiesce(fixture->bll);
    WAIT_FOR(fixture, bll_flush_cursors(fixture->bll));
    fixture_restart(fixture, false);
    present(fixture, "bob", 10002);
    expect_no_push(fixture);
}

static void a_crash_loses_nothing(void **state)
{
    struct fixture *fixture = *state;

    present(fixture, "bob", 10002);
    assert_string_equal(send_text(fixture, "alice", "bob", "one"), "ack");
    assert_string_equal(send_text(fixture, "alice", "bob", "two"), "ack");
    expect_delivery(fixture, 10002, "one");
    end_push(fixture, BLL_PUSH_FAILED);
    fixture_restart(fixture, false);
    present(fixture, "bob", 10002);
    expect_delivery(fixture, 10002, "one"); /* its cursor was not stored yet */
    expect_delivery(fixture, 10002, "two");
    expect_no_push(fixture);
}

static void cursors_are_stored_a_moment_later(void **state)
{
    struct fixture *fixture = *state;

    present(fixture, "bob", 10002);
    assert_string_equal(send_text(fixture, "alice", "bob", "one"), "ack");
    expect_delivery(fixture, 10002, "one");
    fixture->now_us += USEC_PER_SEC;
    bll_tick(fixture->bll);
    fixture_restart(fixture, false);
    present(fixture, "bob", 10002);
    expect_no_push(fixture);
}

static void another_port_goes_on_where_the_absent_device_stopped(void **state)
{
    struct fixture *fixture = *state;
    struct bll_status status;

    present(fixture, "bob", 10002);
    assert_string_equal(send_text(fixture, "alice", "bob", "one"), "ack");
    expect_delivery(fixture, 10002, "one");
    assert_string_equal(send_text(fixture, "alice", "bob", "two"), "ack");
    end_push(fixture, BLL_PUSH_FAILED);
    fixture->now_us += 11 * USEC_PER_SEC;
    bll_tick(fixture->bll);
    present(fixture, "bob", 20002);
    expect_delivery(fixture, 20002, "two");
    bll_status(fixture->bll, &status);
    assert_int_equal(status.devices, 1);
    fixture_restart(fixture, true);
    present(fixture, "bob", 20002);
    expect_no_push(fixture);
}

static void a_second_device_begins_where_the_first_one_is(void **state)
{
    struct fixture *fixture = *state;

    present(fixture, "bob", 10002);
    assert_string_equal(send_text(fixture, "alice", "bob", "one"), "ack");
    expect_delivery(fixture, 10002, "one");
    present(fixture, "bob", 20002);
    expect_no_push(fixture);
    assert_string_equal(send_text(fixture, "alice", "bob", "two"), "ack");
    expect_delivery(fixture, 10002, "two");
    expect_delivery(fixture, 20002, "two");
    expect_no_push(fixture);
}

static void a_stale_device_that_is_taken_over_does_not_repeat_what_was_seen(void **state)
{
    struct fixture *fixture = *state;

    present(fixture, "bob", 10002);
    present(fixture, "bob", 20002);
    fixture->now_us += 11 * USEC_PER_SEC;
    bll_tick(fixture->bll); /* both away; then the first alone */
    present(fixture, "bob", 10002);
    assert_string_equal(send_text(fixture, "alice", "bob", "one"), "ack");
    expect_delivery(fixture, 10002, "one");
    present(fixture, "bob", 30002); /* takes over the second */
    expect_no_push(fixture);
    assert_string_equal(send_text(fixture, "alice", "bob", "two"), "ack");
    expect_delivery(fixture, 10002, "two");
    expect_delivery(fixture, 30002, "two");
}

static void more_devices_than_allowed_are_not_served(void **state)
{
    struct fixture *fixture = *state;
    struct bll_status status;

    for (unsigned i = 0; i < 4; i++)
        present(fixture, "bob", 10002 + i);
    poll_from(fixture, "bob", "pw-bob", "127.0.0.1:40000", 10010);
    settle(fixture);
    assert_int_equal(counted(fixture, METRIC_POLLS_DROPPED), 1);
    bll_status(fixture->bll, &status);
    assert_int_equal(status.devices, 4);
}

static void pushes_over_the_limit_wait_for_their_turn(void **state)
{
    struct fixture *fixture = *state;

    present(fixture, "bob", 10002);
    fixture->push_result = -EAGAIN;
    assert_string_equal(send_text(fixture, "alice", "bob", "one"), "ack");
    expect_no_push(fixture);
    fixture->push_result = -EBUSY;
    bll_tick(fixture->bll);
    expect_no_push(fixture);
    fixture->push_result = 0;
    bll_tick(fixture->bll);
    expect_delivery(fixture, 10002, "one");
}

static void without_tails_in_memory_everything_comes_from_storage(void **state)
{
    struct fixture *fixture = *state;

    fixture->config.tail_max = 0;
    assert_int_equal(bll_reconfigure(fixture->bll, &fixture->config), 0);
    present(fixture, "bob", 10002);
    for (int i = 0; i < 5; i++)
        assert_string_equal(send_text(fixture, "alice", "bob", i % 2 ? "odd" : "even"), "ack");
    for (int i = 0; i < 5; i++)
        expect_delivery(fixture, 10002, i % 2 ? "odd" : "even");
    expect_no_push(fixture);
}

static void storage_goes_away(struct fixture *fixture)
{
    char away[80];

    snprintf(away, sizeof(away), "%s-away", fixture->folder);
    settle(fixture);
    dal_close();
    assert_int_equal(rename(fixture->folder, away), 0);
    assert_int_equal(dal_open(&fixture->storage, NULL), 0);
}

static void storage_comes_back(struct fixture *fixture)
{
    char away[80];

    snprintf(away, sizeof(away), "%s-away", fixture->folder);
    assert_int_equal(rename(away, fixture->folder), 0);
    await_storage(fixture);
}

/* Its client went to another port in an outage; the port it left is another client's then. */
static void a_device_that_moved_while_storage_was_away_frees_its_old_place(void **state)
{
    struct fixture *fixture = *state;
    struct bll_status status;

    present(fixture, "bob", 10002);
    storage_goes_away(fixture);
    fixture->now_us += 11 * USEC_PER_SEC;
    bll_tick(fixture->bll);
    present(fixture, "bob", 10003);
    storage_comes_back(fixture);
    present(fixture, "bob", 10003);
    present(fixture, "bob", 10002);
    bll_status(fixture->bll, &status);
    assert_int_equal(status.devices, 2);
}

/* The device whose cursors are being stored is deleted; the next ones wait for the answer still. */
static void cursors_are_given_to_storage_once_at_a_time(void **state)
{
    struct fixture *fixture = *state;
    struct account *bob;

    present(fixture, "bob", 10002);
    present(fixture, "carol", 10003);
    assert_string_equal(send_text(fixture, "alice", "bob", "one"), "ack");
    expect_delivery(fixture, 10002, "one");
    assert_false(bll_flush_cursors(fixture->bll));
    bob = account_find(fixture->bll, bytes_of("bob"));
    device_free(fixture->bll, LIST_FIRST(&bob->devices, struct device, by_account));
    assert_false(bll_flush_cursors(fixture->bll));
    WAIT_FOR(fixture, bll_flush_cursors(fixture->bll));
}

static void storage_that_is_away_refuses_writes_and_comes_back(void **state)
{
    struct fixture *fixture = *state;

    storage_goes_away(fixture);
    assert_memory_equal(send_text(fixture, "alice", "bob", "one"), "err:unavailable:", 16);
    assert_memory_equal(send_text(fixture, "nobody", "bob", "one"), "err:unavailable:", 16);
    storage_comes_back(fixture);
    assert_string_equal(send_text(fixture, "alice", "bob", "two"), "ack");
    present(fixture, "bob", 10002);
    expect_delivery(fixture, 10002, "two");
}

static void a_quiesced_unit_stores_and_pushes_nothing_new(void **state)
{
    struct fixture *fixture = *state;
    struct answer answer;

    present(fixture, "bob", 10002);
    assert_string_equal(send_text(fixture, "alice", "bob", "one"), "ack");
    assert_string_equal(send_text(fixture, "alice", "bob", "two"), "ack");
    WAIT_FOR(fixture, fixture->push_count == 1);
    bll_quiesce(fixture->bll);
    frame_from(fixture, "127.0.0.1:1", "wrmsg:alice:pw-alice:bob:three", &answer);
    WAIT_FOR(fixture, answer.ended);
    assert_string_equal(answer.text, "ack");
    end_push(fixture, BLL_PUSH_DELIVERED);
    expect_no_push(fixture);
    fixture_restart(fixture, true);
    present(fixture, "bob", 10002);
    expect_delivery(fixture, 10002, "two");
    expect_delivery(fixture, 10002, "three");
    expect_no_push(fixture);
}

/* What was read for a client that goes away while it is pushed to does not stay in memory. */
static void an_absent_device_keeps_no_page(void **state)
{
    struct fixture *fixture = *state;
    struct account *bob;
    struct device *device;

    for (int i = 0; i < 3; i++)
        assert_string_equal(send_text(fixture, "alice", "bob", "text"), "ack");
    present(fixture, "bob", 10002);
    WAIT_FOR(fixture, fixture->push_count == 1);
    bob = account_find(fixture->bll, bytes_of("bob"));
    device = LIST_FIRST(&bob->devices, struct device, by_account);
    assert_int_equal(device->backlog.count, 1);
    fixture->now_us += 11 * USEC_PER_SEC;
    bll_tick(fixture->bll);
    assert_int_equal(device->backlog.count, 1);
    end_push(fixture, BLL_PUSH_FAILED);
    assert_int_equal(device->backlog.count, 0);
    assert_null(device->v1.current);
    poll_later(fixture, "bob", 10002);
    for (int i = 0; i < 3; i++)
        expect_delivery(fixture, 10002, "text");
    expect_no_push(fixture);
}

/* His inbox, as the logic unit has it in memory. */
static struct conversation *inbox_of(struct fixture *fixture, const char *userid)
{
    struct account *account = account_find(fixture->bll, bytes_of(userid));

    assert_non_null(account);
    return account->subscriptions[account_subscription(account, account->inbox)].conversation;
}

/* An account that is loaded after the commit, but before its result is handled, tells of the
 * message first. */
static void a_message_that_was_heard_of_before_is_pushed_at_once(void **state)
{
    struct fixture *fixture = *state;

    present(fixture, "bob", 10002);
    inbox_of(fixture, "bob")->end++;
    assert_string_equal(send_text(fixture, "alice", "bob", "one"), "ack");
    expect_delivery(fixture, 10002, "one");
    assert_string_equal(send_text(fixture, "alice", "bob", "two"), "ack");
    expect_delivery(fixture, 10002, "two");
    expect_no_push(fixture);
}

/* After a commit that was cut off the writer may find the message's key only when it stores it
 * again, and then cannot tell it from one that was sent twice. */
static void a_message_that_turns_up_late_is_pushed_at_once(void **state)
{
    struct fixture *fixture = *state;

    assert_string_equal(send_text(fixture, "alice", "bob", "one"), "ack");
    fixture->bll->key_counter--;
    inbox_of(fixture, "bob")->end--;
    present(fixture, "bob", 10002);
    assert_string_equal(send_text(fixture, "alice", "bob", "one"), "ack");
    expect_delivery(fixture, 10002, "one");
    expect_no_push(fixture);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_message_is_pushed_at_once_to_who_is_present),
        CASE(what_waits_is_delivered_at_a_poll_in_order_one_at_a_time),
        CASE(a_refused_delivery_is_not_spent),
        CASE(who_times_out_again_and_again_is_tried_less_often),
        CASE(nothing_is_pushed_to_who_has_not_polled_lately),
        CASE(the_swapped_port_is_tried_where_the_plain_one_is_refused),
        CASE(both_orders_refused_begin_again_at_the_next_poll),
        CASE(a_privileged_port_is_never_connected_to),
        CASE(network_order_is_swapped_without_trying),
        CASE(everyone_but_the_sender_gets_what_is_for_everyone),
        CASE(other_devices_of_the_sender_get_it),
        CASE(a_note_to_oneself_arrives),
        CASE(a_room_reaches_its_members),
        CASE(long_texts_go_in_parts_and_only_what_failed_is_repeated),
        CASE(a_stop_finishes_the_parts_of_a_message),
        CASE(the_parts_of_a_message_follow_each_other),
        CASE(a_restart_loses_and_repeats_nothing),
        CASE(what_arrives_while_cursors_are_stored_is_not_repeated_after_a_stop),
        CASE(a_crash_loses_nothing),
        CASE(cursors_are_stored_a_moment_later),
        CASE(another_port_goes_on_where_the_absent_device_stopped),
        CASE(a_second_device_begins_where_the_first_one_is),
        CASE(a_stale_device_that_is_taken_over_does_not_repeat_what_was_seen),
        CASE(more_devices_than_allowed_are_not_served),
        CASE(pushes_over_the_limit_wait_for_their_turn),
        CASE(without_tails_in_memory_everything_comes_from_storage),
        CASE(a_device_that_moved_while_storage_was_away_frees_its_old_place),
        CASE(cursors_are_given_to_storage_once_at_a_time),
        CASE(storage_that_is_away_refuses_writes_and_comes_back),
        CASE(an_absent_device_keeps_no_page),
        CASE(a_message_that_was_heard_of_before_is_pushed_at_once),
        CASE(a_message_that_turns_up_late_is_pushed_at_once),
        CASE(a_quiesced_unit_stores_and_pushes_nothing_new),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
