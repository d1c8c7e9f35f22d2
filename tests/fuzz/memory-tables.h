/* The rows of the storage of fuzz targets (memory-store.h), and what its functions do with them.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "dal/dal.h"

#define TABLE_USERS         24
#define TABLE_CONVERSATIONS 48
#define TABLE_DEVICES       48
#define TABLE_CURSORS       256
#define TABLE_MEMBERS       96
#define TABLE_MESSAGES      512

struct user_row {
    struct user user; /* id 0: no row */
    char hash[256];
};

struct conversation_row {
    struct conversation_record record; /* id 0: no row */
    enum room_access access;
    char topic[TOPIC_MAX_BYTES + 1];
};

/* What a dal_account points to. */
struct account_rows {
    struct dal_account account;
    struct membership memberships[TABLE_MEMBERS];
    struct device_record devices[TABLE_DEVICES];
    struct device_cursor cursors[TABLE_CURSORS];
};

void tables_reset(void);

struct user_row *tables_user(struct bytes userid); /* or NULL, as all that find */
struct user_row *tables_user_by_id(uint64_t id);
struct conversation_row *tables_conversation(struct bytes name);

const struct dal_account *tables_account(const struct user_row *user, struct account_rows *rows);
enum dal_outcome tables_add_user(const char *userid, const char *hash, struct user_row **ret);
bool tables_delete_user(struct bytes userid);
/* Users, or with `room` the members of one, in order of userid after `after`. */
size_t tables_list_users(const char *room, const char *after, unsigned max,
                         struct dal_member found[TABLE_USERS]);

enum dal_outcome tables_add_device(uint64_t user, const char *name, uint64_t *ret);
enum dal_outcome tables_rename_device(uint64_t device, const char *name);
bool tables_delete_device(uint64_t user, uint64_t device);
void tables_store_cursor(const struct device_cursor *cursor);

enum dal_outcome tables_add_room(const char *name);
bool tables_delete_room(struct bytes name);
size_t tables_list_rooms(uint64_t by, const char *after, unsigned max,
                         struct room_record rooms[TABLE_CONVERSATIONS]);
/* Carries an order out, but for its notice, which the caller stores. */
enum dal_outcome tables_order(const struct dal_room_order *order, struct dal_room_result *ret);
/* Another display name; `ret_changed`: it was not his already. */
enum dal_outcome tables_rename(uint64_t user, const char *name, bool *ret_changed);

/* One page, newest last: the log alone, or the messages the two have in each other's inbox. */
size_t tables_history(const struct dal_history *history, struct message *found[TABLE_MESSAGES]);
/* The userid of whose inbox it is; NULL: nobody's. */
const char *tables_owner(uint64_t inbox);
/* The conversations of which a user is a member, but for his inbox. */
size_t tables_places(uint64_t user, uint64_t places[TABLE_MEMBERS]);
const struct message *tables_message(uint64_t sender, struct bytes key);
enum dal_outcome tables_store_message(struct message *message, bool *ret_again);
enum dal_outcome tables_read_messages(uint64_t conversation, uint64_t after, unsigned max_count,
                                      size_t max_bytes, struct message *messages[TABLE_MESSAGES],
                                      size_t *ret_count);
