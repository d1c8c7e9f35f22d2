/* The books of multichat-bench: a checker that cannot find a fault proves nothing, so each kind of
 * fault is made here and has to be found.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/ledger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SIZE    100
#define SENDERS 3

static char names[][8] = {"alice", "bob", "carol", "dave", "erin"};

static char room_name[] = "#room";

struct book {
    struct roster_user users[ARRAY_SIZE(names)];
    struct roster_room room;
    uint32_t members[3]; /* alice, bob, carol */
    struct roster roster;
    struct ledger *ledger;
};

static int setup(void **state)
{
    struct book *book = calloc(1, sizeof(*book));

    assert_non_null(book);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        book->users[i].userid = names[i];
    for (uint32_t i = 0; i < ARRAY_SIZE(book->members); i++)
        book->members[i] = i;
    book->room =
        (struct roster_room){.name = room_name, .members = book->members, .member_count = 3};
    book->roster = (struct roster){.users = book->users,
                                   .user_count = ARRAY_SIZE(names),
                                   .rooms = &book->room,
                                   .room_count = 1,
                                   .place_count = 3};
    assert_int_equal(ledger_new(&book->roster, SENDERS, SIZE, &book->ledger), 0);
    *state = book;
    return 0;
}

static int teardown(void **state)
{
    struct book *book = *state;

    ledger_free(book->ledger);
    free(book);
    return 0;
}

struct sent {
    uint32_t sender, number;
    char text[SIZE];
};

static const struct target to_room = {.kind = TARGET_ROOM, .index = 0};
static const struct target to_everyone = {.kind = TARGET_EVERYONE};

static struct target to_user(uint32_t user)
{
    return (struct target){.kind = TARGET_USER, .index = user};
}

static struct sent enter(struct book *book, uint32_t sender, struct target target)
{
    struct sent sent = {.sender = sender};
    struct bytes text;
    long number = ledger_enter(book->ledger, sender, target, 1000, &text);

    assert_true(number >= 0);
    assert_int_equal(text.len, SIZE);
    memcpy(sent.text, text.data, SIZE);
    sent.number = (uint32_t)number;
    return sent;
}

static void ack(struct book *book, const struct sent *sent)
{
    ledger_answer(book->ledger, sent->number, LEDGER_ACKNOWLEDGED, 2000);
}

static struct sent acked(struct book *book, uint32_t sender, struct target target)
{
    struct sent sent = enter(book, sender, target);

    ack(book, &sent);
    return sent;
}

static void deliver(struct book *book, uint32_t receiver, const struct sent *sent)
{
    assert_int_equal(ledger_deliver(book->ledger, receiver, bytes_of(names[sent->sender]),
                                    (struct bytes){.data = sent->text, .len = SIZE}, 3000),
                     0);
}

static const struct ledger_counts *close_book(struct book *book)
{
    assert_int_equal(ledger_close(book->ledger), 0);
    return ledger_counts(book->ledger);
}

static void assert_clean(const struct ledger_counts *counts)
{
    assert_int_equal(counts->lost, 0);
    assert_int_equal(counts->repeated, 0);
    assert_int_equal(counts->out_of_order, 0);
    assert_int_equal(counts->contradictions, 0);
    assert_int_equal(counts->unexpected, 0);
    assert_int_equal(counts->damaged, 0);
}

static void test_all_is_well(void **state)
{
    struct book *book = *state;
    struct sent direct = acked(book, 0, to_user(3)), room = acked(book, 1, to_room);
    struct sent everyone = acked(book, 2, to_everyone);

    assert_int_equal(ledger_owed(book->ledger), 1 + 2 + 4);
    deliver(book, 3, &direct);
    deliver(book, 0, &room);
    deliver(book, 2, &room);
    for (uint32_t user = 0; user < ARRAY_SIZE(names); user++)
        if (user != 2)
            deliver(book, user, &everyone);
    assert_int_equal(ledger_owed(book->ledger), 0);
    assert_int_equal(close_book(book)->delivered, 7);
    assert_clean(ledger_counts(book->ledger));
}

/* The last of all receivers ends it; who has not got it keeps it open. */
static void test_tells_when_the_last_has_it(void **state)
{
    struct book *book = *state;
    struct sent whole = acked(book, 0, to_room), part = acked(book, 0, to_room);

    deliver(book, 1, &whole);
    assert_int_equal(histogram_quantile(ledger_last_us(book->ledger), 1), 0);
    deliver(book, 2, &whole);
    deliver(book, 2, &whole);
    deliver(book, 1, &part);
    assert_int_equal(ledger_last_us(book->ledger)->count, 1);
    assert_in_range(histogram_quantile(ledger_last_us(book->ledger), 1), 1900, 2100);
}

static void test_delivery_before_the_answer_counts(void **state)
{
    struct book *book = *state;
    struct sent sent = enter(book, 0, to_user(3));

    deliver(book, 3, &sent);
    ack(book, &sent);
    assert_int_equal(ledger_owed(book->ledger), 0);
    assert_clean(close_book(book));
}

static void test_lost(void **state)
{
    struct book *book = *state;
    struct sent room = acked(book, 0, to_room);

    (void)acked(book, 0, to_user(1));
    deliver(book, 1, &room);
    assert_int_equal(close_book(book)->lost, 2);
}

static void test_repeated(void **state)
{
    struct book *book = *state;
    struct sent sent = acked(book, 0, to_user(1));

    deliver(book, 1, &sent);
    deliver(book, 1, &sent);
    deliver(book, 1, &sent);
    assert_int_equal(close_book(book)->repeated, 2);
    assert_int_equal(ledger_counts(book->ledger)->delivered, 1);
}

static void test_out_of_order(void **state)
{
    struct book *book = *state;
    struct sent first = acked(book, 0, to_user(1)), second = acked(book, 0, to_user(1));

    deliver(book, 1, &second);
    deliver(book, 1, &first);
    assert_int_equal(close_book(book)->out_of_order, 1);
}

static void test_conversations_have_no_order_between_them(void **state)
{
    struct book *book = *state;
    struct sent direct = acked(book, 0, to_user(1)), room = acked(book, 0, to_room);
    struct sent other = acked(book, 2, to_user(1));

    deliver(book, 1, &other);
    deliver(book, 1, &room);
    deliver(book, 1, &direct);
    deliver(book, 2, &room);
    assert_clean(close_book(book));
}

static void test_contradiction_in_a_room(void **state)
{
    struct book *book = *state;
    uint32_t members[] = {0, 1, 2, 3};
    struct sent a, b;

    ledger_free(book->ledger);
    book->room.members = members;
    book->room.member_count = book->roster.place_count = 4;
    assert_int_equal(ledger_new(&book->roster, SENDERS, SIZE, &book->ledger), 0);
    a = acked(book, 0, to_room);
    b = acked(book, 1, to_room);
    deliver(book, 2, &a);
    deliver(book, 2, &b);
    deliver(book, 3, &b);
    deliver(book, 3, &a);
    deliver(book, 1, &a);
    deliver(book, 0, &b);
    assert_int_equal(close_book(book)->contradictions, 1);
    assert_int_equal(ledger_counts(book->ledger)->out_of_order, 0);
}

/* No two members disagree, and yet there is no order that all three could have seen. */
static void test_contradiction_in_a_circle(void **state)
{
    struct book *book = *state;
    struct sent from[3];

    for (uint32_t i = 0; i < 3; i++)
        from[i] = acked(book, i, to_room);
    deliver(book, 2, &from[0]);
    deliver(book, 2, &from[1]);
    deliver(book, 0, &from[1]);
    deliver(book, 0, &from[2]);
    deliver(book, 1, &from[2]);
    deliver(book, 1, &from[0]);
    assert_int_equal(close_book(book)->contradictions, 1);
}

static void test_wrong_receiver(void **state)
{
    struct book *book = *state;
    struct sent direct = acked(book, 0, to_user(1)), room = acked(book, 0, to_room);

    deliver(book, 2, &direct);
    deliver(book, 3, &room);
    assert_int_equal(ledger_counts(book->ledger)->unexpected, 2);
}

static void test_sender_gets_his_own(void **state)
{
    struct book *book = *state;
    struct sent room = acked(book, 0, to_room), everyone = acked(book, 1, to_everyone);

    deliver(book, 0, &room);
    deliver(book, 1, &everyone);
    assert_int_equal(ledger_counts(book->ledger)->unexpected, 2);
}

static void test_refused_but_delivered(void **state)
{
    struct book *book = *state;
    struct sent before = enter(book, 0, to_user(1)), after = enter(book, 0, to_user(1));

    deliver(book, 1, &before);
    ledger_answer(book->ledger, before.number, LEDGER_REFUSED, 2000);
    ledger_answer(book->ledger, after.number, LEDGER_REFUSED, 2000);
    deliver(book, 1, &after);
    assert_int_equal(close_book(book)->unexpected, 2);
    assert_int_equal(ledger_counts(book->ledger)->lost, 0);
}

static void test_unacknowledged_may_come_or_not(void **state)
{
    struct book *book = *state;
    struct sent comes = enter(book, 0, to_user(1)), missing = enter(book, 0, to_user(1));

    ledger_answer(book->ledger, comes.number, LEDGER_UNACKNOWLEDGED, 2000);
    ledger_answer(book->ledger, missing.number, LEDGER_UNACKNOWLEDGED, 2000);
    deliver(book, 1, &comes);
    assert_clean(close_book(book));
    assert_int_equal(ledger_counts(book->ledger)->unacknowledged, 2);
    deliver(book, 1, &comes);
    assert_int_equal(ledger_counts(book->ledger)->repeated, 1);
}

static void test_damaged_and_foreign(void **state)
{
    struct book *book = *state;
    struct sent sent = acked(book, 0, to_user(1)), other = sent;
    struct bytes cut = {.data = sent.text, .len = SIZE - 1};

    assert_int_equal(ledger_deliver(book->ledger, 1, bytes_of("alice"), cut, 3000), 0);
    sent.text[SIZE - 1] = 'y';
    deliver(book, 1, &sent);
    assert_int_equal(ledger_counts(book->ledger)->damaged, 2);
    memcpy(other.text, "mcb1 0", 6);
    deliver(book, 1, &other);
    assert_int_equal(ledger_deliver(book->ledger, 1, bytes_of("alice"), bytes_of("hello"), 3000),
                     0);
    assert_int_equal(ledger_counts(book->ledger)->foreign, 2);
    assert_int_equal(ledger_counts(book->ledger)->delivered, 0);
}

static void test_wrong_sender_shown(void **state)
{
    struct book *book = *state;
    struct sent sent = acked(book, 0, to_user(1));

    sent.sender = 2;
    deliver(book, 1, &sent);
    assert_int_equal(ledger_counts(book->ledger)->unexpected, 1);
}

static void test_histogram(void **state)
{
    static struct histogram histogram;

    (void)state;
    assert_int_equal(histogram_quantile(&histogram, 0.5), 0);
    for (uint64_t value = 1; value <= 100000; value++)
        histogram_add(&histogram, value);
    for (int percent = 1; percent <= 100; percent++) {
        uint64_t exact = (uint64_t)percent * 1000;
        uint64_t found = histogram_quantile(&histogram, percent / 100.0);
        assert_in_range(found, exact, exact + exact / 32);
    }
    histogram_add(&histogram, UINT64_MAX);
    assert_true(histogram_quantile(&histogram, 1.0) > 100000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_all_is_well, setup, teardown),
        cmocka_unit_test_setup_teardown(test_tells_when_the_last_has_it, setup, teardown),
        cmocka_unit_test_setup_teardown(test_delivery_before_the_answer_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lost, setup, teardown),
        cmocka_unit_test_setup_teardown(test_repeated, setup, teardown),
        cmocka_unit_test_setup_teardown(test_out_of_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_conversations_have_no_order_between_them, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_contradiction_in_a_room, setup, teardown),
        cmocka_unit_test_setup_teardown(test_contradiction_in_a_circle, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wrong_receiver, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sender_gets_his_own, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused_but_delivered, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unacknowledged_may_come_or_not, setup, teardown),
        cmocka_unit_test_setup_teardown(test_damaged_and_foreign, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wrong_sender_shown, setup, teardown),
        cmocka_unit_test(test_histogram),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
