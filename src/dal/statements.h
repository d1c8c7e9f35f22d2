/* Every statement the storage unit runs, by number.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

enum sql_dialect {
    SQL_DIALECT_SQLITE,
    SQL_DIALECT_MYSQL,
    SQL_DIALECTS,
};

/* Statements that take many rows or keys exist in fixed sizes, so that they can be prepared once.
 * Those whose name ends in _PADDED take SQL_PADDED keys; unused places repeat one of the others. */
#define SQL_PADDED 16

enum sql_id {
    SQL_SCHEMA_LOCK,
    SQL_SCHEMA_UNLOCK,
    SQL_SCHEMA_EXISTS,
    SQL_SCHEMA_VERSION,
    SQL_SCHEMA_RECORD,
    SQL_BACKFILL_USERS,
    SQL_BACKFILL_USER,
    SQL_BACKFILL_ROOMS,
    SQL_BACKFILL_ROOM,

    SQL_USER_BY_USERID,
    SQL_NAMES_LOCK,
    SQL_NAME_TAKEN,
    SQL_USER_BY_ID,
    SQL_USER_INSERT,
    SQL_USER_RENAME,
    SQL_USER_PASSWORD,
    SQL_USER_DISABLE,
    SQL_USER_BULK,
    SQL_USER_REVOKE,
    SQL_USER_DELETE,
    SQL_USER_LIST,

    SQL_CONVERSATION_BY_NAME,
    SQL_CONVERSATION_BY_ID,
    SQL_CONVERSATION_INSERT,
    SQL_CONVERSATION_DELETE,
    SQL_ROOM_BY_NUMBER,
    SQL_ROOM_BY_KEY,
    SQL_ROOM_COUNT,
    SQL_ROOM_INSERT,
    SQL_ROOM_TOPIC,
    SQL_ROOM_ACCESS,
    SQL_ROOM_LIST,

    SQL_MEMBER_FIND,
    SQL_MEMBER_INSERT,
    SQL_MEMBER_DELETE,
    SQL_MEMBER_ROLE,
    SQL_MEMBER_LIST,
    SQL_MEMBERSHIPS,
    SQL_MEMBERSHIP_COUNT,
    SQL_INVITATION_FIND,
    SQL_INVITATION_COUNT,
    SQL_INVITATION_INSERT,
    SQL_INVITATION_DELETE,

    SQL_DEVICES_OF_USER,
    SQL_DEVICE_BY_NAME,
    SQL_DEVICE_BY_ID,
    SQL_DEVICE_INSERT,
    SQL_DEVICE_RENAME,
    SQL_DEVICE_DELETE,
    SQL_DEVICES_SEEN_PADDED,

    SQL_CURSORS_OF_USER,
    SQL_CURSORS_STORE_1,
    SQL_CURSORS_STORE_4,
    SQL_CURSORS_STORE_16,
    SQL_CURSORS_STORE_64,
    SQL_DEVICES_LOCK_PADDED,
    SQL_CONVERSATIONS_SHARE_PADDED,

    SQL_MESSAGES_READ,
    SQL_MESSAGE_TIME,
    SQL_MESSAGE_SENT,
    SQL_HISTORY_LOG,
    SQL_HISTORY_DIALOGUE,
    SQL_HISTORY_WHISPERS,
    SQL_PRUNE_LIST,
    SQL_PRUNE,
    SQL_MESSAGES_DELETE,
    SQL_MESSAGES_INSERT_1,
    SQL_MESSAGES_INSERT_4,
    SQL_MESSAGES_INSERT_16,
    SQL_MESSAGES_INSERT_64,
    SQL_MESSAGES_INSERT_256,
    SQL_WHISPER_INSERT,
    SQL_START,
    SQL_ENDS_PADDED,
    SQL_ENDS_LOCK_PADDED,
    SQL_KEYS_PADDED,

    SQL_CHECK_DENSE,
    SQL_CHECK_CURSORS,
    SQL_CHECK_MEMBERS,
    SQL_CHECK_INBOXES,
    SQL_CHECK_ROOMS,
    SQL_CHECK_KEYS,

    SQL_IDS,
};

struct sql_statement {
    const char *name;
    const char *columns;            /* one letter a column: n for a number, t for text */
    const char *text[SQL_DIALECTS]; /* NULL: nothing to do in this dialect */
};

/* Never NULL. */
const struct sql_statement *sql_statement(enum sql_id id);

/* The most columns any statement has. */
#define SQL_COLUMNS_MAX 14
