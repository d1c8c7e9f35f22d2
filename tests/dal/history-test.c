/* History and retention over a real engine: pages of what was written, held against a list of all
 * messages that the test keeps itself, and logs that lose their beginnings a little at a time.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "harness.h"

#include "util/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CASE(function) cmocka_unit_test_setup_teardown(function, harness_setup, harness_teardown)

#define MESSAGES_MAX 600
#define USERS        3

static struct user users[USERS];
static uint64_t rooms[2], everyone;
static struct message *sent[MESSAGES_MAX]; /* everything, in no order */
static size_t sent_count;

/* -- writing ----------------------------------------------------------------------------------- */

static void on_stored(void *userdata, enum dal_outcome outcome, struct message *message, bool again)
{
    assert_int_equal(outcome, DAL_OK);
    assert_false(again);
    sent[sent_count++] = message_ref(message);
}

static void write_message(const struct user *by, uint64_t conversation, uint64_t context)
{
    static unsigned counter;
    char key[16];

    snprintf(key, sizeof(key), "k%u", ++counter);
    const struct message from = {
        .conversation = conversation,
        .context = context,
        .sender = by->id,
        .userid = bytes_of(by->userid),
        .name = bytes_of(by->name),
        .key = bytes_of(key),
        .text = bytes_of("a text of some length"),
    };
    struct message *message;
    assert_int_equal(message_new(&from, &message), 0);
    assert_int_equal(dal_message_store(message, on_stored, NULL), 0);
    message_unref(message);
}

/* One of everything that can be written. */
static void write_something(void)
{
    const struct user *by = &users[rand() % USERS], *to = &users[rand() % USERS];

    switch (rand() % 6) {
    case 0:
        write_message(by, everyone, 0);
        break;
    case 1:
        write_message(by, to->inbox, 0);
        break;
    case 2:
    case 3:
        if (by != to)
            write_message(by, to->inbox, rooms[rand() % 2]);
        break;
    default:
        write_message(by, rooms[rand() % 2], 0);
    }
}

/* Several at once have one time; waiting for them gives the next ones another. */
static void write_many(unsigned count)
{
    for (unsigned i = 0; i < count && sent_count < MESSAGES_MAX; i++) {
        write_something();
        if (rand() % 4 == 0)
            wait_idle();
    }
    wait_idle();
}

static void make_world(void)
{
    static const char *const names[USERS] = {"alice", "bob", "carol"};
    struct conversation_record record;

    sent_count = 0;
    srand(1);
    for (size_t i = 0; i < USERS; i++)
        users[i] = new_user(names[i]);
    rooms[0] = new_room("#one");
    rooms[1] = new_room("#two");
    assert_int_equal(conversation_find("*", &record), DAL_OK);
    everyone = record.id;
}

static void drop_world(void)
{
    for (size_t i = 0; i < sent_count; i++)
        message_unref(sent[i]);
    sent_count = 0;
}

/* -- reading ----------------------------------------------------------------------------------- */

struct history_page {
    bool done, has_next;
    enum dal_outcome outcome;
    struct message *messages[MESSAGES_MAX];
    size_t count;
    struct dal_place next;
};

static void on_history(void *userdata, enum dal_outcome outcome, struct message *const *messages,
                       size_t count, const struct dal_place *next)
{
    struct history_page *page = userdata;

    page->done = true;
    page->outcome = outcome;
    page->count = count;
    for (size_t i = 0; i < count; i++)
        page->messages[i] = message_ref(messages[i]);
    page->has_next = next != NULL;
    if (next != NULL)
        page->next = *next;
}

static void read_page(const struct dal_history *asked, struct history_page *page)
{
    page->done = false;
    assert_int_equal(dal_history(asked, on_history, page), 0);
    wait_for(&page->done);
}

static void drop_page(struct history_page *page)
{
    for (size_t i = 0; i < page->count; i++)
        message_unref(page->messages[i]);
}

/* -- the list it is held against ----------------------------------------------------------------
 */

static bool belongs(const struct dal_history *asked, const struct message *message)
{
    bool mine = message->sender == asked->reader || message->conversation == asked->inbox;

    if (message->time_ms < asked->from ||
        (asked->to.time_ms != 0 && message->time_ms >= asked->to.time_ms))
        return false;
    if (asked->peer != 0)
        return message->context == 0 &&
               ((message->sender == asked->reader &&
                 message->conversation == asked->conversation) ||
                (message->sender == asked->peer && message->conversation == asked->inbox));
    return message->conversation == asked->conversation ||
           (message->context == asked->conversation && mine);
}

static int compare(const void *a, const void *b)
{
    const struct message *x = *(struct message *const *)a, *y = *(struct message *const *)b;

    if (x->time_ms != y->time_ms)
        return x->time_ms < y->time_ms ? -1 : 1;
    if (x->conversation != y->conversation)
        return x->conversation < y->conversation ? -1 : 1;
    return x->seq < y->seq ? -1 : x->seq > y->seq;
}

static size_t expect(const struct dal_history *asked, struct message *expected[MESSAGES_MAX])
{
    size_t count = 0;

    for (size_t i = 0; i < sent_count; i++) {
        if (belongs(asked, sent[i]))
            expected[count++] = sent[i];
    }
    qsort(expected, count, sizeof(expected[0]), compare);
    return count;
}

/* Pages back to the beginning, each held against the end of what is left of the list. */
static void assert_pages(const struct dal_history *first, unsigned max_count, size_t max_bytes)
{
    struct message *expected[MESSAGES_MAX];
    size_t left = expect(first, expected);
    struct dal_history asked = *first;
    struct history_page page;

    asked.max_count = max_count;
    asked.max_bytes = max_bytes;
    do {
        read_page(&asked, &page);
        assert_int_equal(page.outcome, DAL_OK);
        assert_true(page.count <= left && page.count <= max_count);
        assert_true(page.count > 0 || left == 0);
        left -= page.count;
        for (size_t i = 0; i < page.count; i++) {
            assert_int_equal(page.messages[i]->conversation, expected[left + i]->conversation);
            assert_int_equal(page.messages[i]->seq, expected[left + i]->seq);
        }
        assert_int_equal(page.has_next, left > 0);
        asked.to = page.next;
        drop_page(&page);
    } while (page.has_next);
    assert_int_equal(left, 0);
}

static struct dal_history of_room(const struct user *reader, uint64_t room)
{
    return (struct dal_history){.reader = reader->id, .inbox = reader->inbox, .conversation = room};
}

static struct dal_history of_dialogue(const struct user *reader, const struct user *peer)
{
    return (struct dal_history){.reader = reader->id,
                                .inbox = reader->inbox,
                                .conversation = peer->inbox,
                                .peer = peer->id};
}

/* -- history ----------------------------------------------------------------------------------- */

static void test_rooms_with_whispers(void **state)
{
    make_world();
    write_many(300);
    for (size_t i = 0; i < USERS; i++) {
        for (unsigned size = 1; size <= 200; size = size * 5 + 2) {
            struct dal_history asked = of_room(&users[i], rooms[0]);
            assert_pages(&asked, size, 1 << 20);
            asked = of_room(&users[i], everyone);
            assert_pages(&asked, size, 1 << 20);
        }
    }
    assert_sound();
    drop_world();
}

static void test_dialogues(void **state)
{
    make_world();
    write_many(300);
    for (size_t i = 0; i < USERS; i++) {
        for (size_t k = 0; k < USERS; k++) {
            struct dal_history asked = of_dialogue(&users[i], &users[k]);
            assert_pages(&asked, 7, 1 << 20);
            assert_pages(&asked, 200, 100);
        }
    }
    drop_world();
}

/* Every span between two moments at which something was written. */
static void test_ranges_of_time(void **state)
{
    make_world();
    write_many(120);
    for (size_t i = 0; i < sent_count; i += 7) {
        for (size_t k = 0; k < sent_count; k += 11) {
            struct dal_history asked = of_room(&users[0], rooms[1]);
            asked.from = sent[i]->time_ms;
            asked.to.time_ms = sent[k]->time_ms;
            assert_pages(&asked, 10, 1 << 20);
            asked = of_dialogue(&users[0], &users[1]);
            asked.from = sent[i]->time_ms + 1;
            asked.to.time_ms = sent[k]->time_ms + 1;
            assert_pages(&asked, 10, 1 << 20);
        }
    }
    drop_world();
}

static void test_numbers(void **state)
{
    struct history_page page;

    make_world();
    for (unsigned i = 0; i < 30; i++)
        write_message(&users[0], rooms[0], 0);
    write_message(&users[0], users[1].inbox, rooms[0]);
    wait_idle();
    struct dal_history asked = of_room(&users[0], rooms[0]);
    asked.by_number = true;
    asked.from = 5;
    asked.to.seq = 20;
    asked.max_count = 10;
    asked.max_bytes = 1 << 20;
    read_page(&asked, &page);
    assert_int_equal(page.count, 10);
    assert_int_equal(page.messages[0]->seq, 11);
    assert_int_equal(page.messages[9]->seq, 20);
    assert_true(page.has_next);
    assert_int_equal(page.next.seq, 10);
    asked.to = page.next;
    drop_page(&page);
    read_page(&asked, &page);
    assert_int_equal(page.count, 6);
    assert_int_equal(page.messages[0]->seq, 5);
    assert_false(page.has_next);
    drop_page(&page);
    /* Open at both ends, and no whispers. */
    asked.from = 0;
    asked.to.seq = 0;
    asked.max_count = 100;
    read_page(&asked, &page);
    assert_int_equal(page.count, 30);
    drop_page(&page);
    asked.conversation = 99999;
    read_page(&asked, &page);
    assert_int_equal(page.outcome, DAL_MISSING);
    drop_world();
}

/* What a page says of its messages: the names of the room and of the inbox. */
static void test_names_of_places(void **state)
{
    struct history_page page;

    make_world();
    write_message(&users[0], users[1].inbox, rooms[0]);
    wait_idle();
    struct dal_history asked = of_room(&users[0], rooms[0]);
    asked.max_count = 10;
    asked.max_bytes = 1;
    read_page(&asked, &page);
    assert_int_equal(page.count, 1);
    assert_true(bytes_is(page.messages[0]->where, "bob"));
    assert_true(bytes_is(page.messages[0]->room, "#one"));
    drop_page(&page);
    /* Whispers of a room end with it, for its history; the inbox keeps them. */
    assert_int_equal(room_delete("#one"), DAL_OK);
    struct page inbox;
    assert_int_equal(messages_read(users[1].inbox, 0, 10, 1000, &inbox), DAL_OK);
    assert_int_equal(inbox.count, 1);
    assert_int_equal(inbox.messages[0]->room.len, 0);
    page_deinit(&inbox);
    /* One that comes after the room has gone is stored all the same. */
    write_message(&users[0], users[1].inbox, rooms[0]);
    wait_idle();
    assert_sound();
    drop_world();
}

/* -- what became of a message -------------------------------------------------------------------
 */

struct receipt {
    bool done;
    enum dal_outcome outcome;
    char receiver[NAME_MAX_BYTES + 1];
    uint64_t acked;
};

static void on_sent(void *userdata, enum dal_outcome outcome, const char *receiver, uint64_t acked)
{
    struct receipt *receipt = userdata;

    *receipt = (struct receipt){.done = true, .outcome = outcome, .acked = acked};
    assert_int_equal(receiver != NULL, outcome == DAL_OK);
    snprintf(receipt->receiver, sizeof(receipt->receiver), "%s", receiver != NULL ? receiver : "");
}

static struct receipt ask_receipt(uint64_t sender, uint64_t conversation, uint64_t seq)
{
    struct receipt receipt = {.done = false};

    assert_int_equal(dal_message_sent(sender, conversation, seq, on_sent, &receipt), 0);
    wait_for(&receipt.done);
    return receipt;
}

static void test_receipts(void **state)
{
    struct device_cursor cursor;
    struct receipt receipt;
    uint64_t device;

    make_world();
    write_message(&users[0], users[1].inbox, 0);
    write_message(&users[0], rooms[0], 0);
    wait_idle();
    receipt = ask_receipt(users[0].id, users[1].inbox, 1);
    assert_int_equal(receipt.outcome, DAL_OK);
    assert_string_equal(receipt.receiver, "bob");
    assert_int_equal(receipt.acked, 0);
    cursor = (struct device_cursor){0, users[1].inbox, 1};
    assert_int_equal(device_add(users[1].id, "one", &cursor, 1, &device), DAL_OK);
    assert_int_equal(ask_receipt(users[0].id, users[1].inbox, 1).acked, 1);
    /* Of others', of a room, of none. */
    assert_int_equal(ask_receipt(users[2].id, users[1].inbox, 1).outcome, DAL_MISSING);
    assert_int_equal(ask_receipt(users[0].id, rooms[0], 1).outcome, DAL_MISSING);
    assert_int_equal(ask_receipt(users[0].id, users[1].inbox, 2).outcome, DAL_MISSING);
    drop_world();
}

/* -- retention --------------------------------------------------------------------------------- */

struct pruned {
    bool done;
    enum dal_outcome outcome;
    uint64_t deleted, next;
};

static void on_pruned(void *userdata, enum dal_outcome outcome, uint64_t deleted, uint64_t next)
{
    *(struct pruned *)userdata = (struct pruned){true, outcome, deleted, next};
}

static struct pruned prune(const struct dal_prune *asked)
{
    struct pruned pruned = {.done = false};

    assert_int_equal(dal_prune(asked, on_pruned, &pruned), 0);
    wait_for(&pruned.done);
    assert_int_equal(pruned.outcome, DAL_OK);
    return pruned;
}

/* Step by step, as many as it takes: one ends after a few milliseconds, wherever it is. */
static uint64_t prune_all(struct dal_prune asked, unsigned *ret_steps)
{
    struct pruned pruned;
    uint64_t deleted = 0;
    unsigned steps = 0;

    do {
        pruned = prune(&asked);
        assert_true(pruned.deleted <= asked.max_rows);
        asked.after = pruned.next;
        deleted += pruned.deleted;
        steps++;
    } while (pruned.next != 0);
    if (ret_steps != NULL)
        *ret_steps = steps;
    return deleted;
}

static uint64_t first_of(uint64_t conversation)
{
    struct page page;
    uint64_t first;

    assert_int_equal(messages_read(conversation, 0, 1, 1, &page), DAL_OK);
    first = page.count > 0 ? page.messages[0]->seq : 0;
    page_deinit(&page);
    return first;
}

static void fill(uint64_t conversation, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        write_message(&users[0], conversation, 0);
    wait_idle();
    drop_world();
}

static void test_small_steps(void **state)
{
    const struct dal_prune asked = {.keep = 20, .max_rows = 50};
    unsigned steps;

    make_world();
    for (unsigned i = 0; i < 5; i++)
        fill(rooms[0], 50);
    fill(rooms[1], 10);
    assert_int_equal(prune_all(asked, &steps), 230);
    assert_true(steps >= 5);
    assert_int_equal(first_of(rooms[0]), 231);
    assert_int_equal(first_of(rooms[1]), 1);
    /* The numbers go on. */
    assert_int_equal(send_one(rooms[0], 1, "after", "text"), 251);
    harness_reopen();
    assert_int_equal(send_one(rooms[0], 1, "later", "text"), 252);
    assert_sound();
}

static void test_age(void **state)
{
    struct dal_prune asked = {.max_rows = 500};

    make_world();
    fill(rooms[0], 10);
    fill(rooms[1], 3);
    harness_script("UPDATE messages SET time_ms = seq * 1000", false);
    assert_int_equal(prune_all(asked, NULL), 0);
    asked.before_ms = 5000;
    assert_int_equal(prune_all(asked, NULL), 6);
    assert_int_equal(first_of(rooms[0]), 5);
    /* The newest stays, however old. */
    assert_int_equal(first_of(rooms[1]), 3);
    asked.before_ms = clock_real_ms();
    assert_int_equal(prune_all(asked, NULL), 5);
    assert_int_equal(first_of(rooms[0]), 10);
    assert_sound();
}

/* With a message its place in the whispers goes, and history ends where the log begins. */
static void test_history_of_what_is_left(void **state)
{
    const struct dal_prune asked = {.keep = 1, .max_rows = 500};
    struct history_page page;

    make_world();
    for (unsigned i = 0; i < 9; i++) {
        write_message(&users[0], users[1].inbox, rooms[0]);
        write_message(&users[1], rooms[0], 0);
    }
    wait_idle();
    assert_int_equal(prune_all(asked, NULL), 16);
    struct dal_history history = of_room(&users[0], rooms[0]);
    history.max_count = 10;
    history.max_bytes = 1 << 20;
    history.to.time_ms = clock_real_ms() + 1;
    read_page(&history, &page);
    assert_int_equal(page.count, 2);
    assert_false(page.has_next);
    drop_page(&page);
    assert_sound();
    drop_world();
}

/* More conversations than one step looks at. */
static void test_many_conversations(void **state)
{
    const struct dal_prune asked = {.keep = 1, .max_rows = 500};
    unsigned steps;
    uint64_t last = 0;
    char name[16];

    make_world();
    for (unsigned i = 0; i < 150; i++) {
        snprintf(name, sizeof(name), "#r%u", i);
        last = new_room(name);
    }
    fill(last, 3);
    assert_int_equal(prune_all(asked, &steps), 2);
    assert_true(steps >= 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_rooms_with_whispers),
        CASE(test_dialogues),
        CASE(test_ranges_of_time),
        CASE(test_numbers),
        CASE(test_names_of_places),
        CASE(test_receipts),
        CASE(test_small_steps),
        CASE(test_age),
        CASE(test_history_of_what_is_left),
        CASE(test_many_conversations),
    };

    return cmocka_run_group_tests_name("history", tests, NULL, NULL);
}
