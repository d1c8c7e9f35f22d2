/* The n-th call to the database fails, for every n and in every way: nothing is acknowledged that
 * is not there, nothing is there that was refused, everything is answered once, and the storage
 * unit works on.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "dal/dal-private.h"
#include "driver-faulty.h"
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct fault_plan no_fault = {.countdown = -1};

static int setup(void **state)
{
    if (harness_is_mysql())
        fail_msg("these tests are about SQLite");
    harness_setup(state);
    assert_int_equal(ping(), DAL_OK);
    harness_close();
    return 0;
}

static int teardown(void **state)
{
    harness_open();
    return harness_teardown(state);
}

static void open_faulty(void)
{
    struct dal_config *config = harness_config();
    char *error = NULL;

    config->readers = 1;
    if (dal_open_driver(config, &driver_faulty, &error) < 0)
        fail_msg("%s", error);
    /* Faults are for what comes after: every thread has its connection. */
    wait_up(true);
}

/* -- the work ---------------------------------------------------------------------------------- */

enum { MESSAGES = 8 };

#define SEEN_MS 4000000000000 /* later than any clock says */

static const char *const keys[MESSAGES] = {"a", "b", "a", "c", "d", "e", "f", "g"};

struct outcomes {
    enum dal_outcome user, room, member, device, cursors, password, disabled, account, read, list;
    enum dal_outcome remove, renamed, gone, bulk, revoked, seen, second, forgotten;
    struct sending sendings[MESSAGES];
    uint64_t device_id;
};

static struct conversation_record everyone;

/* What happens between a start and an end: every kind of request. Message 2 repeats the key of
 * message 0, and message 6 goes to a conversation that does not exist. */
static void do_everything(struct outcomes *done)
{
    struct device_cursor cursor = {0, everyone.id, 3};
    struct account account;
    struct page page;
    struct user user;
    uint64_t second = 0;
    char text[1024];

    memset(done, 0, sizeof(*done));
    done->user = user_add("alice", "Alice", &user, NULL);
    done->room = room_add("#room", NULL);
    done->member = member_add("#room", "alice");
    for (unsigned i = 0; i < MESSAGES; i++)
        send_start(&done->sendings[i], i == 6 ? 4711 : everyone.id, 9, keys[i], bytes_of("text"));
    for (unsigned i = 0; i < MESSAGES; i++) {
        assert_int_equal(done->sendings[i].error, 0);
        wait_for(&done->sendings[i].done);
    }
    done->device =
        device_add(done->user == DAL_OK ? user.id : 1, "one", &cursor, 1, &done->device_id);
    cursor = (struct device_cursor){done->device_id, everyone.id, 5};
    done->cursors = cursors_store(&cursor, 1);
    done->renamed = device_rename(done->device_id, "two");
    done->password = user_set_password("alice", "new");
    done->disabled = user_set_disabled("alice", true);
    done->bulk = user_set_bulk("alice", true);
    done->revoked = user_revoke("alice");
    done->seen = devices_seen(&done->device_id, 1, SEEN_MS);
    done->second = device_add(done->user == DAL_OK ? user.id : 1, "second", NULL, 0, &second);
    done->forgotten = device_delete(done->user == DAL_OK ? user.id : 1, second);
    done->account = account_find("alice", &account);
    done->read = messages_read(everyone.id, 0, 100, 10000, &page);
    page_deinit(&page);
    done->list = user_list("", 10, text);
    done->remove = member_remove("#room", "alice");
    done->gone = room_delete("#room");
}

static void free_outcomes(struct outcomes *done)
{
    for (unsigned i = 0; i < MESSAGES; i++)
        sending_deinit(&done->sendings[i]);
}

/* -- what is there afterwards ------------------------------------------------------------------ */

/* An answer is about a change: OK, then it is there; UNAVAILABLE, then it is not. */
static bool is_answer(enum dal_outcome outcome)
{
    return outcome == DAL_OK || outcome == DAL_UNAVAILABLE || outcome == DAL_MISSING;
}

static void verify_messages(const struct outcomes *done)
{
    bool other_copy;
    struct sending again;

    for (unsigned i = 0; i < MESSAGES; i++) {
        const struct sending *sending = &done->sendings[i];
        assert_true(is_answer(sending->outcome));
        if (i == 6) {
            assert_true(sending->outcome != DAL_OK);
            continue;
        }
        assert_true(sending->outcome != DAL_MISSING);
        /* Of the two with one key the other one may have been stored. */
        other_copy = (i == 0 && done->sendings[2].outcome == DAL_OK) ||
                     (i == 2 && done->sendings[0].outcome == DAL_OK);
        send_start(&again, everyone.id, 9, keys[i], bytes_of("text"));
        wait_for(&again.done);
        assert_int_equal(again.outcome, DAL_OK);
        if (sending->outcome == DAL_OK) {
            assert_true(again.again);
            assert_int_equal(again.message->seq, sending->message->seq);
            assert_int_equal(again.message->time_ms, sending->message->time_ms);
        } else if (!other_copy && i != 2) {
            assert_false(again.again);
        }
        sending_deinit(&again);
    }
}

static void verify_users(const struct outcomes *done)
{
    enum dal_outcome there;
    struct account account;
    uint32_t epochs;

    assert_true(is_answer(done->user) && is_answer(done->device) && is_answer(done->cursors));
    assert_true(is_answer(done->renamed) && is_answer(done->password) && is_answer(done->disabled));
    assert_true(is_answer(done->bulk) && is_answer(done->revoked) && is_answer(done->seen));
    assert_true(is_answer(done->second) && is_answer(done->forgotten));
    there = account_find("alice", &account);
    assert_int_equal(there, done->user == DAL_OK ? DAL_OK : DAL_MISSING);
    if (there != DAL_OK)
        return;
    assert_int_equal(account.device_count, (done->device == DAL_OK) + (done->second == DAL_OK &&
                                                                       done->forgotten != DAL_OK));
    if (done->device == DAL_OK) {
        assert_string_equal(account.devices[0].name, done->renamed == DAL_OK ? "two" : "one");
        assert_int_equal(cursor_of(&account, done->device_id, everyone.id),
                         done->cursors == DAL_OK ? 5 : 3);
        assert_int_equal(account.devices[0].seen_ms == SEEN_MS, done->seen == DAL_OK);
    }
    assert_string_equal(account.password_hash, done->password == DAL_OK ? "new" : "$hash$of$it");
    /* A revocation whose commit was lost may be made twice. */
    epochs = account.user.auth_epoch - (uint32_t)(account.user.created_ms / 1000) -
             (done->password == DAL_OK);
    assert_true(done->revoked == DAL_OK ? epochs == 1 || epochs == 2 : epochs == 0);
    assert_int_equal(account.user.disabled, done->disabled == DAL_OK);
    assert_int_equal(account.user.bulk, done->bulk == DAL_OK);
}

static void verify_rooms(const struct outcomes *done)
{
    bool there = conversation_find("#room", NULL) == DAL_OK;
    char text[1024];

    assert_true(is_answer(done->room) && is_answer(done->member));
    assert_int_equal(there, done->room == DAL_OK && done->gone != DAL_OK);
    if (!there)
        return;
    assert_int_equal(member_list("#room", "", 10, text), DAL_OK);
    assert_string_equal(text, done->member == DAL_OK && done->remove != DAL_OK ? "alice" : "");
}

static bool all_ok(const struct outcomes *done)
{
    bool ok = done->user == DAL_OK && done->room == DAL_OK && done->member == DAL_OK &&
              done->device == DAL_OK && done->cursors == DAL_OK && done->renamed == DAL_OK &&
              done->password == DAL_OK && done->disabled == DAL_OK && done->account == DAL_OK &&
              done->bulk == DAL_OK && done->revoked == DAL_OK && done->seen == DAL_OK &&
              done->second == DAL_OK && done->forgotten == DAL_OK && done->read == DAL_OK &&
              done->list == DAL_OK && done->remove == DAL_OK && done->gone == DAL_OK &&
              done->sendings[6].outcome == DAL_MISSING;

    for (unsigned i = 0; i < MESSAGES; i++)
        ok = ok && (i == 6 || done->sendings[i].outcome == DAL_OK);
    return ok;
}

/* One round over a fresh database. Returns false when the work was over before the fault. */
static bool run_round(const struct fault_plan *plan, bool all_must_succeed)
{
    struct outcomes done;
    bool happened;

    setup(NULL);
    open_faulty();
    assert_int_equal(conversation_find("*", &everyone), DAL_OK);
    faulty_plan(plan);
    do_everything(&done);
    happened = faulty_happened();
    faulty_plan(&no_fault);
    wait_up(true);
    assert_int_equal(room_add("#later", NULL), DAL_OK);
    harness_close();
    harness_open();
    verify_users(&done);
    verify_rooms(&done);
    verify_messages(&done);
    assert_sound();
    if (all_must_succeed)
        assert_true(all_ok(&done));
    free_outcomes(&done);
    harness_close();
    teardown(NULL);
    return happened;
}

static void run_rounds(struct fault_plan plan, bool all_must_succeed, int expected_rounds)
{
    int n = 0;

    while (plan.countdown = n, run_round(&plan, all_must_succeed))
        n++;
    assert_true(n >= expected_rounds);
}

/* -- cases ------------------------------------------------------------------------------------- */

/* A connection that is lost and can be had again at once is nobody's trouble. */
static void test_lost_at_every_call(void **state)
{
    run_rounds((struct fault_plan){.status = SQL_LOST}, true, 50);
}

static void test_lost_for_longer_at_every_call(void **state)
{
    run_rounds((struct fault_plan){.status = SQL_LOST, .refused_opens = 1}, false, 50);
}

static void test_deadlock_at_every_call(void **state)
{
    run_rounds((struct fault_plan){.status = SQL_RETRY}, true, 50);
}

static void test_failure_at_every_call(void **state)
{
    run_rounds((struct fault_plan){.status = SQL_FAILED}, false, 50);
}

/* Lost in the commit, which took effect or did not: either way it is found out, also after a time
 * without connection. */
static void test_commit_lost_that_took_effect(void **state)
{
    run_rounds((struct fault_plan){.status = SQL_LOST, .commits_only = true, .takes_effect = true},
               true, 8);
}

static void test_commit_lost_that_had_no_effect(void **state)
{
    run_rounds((struct fault_plan){.status = SQL_LOST, .commits_only = true}, true, 8);
}

static void commit_lost_in_an_outage(bool takes_effect)
{
    struct fault_plan plan = {
        .status = SQL_LOST, .commits_only = true, .takes_effect = takes_effect, .refused_opens = 3};
    struct sending sendings[3];

    setup(NULL);
    open_faulty();
    assert_int_equal(conversation_find("*", &everyone), DAL_OK);
    faulty_plan(&plan);
    send_start(&sendings[0], everyone.id, 1, "one", bytes_of("text"));
    send_start(&sendings[1], everyone.id, 1, "two", bytes_of("text"));
    wait_up(false);
    /* What comes meanwhile is refused; what is uncertain waits. */
    send_start(&sendings[2], everyone.id, 1, "three", bytes_of("text"));
    wait_for(&sendings[2].done);
    assert_int_equal(sendings[2].outcome, DAL_UNAVAILABLE);
    assert_false(sendings[0].done || sendings[1].done);
    wait_idle();
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(sendings[i].outcome, DAL_OK);
        assert_false(sendings[i].again);
        assert_int_equal(sendings[i].message->seq, i + 1);
    }
    assert_int_equal(send_one(everyone.id, 1, "four", "text"), 3);
    assert_sound();
    harness_close();
    for (unsigned i = 0; i < 3; i++)
        sending_deinit(&sendings[i]);
    teardown(NULL);
}

static void test_commit_lost_in_an_outage(void **state)
{
    commit_lost_in_an_outage(true);
    commit_lost_in_an_outage(false);
}

/* Only dal_close() may leave it open. */
static void test_close_while_uncertain(void **state)
{
    struct fault_plan plan = {
        .status = SQL_LOST, .commits_only = true, .takes_effect = true, .refused_opens = 1000000};
    struct sending sending;

    setup(state);
    open_faulty();
    assert_int_equal(conversation_find("*", &everyone), DAL_OK);
    faulty_plan(&plan);
    send_start(&sending, everyone.id, 1, "one", bytes_of("text"));
    wait_up(false);
    assert_false(sending.done);
    harness_close();
    assert_true(sending.done);
    assert_int_equal(sending.outcome, DAL_UNCERTAIN);
    sending_deinit(&sending);
    faulty_plan(&no_fault);
    /* It had taken effect, as its sender will find out. */
    harness_open();
    send_start(&sending, everyone.id, 1, "one", bytes_of("text"));
    wait_for(&sending.done);
    assert_true(sending.again);
    sending_deinit(&sending);
    harness_close();
    teardown(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lost_at_every_call),
        cmocka_unit_test(test_lost_for_longer_at_every_call),
        cmocka_unit_test(test_deadlock_at_every_call),
        cmocka_unit_test(test_failure_at_every_call),
        cmocka_unit_test(test_commit_lost_that_took_effect),
        cmocka_unit_test(test_commit_lost_that_had_no_effect),
        cmocka_unit_test(test_commit_lost_in_an_outage),
        cmocka_unit_test(test_close_while_uncertain),
    };

    return cmocka_run_group_tests_name("fault", tests, NULL, NULL);
}
