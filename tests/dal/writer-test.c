/* What the message writer asks the database, statement by statement, and what it makes of the
 * answers.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "dal/dal-private.h"
#include "driver-fake.h"
#include "harness.h"

#include "util/hash.h"
#include "util/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct sending sendings[600];
static unsigned sent;

static int setup(void **state)
{
    const struct dal_config config = {.writers = 1, .readers = 1, .queue_max = 1000};
    char *error = NULL;

    hash_setup();
    log_set_level(LOG_EMERG);
    fake_reset();
    sent = 0;
    if (dal_open_driver(&config, &driver_fake, &error) < 0)
        fail_msg("%s", error);
    wait_up(true);
    assert_string_equal(fake_transcript(), "open");
    return 0;
}

static int teardown(void **state)
{
    dal_close();
    for (unsigned i = 0; i < sent; i++)
        sending_deinit(&sendings[i]);
    return 0;
}

/* Queues a message for one batch with those after it. */
static void queue(uint64_t conversation, const char *key)
{
    send_start(&sendings[sent++], conversation, 5, key, bytes_of("text"));
}

static void assert_stored(unsigned index, uint64_t conversation, uint64_t seq, bool again)
{
    assert_true(sendings[index].done);
    assert_int_equal(sendings[index].outcome, DAL_OK);
    assert_int_equal(sendings[index].message->conversation, conversation);
    assert_int_equal(sendings[index].message->seq, seq);
    assert_int_equal(sendings[index].again, again);
}

static void assert_asked(const char *expected)
{
    assert_string_equal(fake_transcript(), expected);
    assert_int_equal(fake_left(), 0);
}

/* The end is read once; from then on a batch is one INSERT between BEGIN and COMMIT. */
static void test_hot_path(void **state)
{
    fake_answer("ends", SQL_OK, "7 41 9 1");
    queue(7, "a");
    wait_idle();
    assert_stored(0, 7, 42, false);
    assert_asked("begin; ends 7 7 7; messages insert 1 7 42; commit");
    queue(7, "b");
    wait_idle();
    assert_stored(1, 7, 43, false);
    assert_asked("begin; messages insert 1 7 43; commit");
    assert_string_equal(
        fake_text("messages insert 1"),
        "INSERT INTO messages (conversation, seq, time_ms, sender, origin, context, "
        "kind, userid, name, ckey, text, direct) VALUES "
        "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    assert_string_equal(
        fake_text("ends"),
        "SELECT c.id, COALESCE(m.seq, 0), COALESCE(m.time_ms, 0), c.kind FROM conversations c "
        "LEFT JOIN messages m ON m.conversation = c.id AND m.seq = (SELECT MAX(e.seq) FROM "
        "messages e WHERE e.conversation = c.id) WHERE c.id IN "
        "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
}

/* Rows go in order of conversation, in as few statements as the prepared sizes allow. */
static void test_batch_in_few_statements(void **state)
{
    char key[16];

    fake_answer("ends", SQL_OK, "1 0 0 1;2 10 0 1");
    for (unsigned i = 0; i < 341; i++) {
        snprintf(key, sizeof(key), "%u", i);
        queue(i % 2 == 0 ? 2 : 1, key);
    }
    wait_idle();
    /* 170 of conversation 1, then 171 of conversation 2. */
    assert_asked("begin; ends 1 2 1; messages insert 256 1 1; messages insert 64 2 97; "
                 "messages insert 16 2 161; messages insert 4 2 177; messages insert 1 2 181; "
                 "commit");
    for (unsigned i = 0; i < 341; i++)
        assert_stored(i, i % 2 == 0 ? 2 : 1, i / 2 + (i % 2 == 0 ? 11 : 1), false);
}

/* The clock of another server may be ahead: a conversation's times do not go back. */
static void test_time_does_not_go_back(void **state)
{
    fake_answer("ends", SQL_OK, "7 41 9999999999999 1");
    queue(7, "a");
    wait_idle();
    assert_int_equal(sendings[0].message->time_ms, 9999999999999);
    assert_asked("begin; ends 7 7 7; messages insert 1 7 42; commit");
}

static void test_conversation_is_missing(void **state)
{
    fake_answer("ends", SQL_OK, "7 0 0 1");
    queue(7, "a");
    queue(8, "b");
    wait_idle();
    assert_asked("begin; ends 7 8 7; messages insert 1 7 1; commit");
    assert_stored(0, 7, 1, false);
    assert_int_equal(sendings[1].outcome, DAL_MISSING);
    queue(8, "c");
    wait_idle();
    assert_asked("begin; ends 8 8 8; rollback");
    assert_int_equal(sendings[2].outcome, DAL_MISSING);
}

/* Another server was first with the number: the ends are read anew, now with the conversations
 * locked. */
static void test_another_server_was_first(void **state)
{
    fake_answer("ends", SQL_OK, "7 10 0 1");
    fake_answer("ends", SQL_OK, "7 12 0 1");
    fake_answer("messages insert 1", SQL_DUPLICATE, "");
    queue(7, "a");
    wait_idle();
    assert_asked("begin; ends 7 7 7; messages insert 1 7 11; rollback; keys 5 a 5; begin; "
                 "ends lock 7 7 7; ends 7 7 7; messages insert 1 7 13; commit");
    assert_stored(0, 7, 13, false);
    assert_non_null(strstr(fake_text("ends lock"), "ORDER BY id FOR UPDATE"));
}

/* The key was stored before: the first answer again, and only the others are stored. */
static void test_key_was_stored_before(void **state)
{
    fake_answer("ends", SQL_OK, "7 10 0 1");
    fake_answer("ends", SQL_OK, "7 10 0 1");
    fake_answer("messages insert 1", SQL_DUPLICATE, "");
    fake_answer("keys", SQL_OK, "5 b 3 77 123456");
    queue(7, "a");
    queue(7, "b");
    wait_idle();
    assert_asked("begin; ends 7 7 7; messages insert 1 7 11; rollback; keys 5 a 5; begin; "
                 "ends lock 7 7 7; ends 7 7 7; messages insert 1 7 11; commit");
    assert_stored(0, 7, 11, false);
    assert_stored(1, 3, 77, true);
    assert_int_equal(sendings[1].message->time_ms, 123456);
}

static void test_only_known_keys(void **state)
{
    fake_answer("ends", SQL_OK, "7 10 0 1");
    fake_answer("messages insert 1", SQL_DUPLICATE, "");
    fake_answer("keys", SQL_OK, "5 a 7 2 1");
    queue(7, "a");
    wait_idle();
    assert_asked("begin; ends 7 7 7; messages insert 1 7 11; rollback; keys 5 a 5");
    assert_stored(0, 7, 2, true);
}

static void test_conversation_was_deleted(void **state)
{
    fake_answer("ends", SQL_OK, "7 10 0 1");
    fake_answer("messages insert 1", SQL_NO_PARENT, "");
    queue(7, "a");
    wait_idle();
    assert_asked("begin; ends 7 7 7; messages insert 1 7 11; rollback; begin; ends lock 7 7 7; "
                 "ends 7 7 7; rollback");
    assert_int_equal(sendings[0].outcome, DAL_MISSING);
}

static void test_deadlock(void **state)
{
    fake_answer("ends", SQL_OK, "7 10 0 1");
    fake_answer("ends", SQL_OK, "7 10 0 1");
    fake_answer("ends", SQL_OK, "7 10 0 1");
    fake_answer("messages insert 1", SQL_RETRY, "");
    fake_answer("commit", SQL_RETRY, "");
    queue(7, "a");
    wait_idle();
    assert_asked("begin; ends 7 7 7; messages insert 1 7 11; rollback; begin; ends 7 7 7; "
                 "messages insert 1 7 11; commit; rollback; begin; ends 7 7 7; "
                 "messages insert 1 7 11; commit");
    assert_stored(0, 7, 11, false);
}

/* It is given up at some point, and nothing is claimed. */
static void test_endless_deadlock(void **state)
{
    for (unsigned i = 0; i < 12; i++)
        fake_answer("begin", SQL_RETRY, "");
    queue(7, "a");
    wait_idle();
    assert_int_equal(sendings[0].outcome, DAL_UNAVAILABLE);
    assert_int_equal(sendings[0].message->seq, 0);
    assert_int_equal(fake_left(), 2);
}

/* Halving finds the guilty one; its neighbours are stored. */
static void test_one_is_refused(void **state)
{
    fake_answer("ends", SQL_OK, "7 0 0 1");
    fake_answer("messages insert 4", SQL_REFUSED, "");
    fake_answer("ends", SQL_OK, "7 0 0 1");
    fake_answer("messages insert 1", SQL_OK, "");
    fake_answer("messages insert 1", SQL_OK, "");
    fake_answer("messages insert 1", SQL_REFUSED, "");
    fake_answer("ends", SQL_OK, "7 2 0 1");
    fake_answer("messages insert 1", SQL_REFUSED, "");
    fake_answer("ends", SQL_OK, "7 2 0 1");
    for (unsigned i = 0; i < 4; i++)
        queue(7, (const char *[]){"a", "b", "c", "d"}[i]);
    wait_idle();
    assert_asked("begin; ends 7 7 7; messages insert 4 7 1; rollback; "
                 "begin; ends 7 7 7; messages insert 1 7 1; messages insert 1 7 2; commit; "
                 "begin; messages insert 1 7 3; rollback; "
                 "begin; ends 7 7 7; messages insert 1 7 3; rollback; "
                 "begin; ends 7 7 7; messages insert 1 7 3; commit");
    assert_stored(0, 7, 1, false);
    assert_stored(1, 7, 2, false);
    assert_int_equal(sendings[2].outcome, DAL_REFUSED);
    assert_stored(3, 7, 3, false);
}

static void test_disk_full(void **state)
{
    struct dal_status status;

    fake_answer("ends", SQL_OK, "7 10 0 1");
    fake_answer("ends", SQL_OK, "7 10 0 1");
    fake_answer("messages insert 1", SQL_FAILED, "");
    queue(7, "a");
    wait_idle();
    assert_int_equal(sendings[0].outcome, DAL_UNAVAILABLE);
    dal_status(&status);
    assert_string_equal(status.trouble, "message store: scripted");
    queue(7, "b");
    wait_idle();
    assert_stored(1, 7, 11, false);
    dal_status(&status);
    assert_string_equal(status.trouble, "");
    assert_asked("begin; ends 7 7 7; messages insert 1 7 11; rollback; begin; ends 7 7 7; "
                 "messages insert 1 7 11; commit");
}

/* Lost before the commit: nothing can have happened, so it is simply done again. */
static void test_lost_before_the_commit(void **state)
{
    fake_answer("ends", SQL_OK, "7 10 0 1");
    fake_answer("ends", SQL_OK, "7 10 0 1");
    fake_answer("messages insert 1", SQL_LOST, "");
    queue(7, "a");
    wait_idle();
    assert_asked("begin; ends 7 7 7; messages insert 1 7 11; close; open; begin; ends 7 7 7; "
                 "messages insert 1 7 11; commit");
    assert_stored(0, 7, 11, false);
}

/* A message that is itself the reason why the connection dies is not tried for ever. */
static void test_lost_again_and_again(void **state)
{
    for (unsigned i = 0; i < 3; i++) {
        fake_answer("ends", SQL_OK, "7 10 0 1");
        fake_answer("messages insert 1", SQL_LOST, "");
    }
    queue(7, "a");
    wait_idle();
    assert_int_equal(sendings[0].outcome, DAL_UNAVAILABLE);
}

/* Lost in the commit: first it is looked whether the key is there. */
static void test_commit_is_lost_and_had_effect(void **state)
{
    char row[64];

    fake_answer("ends", SQL_OK, "7 10 9999999999999 1");
    fake_answer("commit", SQL_LOST, "");
    snprintf(row, sizeof(row), "5 a 7 11 9999999999999");
    fake_answer("keys", SQL_OK, row);
    queue(7, "a");
    wait_idle();
    assert_asked("begin; ends 7 7 7; messages insert 1 7 11; commit; close; open; keys 5 a 5");
    assert_stored(0, 7, 11, false);
}

static void test_commit_is_lost_and_had_no_effect(void **state)
{
    fake_answer("ends", SQL_OK, "7 10 0 1");
    fake_answer("ends", SQL_OK, "7 20 0 1");
    fake_answer("commit", SQL_LOST, "");
    queue(7, "a");
    wait_idle();
    assert_asked("begin; ends 7 7 7; messages insert 1 7 11; commit; close; open; keys 5 a 5; "
                 "begin; ends 7 7 7; messages insert 1 7 21; commit");
    assert_stored(0, 7, 21, false);
}

/* Not there yet, because the server is still at work on the commit: the second try runs into it. */
static void test_commit_takes_effect_late(void **state)
{
    fake_answer("ends", SQL_OK, "7 10 9999999999999 1");
    fake_answer("commit", SQL_LOST, "");
    fake_answer("keys", SQL_OK, "");
    fake_answer("ends", SQL_OK, "7 10 9999999999999 1");
    fake_answer("messages insert 1", SQL_OK, "");
    fake_answer("messages insert 1", SQL_DUPLICATE, "");
    fake_answer("keys", SQL_OK, "5 a 7 11 9999999999999");
    queue(7, "a");
    wait_idle();
    assert_asked("begin; ends 7 7 7; messages insert 1 7 11; commit; close; open; keys 5 a 5; "
                 "begin; ends 7 7 7; messages insert 1 7 11; rollback; keys 5 a 5");
    assert_stored(0, 7, 11, false);
}

/* While the fate is open even a database that refuses everything is no answer. */
static void test_uncertain_waits_for_a_working_database(void **state)
{
    fake_answer("ends", SQL_OK, "7 10 9999999999999 1");
    fake_answer("commit", SQL_LOST, "");
    fake_answer("open", SQL_FAILED, "");
    fake_answer("keys", SQL_FAILED, "");
    fake_answer("keys", SQL_OK, "5 a 7 11 9999999999999");
    queue(7, "a");
    wait_idle();
    assert_stored(0, 7, 11, false);
    assert_int_equal(fake_left(), 0);
}

static void done(void *userdata, enum dal_outcome outcome, const struct dal_room_result *result)
{
    assert_int_equal(outcome, DAL_OK);
    *(int *)userdata = result->changed;
}

/* A duplicate that the look before the change did not see: another process was faster, and the
 * second look sees it. */
static void test_one_duplicate_among_writes(void **state)
{
    static const char alice[] = "5 6 alice Alice 0 1 0 0 hash";
    static const char room[] = "7 1 #room 4 1 0 topic 1 0 0 0";
    const struct dal_room_order join = {
        .verb = ROOM_JOIN, .room = bytes_of("#room"), .userid = bytes_of("alice")};
    int changed = -1;

    fake_answer("user by userid", SQL_OK, alice);
    fake_answer("room by key", SQL_OK, room);
    fake_answer("member insert", SQL_DUPLICATE, "");
    fake_answer("user by userid", SQL_OK, alice);
    fake_answer("room by key", SQL_OK, room);
    fake_answer("member find", SQL_OK, "");
    fake_answer("member find", SQL_OK, "4 0");
    assert_int_equal(dal_room_do(&join, done, &changed), 0);
    wait_idle();
    assert_int_equal(changed, 0);
    assert_asked("begin; room by key 0 0 room; user by userid alice; member find 7 5; "
                 "member insert 7 5 4; rollback; begin; room by key 0 0 room; "
                 "user by userid alice; member find 7 5; commit");
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_hot_path),
        CASE(test_batch_in_few_statements),
        CASE(test_time_does_not_go_back),
        CASE(test_conversation_is_missing),
        CASE(test_another_server_was_first),
        CASE(test_key_was_stored_before),
        CASE(test_only_known_keys),
        CASE(test_conversation_was_deleted),
        CASE(test_deadlock),
        CASE(test_endless_deadlock),
        CASE(test_one_is_refused),
        CASE(test_disk_full),
        CASE(test_lost_before_the_commit),
        CASE(test_lost_again_and_again),
        CASE(test_commit_is_lost_and_had_effect),
        CASE(test_commit_is_lost_and_had_no_effect),
        CASE(test_commit_takes_effect_late),
        CASE(test_uncertain_waits_for_a_working_database),
        CASE(test_one_duplicate_among_writes),
    };

    return cmocka_run_group_tests_name("writer", tests, NULL, NULL);
}
