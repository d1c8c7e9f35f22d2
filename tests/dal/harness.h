/* What the tests of the storage unit share: a fresh database for each test, and calls that wait
 * for their answer.
 *
 * The engine is SQLite, or MySQL where MULTICHAT_MYSQL_SOCKET tells of a server (see
 * tests/lib/mariadb).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dal/dal.h"
#include "dal/driver.h"

/* -- the database ------------------------------------------------------------------------------ */

/* cmocka's setup and teardown of one test: an empty database, opened; and one without a schema, not
 * opened. */
int harness_setup(void **state);
int harness_make(void **state);
int harness_teardown(void **state);

bool harness_is_mysql(void);

/* How the current database is opened; may be changed before harness_open(). */
struct dal_config *harness_config(void);

void harness_open(void);
void harness_close(void);

/* Closes and opens again. */
void harness_reopen(void);

/* A connection of its own to the current database, for looking behind the scenes. */
struct sql_connection *harness_connect(void);

/* Stops the database server in order, or kills it, and starts it again (MySQL only). */
void harness_stop_server(void);
void harness_kill_server(void);
void harness_start_server(void);

/* Stops it or lets it go on. */
void harness_signal_server(int number);

/* Runs a statement behind the storage unit's back; on MySQL as the server's administrator if
 * `as_root`. */
void harness_script(const char *text, bool as_root);

/* -- waiting ----------------------------------------------------------------------------------- */

/* Runs callbacks until `*flag` is true; fails the test after a minute. */
void wait_for(const bool *flag);

/* Runs callbacks until all requests are answered. */
void wait_idle(void);

/* Waits until dal_status() says `up`. */
void wait_up(bool up);

/* -- calls that wait --------------------------------------------------------------------------- */

enum dal_outcome ping(void);

enum dal_outcome user_add(const char *userid, const char *name, struct user *ret,
                          char conflict[64]);

/* A user that must be new. */
struct user new_user(const char *userid);
enum dal_outcome user_set_password(const char *userid, const char *hash);
enum dal_outcome user_set_disabled(const char *userid, bool disabled);
enum dal_outcome user_set_bulk(const char *userid, bool bulk);
enum dal_outcome user_revoke(const char *userid);
enum dal_outcome user_delete(const char *userid);

/* "alice @bob …", the userids of a page, with '@' for operators. */
enum dal_outcome user_list(const char *after, unsigned max, char text[1024]);
enum dal_outcome member_list(const char *room, const char *after, unsigned max, char text[1024]);

/* A copy of what the callback was given. */
struct account {
    struct user user;
    char password_hash[256];
    struct membership memberships[16];
    size_t membership_count;
    struct device_record devices[16];
    size_t device_count;
    struct device_cursor cursors[256];
    size_t cursor_count;
};
enum dal_outcome account_find(const char *userid, struct account *ret);
enum dal_outcome account_find_id(uint64_t user, struct account *ret);

/* His membership, which must be there. */
const struct membership *membership_of(const struct account *account, uint64_t conversation);

/* The cursor of `device` in `conversation`, or 0. */
uint64_t cursor_of(const struct account *account, uint64_t device, uint64_t conversation);

enum dal_outcome device_add(uint64_t user, const char *name, const struct device_cursor *cursors,
                            size_t count, uint64_t *ret);
enum dal_outcome device_rename(uint64_t device, const char *name);
enum dal_outcome device_delete(uint64_t user, uint64_t device);
enum dal_outcome devices_seen(const uint64_t *devices, size_t count, uint64_t seen_ms);
enum dal_outcome cursors_store(const struct device_cursor *cursors, size_t count);

enum dal_outcome conversation_find(const char *name, struct conversation_record *ret);
enum dal_outcome room_add(const char *name, struct conversation_record *ret);

/* A room that must be new. */
uint64_t new_room(const char *name);
enum dal_outcome room_delete(const char *name);
enum dal_outcome room_list(const char *after, unsigned max, char text[1024]);
enum dal_outcome room_list_for(uint64_t by, const char *after, unsigned max, char text[1024]);

/* `ret` may be NULL; its notice is the caller's to drop. */
enum dal_outcome room_do(const struct dal_room_order *order, struct dal_room_result *ret);

/* By the administrator; REFUSED if it was so before. */
enum dal_outcome member_add(const char *room, const char *userid);
enum dal_outcome member_remove(const char *room, const char *userid);

/* A message on its way. */
struct sending {
    struct message *message; /* freed by sending_deinit() */
    enum dal_outcome outcome;
    bool again;
    bool done;
    unsigned order; /* 1, 2, 3 … of the answers since the test began */
    int error;      /* of the call */
};

/* Hands a message over, flushes nothing. */
void send_start(struct sending *sending, uint64_t conversation, uint64_t sender, const char *key,
                struct bytes text);
void sending_deinit(struct sending *sending);

/* Sends one message and waits. Returns its seq, 0 unless the outcome is OK. */
uint64_t send_one(uint64_t conversation, uint64_t sender, const char *key, const char *text);

/* A page read, with references of its own. */
struct page {
    struct message *messages[2048];
    size_t count;
};
enum dal_outcome messages_read(uint64_t conversation, uint64_t after, unsigned max_count,
                               size_t max_bytes, struct page *ret);
void page_deinit(struct page *page);

/* Runs dal_check(), which has to find nothing. */
void assert_sound(void);
enum dal_outcome check(char findings[4096]);
