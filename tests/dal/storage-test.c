/* The storage suite, first part: users, rooms, devices, state, schema and check; every call and
 * every outcome, the same over each real engine.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "harness.h"

#include "dal/schema.h"

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
    /* Nor may a name look like the userid of somebody else, or a userid like anybody's name. */
    assert_int_equal(user_add("Alice", "Second", &user, conflict), DAL_REFUSED);
    assert_string_equal(conflict, "userid");
    assert_int_equal(user_add("bob", "\u338f", &user, conflict), DAL_OK); /* a square "kg" */
    assert_int_equal(user_add("KG", "Third", &user, conflict), DAL_REFUSED);
    assert_string_equal(conflict, "userid");
    assert_int_equal(user_add("carol", "BOB", &user, conflict), DAL_REFUSED);
    assert_string_equal(conflict, "display name");
    assert_int_equal(user_add("carol", "\uff0a", &user, conflict), DAL_REFUSED);
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

static uint64_t everyone_id(void)
{
    struct conversation_record everyone;

    assert_int_equal(conversation_find("*", &everyone), DAL_OK);
    return everyone.id;
}

/* Epochs begin with the time when the user was made. */
static void assert_epoch(const struct user *user, unsigned raised)
{
    assert_int_equal(user->auth_epoch, (uint32_t)(user->created_ms / 1000) + raised);
}

static void test_user_changes(void **state)
{
    struct account account;

    new_user("alice");
    assert_int_equal(user_set_password("alice", "second"), DAL_OK);
    assert_int_equal(user_set_disabled("alice", true), DAL_OK);
    assert_int_equal(account_find("alice", &account), DAL_OK);
    assert_string_equal(account.password_hash, "second");
    assert_epoch(&account.user, 1);
    assert_true(account.user.disabled);
    /* To set what is set already is no error either. */
    assert_int_equal(user_set_disabled("alice", true), DAL_OK);
    assert_int_equal(user_set_disabled("alice", false), DAL_OK);
    assert_int_equal(user_set_password("alice", "second"), DAL_OK);
    assert_int_equal(account_find("alice", &account), DAL_OK);
    assert_epoch(&account.user, 2);
    assert_false(account.user.disabled);

    assert_int_equal(user_set_password("nobody", "x"), DAL_MISSING);
    assert_int_equal(user_set_disabled("nobody", true), DAL_MISSING);
    assert_int_equal(user_delete("nobody"), DAL_MISSING);
    assert_int_equal(account_find("nobody", &account), DAL_MISSING);
}

static void test_user_bulk(void **state)
{
    struct account account;

    assert_false(new_user("alice").bulk);
    assert_int_equal(user_set_bulk("alice", true), DAL_OK);
    assert_int_equal(user_set_bulk("alice", true), DAL_OK);
    assert_int_equal(account_find("alice", &account), DAL_OK);
    assert_true(account.user.bulk);
    assert_false(account.user.disabled);
    assert_epoch(&account.user, 0);
    assert_int_equal(user_set_bulk("alice", false), DAL_OK);
    assert_int_equal(account_find("alice", &account), DAL_OK);
    assert_false(account.user.bulk);
    assert_int_equal(user_set_bulk("nobody", true), DAL_MISSING);
}

static void test_user_revoke(void **state)
{
    struct account account;

    new_user("alice");
    assert_int_equal(user_revoke("alice"), DAL_OK);
    assert_int_equal(account_find("alice", &account), DAL_OK);
    assert_epoch(&account.user, 1);
    assert_string_equal(account.password_hash, "$hash$of$it");
    assert_int_equal(user_revoke("alice"), DAL_OK);
    assert_int_equal(account_find("alice", &account), DAL_OK);
    assert_epoch(&account.user, 2);
    assert_int_equal(user_revoke("nobody"), DAL_MISSING);
}

static void test_account_by_id(void **state)
{
    struct user alice = new_user("alice"), bob = new_user("bob");
    struct account by_userid, by_id;
    uint64_t device;

    assert_int_equal(
        device_add(bob.id, "one", &(struct device_cursor){0, everyone_id(), 0}, 1, &device),
        DAL_OK);
    assert_int_equal(account_find("bob", &by_userid), DAL_OK);
    assert_int_equal(account_find_id(bob.id, &by_id), DAL_OK);
    assert_memory_equal(&by_id.user, &by_userid.user, sizeof(by_id.user));
    assert_string_equal(by_id.password_hash, "$hash$of$it");
    assert_int_equal(by_id.membership_count, 2);
    assert_int_equal(by_id.device_count, 1);
    assert_int_equal(by_id.cursor_count, 1);
    assert_int_equal(user_delete("alice"), DAL_OK);
    assert_int_equal(account_find_id(alice.id, &by_id), DAL_MISSING);
    assert_int_equal(account_find_id(0, &by_id), DAL_MISSING);
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
    assert_int_equal(user_add("C", "Other", NULL, NULL), DAL_OK);
    new_user("é");
    assert_int_equal(user_list("", 10, text), DAL_OK);
    assert_string_equal(text, "C a b é");
    assert_int_equal(user_list("", 2, text), DAL_OK);
    assert_string_equal(text, "C a");
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
    assert_int_equal(member_remove("#one", "bob"), DAL_REFUSED);
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

/* -- devices and cursors ----------------------------------------------------------------------- */

static void test_devices(void **state)
{
    struct user alice = new_user("alice"), bob = new_user("bob");
    struct device_cursor cursors[] = {{0, everyone_id(), 4}, {0, alice.inbox, 9}};
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
    assert_int_equal(cursor_of(&account, one, everyone_id()), 4);
    assert_int_equal(cursor_of(&account, one, alice.inbox), 9);

    assert_int_equal(device_rename(one, "moved"), DAL_OK);
    assert_int_equal(device_rename(one, "moved"), DAL_OK);
    assert_int_equal(device_rename(one, "two"), DAL_REFUSED);
    assert_int_equal(device_rename(99999, "x"), DAL_MISSING);
    assert_int_equal(account_find("alice", &account), DAL_OK);
    assert_string_equal(account.devices[0].name, "moved");
    assert_int_equal(account.cursor_count, 2);
}

static void test_device_delete(void **state)
{
    struct user alice = new_user("alice"), bob = new_user("bob");
    struct device_cursor cursor = {0, everyone_id(), 0};
    struct account account;
    uint64_t one, two, again;

    assert_int_equal(device_add(alice.id, "one", &cursor, 1, &one), DAL_OK);
    assert_int_equal(device_add(alice.id, "two", &cursor, 1, &two), DAL_OK);
    assert_int_equal(device_delete(bob.id, two), DAL_MISSING);
    assert_int_equal(device_delete(alice.id, two), DAL_OK);
    assert_int_equal(device_delete(alice.id, two), DAL_MISSING);
    cursor.device = two;
    assert_int_equal(cursors_store(&cursor, 1), DAL_OK);
    assert_int_equal(account_find("alice", &account), DAL_OK);
    assert_int_equal(account.device_count, 1);
    assert_int_equal(account.devices[0].id, one);
    assert_int_equal(account.cursor_count, 1);
    /* Another one of that name is another device. */
    assert_int_equal(device_add(alice.id, "two", NULL, 0, &again), DAL_OK);
    assert_true(again > two);
    assert_sound();
}

static void test_devices_seen(void **state)
{
    struct user alice = new_user("alice");
    uint64_t devices[21], before, later;
    struct account account;
    char name[16];

    for (unsigned i = 0; i < 16; i++) {
        snprintf(name, sizeof(name), "%u", i);
        assert_int_equal(device_add(alice.id, name, NULL, 0, &devices[i]), DAL_OK);
    }
    assert_int_equal(account_find("alice", &account), DAL_OK);
    before = account.devices[15].seen_ms;
    later = before + 60000;
    /* The last of them is left alone, and some are gone. */
    devices[15] = 77777;
    for (unsigned i = 16; i < 21; i++)
        devices[i] = 88888 + i;
    assert_int_equal(devices_seen(devices, 21, later), DAL_OK);
    assert_int_equal(devices_seen(&devices[20], 1, later), DAL_OK);
    assert_int_equal(devices_seen(devices, 3, before), DAL_OK);
    assert_int_equal(devices_seen(NULL, 0, before), DAL_OK);
    assert_int_equal(account_find("alice", &account), DAL_OK);
    for (unsigned i = 0; i < 15; i++)
        assert_int_equal(account.devices[i].seen_ms, later);
    assert_int_equal(account.devices[15].seen_ms, before);
}

static void test_cursors_move_forward_only(void **state)
{
    struct user alice = new_user("alice");
    struct device_cursor cursor = {0, everyone_id(), 10};
    struct account account;
    uint64_t device;

    assert_int_equal(device_add(alice.id, "one", NULL, 0, &device), DAL_OK);
    cursor.device = device;
    assert_int_equal(cursors_store(&cursor, 1), DAL_OK);
    cursor.seq = 7;
    assert_int_equal(cursors_store(&cursor, 1), DAL_OK);
    assert_int_equal(account_find("alice", &account), DAL_OK);
    assert_int_equal(cursor_of(&account, device, everyone_id()), 10);
    cursor.seq = 11;
    assert_int_equal(cursors_store(&cursor, 1), DAL_OK);
    assert_int_equal(account_find("alice", &account), DAL_OK);
    assert_int_equal(cursor_of(&account, device, everyone_id()), 11);
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

/* -- state
 * ----------------------------------------------------------------------------------------- */

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

/* A database as schema 1 left it, with something in every table. */
static void make_schema_1(void)
{
    static const char *const rows[] = {
        "INSERT INTO schema_version (version, applied_ms) VALUES (1, 17)",
        "INSERT INTO conversations (id, kind, name) VALUES (7, 1, '#room'), (8, 2, 'alice')",
        "INSERT INTO users (id, userid, name, name_key, password_hash, auth_epoch, created_ms, "
        "disabled, inbox) VALUES (5, 'alice', 'Alice A', 'alice a', 'secret', 3, 1234, 1, 8)",
        "INSERT INTO members (conversation, user, since) VALUES (7, 5, 1), (8, 5, 0)",
        "INSERT INTO members (conversation, user, since) SELECT id, 5, 0 FROM conversations "
        "WHERE name = '*'",
        "INSERT INTO messages (conversation, seq, time_ms, sender, origin, context, userid, name, "
        "ckey, text) VALUES (7, 1, 11, 5, 0, 0, 'alice', 'Alice A', 'k1', 'one'), "
        "(7, 2, 12, 5, 0, 0, 'alice', 'Alice A', 'k2', 'two'), "
        "(8, 1, 13, 5, 0, 0, 'alice', 'Alice A', 'k0', 'a note to myself')",
        "INSERT INTO devices (id, user, name, seen_ms) VALUES (9, 5, '1/127.0.0.1:1234', 99)",
        "INSERT INTO cursors (device, conversation, seq) VALUES (9, 7, 2)",
    };
    const struct migration *first = harness_is_mysql() ? migrations_mysql : migrations_sqlite;

    assert_int_equal(first->version, 1);
    for (const char *const *text = first->statements; *text != NULL; text++)
        harness_script(*text, false);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        harness_script(rows[i], false);
}

static void assert_schema_1_content(void)
{
    struct account account;
    struct page page;

    assert_int_equal(account_find("alice", &account), DAL_OK);
    assert_int_equal(account.user.id, 5);
    assert_int_equal(account.user.inbox, 8);
    assert_string_equal(account.user.name, "Alice A");
    assert_string_equal(account.password_hash, "secret");
    assert_int_equal(account.user.auth_epoch, 3);
    assert_int_equal(account.user.created_ms, 1234);
    assert_true(account.user.disabled);
    assert_false(account.user.bulk);
    assert_int_equal(account.membership_count, 3);
    assert_int_equal(membership_of(&account, 7)->since, 1);
    assert_int_equal(account.device_count, 1);
    assert_string_equal(account.devices[0].name, "1/127.0.0.1:1234");
    assert_int_equal(account.devices[0].seen_ms, 99);
    assert_int_equal(cursor_of(&account, 9, 7), 2);
    assert_int_equal(messages_read(7, 0, 10, 1000, &page), DAL_OK);
    assert_int_equal(page.count, 2);
    assert_true(bytes_is(page.messages[1]->text, "two"));
    page_deinit(&page);
}

static void on_history(void *userdata, enum dal_outcome outcome, struct message *const *messages,
                       size_t count, const struct dal_place *next)
{
    assert_int_equal(outcome, DAL_OK);
    assert_int_equal(count, 1);
    assert_true(bytes_is(messages[0]->text, "a note to myself"));
    *(bool *)userdata = true;
}

static void assert_history_of_before(void)
{
    const struct dal_history notes = {
        .reader = 5, .inbox = 8, .conversation = 8, .peer = 5, .max_count = 10, .max_bytes = 1000};
    bool done = false;

    assert_int_equal(dal_history(&notes, on_history, &done), 0);
    wait_for(&done);
}

static void test_migration_from_schema_1(void **state)
{
    struct conversation_record room;
    struct dal_status status;

    make_schema_1();
    harness_config()->migrate = false;
    harness_open();
    assert_int_equal(ping(), DAL_UNAVAILABLE);
    dal_status(&status);
    assert_int_equal(status.schema_version, 1);
    assert_non_null(strstr(status.trouble, "multichatctl db migrate"));
    harness_close();
    harness_config()->migrate = true;
    harness_open();
    assert_int_equal(ping(), DAL_OK);
    dal_status(&status);
    assert_int_equal(status.schema_before, 1);
    assert_int_equal(status.schema_version, status.schema_known);
    assert_schema_1_content();

    /* What is known of old keys and ids goes on being known. */
    assert_int_equal(send_one(7, 5, "k2", "again"), 2);
    assert_int_equal(send_one(7, 5, "k3", "three"), 3);
    assert_int_equal(user_set_bulk("alice", true), DAL_OK);
    assert_true(new_user("bob").id > 5);
    assert_history_of_before();
    /* The room has a number now, and what names fold to is known. */
    assert_int_equal(conversation_find("#1", &room), DAL_OK);
    assert_int_equal(room.id, 7);
    assert_int_equal(room_add("#ROOM", NULL), DAL_REFUSED);
    assert_int_equal(user_add("ALICE", "Other", NULL, NULL), DAL_REFUSED);
    assert_sound();
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
    assert_int_equal(user_set_bulk("alice", true), DAL_MISSING);
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
        CASE(test_user_bulk),
        CASE(test_user_revoke),
        CASE(test_account_by_id),
        CASE(test_user_delete),
        CASE(test_user_list),
        CASE(test_rooms),
        CASE(test_only_rooms_are_changed_as_rooms),
        CASE(test_member_since),
        CASE(test_devices),
        CASE(test_device_delete),
        CASE(test_devices_seen),
        CASE(test_cursors_move_forward_only),
        CASE(test_cursors_of_the_gone),
        CASE(test_ping_and_status),
        CASE(test_not_durable),
        CASE(test_provision_refuses),
        CASE(test_newer_schema_is_refused),
        CASE(test_no_migration_unless_wanted),
        cmocka_unit_test_setup_teardown(test_migration_from_schema_1, harness_make,
                                        harness_teardown),
        CASE(test_migration_can_be_repeated),
        CASE(test_check_finds),
        CASE(test_file_is_private),
        CASE(test_unknown_driver),
    };

    return cmocka_run_group_tests_name("storage", tests, NULL, NULL);
}
