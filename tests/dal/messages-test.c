/* The storage suite, second part: messages in their conversations, and the queue they wait in. The
 * same over each real engine.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "harness.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void count_joined(void *userdata, enum dal_outcome outcome,
                         const struct dal_room_result *result)
{
    assert_int_equal(outcome, DAL_OK);
    ++*(unsigned *)userdata;
}

static void start_joining(const char *userid, unsigned *joined)
{
    const struct dal_room_order join = {
        .verb = ROOM_JOIN, .room = bytes_of("#room"), .userid = bytes_of(userid)};

    assert_int_equal(dal_room_do(&join, count_joined, joined), 0);
}

/* Order of the calls holds between messages and what names their conversation, with any number of
 * writers: each membership begins exactly where it was asked for. */
static void test_order_of_members_among_messages(void **state)
{
    uint64_t room = new_room("#room");
    struct sending sendings[40];
    struct account account;
    unsigned joined = 0;
    char name[16];

    for (int i = 0; i < 4; i++) {
        snprintf(name, sizeof(name), "user%d", i);
        new_user(name);
    }
    for (int i = 0; i < 40; i++) {
        snprintf(name, sizeof(name), "k%d", i);
        send_start(&sendings[i], room, 5, name, bytes_of("text"));
        snprintf(name, sizeof(name), "user%d", i / 10);
        if (i % 10 == 5)
            start_joining(name, &joined);
    }
    wait_idle();
    assert_int_equal(joined, 4);
    for (int i = 0; i < 40; i++) {
        assert_int_equal(sendings[i].message->seq, i + 1);
        sending_deinit(&sendings[i]);
    }
    for (int i = 0; i < 4; i++) {
        snprintf(name, sizeof(name), "user%d", i);
        assert_int_equal(account_find(name, &account), DAL_OK);
        assert_int_equal(membership_of(&account, room)->since, i * 10 + 6);
    }
}

/* -- messages ---------------------------------------------------------------------------------- */

static void test_message_store_and_read(void **state)
{
    uint64_t room = new_room("#room");
    struct sending sending;
    struct page page;

    send_start(&sending, room, 42, "key", bytes_of("a:b \"quoted\" 한국어 🙂\nsecond line"));
    wait_for(&sending.done);
    assert_int_equal(sending.outcome, DAL_OK);
    assert_false(sending.again);
    assert_int_equal(sending.message->seq, 1);
    assert_true(sending.message->time_ms > 1600000000000);
    assert_int_equal(messages_read(room, 0, 10, 100000, &page), DAL_OK);
    assert_int_equal(page.count, 1);
    assert_int_equal(page.messages[0]->conversation, room);
    assert_int_equal(page.messages[0]->seq, 1);
    assert_int_equal(page.messages[0]->time_ms, sending.message->time_ms);
    assert_int_equal(page.messages[0]->sender, 42);
    assert_int_equal(page.messages[0]->origin, 77);
    assert_int_equal(page.messages[0]->context, 0);
    assert_true(bytes_is(page.messages[0]->userid, "sender"));
    assert_true(bytes_is(page.messages[0]->name, "Sender"));
    assert_true(bytes_is(page.messages[0]->key, "key"));
    assert_true(bytes_equal(page.messages[0]->text, sending.message->text));
    page_deinit(&page);
    assert_int_equal(messages_read(room, 1, 10, 100000, &page), DAL_OK);
    assert_int_equal(page.count, 0);
    assert_int_equal(messages_read(98765, 0, 10, 100000, &page), DAL_MISSING);
    sending_deinit(&sending);
}

/* Many conversations and senders at once: dense numbers, in the order of the calls. */
static void test_dense_numbers(void **state)
{
    enum { ROOMS = 13, COUNT = 4000 };
    struct sending *sendings = calloc(COUNT, sizeof(*sendings));
    uint64_t rooms[ROOMS], next[ROOMS] = {0}, last_ms[ROOMS] = {0};
    char text[32];

    for (unsigned i = 0; i < ROOMS; i++) {
        snprintf(text, sizeof(text), "#room%u", i);
        rooms[i] = new_room(text);
    }
    for (unsigned i = 0; i < COUNT; i++) {
        snprintf(text, sizeof(text), "key %u", i / 50);
        send_start(&sendings[i], rooms[i * 7 % ROOMS], 100 + i % 50, text, bytes_of(text));
        if (i % 97 == 0)
            dal_flush();
    }
    wait_idle();
    for (unsigned i = 0; i < COUNT; i++) {
        unsigned room = i * 7 % ROOMS;
        assert_int_equal(sendings[i].outcome, DAL_OK);
        assert_false(sendings[i].again);
        assert_int_equal(sendings[i].message->seq, ++next[room]);
        assert_true(sendings[i].message->time_ms >= last_ms[room]);
        last_ms[room] = sendings[i].message->time_ms;
        sending_deinit(&sendings[i]);
    }
    free(sendings);
    assert_sound();
}

/* What one loop turn hands over to one writer is one transaction. */
static void test_one_turn_is_one_commit(void **state)
{
    uint64_t room = new_room("#room");
    struct sending sendings[500];
    struct dal_status before, after;
    char key[16];

    dal_status(&before);
    for (unsigned i = 0; i < 500; i++) {
        snprintf(key, sizeof(key), "%u", i);
        send_start(&sendings[i], room, 1, key, bytes_of("text"));
    }
    wait_idle();
    dal_status(&after);
    assert_int_equal(after.commits - before.commits, 1);
    assert_int_equal(after.messages - before.messages, 500);
    assert_true(after.commit_us_p99 >= after.commit_us_p50);
    for (unsigned i = 0; i < 500; i++)
        sending_deinit(&sendings[i]);
}

static void test_numbers_go_on_after_reopening(void **state)
{
    uint64_t room = new_room("#room");

    assert_int_equal(send_one(room, 1, "1", "a"), 1);
    assert_int_equal(send_one(room, 1, "2", "b"), 2);
    harness_reopen();
    assert_int_equal(send_one(room, 1, "3", "c"), 3);
}

static void test_same_key_in_one_batch(void **state)
{
    uint64_t room = new_room("#room"), other = new_room("#other");
    struct sending sendings[5];

    send_start(&sendings[0], room, 1, "same", bytes_of("first"));
    send_start(&sendings[1], room, 1, "same", bytes_of("second"));
    send_start(&sendings[2], room, 1, "different", bytes_of("third"));
    send_start(&sendings[3], room, 2, "same", bytes_of("another sender"));
    /* One that cannot be stored does not take its key with it. */
    send_start(&sendings[4], 99999, 1, "gone", bytes_of("x"));
    wait_idle();
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(sendings[i].outcome, DAL_OK);
    assert_int_equal(sendings[4].outcome, DAL_MISSING);
    assert_int_equal(sendings[0].message->seq, 1);
    assert_false(sendings[0].again);
    assert_int_equal(sendings[1].message->seq, 1);
    assert_int_equal(sendings[1].message->time_ms, sendings[0].message->time_ms);
    assert_true(sendings[1].again);
    assert_int_equal(sendings[2].message->seq, 2);
    assert_int_equal(sendings[3].message->seq, 3);
    assert_int_equal(send_one(other, 1, "gone", "now"), 1);
    for (unsigned i = 0; i < 5; i++)
        sending_deinit(&sendings[i]);
}

/* Conversations have writers of their own: whichever is first, there is one row. */
static void test_same_key_to_several_at_once(void **state)
{
    enum { ROOMS = 6, ROUNDS = 20 };
    uint64_t rooms[ROOMS];
    struct sending sendings[ROOMS];
    struct conversation_record record;
    uint64_t stored = 0;
    char name[16];

    for (unsigned i = 0; i < ROOMS; i++) {
        snprintf(name, sizeof(name), "#room%u", i);
        rooms[i] = new_room(name);
    }
    for (unsigned round = 0; round < ROUNDS; round++) {
        const struct message *first = NULL;
        snprintf(name, sizeof(name), "key%u", round);
        for (unsigned i = 0; i < ROOMS; i++)
            send_start(&sendings[i], rooms[i], 1, name, bytes_of("text"));
        wait_idle();
        for (unsigned i = 0; i < ROOMS; i++) {
            assert_int_equal(sendings[i].outcome, DAL_OK);
            assert_true(sendings[i].again || first == NULL);
            if (!sendings[i].again)
                first = sendings[i].message;
        }
        assert_non_null(first);
        for (unsigned i = 0; i < ROOMS; i++) {
            assert_int_equal(sendings[i].message->conversation, first->conversation);
            assert_int_equal(sendings[i].message->seq, first->seq);
            assert_int_equal(sendings[i].message->time_ms, first->time_ms);
        }
        for (unsigned i = 0; i < ROOMS; i++)
            sending_deinit(&sendings[i]);
    }
    for (unsigned i = 0; i < ROOMS; i++) {
        snprintf(name, sizeof(name), "#room%u", i);
        assert_int_equal(conversation_find(name, &record), DAL_OK);
        stored += record.end;
    }
    assert_int_equal(stored, ROUNDS);
    assert_sound();
}

static void test_same_key_later(void **state)
{
    uint64_t room = new_room("#room"), other = new_room("#other"), time_ms;
    struct sending sendings[3];

    send_start(&sendings[0], room, 1, "same", bytes_of("first"));
    wait_idle();
    time_ms = sendings[0].message->time_ms;
    sending_deinit(&sendings[0]);
    for (int round = 0; round < 2; round++) {
        char key[16];
        snprintf(key, sizeof(key), "new%d", round);
        send_start(&sendings[0], room, 1, key, bytes_of("neighbour"));
        send_start(&sendings[1], room, 1, "same", bytes_of("again"));
        send_start(&sendings[2], other, 1, "same", bytes_of("to somebody else"));
        wait_idle();
        for (int i = 1; i < 3; i++) {
            assert_int_equal(sendings[i].outcome, DAL_OK);
            assert_true(sendings[i].again);
            assert_int_equal(sendings[i].message->seq, 1);
            assert_int_equal(sendings[i].message->conversation, room);
            assert_int_equal(sendings[i].message->time_ms, time_ms);
        }
        assert_false(sendings[0].again);
        assert_int_equal(sendings[0].message->seq, 2 + round);
        for (int i = 0; i < 3; i++)
            sending_deinit(&sendings[i]);
        harness_reopen();
    }
}

/* Keys are bytes: neither case nor blanks at the end make them equal. */
static void test_keys_are_bytes(void **state)
{
    uint64_t room = new_room("#room");

    assert_int_equal(send_one(room, 1, "key", "a"), 1);
    assert_int_equal(send_one(room, 1, "KEY", "b"), 2);
    assert_int_equal(send_one(room, 1, "key ", "c"), 3);
    assert_int_equal(send_one(room, 1, "k\xc3\xa9y", "d"), 4);
    assert_int_equal(send_one(room, 1, "", "e"), 5);
    assert_int_equal(send_one(room, 1, "key", "f"), 1);
}

struct place {
    bool done;
    enum dal_outcome outcome;
    uint64_t conversation, seq, time_ms;
};

static void note_place(void *userdata, enum dal_outcome outcome, uint64_t conversation,
                       uint64_t seq, uint64_t time_ms)
{
    *(struct place *)userdata = (struct place){true, outcome, conversation, seq, time_ms};
}

static struct place find_place(uint64_t sender, const char *key)
{
    struct place place = {.done = false};

    assert_int_equal(dal_message_find(sender, bytes_of(key), note_place, &place), 0);
    wait_for(&place.done);
    return place;
}

static void test_find_by_key(void **state)
{
    uint64_t room = new_room("#room");
    struct sending sending;
    struct place place;

    assert_int_equal(send_one(room, 1, "first", "a"), 1);
    send_start(&sending, room, 1, "second", bytes_of("b"));
    wait_for(&sending.done);
    place = find_place(1, "second");
    assert_int_equal(place.outcome, DAL_OK);
    assert_int_equal(place.conversation, room);
    assert_int_equal(place.seq, 2);
    assert_int_equal(place.time_ms, sending.message->time_ms);
    assert_int_equal(find_place(1, "third").outcome, DAL_MISSING);
    assert_int_equal(find_place(2, "second").outcome, DAL_MISSING);
    assert_int_equal(find_place(1, "SECOND").outcome, DAL_MISSING);
    sending_deinit(&sending);
}

/* Neighbours of messages that cannot be stored are stored all the same, without a gap. */
static void test_bad_neighbours(void **state)
{
    uint64_t room = new_room("#room");
    struct sending sendings[300];
    char key[100];
    unsigned stored = 0;

    for (unsigned i = 0; i < 300; i++) {
        snprintf(key, sizeof(key), i % 90 == 45 ? "%080u" : "%u", i);
        send_start(&sendings[i], i % 50 == 7 ? 55555 + i : room, 1, key, bytes_of("text"));
    }
    wait_idle();
    for (unsigned i = 0; i < 300; i++) {
        if (i % 50 == 7) {
            assert_int_equal(sendings[i].outcome, DAL_MISSING);
        } else if (i % 90 == 45) {
            assert_int_equal(sendings[i].outcome, DAL_REFUSED);
        } else {
            assert_int_equal(sendings[i].outcome, DAL_OK);
            assert_int_equal(sendings[i].message->seq, ++stored);
        }
        sending_deinit(&sendings[i]);
    }
    assert_sound();
}

static void test_deleted_conversation_in_a_batch(void **state)
{
    uint64_t room = new_room("#room"), gone = new_room("#gone");
    struct sending sendings[4];

    assert_int_equal(send_one(gone, 1, "a", "x"), 1);
    assert_int_equal(room_delete("#gone"), DAL_OK);
    send_start(&sendings[0], room, 1, "1", bytes_of("one"));
    send_start(&sendings[1], gone, 1, "2", bytes_of("two"));
    send_start(&sendings[2], room, 1, "3", bytes_of("three"));
    send_start(&sendings[3], gone, 1, "4", bytes_of("four"));
    wait_idle();
    assert_int_equal(sendings[0].message->seq, 1);
    assert_int_equal(sendings[2].message->seq, 2);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(sendings[i].outcome, i % 2 == 0 ? DAL_OK : DAL_MISSING);
        sending_deinit(&sendings[i]);
    }
}

/* A long conversation is deleted with all that belongs to it. */
static void test_delete_long_conversation(void **state)
{
    enum { COUNT = 7000 };
    uint64_t room = new_room("#room");
    struct sending *sendings = calloc(COUNT, sizeof(*sendings));
    struct page page;
    char key[16];

    for (unsigned i = 0; i < COUNT; i++) {
        snprintf(key, sizeof(key), "%u", i);
        send_start(&sendings[i], room, 1, key, bytes_of("text"));
    }
    wait_idle();
    assert_int_equal(sendings[COUNT - 1].message->seq, COUNT);
    assert_int_equal(room_delete("#room"), DAL_OK);
    assert_int_equal(messages_read(room, 0, 10, 1000, &page), DAL_MISSING);
    /* Its keys are free again. */
    room = new_room("#room");
    assert_int_equal(send_one(room, 1, "17", "text"), 1);
    assert_sound();
    for (unsigned i = 0; i < COUNT; i++)
        sending_deinit(&sendings[i]);
    free(sendings);
}

static void test_pages(void **state)
{
    uint64_t room = new_room("#room");
    struct sending *sendings = calloc(1000, sizeof(*sendings));
    struct page page;
    uint64_t after = 0;
    char text[128];

    memset(text, 'x', 100);
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(text + 92, 16, "%08u", i);
        send_start(&sendings[i], room, 1, text + 92, bytes_of(text));
    }
    wait_idle();
    for (unsigned i = 0; i < 1000; i++)
        sending_deinit(&sendings[i]);
    free(sendings);
    while (after < 1000) {
        assert_int_equal(messages_read(room, after, 300, 1000000, &page), DAL_OK);
        assert_int_equal(page.count, after < 900 ? 300 : 100);
        for (size_t i = 0; i < page.count; i++) {
            assert_int_equal(page.messages[i]->seq, ++after);
            snprintf(text + 92, 16, "%08u", (unsigned)after - 1);
            assert_true(bytes_is(page.messages[i]->text, text));
        }
        page_deinit(&page);
    }
    /* Limited in bytes: no more once they are reached, at least one. */
    assert_int_equal(messages_read(room, 10, 300, 250, &page), DAL_OK);
    assert_int_equal(page.count, 3);
    page_deinit(&page);
    assert_int_equal(messages_read(room, 10, 300, 1, &page), DAL_OK);
    assert_int_equal(page.count, 1);
    assert_int_equal(page.messages[0]->seq, 11);
    page_deinit(&page);
    assert_int_equal(messages_read(room, 10, 0, 1, &page), DAL_OK);
    assert_int_equal(page.count, 0);
}

/* Every character of Unicode, in texts of up to 64 KiB. */
static size_t put_character(char *to, uint32_t c)
{
    if (c < 0x80) {
        to[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        to[0] = (char)(0xc0 | c >> 6);
        to[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        to[0] = (char)(0xe0 | c >> 12);
        to[1] = (char)(0x80 | (c >> 6 & 0x3f));
        to[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    to[0] = (char)(0xf0 | c >> 18);
    to[1] = (char)(0x80 | (c >> 12 & 0x3f));
    to[2] = (char)(0x80 | (c >> 6 & 0x3f));
    to[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

static void test_all_of_unicode(void **state)
{
    enum { SIZE = 65536, TEXTS = 68 };
    uint64_t room = new_room("#room");
    struct sending sendings[TEXTS];
    char *text = malloc(SIZE), key[16];
    unsigned count = 0, seen = 0;
    uint32_t c = 1;
    struct page page;

    while (c <= 0x10ffff) {
        size_t len = 0;
        for (; len <= SIZE - 4 && c <= 0x10ffff; c++) {
            if (c != 3 && (c < 0xd800 || c > 0xdfff))
                len += put_character(text + len, c);
        }
        assert_true(count < TEXTS);
        snprintf(key, sizeof(key), "%u", count);
        send_start(&sendings[count++], room, 1, key, (struct bytes){text, len});
    }
    wait_idle();
    while (seen < count) {
        assert_int_equal(messages_read(room, seen, 10, SIZE * 3, &page), DAL_OK);
        assert_true(page.count > 0);
        for (size_t i = 0; i < page.count; i++, seen++)
            assert_true(bytes_equal(page.messages[i]->text, sendings[seen].message->text));
        page_deinit(&page);
    }
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(sendings[i].outcome, DAL_OK);
        sending_deinit(&sendings[i]);
    }
    free(text);
}

static void test_empty_text(void **state)
{
    uint64_t room = new_room("#room");
    struct page page;

    assert_int_equal(send_one(room, 1, "k", ""), 1);
    assert_int_equal(messages_read(room, 0, 10, 0, &page), DAL_OK);
    assert_int_equal(page.count, 1);
    assert_int_equal(page.messages[0]->text.len, 0);
    page_deinit(&page);
}

/* -- the queue --------------------------------------------------------------------------------- */

static void test_queue_is_bounded(void **state)
{
    struct sending sendings[12];
    uint64_t room = new_room("#room");
    char key[16];

    harness_close();
    harness_config()->queue_max = 10;
    harness_open();
    for (unsigned i = 0; i < 12; i++) {
        snprintf(key, sizeof(key), "%u", i);
        send_start(&sendings[i], room, 1, key, bytes_of("text"));
        assert_int_equal(sendings[i].error, i < 10 ? 0 : -EAGAIN);
    }
    /* A ping is answered all the same. */
    assert_int_equal(ping(), DAL_OK);
    wait_idle();
    for (unsigned i = 0; i < 12; i++) {
        assert_int_equal(sendings[i].done, i < 10);
        assert_int_equal(sendings[i].message->references, 1);
        sending_deinit(&sendings[i]);
    }
    assert_int_equal(send_one(room, 1, "again", "room for more"), 11);
}

/* dal_close() carries out what is queued, and answers all of it. */
static void test_close_finishes(void **state)
{
    uint64_t room = new_room("#room");
    struct sending *sendings = calloc(3000, sizeof(*sendings));
    struct conversation_record record;
    unsigned joined = 0;
    char key[16];

    new_user("alice");
    for (unsigned i = 0; i < 3000; i++) {
        snprintf(key, sizeof(key), "%u", i);
        send_start(&sendings[i], room, 1, key, bytes_of("text"));
        if (i == 1500)
            start_joining("alice", &joined);
    }
    harness_close();
    assert_int_equal(joined, 1);
    for (unsigned i = 0; i < 3000; i++) {
        assert_true(sendings[i].done);
        assert_int_equal(sendings[i].outcome, DAL_OK);
        sending_deinit(&sendings[i]);
    }
    free(sendings);
    harness_open();
    assert_int_equal(conversation_find("#room", &record), DAL_OK);
    assert_int_equal(record.end, 3000);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, harness_setup, harness_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_order_of_members_among_messages),
        CASE(test_message_store_and_read),
        CASE(test_dense_numbers),
        CASE(test_one_turn_is_one_commit),
        CASE(test_numbers_go_on_after_reopening),
        CASE(test_same_key_in_one_batch),
        CASE(test_same_key_to_several_at_once),
        CASE(test_same_key_later),
        CASE(test_keys_are_bytes),
        CASE(test_find_by_key),
        CASE(test_bad_neighbours),
        CASE(test_deleted_conversation_in_a_batch),
        CASE(test_delete_long_conversation),
        CASE(test_pages),
        CASE(test_all_of_unicode),
        CASE(test_empty_text),
        CASE(test_queue_is_bounded),
        CASE(test_close_finishes),
    };

    return cmocka_run_group_tests_name("messages", tests, NULL, NULL);
}
