/* Rooms and names over a real engine: who may do what, the notices that go with it, and what looks
 * alike.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "harness.h"

#include <stdio.h>
#include <string.h>

#define CASE(function) cmocka_unit_test_setup_teardown(function, harness_setup, harness_teardown)

/* -- orders ------------------------------------------------------------------------------------ */

static struct message *new_notice(enum message_kind kind, const struct user *by, const char *key)
{
    const struct message from = {
        .kind = kind,
        .sender = by != NULL ? by->id : 0,
        .userid = bytes_of(by != NULL ? by->userid : "*"),
        .name = bytes_of(by != NULL ? by->name : "*"),
        .key = bytes_of(key),
    };
    struct message *message;

    assert_int_equal(message_new(&from, &message), 0);
    return message;
}

/* Carries out and drops the notice that came back. */
static enum dal_room_refusal order(const struct dal_room_order *order, struct dal_room_result *ret)
{
    struct dal_room_result result;
    enum dal_outcome outcome = room_do(order, &result);

    if (result.refusal == ROOM_FINE)
        assert_int_equal(outcome, DAL_OK);
    else if (result.refusal == ROOM_NO_ROOM || result.refusal == ROOM_NO_USER)
        assert_int_equal(outcome, DAL_MISSING);
    else
        assert_int_equal(outcome, DAL_REFUSED);
    message_unref(result.notice);
    result.notice = NULL;
    if (ret != NULL)
        *ret = result;
    return result.refusal;
}

static enum dal_room_refusal do_as(enum dal_room_verb verb, const struct user *by, const char *room,
                                   const char *userid)
{
    const struct dal_room_order asked = {.verb = verb,
                                         .by = by != NULL ? by->id : 0,
                                         .room = bytes_of(room),
                                         .userid = bytes_of(userid),
                                         .make = true};

    return order(&asked, NULL);
}

static enum dal_room_refusal set_access(const struct user *by, const char *room,
                                        enum room_access access)
{
    const struct dal_room_order asked = {.verb = ROOM_ACCESS,
                                         .by = by != NULL ? by->id : 0,
                                         .room = bytes_of(room),
                                         .access = access};

    return order(&asked, NULL);
}

static enum dal_room_refusal set_topic(const struct user *by, const char *room, const char *topic)
{
    const struct dal_room_order asked = {.verb = ROOM_TOPIC,
                                         .by = by != NULL ? by->id : 0,
                                         .room = bytes_of(room),
                                         .topic = bytes_of(topic)};

    return order(&asked, NULL);
}

static struct room_record look(const struct user *by, const char *room)
{
    const struct dal_room_order asked = {
        .verb = ROOM_LOOK, .by = by != NULL ? by->id : 0, .room = bytes_of(room)};
    struct dal_room_result result;

    assert_int_equal(order(&asked, &result), ROOM_FINE);
    return result.room;
}

/* -- joining ----------------------------------------------------------------------------------- */

static void test_first_makes_the_room(void **state)
{
    struct user alice = new_user("alice"), bob = new_user("bob");
    struct dal_room_order join = {
        .verb = ROOM_JOIN, .by = alice.id, .room = bytes_of("#Lobby"), .make = true};
    struct dal_room_result result;
    char text[1024];

    assert_int_equal(order(&join, &result), ROOM_FINE);
    assert_true(result.made && result.changed);
    assert_int_equal(result.room.conversation.number, 1);
    assert_string_equal(result.room.conversation.name, "#Lobby");
    assert_int_equal(result.room.access, ROOM_OPEN);
    assert_string_equal(result.room.topic, "");
    assert_int_equal(result.room.members, 1);
    assert_int_equal(result.room.made_by, alice.id);
    assert_int_equal(result.room.standing, STANDING_OPERATOR);
    /* Found by its number, and by what folds alike. */
    join.by = bob.id;
    join.room = bytes_of("#1");
    join.make = false;
    assert_int_equal(order(&join, &result), ROOM_FINE);
    assert_true(!result.made && result.changed);
    assert_int_equal(result.room.members, 2);
    assert_int_equal(result.room.standing, STANDING_MEMBER);
    join.room = bytes_of("#\uff2cobby");
    assert_int_equal(order(&join, &result), ROOM_FINE);
    assert_false(result.changed);
    assert_int_equal(member_list("#lobby", "", 10, text), DAL_OK);
    assert_string_equal(text, "@alice bob");
    /* None is made where that is not wanted, nor one that would be taken for a number. */
    join.room = bytes_of("#other");
    assert_int_equal(order(&join, NULL), ROOM_NO_ROOM);
    assert_int_equal(do_as(ROOM_JOIN, &bob, "#12", ""), ROOM_NO_ROOM);
    assert_int_equal(do_as(ROOM_JOIN, &bob, "#a b", ""), ROOM_BAD_NAME);
    assert_int_equal(do_as(ROOM_JOIN, &bob, "lobby", ""), ROOM_BAD_NAME);
    assert_sound();
}

static void test_numbers_are_not_given_again(void **state)
{
    struct user alice = new_user("alice");
    struct conversation_record record;

    assert_int_equal(do_as(ROOM_JOIN, &alice, "#one", ""), ROOM_FINE);
    assert_int_equal(do_as(ROOM_JOIN, &alice, "#two", ""), ROOM_FINE);
    assert_int_equal(room_delete("#2"), DAL_OK);
    harness_reopen();
    assert_int_equal(room_add("#three", &record), DAL_OK);
    assert_int_equal(record.number, 3);
    assert_int_equal(room_add("#ONE", NULL), DAL_REFUSED);
    assert_int_equal(room_add("#\uff11", NULL), DAL_REFUSED); /* a wide digit */
    assert_sound();
}

static void test_limits(void **state)
{
    struct user alice = new_user("alice"), bob = new_user("bob");
    struct dal_room_order join = {.verb = ROOM_JOIN,
                                  .by = alice.id,
                                  .room = bytes_of("#one"),
                                  .make = true,
                                  .rooms_max = 2,
                                  .rooms_per_user = 1};

    assert_int_equal(order(&join, NULL), ROOM_FINE);
    assert_int_equal(order(&join, NULL), ROOM_FINE);
    join.room = bytes_of("#two");
    assert_int_equal(order(&join, NULL), ROOM_FULL);
    join.by = bob.id;
    assert_int_equal(order(&join, NULL), ROOM_FINE);
    join.rooms_per_user = 0;
    join.room = bytes_of("#three");
    assert_int_equal(order(&join, NULL), ROOM_FULL);
    /* Who leaves what he made has made it nevertheless. */
    struct dal_room_order part = {.verb = ROOM_PART, .by = bob.id, .room = bytes_of("#two")};
    assert_int_equal(order(&part, NULL), ROOM_FINE);
    join.rooms_max = 0;
    join.rooms_per_user = 1;
    assert_int_equal(order(&join, NULL), ROOM_FULL);
    /* The administrator is not held by them. */
    assert_int_equal(member_add("#two", "alice"), DAL_OK);
    /* Nor may more than so many invitations wait for one user. */
    struct dal_room_order invite = {.verb = ROOM_INVITE,
                                    .room = bytes_of("#one"),
                                    .userid = bytes_of("bob"),
                                    .rooms_per_user = 1};
    assert_int_equal(room_add("#four", NULL), DAL_OK);
    assert_int_equal(order(&invite, NULL), ROOM_FINE);
    invite.room = bytes_of("#four");
    assert_int_equal(order(&invite, NULL), ROOM_FULL);
    assert_sound();
}

static void test_closed_rooms(void **state)
{
    struct user alice = new_user("alice"), bob = new_user("bob"), carol = new_user("carol");
    char text[1024];

    assert_int_equal(do_as(ROOM_JOIN, &alice, "#den", ""), ROOM_FINE);
    assert_int_equal(set_access(&bob, "#den", ROOM_CLOSED), ROOM_NOT_MEMBER);
    assert_int_equal(set_access(&alice, "#den", ROOM_CLOSED), ROOM_FINE);
    assert_int_equal(do_as(ROOM_JOIN, &bob, "#den", ""), ROOM_IS_CLOSED);
    /* Not to be seen by others. */
    assert_int_equal(do_as(ROOM_LOOK, &bob, "#den", ""), ROOM_NO_ROOM);
    assert_int_equal(room_list_for(bob.id, "", 10, text), DAL_OK);
    assert_string_equal(text, "");
    assert_int_equal(do_as(ROOM_INVITE, &alice, "#den", "bob"), ROOM_FINE);
    assert_int_equal(look(&bob, "#den").standing, STANDING_INVITED);
    assert_int_equal(room_list_for(bob.id, "", 10, text), DAL_OK);
    assert_string_equal(text, "#den=1");
    assert_int_equal(do_as(ROOM_JOIN, &bob, "#den", ""), ROOM_FINE);
    /* Plain members invite nobody here, and change nothing. */
    assert_int_equal(do_as(ROOM_INVITE, &bob, "#den", "carol"), ROOM_NOT_ALLOWED);
    assert_int_equal(set_topic(&bob, "#den", "x"), ROOM_NOT_ALLOWED);
    assert_int_equal(do_as(ROOM_REMOVE, &bob, "#den", "alice"), ROOM_NOT_ALLOWED);
    /* The invitation was used up. */
    assert_int_equal(do_as(ROOM_PART, &bob, "#den", ""), ROOM_FINE);
    assert_int_equal(do_as(ROOM_PART, &bob, "#den", ""), ROOM_NOT_MEMBER);
    assert_int_equal(do_as(ROOM_JOIN, &bob, "#den", ""), ROOM_IS_CLOSED);
    /* The administrator puts in whom he likes, and sees all. */
    assert_int_equal(member_add("#den", "carol"), DAL_OK);
    assert_int_equal(room_list("", 10, text), DAL_OK);
    assert_string_equal(text, "#den=2");
    assert_int_equal(do_as(ROOM_PART, &carol, "#den", ""), ROOM_FINE);
    assert_sound();
}

static void test_invitations(void **state)
{
    struct user alice = new_user("alice"), bob = new_user("bob");
    struct dal_room_order invite = {
        .verb = ROOM_INVITE, .by = alice.id, .room = bytes_of("#den"), .userid = bytes_of("bob")};
    struct dal_room_result result;
    struct page page;

    assert_int_equal(do_as(ROOM_JOIN, &alice, "#den", ""), ROOM_FINE);
    invite.notice = new_notice(MESSAGE_INVITED, &alice, ":i");
    assert_int_equal(room_do(&invite, &result), DAL_OK);
    assert_true(result.changed);
    assert_string_equal(result.user.userid, "bob");
    assert_int_equal(result.notice->conversation, bob.inbox);
    assert_int_equal(result.notice->context, result.room.conversation.id);
    assert_int_equal(result.notice->seq, 1);
    assert_true(bytes_is(result.notice->room, "#den"));
    message_unref(result.notice);
    assert_int_equal(messages_read(bob.inbox, 0, 10, 1000, &page), DAL_OK);
    assert_int_equal(page.count, 1);
    assert_int_equal(page.messages[0]->kind, MESSAGE_INVITED);
    assert_true(bytes_is(page.messages[0]->room, "#den"));
    page_deinit(&page);
    /* Invited already, and a member: nothing happens. */
    assert_int_equal(room_do(&invite, &result), DAL_OK);
    assert_true(!result.changed && result.notice == NULL);
    assert_int_equal(do_as(ROOM_JOIN, &bob, "#den", ""), ROOM_FINE);
    assert_int_equal(room_do(&invite, &result), DAL_OK);
    assert_true(!result.changed && result.notice == NULL);
    message_unref(invite.notice);
    /* An invitation can be taken back. */
    new_user("carol");
    assert_int_equal(do_as(ROOM_INVITE, &alice, "#den", "carol"), ROOM_FINE);
    assert_int_equal(do_as(ROOM_REMOVE, &alice, "#den", "carol"), ROOM_FINE);
    assert_int_equal(do_as(ROOM_REMOVE, &alice, "#den", "carol"), ROOM_NO_MEMBER);
    assert_int_equal(do_as(ROOM_INVITE, &alice, "#den", "nobody"), ROOM_NO_USER);
    assert_int_equal(do_as(ROOM_INVITE, &alice, "#none", "bob"), ROOM_NO_ROOM);
    assert_sound();
}

static void test_operators(void **state)
{
    struct user alice = new_user("alice"), bob = new_user("bob");
    struct dal_room_order role = {.verb = ROOM_ROLE,
                                  .room = bytes_of("#den"),
                                  .userid = bytes_of("bob"),
                                  .is_operator = true};
    struct dal_room_result result;
    struct account account;

    assert_int_equal(do_as(ROOM_JOIN, &alice, "#den", ""), ROOM_FINE);
    assert_int_equal(order(&role, NULL), ROOM_NO_MEMBER);
    assert_int_equal(do_as(ROOM_JOIN, &bob, "#den", ""), ROOM_FINE);
    assert_int_equal(order(&role, &result), ROOM_FINE);
    assert_true(result.changed);
    assert_int_equal(order(&role, &result), ROOM_FINE);
    assert_false(result.changed);
    assert_int_equal(account_find("bob", &account), DAL_OK);
    assert_true(membership_of(&account, result.room.conversation.id)->is_operator);
    assert_int_equal(membership_of(&account, result.room.conversation.id)->conversation.number, 1);
    assert_int_equal(do_as(ROOM_REMOVE, &bob, "#den", "alice"), ROOM_FINE);
    assert_int_equal(do_as(ROOM_REMOVE, &bob, "#den", "alice"), ROOM_NO_MEMBER);
    assert_int_equal(do_as(ROOM_REMOVE, &bob, "#den", "nobody"), ROOM_NO_USER);
    role.by = bob.id;
    role.is_operator = false;
    assert_int_equal(order(&role, &result), ROOM_FINE);
    assert_int_equal(result.room.standing, STANDING_MEMBER);
    assert_int_equal(order(&role, &result), ROOM_NOT_ALLOWED);
    assert_sound();
}

static void test_topics(void **state)
{
    struct user alice = new_user("alice"), bob = new_user("bob");
    struct dal_room_order topic = {.verb = ROOM_TOPIC,
                                   .by = alice.id,
                                   .room = bytes_of("#den"),
                                   .topic = bytes_of("\uc624\ub298: tea")};
    struct dal_room_result result;

    assert_int_equal(do_as(ROOM_JOIN, &alice, "#den", ""), ROOM_FINE);
    assert_int_equal(order(&topic, &result), ROOM_FINE);
    assert_true(result.changed);
    assert_string_equal(result.room.topic, "\uc624\ub298: tea");
    assert_int_equal(order(&topic, &result), ROOM_FINE);
    assert_false(result.changed);
    assert_int_equal(set_topic(&bob, "#den", "x"), ROOM_NOT_MEMBER);
    assert_int_equal(set_topic(&alice, "#den", ""), ROOM_FINE);
    assert_string_equal(look(&bob, "#den").topic, "");
    assert_sound();
}

/* -- lists ------------------------------------------------------------------------------------- */

static void test_lists_in_pages(void **state)
{
    struct user alice = new_user("alice"), zoe = new_user("zoe");
    char text[1024];

    assert_int_equal(do_as(ROOM_JOIN, &alice, "#b", ""), ROOM_FINE);
    assert_int_equal(do_as(ROOM_JOIN, &zoe, "#a", ""), ROOM_FINE);
    assert_int_equal(do_as(ROOM_JOIN, &zoe, "#\ubc29", ""), ROOM_FINE);
    assert_int_equal(set_access(&zoe, "#a", ROOM_CLOSED), ROOM_FINE);
    assert_int_equal(room_list_for(zoe.id, "", 10, text), DAL_OK);
    assert_string_equal(text, "#a=1 #b=1 #\ubc29=1");
    assert_int_equal(room_list_for(alice.id, "", 1, text), DAL_OK);
    assert_string_equal(text, "#b=1");
    assert_int_equal(room_list_for(alice.id, "#b", 10, text), DAL_OK);
    assert_string_equal(text, "#\ubc29=1");
    assert_int_equal(room_list_for(alice.id, "#\ubc29", 10, text), DAL_OK);
    assert_string_equal(text, "");
    assert_int_equal(member_list("*", "", 10, text), DAL_OK);
    assert_string_equal(text, "alice zoe");
    assert_int_equal(member_list("*", "alice", 10, text), DAL_OK);
    assert_string_equal(text, "zoe");
}

/* -- notices ----------------------------------------------------------------------------------- */

static void test_notices_are_entries_of_the_log(void **state)
{
    struct user alice = new_user("alice"), bob = new_user("bob");
    struct dal_room_order join = {
        .verb = ROOM_JOIN, .by = alice.id, .room = bytes_of("#den"), .make = true};
    struct dal_room_order part = {.verb = ROOM_PART, .by = bob.id, .room = bytes_of("#den")};
    struct dal_room_result result;
    uint64_t room;
    struct page page;

    join.notice = new_notice(MESSAGE_JOINED, &alice, ":1");
    assert_int_equal(room_do(&join, &result), DAL_OK);
    room = result.room.conversation.id;
    assert_int_equal(result.notice->conversation, room);
    assert_int_equal(result.notice->seq, 1);
    assert_int_equal(result.since, 0);
    assert_int_equal(result.room.conversation.end, 1);
    message_unref(result.notice);
    message_unref(join.notice);
    /* A writer that knows the end of the log goes on behind it. */
    assert_int_equal(send_one(room, alice.id, "a", "hello"), 2);
    join.notice = new_notice(MESSAGE_JOINED, &bob, ":2");
    join.by = bob.id;
    assert_int_equal(room_do(&join, &result), DAL_OK);
    assert_int_equal(result.since, 2);
    assert_int_equal(result.notice->seq, 3);
    message_unref(result.notice);
    assert_int_equal(send_one(room, alice.id, "b", "again"), 4);
    /* A member already: nothing is told. */
    assert_int_equal(room_do(&join, &result), DAL_OK);
    assert_null(result.notice);
    message_unref(join.notice);
    part.notice = new_notice(MESSAGE_LEFT, &bob, ":3");
    assert_int_equal(room_do(&part, &result), DAL_OK);
    assert_int_equal(result.notice->seq, 5);
    message_unref(result.notice);
    message_unref(part.notice);

    assert_int_equal(messages_read(room, 0, 10, 1000, &page), DAL_OK);
    assert_int_equal(page.count, 5);
    assert_int_equal(page.messages[0]->kind, MESSAGE_JOINED);
    assert_int_equal(page.messages[1]->kind, MESSAGE_TEXT);
    assert_int_equal(page.messages[4]->kind, MESSAGE_LEFT);
    assert_true(bytes_is(page.messages[4]->userid, "bob"));
    for (size_t i = 1; i < page.count; i++)
        assert_true(page.messages[i]->time_ms >= page.messages[i - 1]->time_ms);
    page_deinit(&page);
    assert_sound();
}

static void note_topic(void *userdata, enum dal_outcome outcome,
                       const struct dal_room_result *result)
{
    assert_int_equal(outcome, DAL_OK);
    assert_non_null(result->notice);
    ++*(unsigned *)userdata;
}

static void start_topic(const struct user *by, unsigned number, unsigned *told)
{
    char topic[16], key[16];

    snprintf(topic, sizeof(topic), "topic %u", number);
    snprintf(key, sizeof(key), ":%u", number);
    const struct dal_room_order order = {.verb = ROOM_TOPIC,
                                         .by = by->id,
                                         .room = bytes_of("#den"),
                                         .topic = bytes_of(topic),
                                         .notice = new_notice(MESSAGE_TOPIC, by, key)};
    assert_int_equal(dal_room_do(&order, note_topic, told), 0);
    message_unref(order.notice);
}

/* Whoever writes the messages of the room, and whoever its notices: each number is given once. */
static void test_notices_among_messages(void **state)
{
    enum { ROUNDS = 40, EACH = 5 };
    struct sending sendings[ROUNDS * EACH];
    struct user alice = new_user("alice");
    unsigned told = 0;
    struct page page;

    assert_int_equal(do_as(ROOM_JOIN, &alice, "#den", ""), ROOM_FINE);
    uint64_t room = look(&alice, "#den").conversation.id;
    for (unsigned i = 0; i < ROUNDS * EACH; i++) {
        char key[16];
        snprintf(key, sizeof(key), "m%u", i);
        send_start(&sendings[i], room, alice.id, key, bytes_of("text"));
        if (i % EACH == 2)
            start_topic(&alice, i, &told);
        if (i % EACH == 4)
            dal_dispatch();
    }
    wait_idle();
    assert_int_equal(told, ROUNDS);
    for (unsigned i = 0; i < ROUNDS * EACH; i++) {
        assert_int_equal(sendings[i].outcome, DAL_OK);
        sending_deinit(&sendings[i]);
    }
    assert_int_equal(messages_read(room, 0, 2000, 1 << 20, &page), DAL_OK);
    assert_int_equal(page.count, ROUNDS * EACH + ROUNDS);
    for (size_t i = 0; i < page.count; i++) {
        assert_int_equal(page.messages[i]->seq, i + 1);
        assert_true(i == 0 || page.messages[i]->time_ms >= page.messages[i - 1]->time_ms);
    }
    page_deinit(&page);
    assert_sound();
}

/* -- names ------------------------------------------------------------------------------------- */

struct renamed {
    bool done;
    enum dal_outcome outcome;
    char name[NAME_MAX_BYTES + 1], conflict[32];
    struct message *notices[8];
    size_t count;
};

static void note_renamed(void *userdata, enum dal_outcome outcome, const struct user *user,
                         const char *conflict, struct message *const *notices, size_t count)
{
    struct renamed *renamed = userdata;

    renamed->done = true;
    renamed->outcome = outcome;
    snprintf(renamed->name, sizeof(renamed->name), "%s", user != NULL ? user->name : "");
    snprintf(renamed->conflict, sizeof(renamed->conflict), "%s", conflict != NULL ? conflict : "");
    assert_true(count <= 8);
    for (size_t i = 0; i < count; i++)
        renamed->notices[i] = message_ref(notices[i]);
    renamed->count = count;
}

static struct renamed rename_user(const struct user *user, const char *name, const char *key)
{
    struct renamed renamed = {.done = false};
    struct message *notice = new_notice(MESSAGE_RENAMED, user, key);

    assert_int_equal(dal_user_rename(user->id, bytes_of(name), notice, note_renamed, &renamed), 0);
    message_unref(notice);
    wait_for(&renamed.done);
    return renamed;
}

static void test_renaming_is_told_in_each_room(void **state)
{
    struct user alice = new_user("alice");
    struct conversation_record everyone, room;
    struct renamed renamed;

    assert_int_equal(do_as(ROOM_JOIN, &alice, "#one", ""), ROOM_FINE);
    assert_int_equal(do_as(ROOM_JOIN, &alice, "#two", ""), ROOM_FINE);
    assert_int_equal(room_add("#three", NULL), DAL_OK);
    renamed = rename_user(&alice, "Alice B", ":1");
    assert_int_equal(renamed.outcome, DAL_OK);
    assert_string_equal(renamed.name, "Alice B");
    assert_int_equal(renamed.count, 3);
    for (size_t i = 0; i < renamed.count; i++) {
        assert_int_equal(renamed.notices[i]->seq, 1);
        message_unref(renamed.notices[i]);
    }
    assert_int_equal(conversation_find("*", &everyone), DAL_OK);
    assert_int_equal(everyone.end, 1);
    assert_int_equal(conversation_find("#two", &room), DAL_OK);
    assert_int_equal(room.end, 1);
    assert_int_equal(send_one(room.id, alice.id, "k", "hello"), 2);
    /* His name already. */
    renamed = rename_user(&alice, "Alice B", ":2");
    assert_int_equal(renamed.outcome, DAL_OK);
    assert_int_equal(renamed.count, 0);
    assert_sound();
}

static void test_names_that_look_alike(void **state)
{
    static const struct {
        const char *name;
        enum dal_outcome outcome;
    } cases[] = {
        {"ALICE", DAL_OK},                   /* like one's own userid */
        {"BOB", DAL_REFUSED},                /* like a userid, by case */
        {"\uff42\uff4f\uff42", DAL_REFUSED}, /* by width */
        {"\u1112\u1161\u11ab", DAL_REFUSED}, /* by composition */
        {"REN\u00c9", DAL_REFUSED},          /* like a display name */
        {"Rene\u0301", DAL_REFUSED},         /* by composition */
        {"\uff0a", DAL_REFUSED},             /* like the administrator */
        {"Al", DAL_OK},
    };
    struct user alice = new_user("alice");

    new_user("bob");
    new_user("\ud55c");
    assert_int_equal(user_add("carol", "Ren\u00e9", NULL, NULL), DAL_OK);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char key[8];
        snprintf(key, sizeof(key), ":%zu", i);
        struct renamed renamed = rename_user(&alice, cases[i].name, key);
        if (renamed.outcome != cases[i].outcome)
            fail_msg("%s: %s", cases[i].name, dal_outcome_name(renamed.outcome));
        assert_string_equal(renamed.conflict, renamed.outcome == DAL_OK ? "" : "display name");
        for (size_t k = 0; k < renamed.count; k++)
            message_unref(renamed.notices[k]);
    }
    alice.id = 99999;
    assert_int_equal(rename_user(&alice, "X", "").outcome, DAL_MISSING);
    assert_sound();
}

/* -- what was there before --------------------------------------------------------------------- */

/* Rooms and users that look alike stay; each is found by its very name, and the older one by what
 * folds alike. */
static void test_what_looked_alike_before(void **state)
{
    static const char *const rows[] = {
        "UPDATE rooms SET name_key = 'tea'",
        "UPDATE users SET userid_key = 'alice'",
    };
    struct conversation_record older, newer, found;
    struct user alice = new_user("alice"), other = new_user("a1ice");

    assert_int_equal(room_add("#Tea", &older), DAL_OK);
    assert_int_equal(room_add("#tEa2", &newer), DAL_OK);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        harness_script(rows[i], false);
    harness_script("UPDATE conversations SET name = '#tEa' WHERE name = '#tEa2'", false);
    assert_int_equal(conversation_find("#tEa", &found), DAL_OK);
    assert_int_equal(found.id, newer.id);
    assert_int_equal(conversation_find("#TEA", &found), DAL_OK);
    assert_int_equal(found.id, older.id);
    /* Neither can take the other's, and both can go on. */
    assert_int_equal(rename_user(&alice, "ALICE", "").outcome, DAL_REFUSED);
    assert_int_equal(rename_user(&other, "a1ice", "").outcome, DAL_OK);
    assert_int_equal(user_set_bulk("a1ice", true), DAL_OK);
    assert_sound();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_first_makes_the_room),
        CASE(test_numbers_are_not_given_again),
        CASE(test_limits),
        CASE(test_closed_rooms),
        CASE(test_invitations),
        CASE(test_operators),
        CASE(test_topics),
        CASE(test_lists_in_pages),
        CASE(test_notices_are_entries_of_the_log),
        CASE(test_notices_among_messages),
        CASE(test_renaming_is_told_in_each_room),
        CASE(test_names_that_look_alike),
        CASE(test_what_looked_alike_before),
    };

    return cmocka_run_group_tests_name("rooms", tests, NULL, NULL);
}
