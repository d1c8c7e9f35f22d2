/* Databases and processes that go away, and several that write at once: what was acknowledged is
 * there afterwards, once, and numbers stay dense.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "harness.h"

#include "util/clock.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* -- several processes ------------------------------------------------------------------------- */

enum { ROOMS = 4, EACH = 1500 };

/* Stores EACH messages as `sender` and fails unless all are stored. */
static void write_many(const uint64_t rooms[ROOMS], uint64_t sender)
{
    static struct sending sendings[EACH];
    char key[32];

    for (unsigned i = 0; i < EACH; i++) {
        snprintf(key, sizeof(key), "%u", i);
        send_start(&sendings[i], rooms[i % ROOMS], sender, key, bytes_of(key));
        /* Small transactions, so that there are many to get into each other's way. */
        if (i % 20 == 0)
            dal_dispatch();
    }
    wait_idle();
    for (unsigned i = 0; i < EACH; i++) {
        assert_int_equal(sendings[i].outcome, DAL_OK);
        assert_false(sendings[i].again);
        sending_deinit(&sendings[i]);
    }
}

static pid_t start_writer(const uint64_t rooms[ROOMS], uint64_t sender)
{
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid != 0)
        return pid;
    harness_open();
    write_many(rooms, sender);
    harness_close();
    _exit(0);
}

/* Each sender's messages stand in the order in which he sent them. */
static void assert_in_order(uint64_t room, uint64_t senders)
{
    unsigned next[8] = {0}, number;
    struct page page;
    uint64_t after = 0;
    char text[32];

    do {
        assert_int_equal(messages_read(room, after, 1000, 1 << 20, &page), DAL_OK);
        for (size_t i = 0; i < page.count; i++) {
            const struct message *message = page.messages[i];
            assert_int_equal(message->seq, ++after);
            assert_true(message->sender < senders);
            snprintf(text, sizeof(text), "%.*s", BYTES_ARG(message->text));
            number = (unsigned)strtoul(text, NULL, 10);
            assert_true(number >= next[message->sender]);
            next[message->sender] = number + 1;
        }
        number = (unsigned)page.count;
        page_deinit(&page);
    } while (number > 0);
}

static void test_three_processes(void **state)
{
    uint64_t rooms[ROOMS];
    struct conversation_record record;
    pid_t children[2];
    char name[16];
    int status;

    for (unsigned i = 0; i < ROOMS; i++) {
        snprintf(name, sizeof(name), "#room%u", i);
        rooms[i] = new_room(name);
    }
    harness_close();
    children[0] = start_writer(rooms, 1);
    children[1] = start_writer(rooms, 2);
    harness_open();
    write_many(rooms, 3);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
    for (unsigned i = 0; i < ROOMS; i++) {
        snprintf(name, sizeof(name), "#room%u", i);
        assert_int_equal(conversation_find(name, &record), DAL_OK);
        assert_int_equal(record.end, 3 * EACH / ROOMS);
        assert_in_order(rooms[i], 4);
    }
    assert_sound();
}

/* Writes for ever, and tells which messages were acknowledged. */
static void write_and_tell(uint64_t room, int fd)
{
    static struct sending sendings[100];
    char key[32];

    harness_open();
    for (unsigned first = 0;; first += 100) {
        for (unsigned i = 0; i < 100; i++) {
            snprintf(key, sizeof(key), "%u", first + i);
            send_start(&sendings[i], room, 1, key, bytes_of("text"));
        }
        wait_idle();
        for (unsigned i = 0; i < 100; i++) {
            unsigned number = first + i;
            if (sendings[i].outcome != DAL_OK || write(fd, &number, sizeof(number)) < 0)
                _exit(1);
            sending_deinit(&sendings[i]);
        }
    }
}

static void test_killed_process(void **state)
{
    uint64_t room = new_room("#room");
    unsigned number, count = 0;
    struct sending sending;
    int pipes[2], status;
    char key[32];
    pid_t child;

    harness_close();
    assert_int_equal(pipe(pipes), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0)
        write_and_tell(room, pipes[1]);
    close(pipes[1]);
    while (read(pipes[0], &number, sizeof(number)) == sizeof(number)) {
        if (++count == 950)
            kill(child, SIGKILL);
    }
    close(pipes[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    harness_open();
    for (unsigned i = 0; i < count; i++) {
        snprintf(key, sizeof(key), "%u", i);
        send_start(&sending, room, 1, key, bytes_of("text"));
        wait_for(&sending.done);
        assert_int_equal(sending.outcome, DAL_OK);
        assert_true(sending.again);
        assert_int_equal(sending.message->seq, i + 1);
        sending_deinit(&sending);
    }
    assert_sound();
}

/* -- a lock that somebody keeps ---------------------------------------------------------------- */

static int ignore_row(void *userdata, const struct sql_value *row)
{
    return 0;
}

static void test_locked_for_long(void **state)
{
    uint64_t room = new_room("#room");
    struct sql_connection *other = harness_connect();
    struct sql_value ids[SQL_PADDED];
    struct dal_status status;

    wait_up(true);
    for (unsigned i = 0; i < SQL_PADDED; i++)
        ids[i] = sql_number(room);
    assert_int_equal(other->driver->begin(other, true), SQL_OK);
    assert_int_equal(sql_run(other, SQL_ENDS_LOCK_PADDED, ids, ignore_row, NULL), SQL_OK);
    /* It is refused before anybody could think that the server is dead, and nothing is stored. */
    assert_int_equal(send_one(room, 1, "k", "text"), 0);
    dal_status(&status);
    assert_true(status.trouble[0] != '\0');
    assert_int_equal(other->driver->rollback(other), SQL_OK);
    other->driver->close(other);
    assert_int_equal(send_one(room, 1, "k", "text"), 1);
    dal_status(&status);
    assert_string_equal(status.trouble, "");
}

/* -- a server that goes away ------------------------------------------------------------------- */

static unsigned state_changes;

static void on_state(void *userdata)
{
    state_changes++;
}

static void test_server_away_and_back(void **state)
{
    uint64_t room = new_room("#room"), started;
    struct dal_status status;
    struct account account;

    if (!harness_is_mysql())
        return;
    new_user("alice");
    assert_int_equal(send_one(room, 1, "1", "text"), 1);
    state_changes = 0;
    dal_on_state(on_state, NULL);
    harness_kill_server();
    /* Every kind of request is refused, and soon. */
    started = clock_monotonic_us();
    assert_int_equal(ping(), DAL_UNAVAILABLE);
    assert_int_equal(send_one(room, 1, "2", "text"), 0);
    assert_int_equal(account_find("alice", &account), DAL_UNAVAILABLE);
    assert_int_equal(user_set_disabled("alice", true), DAL_UNAVAILABLE);
    assert_true(clock_monotonic_us() - started < 5 * USEC_PER_SEC);
    dal_status(&status);
    assert_false(status.up);
    assert_true(status.trouble[0] != '\0');
    assert_true(state_changes > 0);

    harness_start_server();
    wait_up(true);
    dal_status(&status);
    assert_string_equal(status.trouble, "");
    assert_true(status.reconnects > 0);
    assert_int_equal(ping(), DAL_OK);
    assert_int_equal(send_one(room, 1, "1", "text"), 1);
    assert_int_equal(send_one(room, 1, "2", "text"), 2);
    assert_int_equal(account_find("alice", &account), DAL_OK);
    assert_false(account.user.disabled);
}

/* A restart while nothing happens is nobody's trouble: the first request connects anew. */
static void test_server_restarted_while_idle(void **state)
{
    uint64_t room = new_room("#room");
    struct account account;

    if (!harness_is_mysql())
        return;
    new_user("alice");
    assert_int_equal(send_one(room, 1, "1", "text"), 1);
    harness_kill_server();
    harness_start_server();
    assert_int_equal(send_one(room, 1, "2", "text"), 2);
    assert_int_equal(account_find("alice", &account), DAL_OK);
    assert_int_equal(user_set_disabled("alice", true), DAL_OK);
}

/* Killed in the middle of many commits: each message is answered, and what was acknowledged is
 * there. */
static void test_server_killed_while_writing(void **state)
{
    enum { COUNT = 6000 };
    uint64_t room = new_room("#room"), other = new_room("#other");
    struct sending *sendings, again;
    unsigned ok = 0;
    char key[32];

    if (!harness_is_mysql())
        return;
    sendings = calloc(COUNT, sizeof(*sendings));
    for (unsigned i = 0; i < COUNT; i++) {
        snprintf(key, sizeof(key), "%u", i);
        send_start(&sendings[i], i % 2 == 0 ? room : other, 1, key, bytes_of("text"));
        if (i % 10 == 0)
            dal_dispatch();
        if (i == COUNT / 2)
            harness_kill_server();
        if (i == COUNT * 3 / 4)
            harness_start_server();
    }
    wait_up(true);
    wait_idle();
    for (unsigned i = 0; i < COUNT; i++) {
        assert_true(sendings[i].outcome == DAL_OK || sendings[i].outcome == DAL_UNAVAILABLE);
        ok += sendings[i].outcome == DAL_OK;
    }
    assert_true(ok > 0);
    for (unsigned i = 0; i < COUNT; i++) {
        bool acknowledged = sendings[i].outcome == DAL_OK;
        snprintf(key, sizeof(key), "%u", i);
        send_start(&again, i % 2 == 0 ? room : other, 1, key, bytes_of("text"));
        wait_for(&again.done);
        assert_int_equal(again.outcome, DAL_OK);
        if (acknowledged) {
            assert_true(again.again);
            assert_int_equal(again.message->seq, sendings[i].message->seq);
            assert_int_equal(again.message->time_ms, sendings[i].message->time_ms);
        }
        sending_deinit(&again);
        sending_deinit(&sendings[i]);
    }
    free(sendings);
    assert_sound();
}

/* dal_close() ends in bounded time also when the database does not answer. */
static void test_close_while_away(void **state)
{
    struct sending sending;
    uint64_t room = new_room("#room"), started;

    if (!harness_is_mysql())
        return;
    harness_kill_server();
    send_start(&sending, room, 1, "1", bytes_of("text"));
    started = clock_monotonic_us();
    harness_close();
    assert_true(clock_monotonic_us() - started < 20 * USEC_PER_SEC);
    assert_true(sending.done);
    assert_int_equal(sending.outcome, DAL_UNAVAILABLE);
    sending_deinit(&sending);
    harness_start_server();
    harness_open();
}

/* A server that hangs: dal_close() cuts short what it is waiting for. */
static void test_close_while_hanging(void **state)
{
    struct sending sending;
    uint64_t room = new_room("#room"), started;

    if (!harness_is_mysql())
        return;
    wait_up(true);
    harness_signal_server(SIGSTOP);
    send_start(&sending, room, 1, "1", bytes_of("text"));
    started = clock_monotonic_us();
    harness_close();
    assert_true(clock_monotonic_us() - started < 8 * USEC_PER_SEC);
    assert_true(sending.done);
    assert_int_equal(sending.outcome, DAL_UNAVAILABLE);
    sending_deinit(&sending);
    harness_signal_server(SIGCONT);
    harness_open();
    assert_int_equal(send_one(room, 1, "1", "text"), 1);
}

/* -- ids ----------------------------------------------------------------------------------------
 */

static void restart_server(void (*end)(void))
{
    harness_close();
    if (harness_is_mysql()) {
        end();
        harness_start_server();
    }
    harness_open();
}

/* Clients and signatures refer to ids, so one that was deleted does not come again, however the
 * database was stopped in between. */
static void test_ids_are_never_given_again(void **state)
{
    static void (*const ends[])(void) = {harness_kill_server, harness_stop_server};
    struct user before = new_user("alice"), after;
    uint64_t room = new_room("#room"), room_after, device, device_after;

    assert_int_equal(device_add(before.id, "one", NULL, 0, &device), DAL_OK);
    for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
        assert_int_equal(room_delete("#room"), DAL_OK);
        assert_int_equal(user_delete("alice"), DAL_OK);
        restart_server(ends[i]);
        room_after = new_room("#room");
        after = new_user("alice");
        assert_int_equal(device_add(after.id, "one", NULL, 0, &device_after), DAL_OK);
        assert_true(after.id > before.id && device_after > device);
        assert_true(room_after > room && room_after > before.inbox && after.inbox > room_after);
        before = after;
        room = room_after;
        device = device_after;
    }
}

/* -- a file that cannot be opened yet ---------------------------------------------------------- */

static void test_folder_comes_later(void **state)
{
    const char *path = harness_config()->sqlite_path;
    char folder[256], missing[300], reason[300];
    struct dal_status status;

    if (harness_is_mysql())
        return;
    harness_close();
    snprintf(folder, sizeof(folder), "%s.d", path);
    snprintf(missing, sizeof(missing), "%s/multichat.db", folder);
    harness_config()->sqlite_path = missing;
    harness_open();
    assert_int_equal(ping(), DAL_UNAVAILABLE);
    assert_int_equal(room_add("#room", NULL), DAL_UNAVAILABLE);
    dal_status(&status);
    snprintf(reason, sizeof(reason), "the folder %s does not exist", folder);
    assert_non_null(strstr(status.trouble, missing));
    assert_non_null(strstr(status.trouble, reason));
    assert_int_equal(mkdir(folder, 0700), 0);
    wait_up(true);
    assert_int_equal(room_add("#room", NULL), DAL_OK);
    harness_close();
    harness_config()->sqlite_path = path;
    harness_open();
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, harness_setup, harness_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_three_processes),
        CASE(test_killed_process),
        CASE(test_locked_for_long),
        CASE(test_server_away_and_back),
        CASE(test_server_restarted_while_idle),
        CASE(test_server_killed_while_writing),
        CASE(test_close_while_away),
        CASE(test_close_while_hanging),
        CASE(test_ids_are_never_given_again),
        CASE(test_folder_comes_later),
    };

    return cmocka_run_group_tests_name("outage", tests, NULL, NULL);
}
