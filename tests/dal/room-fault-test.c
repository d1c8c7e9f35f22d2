/* Rooms and names while the n-th call to the database fails, for every n: a change that was
 * answered OK is there with its notice, once; one that was refused is not, nor is its notice.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "dal/dal-private.h"
#include "driver-faulty.h"
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct fault_plan no_fault = {.countdown = -1};

static struct user alice, bob, carol;
static unsigned rounds; /* each has a room, names and keys of its own */

static int setup(void **state)
{
    char *error = NULL;

    if (harness_is_mysql())
        fail_msg("these tests are about SQLite");
    harness_setup(state);
    alice = new_user("alice");
    bob = new_user("bob");
    carol = new_user("carol");
    harness_close();
    harness_config()->readers = 1;
    faulty_plan(&no_fault);
    if (dal_open_driver(harness_config(), &driver_faulty, &error) < 0)
        fail_msg("%s", error);
    wait_up(true);
    return 0;
}

/* -- the work ---------------------------------------------------------------------------------- */

/* In this order, each with its notice. */
static const struct step {
    enum dal_room_verb verb;
    enum message_kind kind;
    const struct user *by;
    const char *userid;
} steps[] = {
    {ROOM_JOIN, MESSAGE_JOINED, &alice, ""},         {ROOM_JOIN, MESSAGE_JOINED, &bob, ""},
    {ROOM_TOPIC, MESSAGE_TOPIC, &alice, ""},         {ROOM_ACCESS, MESSAGE_ACCESS, &alice, ""},
    {ROOM_INVITE, MESSAGE_INVITED, &alice, "carol"}, {ROOM_REMOVE, MESSAGE_REMOVED, &alice, "bob"},
    {ROOM_JOIN, MESSAGE_JOINED, &carol, ""},         {ROOM_PART, MESSAGE_LEFT, &carol, ""},
};

enum { STEPS = ARRAY_SIZE(steps) };

struct round {
    char room[16], name[16];
    enum dal_outcome outcomes[STEPS], renamed;
    bool changed[STEPS], made;
    uint64_t seqs[STEPS]; /* of the notices */
    uint64_t carols_inbox_before, everyone_before;
    size_t told;
};

static struct message *new_message(enum message_kind kind, const struct user *by, unsigned step)
{
    char key[32];
    struct message *message;

    snprintf(key, sizeof(key), ":%u.%u", rounds, step);
    const struct message from = {.kind = kind,
                                 .sender = by->id,
                                 .userid = bytes_of(by->userid),
                                 .name = bytes_of(by->name),
                                 .key = bytes_of(key)};
    assert_int_equal(message_new(&from, &message), 0);
    return message;
}

static void take_step(struct round *round, unsigned i)
{
    const struct step *step = &steps[i];
    struct dal_room_order order = {.verb = step->verb,
                                   .by = step->by->id,
                                   .room = bytes_of(round->room),
                                   .userid = bytes_of(step->userid),
                                   .topic = bytes_of("topic"),
                                   .access = ROOM_CLOSED,
                                   .make = true,
                                   .notice = new_message(step->kind, step->by, i)};
    struct dal_room_result result;

    round->outcomes[i] = room_do(&order, &result);
    round->changed[i] = round->outcomes[i] == DAL_OK && result.changed;
    round->made |= round->outcomes[i] == DAL_OK && result.made;
    assert_int_equal(result.notice != NULL, round->changed[i]);
    round->seqs[i] = result.notice != NULL ? result.notice->seq : 0;
    if (result.notice != NULL && step->verb == ROOM_INVITE) {
        assert_true(bytes_is(result.notice->room, round->room));
        assert_int_equal(result.notice->context, result.room.conversation.id);
    }
    message_unref(result.notice);
    message_unref(order.notice);
}

struct renaming {
    bool done;
    struct round *round;
};

static void note_renamed(void *userdata, enum dal_outcome outcome, const struct user *user,
                         const char *conflict, struct message *const *notices, size_t count)
{
    struct renaming *renaming = userdata;

    renaming->done = true;
    renaming->round->renamed = outcome;
    renaming->round->told = count;
}

static void rename_bob(struct round *round)
{
    struct renaming renaming = {.round = round};
    struct message *notice = new_message(MESSAGE_RENAMED, &bob, STEPS);

    assert_int_equal(
        dal_user_rename(bob.id, bytes_of(round->name), notice, note_renamed, &renaming), 0);
    message_unref(notice);
    wait_for(&renaming.done);
}

static void note_history(void *userdata, enum dal_outcome outcome, struct message *const *messages,
                         size_t count, const struct dal_place *next)
{
    *(bool *)userdata = true;
}

static void read_history(void)
{
    const struct dal_history asked = {.reader = alice.id,
                                      .inbox = alice.inbox,
                                      .conversation = bob.inbox,
                                      .peer = bob.id,
                                      .max_count = 10,
                                      .max_bytes = 1000};
    bool done = false;

    assert_int_equal(dal_history(&asked, note_history, &done), 0);
    wait_for(&done);
}

static void note_pruned(void *userdata, enum dal_outcome outcome, uint64_t deleted, uint64_t next)
{
    *(bool *)userdata = true;
}

static void prune_nothing(void)
{
    const struct dal_prune asked = {.keep = 100000, .max_rows = 10};
    bool done = false;

    assert_int_equal(dal_prune(&asked, note_pruned, &done), 0);
    wait_for(&done);
}

static uint64_t end_of(const char *conversation)
{
    struct conversation_record record = {.end = 0};

    (void)conversation_find(conversation, &record);
    return record.end;
}

static void begin_round(struct round *round)
{
    rounds++;
    memset(round, 0, sizeof(*round));
    snprintf(round->room, sizeof(round->room), "#room%u", rounds);
    snprintf(round->name, sizeof(round->name), "Bob %u", rounds);
    round->carols_inbox_before = end_of("carol");
    round->everyone_before = end_of("*");
}

static void do_everything(struct round *round)
{
    for (unsigned i = 0; i < STEPS; i++) {
        take_step(round, i);
        if (i == 1)
            rename_bob(round);
    }
    read_history();
    prune_nothing();
}

/* -- what is there afterwards ------------------------------------------------------------------ */

static unsigned count_kind(const struct page *page, enum message_kind kind)
{
    unsigned count = 0;

    for (size_t i = 0; i < page->count; i++)
        count += page->messages[i]->kind == kind;
    return count;
}

/* Each notice of a change is in the log where its answer said, and there are no others. */
static void verify_log(const struct round *round, uint64_t room)
{
    unsigned expected = 0;
    struct page page;

    assert_int_equal(messages_read(room, 0, 100, 100000, &page), DAL_OK);
    for (unsigned i = 0; i < STEPS; i++) {
        if (!round->changed[i] || steps[i].verb == ROOM_INVITE)
            continue;
        expected++;
        assert_in_range(round->seqs[i], 1, page.count);
        assert_int_equal(page.messages[round->seqs[i] - 1]->kind, steps[i].kind);
        assert_true(bytes_is(page.messages[round->seqs[i] - 1]->userid, steps[i].by->userid));
    }
    assert_int_equal(count_kind(&page, MESSAGE_RENAMED),
                     round->renamed == DAL_OK && round->changed[1]);
    assert_int_equal(page.count, expected + (round->renamed == DAL_OK && round->changed[1]));
    page_deinit(&page);
}

static void verify_members(const struct round *round)
{
    char text[1024], expected[64];

    assert_int_equal(member_list(round->room, "", 10, text), DAL_OK);
    snprintf(expected, sizeof(expected), "%s%s%s%s%s", round->changed[0] ? "@alice" : "",
             round->changed[0] && round->changed[1] && !round->changed[5] ? " " : "",
             !round->changed[1] || round->changed[5] ? ""
             : round->changed[0]                     ? "bob"
                                                     : "@bob",
             round->changed[6] && !round->changed[7] ? " " : "",
             round->changed[6] && !round->changed[7] ? "carol" : "");
    assert_string_equal(text, expected);
}

static void verify(const struct round *round)
{
    const struct dal_room_order look = {.verb = ROOM_LOOK, .room = bytes_of(round->room)};
    struct dal_room_result result;
    struct account account;

    assert_int_equal(end_of("carol") - round->carols_inbox_before, round->changed[4]);
    assert_int_equal(end_of("*") - round->everyone_before, round->renamed == DAL_OK);
    assert_int_equal(account_find("bob", &account), DAL_OK);
    assert_int_equal(strcmp(account.user.name, round->name) == 0, round->renamed == DAL_OK);
    assert_int_equal(round->told, round->renamed == DAL_OK ? 1 + round->changed[1] : 0);
    assert_int_equal(room_do(&look, &result) == DAL_OK, round->made);
    if (!round->made)
        return;
    assert_string_equal(result.room.topic, round->changed[2] ? "topic" : "");
    assert_int_equal(result.room.access, round->changed[3] ? ROOM_CLOSED : ROOM_OPEN);
    verify_members(round);
    verify_log(round, result.room.conversation.id);
}

static bool all_ok(const struct round *round)
{
    bool ok = round->renamed == DAL_OK;

    for (unsigned i = 0; i < STEPS; i++)
        ok = ok && round->changed[i];
    return ok;
}

/* Leaves nobody in the room, whose members the next renaming would tell. */
static void clear_up(const struct round *round)
{
    (void)room_delete(round->room);
    assert_int_equal(conversation_find(round->room, NULL), DAL_MISSING);
}

static bool run_round(const struct fault_plan *plan, bool all_must_succeed)
{
    struct round round;
    bool happened;

    begin_round(&round);
    faulty_plan(plan);
    do_everything(&round);
    happened = faulty_happened();
    faulty_plan(&no_fault);
    wait_up(true);
    verify(&round);
    if (all_must_succeed)
        assert_true(all_ok(&round));
    clear_up(&round);
    return happened;
}

static void run_rounds(struct fault_plan plan, bool all_must_succeed, int expected_rounds)
{
    int n = 0;

    while (plan.countdown = n, run_round(&plan, all_must_succeed))
        n++;
    assert_true(n >= expected_rounds);
    assert_sound();
}

/* -- cases ------------------------------------------------------------------------------------- */

static void test_lost_at_every_call(void **state)
{
    run_rounds((struct fault_plan){.status = SQL_LOST}, true, 60);
}

static void test_deadlock_at_every_call(void **state)
{
    run_rounds((struct fault_plan){.status = SQL_RETRY}, true, 60);
}

static void test_failure_at_every_call(void **state)
{
    run_rounds((struct fault_plan){.status = SQL_FAILED}, false, 60);
}

static void test_commit_lost_that_took_effect(void **state)
{
    run_rounds((struct fault_plan){.status = SQL_LOST, .commits_only = true, .takes_effect = true},
               true, 9);
}

static void test_commit_lost_that_had_no_effect(void **state)
{
    run_rounds((struct fault_plan){.status = SQL_LOST, .commits_only = true}, true, 9);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, harness_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_lost_at_every_call),
        CASE(test_deadlock_at_every_call),
        CASE(test_failure_at_every_call),
        CASE(test_commit_lost_that_took_effect),
        CASE(test_commit_lost_that_had_no_effect),
    };

    return cmocka_run_group_tests_name("room-fault", tests, NULL, NULL);
}
