/* The storage suite: every call and every outcome, the same over each real engine.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "harness.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* -- users ------------------------------------------------------------------------------------- */

static void test_user_add(void **state)
{
    struct user alice, bob;
    struct account account;
    struct conversation_record everyone, inbox;

    assert_int_equal(conversation_find("*", &everyone), DAL_OK);
    assert_int_equal(everyone.kind, CONVERSATION_EVERYONE);
    assert_int_equal(send_one(everyone.id, 900, "k1", "before"), 1);
    assert_int_equal(user_add("alice", "Alice A", &alice, NULL), DAL_OK);
    assert_int_equal(user_add("bob", "밥", &bob, NULL), DAL_OK);
    assert_true(alice.id != 0 && bob.id != alice.id && alice.inbox != bob.inbox);
    assert_string_equal(alice.name, "Alice A");
    assert_int_equal(conversation_find("alice", &inbox), DAL_OK);
    assert_int_equal(inbox.id, alice.inbox);
    assert_int_equal(inbox.kind, CONVERSATION_INBOX);
    assert_int_equal(inbox.end, 0);

    assert_int_equal(account_find("alice", &account), DAL_OK);
    assert_memory_equal(&account.user, &alice, sizeof(alice));
    assert_string_equal(account.password_hash, "$hash$of$it");
    assert_int_equal(account.membership_count, 2);
    assert_string_equal(account.memberships[0].conversation.name, "*");
    assert_int_equal(account.memberships[0].since, 1);
    assert_int_equal(account.memberships[0].conversation.end, 1);
    assert_int_equal(account.memberships[1].conversation.id, alice.inbox);
    assert_int_equal(account.memberships[1].since, 0);
    assert_int_equal(account.device_count, 0);
    assert_int_equal(account.cursor_count, 0);
    assert_int_equal(account_find("bob", &account), DAL_OK);
    assert_string_equal(account.user.name, "밥");
    assert_true(account.user.created_ms > 1600000000000);
}

static void test_user_conflicts(void **state)
{
    char conflict[64];
    struct user user;

    assert_int_equal(user_add("alice", "Alice", &user, conflict), DAL_OK);
    assert_string_equal(conflict, "");
    assert_int_equal(user_add("alice", "Other", &user, conflict), DAL_REFUSED);
    assert_string_equal(conflict, "userid");
    assert_int_equal(user_add("alicia", "ALICE", &user, conflict), DAL_REFUSED);
    assert_string_equal(conflict, "display name");
    /* Full-width letters fold to the same name. */
    assert_int_equal(user_add("alicia", "\uff21lice", &user, conflict), DAL_REFUSED);
    assert_string_equal(conflict, "display name");
    /* A refused one leaves nothing behind. */
    assert_int_equal(conversation_find("alicia", NULL), DAL_MISSING);
    /* Userids are unique by their bytes. */
    assert_int_equal(user_add("Alice", "Second", &user, conflict), DAL_OK);
    assert_int_equal(user_add("bad", "\xff\xfe", &user, conflict), DAL_REFUSED);
    assert_int_equal(user_add("blank", "Blank", &user, conflict), DAL_OK);
    assert_int_equal(account_find("blank ", &(struct account){0}), DAL_MISSING);
    assert_sound();
}

static void test_user_too_long_is_refused(void **state)
{
    char userid[80];

    memset(userid, 'x', sizeof(userid));
    userid[65] = '\0';
    assert_int_equal(user_add(userid, "name", NULL, NULL), DAL_REFUSED);
    userid[64] = '\0';
    assert_int_equal(user_add(userid, userid, NULL, NULL), DAL_OK);
    assert_int_equal(user_add("short", "name", NULL, NULL), DAL_OK);
}

static void test_user_changes(void **state)
{
    struct account account;

    new_user("alice");
    assert_int_equal(user_set_password("alice", "second"), DAL_OK);
    assert_int_equal(user_set_disabled("alice", true), DAL_OK);
    assert_int_equal(account_find("alice", &account), DAL_OK);
    assert_string_equal(account.password_hash, "second");
    assert_int_equal(account.user.auth_epoch, 2);
    assert_true(account.user.disabled);
    /* To set what is set already is no error either. */
    assert_int_equal(user_set_disabled("alice", true), DAL_OK);
    assert_int_equal(user_set_disabled("alice", false), DAL_OK);
    assert_int_equal(user_set_password("alice", "second"), DAL_OK);
    assert_int_equal(account_find("alice", &account), DAL_OK);
    assert_int_equal(account.user.auth_epoch, 3);
    assert_false(account.user.disabled);

    assert_int_equal(user_set_password("nobody", "x"), DAL_MISSING);
    assert_int_equal(user_set_disabled("nobody", true), DAL_MISSING);
    assert_int_equal(user_delete("nobody"), DAL_MISSING);
    assert_int_equal(account_find("nobody", &account), DAL_MISSING);
}

static void test_user_delete(void **state)
{
    struct user alice = new_user("alice"), bob = new_user("bob"), again;
    uint64_t room = new_room("#room"), device;
    struct page page;
    char text[1024];

    assert_int_equal(member_add("#room", "alice"), DAL_OK);
    assert_int_equal(device_add(alice.id, "laptop", NULL, 0, &device), DAL_OK);
    assert_int_equal(send_one(alice.inbox, bob.id, "1", "to alice"), 1);
    assert_int_equal(send_one(room, alice.id, "2", "from alice"), 1);
    assert_int_equal(user_delete("alice"), DAL_OK);

    assert_int_equal(user_delete("alice"), DAL_MISSING);
    assert_int_equal(conversation_find("alice", NULL), DAL_MISSING);
    assert_int_equal(messages_read(alice.inbox, 0, 10, 1000, &page), DAL_MISSING);
    assert_int_equal(device_rename(device, "other"), DAL_MISSING);
    assert_int_equal(member_list("#room", "", 10, text), DAL_OK);
    assert_string_equal(text, "");
    /* What he wrote to others stays. */
    assert_int_equal(messages_read(room, 0, 10, 1000, &page), DAL_OK);
    assert_int_equal(page.count, 1);
    page_deinit(&page);
    /* And his inbox is known to be gone, also to a writer that has just written to it. */
    assert_int_equal(send_one(alice.inbox, bob.id, "3", "too late"), 0);

    again = new_user("alice");
    assert_true(again.id > bob.id);
    assert_true(again.inbox > bob.inbox);
    assert_int_equal(send_one(again.inbox, bob.id, "4", "hello"), 1);
    assert_sound();
}

static void test_user_list(void **state)
{
    char text[1024];

    new_user("b");
    new_user("a");
    assert_int_equal(user_add("B", "Other", NULL, NULL), DAL_OK);
    new_user("é");
    assert_int_equal(user_list("", 10, text), DAL_OK);
    assert_string_equal(text, "B a b é");
    assert_int_equal(user_list("", 2, text), DAL_OK);
    assert_string_equal(text, "B a");
    assert_int_equal(user_list("a", 2, text), DAL_OK);
    assert_string_equal(text, "b é");
    assert_int_equal(user_list("é", 2, text), DAL_OK);
    assert_string_equal(text, "");
}

/* -- rooms ------------------------------------------------------------------------------------- */

static void test_rooms(void **state)
{
    struct conversation_record record;
    char text[1024];

    new_user("alice");
    new_user("bob");
    assert_int_equal(room_add("#one", &record), DAL_OK);
    assert_int_equal(record.kind, CONVERSATION_ROOM);
    assert_string_equal(record.name, "#one");
    assert_int_equal(record.end, 0);
    assert_int_equal(room_add("#one", NULL), DAL_REFUSED);
    assert_int_equal(room_add("#two", NULL), DAL_OK);
    assert_int_equal(send_one(record.id, 5, "k", "hello"), 1);

    assert_int_equal(member_add("#one", "bob"), DAL_OK);
    assert_int_equal(member_add("#one", "alice"), DAL_OK);
    assert_int_equal(member_add("#one", "alice"), DAL_REFUSED);
    assert_int_equal(member_add("#none", "alice"), DAL_MISSING);
    assert_int_equal(member_add("#one", "nobody"), DAL_MISSING);
    assert_int_equal(member_list("#one", "", 10, text), DAL_OK);
    assert_string_equal(text, "alice bob");
    assert_int_equal(member_list("#one", "alice", 10, text), DAL_OK);
    assert_string_equal(text, "bob");
    assert_int_equal(member_list("#none", "", 10, text), DAL_MISSING);
    assert_int_equal(room_list("", 10, text), DAL_OK);
    assert_string_equal(text, "#one=2 #two=0");
    assert_int_equal(room_list("#one", 10, text), DAL_OK);
    assert_string_equal(text, "#two=0");
    assert_int_equal(room_list("", 1, text), DAL_OK);
    assert_string_equal(text, "#one=2");

    assert_int_equal(member_remove("#one", "bob"), DAL_OK);
    assert_int_equal(member_remove("#one", "bob"), DAL_MISSING);
    assert_int_equal(member_remove("#none", "bob"), DAL_MISSING);
    assert_int_equal(conversation_find("#one", &record), DAL_OK);
    assert_int_equal(record.end, 1);

    assert_int_equal(room_delete("#one"), DAL_OK);
    assert_int_equal(room_delete("#one"), DAL_MISSING);
    assert_int_equal(conversation_find("#one", NULL), DAL_MISSING);
    assert_int_equal(send_one(record.id, 5, "k2", "gone"), 0);
    assert_sound();
}

static void test_only_rooms_are_changed_as_rooms(void **state)
{
    new_user("alice");
    new_user("bob");
    assert_int_equal(room_delete("*"), DAL_MISSING);
    assert_int_equal(room_delete("alice"), DAL_MISSING);
    assert_int_equal(member_add("alice", "bob"), DAL_MISSING);
    assert_int_equal(member_remove("*", "bob"), DAL_MISSING);
    assert_int_equal(conversation_find("*", NULL), DAL_OK);
    assert_int_equal(conversation_find("alice", NULL), DAL_OK);
}

/* A member receives what comes after he joined. */
static void test_member_since(void **state)
{
    uint64_t room = new_room("#room");
    struct account account;

    new_user("alice");
    for (int i = 1; i <= 3; i++) {
        char key[16];
        snprintf(key, sizeof(key), "k%d", i);
        assert_int_equal(send_one(room, 5, key, "x"), i);
    }
    assert_int_equal(member_add("#room", "alice"), DAL_OK);
    assert_int_equal(send_one(room, 5, "k4", "x"), 4);
    assert_int_equal(account_find("alice", &account), DAL_OK);
    assert_int_equal(account.membership_count, 3);
    assert_int_equal(membership_of(&account, room)->since, 3);
    assert_int_equal(membership_of(&account, room)->conversation.end, 4);
}

static void count_done(void *userdata, enum dal_outcome outcome)
{
    assert_int_equal(outcome, DAL_OK);
    ++*(unsigned *)userdata;
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
            assert_int_equal(dal_member_add(bytes_of("#room"), bytes_of(name), count_done, &joined),
                             0);
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

/* -- devices and cursors ----------------------------------------------------------------------- */

static void test_devices(void **state)
{
    struct user alice = new_user("alice"), bob = new_user("bob");
    struct device_cursor cursors[] = {{0, 1, 4}, {0, alice.inbox, 9}};
    struct account account;
    uint64_t one, two, other;

    assert_int_equal(device_add(alice.id, "one", cursors, 2, &one), DAL_OK);
    assert_int_equal(device_add(alice.id, "two", NULL, 0, &two), DAL_OK);
    assert_int_equal(device_add(bob.id, "one", NULL, 0, &other), DAL_OK);
    assert_int_equal(device_add(alice.id, "one", NULL, 0, &other), DAL_REFUSED);
    assert_int_equal(device_add(4711, "one", NULL, 0, &other), DAL_MISSING);
    assert_int_equal(account_find("alice", &account), DAL_OK);
    assert_int_equal(account.device_count, 2);
    assert_int_equal(account.devices[0].id, one);
    assert_string_equal(account.devices[0].name, "one");
    assert_true(account.devices[0].seen_ms >= account.user.created_ms);
    assert_int_equal(account.cursor_count, 2);
    assert_int_equal(cursor_of(&account, one, 1), 4);
    assert_int_equal(cursor_of(&account, one, alice.inbox), 9);

    assert_int_equal(device_rename(one, "moved"), DAL_OK);
    assert_int_equal(device_rename(one, "moved"), DAL_OK);
    assert_int_equal(device_rename(one, "two"), DAL_REFUSED);
    assert_int_equal(device_rename(99999, "x"), DAL_MISSING);
    assert_int_equal(account_find("alice", &account), DAL_OK);
    assert_string_equal(account.devices[0].name, "moved");
    assert_int_equal(account.cursor_count, 2);

    assert_int_equal(device_delete(one), DAL_OK);
    assert_int_equal(device_delete(one), DAL_MISSING);
    assert_int_equal(account_find("alice", &account), DAL_OK);
    assert_int_equal(account.device_count, 1);
    assert_int_equal(account.cursor_count, 0);
    assert_int_equal(device_add(alice.id, "one", NULL, 0, &other), DAL_OK);
    assert_true(other > two);
}

static void test_cursors_move_forward_only(void **state)
{
    struct user alice = new_user("alice");
    struct device_cursor cursor = {0, 1, 10};
    struct account account;
    uint64_t device;

    assert_int_equal(device_add(alice.id, "one", NULL, 0, &device), DAL_OK);
    cursor.device = device;
    assert_int_equal(cursors_store(&cursor, 1), DAL_OK);
    cursor.seq = 7;
    assert_int_equal(cursors_store(&cursor, 1), DAL_OK);
    assert_int_equal(account_find("alice", &account), DAL_OK);
    assert_int_equal(cursor_of(&account, device, 1), 10);
    cursor.seq = 11;
    assert_int_equal(cursors_store(&cursor, 1), DAL_OK);
    assert_int_equal(account_find("alice", &account), DAL_OK);
    assert_int_equal(cursor_of(&account, device, 1), 11);
    assert_int_equal(cursors_store(NULL, 0), DAL_OK);
}

/* Those of devices and conversations that are gone are passed over, wherever they stand. */
static void test_cursors_of_the_gone(void **state)
{
    struct user alice = new_user("alice");
    struct device_cursor cursors[200];
    struct account account;
    uint64_t device, rooms[100];
    char name[16];

    assert_int_equal(device_add(alice.id, "one", NULL, 0, &device), DAL_OK);
    for (unsigned i = 0; i < 100; i++) {
        snprintf(name, sizeof(name), "#room%u", i);
        rooms[i] = new_room(name);
    }
    for (unsigned i = 0; i < 200; i++) {
        cursors[i] = (struct device_cursor){device, rooms[i % 100], i + 1};
        if (i % 7 == 3)
            cursors[i].device = 88888;
        if (i % 11 == 5)
            cursors[i].conversation = 99999;
    }
    assert_int_equal(cursors_store(cursors, 200), DAL_OK);
    assert_int_equal(account_find("alice", &account), DAL_OK);
    for (unsigned i = 100; i < 200; i++) {
        bool gone = i % 7 == 3 || i % 11 == 5;
        bool before_gone = (i - 100) % 7 == 3 || (i - 100) % 11 == 5;
        uint64_t expected = !gone ? i + 1 : !before_gone ? i - 99 : 0;
        assert_int_equal(cursor_of(&account, device, rooms[i - 100]), expected);
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
            assert_int_equal(
                dal_member_add(bytes_of("#room"), bytes_of("alice"), count_done, &joined), 0);
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

static void test_ping_and_status(void **state)
{
    struct dal_status status;

    assert_int_equal(ping(), DAL_OK);
    dal_status(&status);
    assert_true(status.up);
    assert_string_equal(status.trouble, "");
    assert_true(status.durable);
    assert_int_equal(status.schema_version, status.schema_known);
    assert_int_equal(status.schema_before, 0);
    assert_string_equal(status.driver, harness_is_mysql() ? "mysql" : "sqlite");
    assert_non_null(strstr(status.server, harness_is_mysql() ? "M" : "SQLite 3"));
    harness_reopen();
    assert_int_equal(ping(), DAL_OK);
    dal_status(&status);
    assert_int_equal(status.schema_before, status.schema_known);
}

/* A server that does not flush at commit is used, and it is said. */
static void test_not_durable(void **state)
{
    struct dal_status status;

    if (!harness_is_mysql())
        return;
    harness_close();
    harness_script("SET GLOBAL innodb_flush_log_at_trx_commit = 2", true);
    harness_open();
    assert_int_equal(ping(), DAL_OK);
    dal_status(&status);
    harness_script("SET GLOBAL innodb_flush_log_at_trx_commit = 1", true);
    assert_true(status.up);
    assert_false(status.durable);
    assert_non_null(strstr(status.trouble, "innodb_flush_log_at_trx_commit = 2"));
    harness_reopen();
    assert_int_equal(ping(), DAL_OK);
    dal_status(&status);
    assert_true(status.durable);
}

static void assert_provision_fails(const struct dal_provision *provision, const char *words)
{
    char *error = NULL;

    assert_true(dal_mysql_provision(provision, &error) < 0);
    assert_non_null(strstr(error, words));
    free(error);
}

static void test_provision_refuses(void **state)
{
    struct dal_provision provision = {
        .socket = "/nonexistent/socket", .database = "multichat", .user = "u", .password = "p"};

#if !HAVE_MYSQL
    assert_provision_fails(&provision, "without MySQL");
    return;
#endif
    assert_provision_fails(&provision, "/nonexistent/socket");
    provision.database = "a`; DROP DATABASE b";
    assert_provision_fails(&provision, "allowed");
    provision.database = "multichat";
    provision.user = "it's";
    assert_provision_fails(&provision, "allowed");
    provision.user = "u";
    provision.password = NULL;
    assert_provision_fails(&provision, "password");
}

/* -- the schema -------------------------------------------------------------------------------- */

static void test_newer_schema_is_refused(void **state)
{
    struct dal_status status;

    harness_close();
    harness_script("INSERT INTO schema_version (version, applied_ms) VALUES (1000, 0)", false);
    harness_open();
    assert_int_equal(ping(), DAL_UNAVAILABLE);
    dal_status(&status);
    assert_false(status.up);
    assert_non_null(strstr(status.trouble, "1000"));
    assert_int_equal(status.schema_version, 1000);
    assert_int_equal(room_add("#room", NULL), DAL_UNAVAILABLE);
    /* It is looked at again, and goes on by itself. */
    harness_script("DELETE FROM schema_version WHERE version = 1000", false);
    wait_up(true);
    assert_int_equal(room_add("#room", NULL), DAL_OK);
}

static void test_no_migration_unless_wanted(void **state)
{
    struct dal_status status;

    harness_teardown(state);
    harness_setup(state);
    harness_close();
    harness_script("DELETE FROM schema_version", false);
    harness_config()->migrate = false;
    harness_open();
    assert_int_equal(ping(), DAL_UNAVAILABLE);
    dal_status(&status);
    assert_non_null(strstr(status.trouble, "multichatctl db migrate"));
    assert_int_equal(status.schema_version, 0);
}

/* A migration that a crash cut short is done again. In SQLite it is one transaction, so there the
 * case does not exist. */
static void test_migration_can_be_repeated(void **state)
{
    struct dal_status status;
    struct conversation_record everyone;
    uint64_t room = new_room("#room");

    if (!harness_is_mysql())
        return;
    assert_int_equal(send_one(room, 1, "k", "text"), 1);
    harness_close();
    harness_script("DROP TABLE cursors", false);
    harness_script("DROP TABLE schema_version", false);
    harness_open();
    assert_int_equal(ping(), DAL_OK);
    dal_status(&status);
    assert_int_equal(status.schema_before, 0);
    assert_int_equal(status.schema_version, status.schema_known);
    assert_int_equal(conversation_find("*", &everyone), DAL_OK);
    assert_int_equal(send_one(room, 1, "k2", "text"), 2);
    assert_sound();
}

/* -- the check --------------------------------------------------------------------------------- */

static void test_check_finds(void **state)
{
    struct user alice = new_user("alice");
    uint64_t room = new_room("#room"), device;
    struct device_cursor cursor = {0, room, 50};
    char findings[4096], key[16];

    for (int i = 1; i <= 5; i++) {
        snprintf(key, sizeof(key), "%d", i);
        assert_int_equal(send_one(room, 1, key, "text"), i);
    }
    assert_sound();
    /* The oldest may be gone: that is what a clean-up would do. */
    harness_script("DELETE FROM messages WHERE seq = 1", false);
    assert_sound();
    harness_script("DELETE FROM messages WHERE seq = 3", false);
    assert_int_equal(device_add(alice.id, "one", &cursor, 1, &device), DAL_OK);
    harness_script("UPDATE members SET since = 99", false);
    assert_int_equal(check(findings), DAL_OK);
    assert_non_null(
        strstr(findings, "#room has 3 messages between the numbers 2 and 5: 1 are missing"));
    assert_non_null(strstr(findings, "device one has acknowledged message 50"));
    assert_non_null(strstr(findings, "alice is a member of conversation * since message 99"));
}

/* -- files ------------------------------------------------------------------------------------- */

static void test_file_is_private(void **state)
{
    struct stat status;

    if (harness_is_mysql())
        return;
    assert_int_equal(ping(), DAL_OK);
    assert_int_equal(stat(harness_config()->sqlite_path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
}

static void test_unknown_driver(void **state)
{
    struct dal_config config = *harness_config();
    char *error = NULL;

    harness_close();
    config.driver = "oracle";
    assert_int_equal(dal_open(&config, &error), -EINVAL);
    assert_non_null(strstr(error, "oracle"));
    free(error);
    assert_true(dal_drivers()[0] != NULL);
    harness_open();
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, harness_setup, harness_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_user_add),
        CASE(test_user_conflicts),
        CASE(test_user_too_long_is_refused),
        CASE(test_user_changes),
        CASE(test_user_delete),
        CASE(test_user_list),
        CASE(test_rooms),
        CASE(test_only_rooms_are_changed_as_rooms),
        CASE(test_member_since),
        CASE(test_order_of_members_among_messages),
        CASE(test_devices),
        CASE(test_cursors_move_forward_only),
        CASE(test_cursors_of_the_gone),
        CASE(test_message_store_and_read),
        CASE(test_dense_numbers),
        CASE(test_one_turn_is_one_commit),
        CASE(test_numbers_go_on_after_reopening),
        CASE(test_same_key_in_one_batch),
        CASE(test_same_key_later),
        CASE(test_keys_are_bytes),
        CASE(test_bad_neighbours),
        CASE(test_deleted_conversation_in_a_batch),
        CASE(test_pages),
        CASE(test_all_of_unicode),
        CASE(test_empty_text),
        CASE(test_queue_is_bounded),
        CASE(test_close_finishes),
        CASE(test_ping_and_status),
        CASE(test_not_durable),
        CASE(test_provision_refuses),
        CASE(test_newer_schema_is_refused),
        CASE(test_no_migration_unless_wanted),
        CASE(test_migration_can_be_repeated),
        CASE(test_check_finds),
        CASE(test_file_is_private),
        CASE(test_unknown_driver),
    };

    return cmocka_run_group_tests_name("storage", tests, NULL, NULL);
}
