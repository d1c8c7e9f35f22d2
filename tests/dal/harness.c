/* Databases of their own for tests, and calls that wait for their answer.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "harness.h"

#include "util/clock.h"
#include "util/hash.h"
#include "util/log.h"

#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_US (60 * USEC_PER_SEC)

static struct dal_config config;
static char folder[64], path[128], database[64];
static unsigned answers;

/* -- the database ------------------------------------------------------------------------------ */

bool harness_is_mysql(void)
{
    return getenv("MULTICHAT_MYSQL_SOCKET") != NULL;
}

struct dal_config *harness_config(void)
{
    return &config;
}

static void make_mysql(void)
{
    static unsigned number;
    const struct dal_provision provision = {
        .socket = getenv("MULTICHAT_MYSQL_SOCKET"),
        .database = database,
        .user = "multichat",
        .password = "it's \\ a 'secret'",
    };
    char *error = NULL;

    snprintf(database, sizeof(database), "multichat_test_%d_%u", (int)getpid(), ++number);
    if (dal_mysql_provision(&provision, &error) < 0)
        fail_msg("provision: %s", error);
    config.driver = "mysql";
    config.mysql_socket = provision.socket;
    config.mysql_database = database;
    config.mysql_user = provision.user;
    config.mysql_password = provision.password;
}

static void make_sqlite(void)
{
    snprintf(folder, sizeof(folder), "/tmp/multichat-storage.XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/multichat.db", folder);
    config.driver = "sqlite";
    config.sqlite_path = path;
}

int harness_make(void **state)
{
    static bool prepared;

    if (!prepared) {
        hash_setup();
        log_setup("storage-test");
        log_set_level(getenv("STORAGE_TEST_VERBOSE") != NULL ? LOG_DEBUG : LOG_ERR);
        prepared = true;
    }
    answers = 0;
    config = (struct dal_config){.writers = 3, .readers = 2, .queue_max = 8192, .migrate = true};
    if (harness_is_mysql())
        make_mysql();
    else
        make_sqlite();
    return 0;
}

int harness_setup(void **state)
{
    harness_make(state);
    harness_open();
    return 0;
}

static int remove_entry(const char *name, const struct stat *status, int type, struct FTW *walk)
{
    return remove(name);
}

int harness_teardown(void **state)
{
    harness_close();
    if (!harness_is_mysql())
        nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    return 0;
}

void harness_open(void)
{
    char *error = NULL;

    if (dal_open(&config, &error) < 0)
        fail_msg("dal_open: %s", error);
}

void harness_close(void)
{
    dal_close();
}

void harness_reopen(void)
{
    harness_close();
    harness_open();
}

struct sql_connection *harness_connect(void)
{
    struct sql_connection *connection = NULL;
    const struct sql_driver *driver = NULL;
    char error[256] = "";

#if HAVE_SQLITE
    if (!harness_is_mysql())
        driver = &driver_sqlite;
#endif
#if HAVE_MYSQL
    if (harness_is_mysql())
        driver = &driver_mysql;
#endif
    assert_non_null(driver);
    if (driver->open(&config, SQL_WRITER, &connection, error) != SQL_OK)
        fail_msg("connect: %s", error);
    return connection;
}

static void control_server(const char *verb)
{
    char command[512];

    snprintf(command, sizeof(command), "'%s' %s '%s' >/dev/null", getenv("MULTICHAT_MYSQL_CONTROL"),
             verb, getenv("MULTICHAT_MYSQL_DIR"));
    assert_int_equal(system(command), 0);
}

void harness_stop_server(void)
{
    control_server("stop");
}

void harness_kill_server(void)
{
    control_server("kill");
}

void harness_start_server(void)
{
    control_server("start");
}

void harness_signal_server(int number)
{
    char name[256];
    FILE *file;
    int pid = 0;

    snprintf(name, sizeof(name), "%s/server.pid", getenv("MULTICHAT_MYSQL_DIR"));
    file = fopen(name, "re");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%d", &pid), 1);
    fclose(file);
    assert_true(pid > 1);
    assert_int_equal(kill(pid, number), 0);
}

void harness_script(const char *text, bool as_root)
{
    struct dal_config before = config;
    struct sql_connection *connection;

    if (as_root) {
        config.mysql_user = "root";
        config.mysql_password = NULL;
    }
    connection = harness_connect();
    config = before;
    if (connection->driver->script(connection, text) != SQL_OK)
        fail_msg("%s: %s", text, connection->error);
    connection->driver->close(connection);
}

/* -- waiting ----------------------------------------------------------------------------------- */

static void turn(uint64_t deadline)
{
    struct pollfd event = {.fd = dal_fd(), .events = POLLIN};
    uint64_t now = clock_monotonic_us();

    dal_flush();
    if (now >= deadline)
        fail_msg("no answer in time");
    assert_true(poll(&event, 1, (int)((deadline - now) / USEC_PER_MSEC) + 1) >= 0);
    dal_dispatch();
}

void wait_for(const bool *flag)
{
    uint64_t deadline = clock_monotonic_us() + PATIENCE_US;

    while (!*flag)
        turn(deadline);
}

void wait_idle(void)
{
    uint64_t deadline = clock_monotonic_us() + PATIENCE_US;
    struct dal_status status;

    for (dal_status(&status); status.queued > 0; dal_status(&status))
        turn(deadline);
}

void wait_up(bool up)
{
    uint64_t deadline = clock_monotonic_us() + PATIENCE_US;
    struct dal_status status;

    for (dal_status(&status); status.up != up; dal_status(&status))
        turn(deadline);
}

/* What a waiting call keeps while its request is under way. */
struct wait {
    bool done;
    enum dal_outcome outcome;
    void *result;
    char *text;
};

static enum dal_outcome await(int error, struct wait *wait)
{
    assert_int_equal(error, 0);
    assert_false(wait->done);
    wait_for(&wait->done);
    return wait->outcome;
}

static struct wait *answered(void *userdata, enum dal_outcome outcome)
{
    struct wait *wait = userdata;

    assert_false(wait->done);
    wait->done = true;
    wait->outcome = outcome;
    return wait;
}

static void on_done(void *userdata, enum dal_outcome outcome)
{
    answered(userdata, outcome);
}

enum dal_outcome ping(void)
{
    struct wait wait = {.done = false};

    return await(dal_ping(on_done, &wait), &wait);
}

/* -- users ------------------------------------------------------------------------------------- */

static void on_user(void *userdata, enum dal_outcome outcome, const struct user *user,
                    const char *conflict)
{
    struct wait *wait = answered(userdata, outcome);

    assert_int_equal(user != NULL, outcome == DAL_OK);
    if (user != NULL && wait->result != NULL)
        memcpy(wait->result, user, sizeof(*user));
    if (wait->text != NULL)
        snprintf(wait->text, 64, "%s", conflict != NULL ? conflict : "");
}

enum dal_outcome user_add(const char *userid, const char *name, struct user *ret, char conflict[64])
{
    struct wait wait = {.result = ret, .text = conflict};

    return await(dal_user_add(bytes_of(userid), bytes_of(name), "$hash$of$it", on_user, &wait),
                 &wait);
}

struct user new_user(const char *userid)
{
    struct user user;

    assert_int_equal(user_add(userid, userid, &user, NULL), DAL_OK);
    return user;
}

enum dal_outcome user_set_password(const char *userid, const char *hash)
{
    struct wait wait = {.done = false};

    return await(dal_user_set_password(bytes_of(userid), hash, on_done, &wait), &wait);
}

enum dal_outcome user_set_disabled(const char *userid, bool disabled)
{
    struct wait wait = {.done = false};

    return await(dal_user_set_disabled(bytes_of(userid), disabled, on_done, &wait), &wait);
}

enum dal_outcome user_set_bulk(const char *userid, bool bulk)
{
    struct wait wait = {.done = false};

    return await(dal_user_set_bulk(bytes_of(userid), bulk, on_done, &wait), &wait);
}

enum dal_outcome user_revoke(const char *userid)
{
    struct wait wait = {.done = false};

    return await(dal_user_revoke(bytes_of(userid), on_done, &wait), &wait);
}

enum dal_outcome user_delete(const char *userid)
{
    struct wait wait = {.done = false};

    return await(dal_user_delete(bytes_of(userid), on_done, &wait), &wait);
}

static void append_word(char *text, const char *word)
{
    size_t len = strlen(text);

    snprintf(text + len, 1024 - len, "%s%s", len > 0 ? " " : "", word);
}

static void on_users(void *userdata, enum dal_outcome outcome, const struct user *users,
                     size_t count)
{
    struct wait *wait = answered(userdata, outcome);

    wait->text[0] = '\0';
    for (size_t i = 0; i < count; i++)
        append_word(wait->text, users[i].userid);
}

enum dal_outcome user_list(const char *after, unsigned max, char text[1024])
{
    struct wait wait = {.text = text};

    return await(dal_user_list(bytes_of(after), max, on_users, &wait), &wait);
}

static void on_members(void *userdata, enum dal_outcome outcome, const struct dal_member *members,
                       size_t count)
{
    struct wait *wait = answered(userdata, outcome);
    char word[80];

    wait->text[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        snprintf(word, sizeof(word), "%s%s", members[i].is_operator ? "@" : "",
                 members[i].user.userid);
        append_word(wait->text, word);
    }
}

enum dal_outcome member_list(const char *room, const char *after, unsigned max, char text[1024])
{
    struct wait wait = {.text = text};

    return await(dal_member_list(bytes_of(room), bytes_of(after), max, on_members, &wait), &wait);
}

static void on_account(void *userdata, enum dal_outcome outcome, const struct dal_account *account)
{
    struct wait *wait = answered(userdata, outcome);
    struct account *copy = wait->result;

    assert_int_equal(account != NULL, outcome == DAL_OK);
    if (account == NULL)
        return;
    assert_true(account->membership_count <= 16 && account->device_count <= 16 &&
                account->cursor_count <= 256);
    copy->user = account->user;
    snprintf(copy->password_hash, sizeof(copy->password_hash), "%s", account->password_hash);
    copy->membership_count = account->membership_count;
    copy->device_count = account->device_count;
    copy->cursor_count = account->cursor_count;
    for (size_t i = 0; i < account->membership_count; i++)
        copy->memberships[i] = account->memberships[i];
    for (size_t i = 0; i < account->device_count; i++)
        copy->devices[i] = account->devices[i];
    for (size_t i = 0; i < account->cursor_count; i++)
        copy->cursors[i] = account->cursors[i];
}

enum dal_outcome account_find(const char *userid, struct account *ret)
{
    struct wait wait = {.result = ret};

    return await(dal_account_find(bytes_of(userid), on_account, &wait), &wait);
}

enum dal_outcome account_find_id(uint64_t user, struct account *ret)
{
    struct wait wait = {.result = ret};

    return await(dal_account_find_id(user, on_account, &wait), &wait);
}

const struct membership *membership_of(const struct account *account, uint64_t conversation)
{
    for (size_t i = 0; i < account->membership_count; i++) {
        if (account->memberships[i].conversation.id == conversation)
            return &account->memberships[i];
    }
    fail_msg("not a member of %u", (unsigned)conversation);
    return NULL;
}

uint64_t cursor_of(const struct account *account, uint64_t device, uint64_t conversation)
{
    for (size_t i = 0; i < account->cursor_count; i++) {
        const struct device_cursor *cursor = &account->cursors[i];
        if (cursor->device == device && cursor->conversation == conversation)
            return cursor->seq;
    }
    return 0;
}

/* -- devices ----------------------------------------------------------------------------------- */

static void on_device(void *userdata, enum dal_outcome outcome, uint64_t device)
{
    struct wait *wait = answered(userdata, outcome);

    *(uint64_t *)wait->result = device;
}

enum dal_outcome device_add(uint64_t user, const char *name, const struct device_cursor *cursors,
                            size_t count, uint64_t *ret)
{
    struct wait wait = {.result = ret};

    return await(dal_device_add(user, bytes_of(name), cursors, count, on_device, &wait), &wait);
}

enum dal_outcome device_rename(uint64_t device, const char *name)
{
    struct wait wait = {.done = false};

    return await(dal_device_rename(device, bytes_of(name), on_done, &wait), &wait);
}

enum dal_outcome device_delete(uint64_t user, uint64_t device)
{
    struct wait wait = {.done = false};

    return await(dal_device_delete(user, device, on_done, &wait), &wait);
}

enum dal_outcome devices_seen(const uint64_t *devices, size_t count, uint64_t seen_ms)
{
    struct wait wait = {.done = false};

    return await(dal_devices_seen(devices, count, seen_ms, on_done, &wait), &wait);
}

enum dal_outcome cursors_store(const struct device_cursor *cursors, size_t count)
{
    struct wait wait = {.done = false};

    return await(dal_cursors_store(cursors, count, on_done, &wait), &wait);
}

/* -- rooms ------------------------------------------------------------------------------------- */

static void on_conversation(void *userdata, enum dal_outcome outcome,
                            const struct conversation_record *record)
{
    struct wait *wait = answered(userdata, outcome);

    assert_int_equal(record != NULL, outcome == DAL_OK);
    if (record != NULL && wait->result != NULL)
        memcpy(wait->result, record, sizeof(*record));
}

enum dal_outcome conversation_find(const char *name, struct conversation_record *ret)
{
    struct wait wait = {.result = ret};

    return await(dal_conversation_find(bytes_of(name), on_conversation, &wait), &wait);
}

enum dal_outcome room_add(const char *name, struct conversation_record *ret)
{
    struct wait wait = {.result = ret};

    return await(dal_room_add(bytes_of(name), on_conversation, &wait), &wait);
}

uint64_t new_room(const char *name)
{
    struct conversation_record record;

    assert_int_equal(room_add(name, &record), DAL_OK);
    return record.id;
}

enum dal_outcome room_delete(const char *name)
{
    struct wait wait = {.done = false};

    return await(dal_room_delete(bytes_of(name), on_done, &wait), &wait);
}

static void on_rooms(void *userdata, enum dal_outcome outcome, const struct room_record *rooms,
                     size_t count)
{
    struct wait *wait = answered(userdata, outcome);
    char word[160];

    wait->text[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        snprintf(word, sizeof(word), "%s=%u", rooms[i].conversation.name,
                 (unsigned)rooms[i].members);
        append_word(wait->text, word);
    }
}

enum dal_outcome room_list(const char *after, unsigned max, char text[1024])
{
    return room_list_for(0, after, max, text);
}

enum dal_outcome room_list_for(uint64_t by, const char *after, unsigned max, char text[1024])
{
    struct wait wait = {.text = text};

    return await(dal_room_list(by, bytes_of(after), max, on_rooms, &wait), &wait);
}

static void on_order(void *userdata, enum dal_outcome outcome, const struct dal_room_result *result)
{
    struct wait *wait = answered(userdata, outcome);
    struct dal_room_result *copy = wait->result;

    *copy = *result;
    if (copy->notice != NULL)
        message_ref(copy->notice);
}

enum dal_outcome room_do(const struct dal_room_order *order, struct dal_room_result *ret)
{
    struct dal_room_result ignored = {.notice = NULL};
    struct wait wait = {.result = ret != NULL ? ret : &ignored};
    enum dal_outcome outcome = await(dal_room_do(order, on_order, &wait), &wait);

    message_unref(ignored.notice);
    return outcome;
}

static enum dal_outcome administrative(enum dal_room_verb verb, const char *room,
                                       const char *userid)
{
    const struct dal_room_order order = {
        .verb = verb, .room = bytes_of(room), .userid = bytes_of(userid)};
    struct dal_room_result result;
    enum dal_outcome outcome = room_do(&order, &result);

    return outcome == DAL_OK && !result.changed ? DAL_REFUSED : outcome;
}

enum dal_outcome member_add(const char *room, const char *userid)
{
    return administrative(ROOM_JOIN, room, userid);
}

enum dal_outcome member_remove(const char *room, const char *userid)
{
    return administrative(ROOM_REMOVE, room, userid);
}

/* -- messages ---------------------------------------------------------------------------------- */

static void on_stored(void *userdata, enum dal_outcome outcome, struct message *message, bool again)
{
    struct sending *sending = userdata;

    assert_false(sending->done);
    assert_ptr_equal(message, sending->message);
    sending->done = true;
    sending->outcome = outcome;
    sending->again = again;
    sending->order = ++answers;
}

void send_start(struct sending *sending, uint64_t conversation, uint64_t sender, const char *key,
                struct bytes text)
{
    const struct message from = {
        .conversation = conversation,
        .sender = sender,
        .origin = 77,
        .userid = bytes_of("sender"),
        .name = bytes_of("Sender"),
        .key = bytes_of(key),
        .text = text,
    };

    *sending = (struct sending){.done = false};
    assert_int_equal(message_new(&from, &sending->message), 0);
    sending->error = dal_message_store(sending->message, on_stored, sending);
    assert_false(sending->done);
}

void sending_deinit(struct sending *sending)
{
    message_unref(sending->message);
    sending->message = NULL;
}

uint64_t send_one(uint64_t conversation, uint64_t sender, const char *key, const char *text)
{
    struct sending sending;
    uint64_t seq;

    send_start(&sending, conversation, sender, key, bytes_of(text));
    assert_int_equal(sending.error, 0);
    wait_for(&sending.done);
    seq = sending.message->seq;
    assert_int_equal(seq != 0, sending.outcome == DAL_OK);
    sending_deinit(&sending);
    return seq;
}

static void on_messages(void *userdata, enum dal_outcome outcome, struct message *const *messages,
                        size_t count)
{
    struct wait *wait = answered(userdata, outcome);
    struct page *page = wait->result;

    assert_true(count <= 2048);
    for (size_t i = 0; i < count; i++)
        page->messages[page->count++] = message_ref(messages[i]);
}

enum dal_outcome messages_read(uint64_t conversation, uint64_t after, unsigned max_count,
                               size_t max_bytes, struct page *ret)
{
    struct wait wait = {.result = ret};

    ret->count = 0;
    return await(dal_messages_read(conversation, after, max_count, max_bytes, on_messages, &wait),
                 &wait);
}

void page_deinit(struct page *page)
{
    for (size_t i = 0; i < page->count; i++)
        message_unref(page->messages[i]);
    page->count = 0;
}

/* -- check ------------------------------------------------------------------------------------- */

static void on_findings(void *userdata, enum dal_outcome outcome, const char *const *findings,
                        size_t count)
{
    struct wait *wait = answered(userdata, outcome);

    wait->text[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(wait->text);
        snprintf(wait->text + len, 4096 - len, "%s\n", findings[i]);
    }
}

enum dal_outcome check(char findings[4096])
{
    struct wait wait = {.text = findings};

    return await(dal_check(on_findings, &wait), &wait);
}

void assert_sound(void)
{
    char findings[4096];

    assert_int_equal(check(findings), DAL_OK);
    assert_string_equal(findings, "");
}
