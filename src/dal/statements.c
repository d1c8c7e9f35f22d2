/* Every statement the storage unit runs, each for both engines. Where one text serves both it
 * stands once.
 *
 * `?` stands for a parameter in both; a statement with many rows repeats its group, so the text is
 * constant and can be prepared. The end of a conversation is MAX(seq), which both engines find by
 * one step in the primary key (conversation, seq).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "dal/statements.h"

#include <assert.h>
#include <stddef.h>

#define X4(group)   group ", " group ", " group ", " group
#define X16(group)  X4(X4(group))
#define X64(group)  X4(X16(group))
#define X256(group) X4(X64(group))

#define END_OF(conversation)                                                                       \
    "COALESCE((SELECT MAX(e.seq) FROM messages e WHERE e.conversation = " conversation "), 0)"

#define USER_COLUMNS                                                                               \
    "u.id, u.inbox, u.userid, u.name, u.created_ms, u.auth_epoch, u.disabled, u.bulk"

#define CONVERSATION_COLUMNS "c.id, c.kind, c.name, " END_OF("c.id") ", COALESCE(r.number, 0)"

#define CONVERSATIONS "conversations c LEFT JOIN rooms r ON r.conversation = c.id"

/* The last is enum room_standing of the user who is given twice, first of all. */
#define ROOM_COLUMNS                                                                               \
    CONVERSATION_COLUMNS                                                                           \
    ", r.access, r.topic, "                                                                        \
    "(SELECT COUNT(*) FROM members a WHERE a.conversation = c.id), r.made_by, r.made_ms, "         \
    "CASE WHEN b.user IS NOT NULL THEN 2 + b.role WHEN i.user IS NOT NULL THEN 1 ELSE 0 END"

#define ROOM_TYPES "nntnnntnnnn"

#define ROOMS                                                                                      \
    "rooms r JOIN conversations c ON c.id = r.conversation "                                       \
    "LEFT JOIN members b ON b.conversation = r.conversation AND b.user = ? "                       \
    "LEFT JOIN invitations i ON i.conversation = r.conversation AND i.user = ?"

/* '$' comes after '#', with which the names of rooms begin. */
#define ROOM_LIST(rooms, by_name, by_key)                                                          \
    "SELECT " ROOM_COLUMNS " FROM conversations c " by_name " " rooms " ON r.conversation = c.id " \
    "LEFT JOIN members b " by_key " ON b.conversation = r.conversation AND b.user = ? "            \
    "LEFT JOIN invitations i " by_key " ON i.conversation = r.conversation AND i.user = ? "        \
    "WHERE c.kind = 1 AND c.name > ? AND c.name < '$' "                                            \
    "AND (? = 0 OR r.access = 0 OR b.user IS NOT NULL OR i.user IS NOT NULL) "                     \
    "ORDER BY c.name LIMIT ?"

#define MESSAGE_COLUMNS                                                                            \
    "m.conversation, m.seq, m.time_ms, m.sender, m.origin, m.context, m.kind, m.userid, m.name, "  \
    "m.ckey, m.text, COALESCE(x.name, '')"

#define MESSAGE_TYPES "nnnnnnnttttt"

/* With the name of what is its context. */
#define NAMED_CONTEXT "LEFT JOIN conversations x ON x.id = m.context"

#define MESSAGE_INSERT(rows) "INSERT INTO messages (" MESSAGE_FIELDS ", direct) VALUES " rows

#define MESSAGE_ROW "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"

#define DIALOGUE(index)                                                                            \
    "SELECT " MESSAGE_COLUMNS ", c.name FROM messages m " index                                    \
    " JOIN conversations c ON c.id = m.conversation " NAMED_CONTEXT " WHERE m.sender = ? "         \
    "AND m.direct = 1 AND m.conversation = ? AND m.seq < ? ORDER BY m.seq DESC LIMIT ?"

#define CURSORS_STORE_SQLITE(rows)                                                                 \
    "INSERT INTO cursors (device, conversation, seq) VALUES " rows                                 \
    " ON CONFLICT (device, conversation) DO UPDATE SET seq = MAX(seq, excluded.seq)"

#define CURSORS_STORE_MYSQL(rows)                                                                  \
    "INSERT INTO cursors (device, conversation, seq) VALUES " rows                                 \
    " ON DUPLICATE KEY UPDATE seq = GREATEST(seq, VALUES(seq))"

#define KEY_TERM  "(sender = ? AND ckey = ?)"
#define KEY_4     KEY_TERM " OR " KEY_TERM " OR " KEY_TERM " OR " KEY_TERM
#define KEY_16    KEY_4 " OR " KEY_4 " OR " KEY_4 " OR " KEY_4
#define IDS_16    "(" X16("?") ")"
#define MY_SCHEMA "LEFT(CONCAT('multichat schema ', DATABASE()), 64)"

#define SAME(statement_text)                                                                       \
    {                                                                                              \
        statement_text, statement_text                                                             \
    }

/* What an export reads, an import writes back, with what is folded behind it. */
#define CONVERSATION_FIELDS "id, kind, name"
#define USER_FIELDS         "id, userid, name, password_hash, auth_epoch, created_ms, disabled, bulk, inbox"
#define ROOM_FIELDS         "number, conversation, topic, access, made_by, made_ms"
#define DEVICE_FIELDS       "id, user, name, seen_ms"
#define MESSAGE_FIELDS                                                                             \
    "conversation, seq, time_ms, sender, origin, context, kind, userid, name, ckey, text"
#define MEMBER_FIELDS     "conversation, user, since, role"
#define INVITATION_FIELDS "conversation, user, invited_by, invited_ms"

#define IMPORT(name, table, fields, row)                                                           \
    [SQL_IMPORT_##name##                                                                           \
        _1] = {"import " table " 1", "", SAME("INSERT INTO " table " (" fields ") VALUES " row)},  \
        [SQL_IMPORT_##name##_64] = {"import " table " 64", "",                                     \
                                    SAME("INSERT INTO " table " (" fields ") VALUES " X64(row))}

#define LAST_ID_SQLITE(table)                                                                      \
    "COALESCE((SELECT seq FROM sqlite_sequence WHERE name = '" table "'), 0)"
#define LAST_ID_MYSQL(table)                                                                       \
    "COALESCE((SELECT auto_increment FROM information_schema.tables "                              \
    "WHERE table_schema = DATABASE() AND table_name = '" table "'), 1) - 1"
#define LAST_IDS(of)                                                                               \
    "SELECT " of("conversations") ", " of("users") ", " of("rooms") ", " of("devices")

static const struct sql_statement statements[SQL_IDS] = {
    /* In SQLite BEGIN IMMEDIATE is the lock. */
    [SQL_SCHEMA_LOCK] = {"schema lock", "n", {NULL, "SELECT GET_LOCK(" MY_SCHEMA ", 5)"}},
    [SQL_SCHEMA_UNLOCK] = {"schema unlock", "n", {NULL, "SELECT RELEASE_LOCK(" MY_SCHEMA ")"}},
    [SQL_SCHEMA_EXISTS] = {"schema exists",
                           "n",
                           {"SELECT COUNT(*) FROM sqlite_master "
                            "WHERE type = 'table' AND name = 'schema_version'",
                            "SELECT COUNT(*) FROM information_schema.tables WHERE "
                            "table_schema = DATABASE() AND table_name = 'schema_version'"}},
    [SQL_SCHEMA_VERSION] = {"schema version", "n",
                            SAME("SELECT COALESCE(MAX(version), 0) FROM schema_version")},
    [SQL_SCHEMA_RECORD] = {"schema record", "",
                           SAME("INSERT INTO schema_version (version, applied_ms) VALUES (?, ?)")},
    [SQL_BACKFILL_USERS] = {"backfill users", "nt",
                            SAME("SELECT id, userid FROM users "
                                 "WHERE userid_key = '' AND id > ? ORDER BY id LIMIT ?")},
    [SQL_BACKFILL_USER] = {"backfill user", "",
                           SAME("UPDATE users SET userid_key = ? WHERE id = ?")},
    [SQL_BACKFILL_ROOMS] = {"backfill rooms", "nt",
                            SAME("SELECT r.number, c.name FROM rooms r "
                                 "JOIN conversations c ON c.id = r.conversation "
                                 "WHERE r.name_key = '' AND r.number > ? "
                                 "ORDER BY r.number LIMIT ?")},
    [SQL_BACKFILL_ROOM] = {"backfill room", "",
                           SAME("UPDATE rooms SET name_key = ? WHERE number = ?")},

    [SQL_USER_BY_USERID] = {"user by userid", "nnttnnnnt",
                            SAME("SELECT " USER_COLUMNS
                                 ", u.password_hash FROM users u WHERE u.userid = ?")},
    /* Held by whoever gives a name, so that of two alike the second one is seen: any row will do.
     * In SQLite a write transaction has the whole database to itself. */
    [SQL_NAMES_LOCK] = {"names lock",
                        "n",
                        {NULL, "SELECT version FROM schema_version WHERE version = 1 FOR UPDATE"}},
    [SQL_NAME_TAKEN] = {"name taken", "n",
                        SAME("SELECT u.id FROM users u "
                             "WHERE (u.userid_key = ? OR u.name_key = ?) AND u.id <> ? LIMIT 1")},
    [SQL_USER_BY_ID] = {"user by id", "nnttnnnnt",
                        SAME("SELECT " USER_COLUMNS
                             ", u.password_hash FROM users u WHERE u.id = ?")},
    [SQL_USER_INSERT] = {"user insert", "",
                         SAME("INSERT INTO users (userid, name, name_key, password_hash, "
                              "created_ms, inbox, auth_epoch, userid_key) "
                              "VALUES (?, ?, ?, ?, ?, ?, ?, ?)")},
    [SQL_USER_RENAME] = {"user rename", "",
                         SAME("UPDATE users SET name = ?, name_key = ? WHERE id = ?")},
    [SQL_USER_PASSWORD] = {"user password", "",
                           SAME("UPDATE users SET password_hash = ?, auth_epoch = auth_epoch + 1 "
                                "WHERE userid = ?")},
    [SQL_USER_DISABLE] = {"user disable", "",
                          SAME("UPDATE users SET disabled = ? WHERE userid = ?")},
    [SQL_USER_BULK] = {"user bulk", "", SAME("UPDATE users SET bulk = ? WHERE userid = ?")},
    [SQL_USER_REVOKE] = {"user revoke", "",
                         SAME("UPDATE users SET auth_epoch = auth_epoch + 1 WHERE userid = ?")},
    [SQL_USER_DELETE] = {"user delete", "", SAME("DELETE FROM users WHERE id = ?")},
    [SQL_USER_LIST] = {"user list", "nnttnnnn",
                       SAME("SELECT " USER_COLUMNS
                            " FROM users u WHERE u.userid > ? ORDER BY u.userid LIMIT ?")},

    [SQL_CONVERSATION_BY_NAME] = {"conversation by name", "nntnn",
                                  SAME("SELECT " CONVERSATION_COLUMNS " FROM " CONVERSATIONS
                                       " WHERE c.name = ?")},
    [SQL_CONVERSATION_BY_ID] = {"conversation by id", "n",
                                SAME("SELECT c.id FROM conversations c WHERE c.id = ?")},
    [SQL_CONVERSATION_INSERT] = {"conversation insert", "",
                                 SAME("INSERT INTO conversations (kind, name) VALUES (?, ?)")},
    [SQL_CONVERSATION_DELETE] = {"conversation delete", "",
                                 SAME("DELETE FROM conversations WHERE id = ?")},
    [SQL_ROOM_BY_NUMBER] = {"room by number", ROOM_TYPES,
                            SAME("SELECT " ROOM_COLUMNS " FROM " ROOMS " WHERE r.number = ?")},
    /* Of those that look alike, from before that was seen to: the very name, else the oldest. */
    [SQL_ROOM_BY_KEY] = {"room by key", ROOM_TYPES,
                         SAME("SELECT " ROOM_COLUMNS " FROM " ROOMS " WHERE r.name_key = ? "
                              "ORDER BY CASE WHEN c.name = ? THEN 0 ELSE 1 END, r.number LIMIT 1")},
    [SQL_ROOM_COUNT] = {"room count", "n", SAME("SELECT COUNT(*) FROM rooms")},
    [SQL_ROOMS_MADE_COUNT] = {"rooms made count", "n",
                              SAME("SELECT COUNT(*) FROM rooms WHERE made_by = ?")},
    [SQL_ROOM_INSERT] = {"room insert", "",
                         SAME("INSERT INTO rooms (conversation, name_key, made_by, made_ms) "
                              "VALUES (?, ?, ?, ?)")},
    [SQL_ROOM_TOPIC] = {"room topic", "", SAME("UPDATE rooms SET topic = ? WHERE number = ?")},
    [SQL_ROOM_ACCESS] = {"room access", "", SAME("UPDATE rooms SET access = ? WHERE number = ?")},
    /* Read in order of name as far as the page goes; left to itself MySQL sorts all rooms for each.
     */
    [SQL_ROOM_LIST] = {"room list",
                       ROOM_TYPES,
                       {ROOM_LIST("CROSS JOIN rooms r", "", ""),
                        ROOM_LIST("STRAIGHT_JOIN rooms r FORCE INDEX (conversation)",
                                  "FORCE INDEX (name)", "FORCE INDEX (PRIMARY)")}},

    [SQL_MEMBER_FIND] = {"member find", "nn",
                         SAME("SELECT since, role FROM members "
                              "WHERE conversation = ? AND user = ?")},
    [SQL_MEMBER_INSERT] = {"member insert", "",
                           SAME("INSERT INTO members (conversation, user, since, role) "
                                "VALUES (?, ?, ?, ?)")},
    [SQL_MEMBER_DELETE] = {"member delete", "",
                           SAME("DELETE FROM members WHERE conversation = ? AND user = ?")},
    [SQL_MEMBER_ROLE] = {"member role", "",
                         SAME("UPDATE members SET role = ? WHERE conversation = ? AND user = ?")},
    [SQL_MEMBER_LIST] = {"member list", "nnttnnnnn",
                         SAME("SELECT " USER_COLUMNS
                              ", b.role FROM members b JOIN users u ON u.id = b.user "
                              "WHERE b.conversation = ? AND u.userid > ? "
                              "ORDER BY u.userid LIMIT ?")},
    [SQL_MEMBERSHIPS] = {"memberships", "nntnnnn",
                         SAME("SELECT " CONVERSATION_COLUMNS ", b.since, b.role FROM members b "
                              "JOIN conversations c ON c.id = b.conversation "
                              "LEFT JOIN rooms r ON r.conversation = c.id "
                              "WHERE b.user = ? ORDER BY c.id")},
    [SQL_MEMBERSHIP_COUNT] = {"membership count", "n",
                              SAME("SELECT COUNT(*) FROM members b "
                                   "JOIN rooms r ON r.conversation = b.conversation "
                                   "WHERE b.user = ?")},
    [SQL_INVITATION_FIND] = {"invitation find", "n",
                             SAME("SELECT invited_by FROM invitations "
                                  "WHERE conversation = ? AND user = ?")},
    [SQL_INVITATION_COUNT] = {"invitation count", "n",
                              SAME("SELECT COUNT(*) FROM invitations WHERE user = ?")},
    [SQL_INVITATION_INSERT] = {"invitation insert", "",
                               SAME("INSERT INTO invitations "
                                    "(conversation, user, invited_by, invited_ms) "
                                    "VALUES (?, ?, ?, ?)")},
    [SQL_INVITATION_DELETE] = {"invitation delete", "",
                               SAME("DELETE FROM invitations "
                                    "WHERE conversation = ? AND user = ?")},

    [SQL_DEVICES_OF_USER] = {"devices of user", "ntn",
                             SAME("SELECT id, name, seen_ms FROM devices WHERE user = ? "
                                  "ORDER BY id")},
    [SQL_DEVICE_BY_NAME] = {"device by name", "nn",
                            SAME("SELECT id, seen_ms FROM devices WHERE user = ? AND name = ?")},
    [SQL_DEVICE_BY_ID] = {"device by id", "n", SAME("SELECT user FROM devices WHERE id = ?")},
    [SQL_DEVICE_INSERT] = {"device insert", "",
                           SAME("INSERT INTO devices (user, name, seen_ms) VALUES (?, ?, ?)")},
    [SQL_DEVICE_RENAME] = {"device rename", "",
                           SAME("UPDATE devices SET name = ?, seen_ms = ? WHERE id = ?")},
    [SQL_DEVICE_DELETE] = {"device delete", "",
                           SAME("DELETE FROM devices WHERE id = ? AND user = ?")},
    [SQL_DEVICES_SEEN_PADDED] =
        {"devices seen", "",
         SAME("UPDATE devices SET seen_ms = ? WHERE seen_ms < ? AND id IN " IDS_16)},

    [SQL_CURSORS_OF_USER] = {"cursors of user", "nnn",
                             SAME("SELECT k.device, k.conversation, "
                                  "CASE WHEN k.seq < b.since THEN b.since ELSE k.seq END "
                                  "FROM devices d JOIN cursors k ON k.device = d.id "
                                  "LEFT JOIN members b ON b.conversation = k.conversation "
                                  "AND b.user = d.user WHERE d.user = ? "
                                  "ORDER BY k.device, k.conversation")},
    [SQL_CURSORS_STORE_1] = {"cursors store 1",
                             "",
                             {CURSORS_STORE_SQLITE("(?, ?, ?)"), CURSORS_STORE_MYSQL("(?, ?, ?)")}},
    [SQL_CURSORS_STORE_4] = {"cursors store 4",
                             "",
                             {CURSORS_STORE_SQLITE(X4("(?, ?, ?)")),
                              CURSORS_STORE_MYSQL(X4("(?, ?, ?)"))}},
    [SQL_CURSORS_STORE_16] = {"cursors store 16",
                              "",
                              {CURSORS_STORE_SQLITE(X16("(?, ?, ?)")),
                               CURSORS_STORE_MYSQL(X16("(?, ?, ?)"))}},
    [SQL_CURSORS_STORE_64] = {"cursors store 64",
                              "",
                              {CURSORS_STORE_SQLITE(X64("(?, ?, ?)")),
                               CURSORS_STORE_MYSQL(X64("(?, ?, ?)"))}},
    [SQL_DEVICES_LOCK_PADDED] = {"devices lock",
                                 "n",
                                 {"SELECT id FROM devices WHERE id IN " IDS_16,
                                  "SELECT id FROM devices WHERE id IN " IDS_16
                                  " ORDER BY id FOR UPDATE"}},
    [SQL_CONVERSATIONS_SHARE_PADDED] = {"conversations share",
                                        "n",
                                        {"SELECT id FROM conversations WHERE id IN " IDS_16,
                                         "SELECT id FROM conversations WHERE id IN " IDS_16
                                         " ORDER BY id LOCK IN SHARE MODE"}},

    [SQL_MESSAGES_READ] = {"messages read", MESSAGE_TYPES "t",
                           SAME("SELECT " MESSAGE_COLUMNS ", '' FROM messages m " NAMED_CONTEXT
                                " WHERE m.conversation = ? AND m.seq > ? ORDER BY m.seq LIMIT ?")},
    [SQL_MESSAGE_TIME] = {"message time", "n",
                          SAME("SELECT time_ms FROM messages WHERE conversation = ? AND seq = ?")},
    [SQL_MESSAGE_SENT] = {"message sent", "tn",
                          SAME("SELECT u.userid, COALESCE((SELECT MAX(k.seq) FROM cursors k "
                               "WHERE k.conversation = m.conversation), 0) "
                               "FROM messages m JOIN users u ON u.inbox = m.conversation "
                               "WHERE m.conversation = ? AND m.seq = ? AND m.sender = ?")},
    [SQL_HISTORY_LOG] = {"history log", MESSAGE_TYPES "t",
                         SAME("SELECT " MESSAGE_COLUMNS ", c.name FROM messages m "
                              "JOIN conversations c ON c.id = m.conversation " NAMED_CONTEXT
                              " WHERE m.conversation = ? AND m.seq >= ? AND m.seq < ? "
                              "ORDER BY m.seq DESC LIMIT ?")},
    [SQL_HISTORY_DIALOGUE] = {"history dialogue",
                              MESSAGE_TYPES "t",
                              {DIALOGUE("INDEXED BY messages_sent"),
                               DIALOGUE("FORCE INDEX (messages_sent)")}},
    [SQL_HISTORY_WHISPERS] =
        {"history whispers", MESSAGE_TYPES "t",
         SAME("SELECT " MESSAGE_COLUMNS ", c.name FROM whispers w "
              "JOIN messages m ON m.conversation = w.conversation AND m.seq = w.seq "
              "JOIN conversations c ON c.id = m.conversation " NAMED_CONTEXT
              " WHERE w.room = ? AND w.user = ? AND w.time_ms <= ? AND (w.time_ms < ? "
              "OR w.conversation < ? OR (w.conversation = ? AND w.seq < ?)) "
              "ORDER BY w.time_ms DESC, w.conversation DESC, w.seq DESC LIMIT ?")},
    /* The first message, when it was, and the last. */
    [SQL_PRUNE_LIST] = {"prune list", "nnnn",
                        SAME("SELECT c.id, COALESCE(f.seq, 0), COALESCE(f.time_ms, 0), " END_OF(
                            "c.id") " FROM conversations c LEFT JOIN messages f "
                                    "ON f.conversation = c.id AND f.seq = (SELECT MIN(s.seq) "
                                    "FROM messages s WHERE s.conversation = c.id) "
                                    "WHERE c.id > ? ORDER BY c.id LIMIT ?")},
    [SQL_PRUNE] = {"prune", "",
                   SAME("DELETE FROM messages WHERE conversation = ? AND seq < ? "
                        "AND (seq <= ? OR time_ms < ?)")},
    [SQL_MESSAGES_DELETE] = {"messages delete", "",
                             SAME("DELETE FROM messages "
                                  "WHERE conversation = ? AND seq <= ?")},
    [SQL_MESSAGES_INSERT_1] = {"messages insert 1", "", SAME(MESSAGE_INSERT(MESSAGE_ROW))},
    [SQL_MESSAGES_INSERT_4] = {"messages insert 4", "", SAME(MESSAGE_INSERT(X4(MESSAGE_ROW)))},
    [SQL_MESSAGES_INSERT_16] = {"messages insert 16", "", SAME(MESSAGE_INSERT(X16(MESSAGE_ROW)))},
    [SQL_MESSAGES_INSERT_64] = {"messages insert 64", "", SAME(MESSAGE_INSERT(X64(MESSAGE_ROW)))},
    [SQL_MESSAGES_INSERT_256] = {"messages insert 256", "",
                                 SAME(MESSAGE_INSERT(X256(MESSAGE_ROW)))},
    /* For who sent it and for who got it, unless the room is gone. */
    [SQL_WHISPER_INSERT] = {"whisper insert", "",
                            SAME("INSERT INTO whispers (room, user, time_ms, conversation, seq) "
                                 "SELECT c.id, u.id, ?, ?, ? FROM conversations c, users u "
                                 "WHERE c.id = ? AND u.inbox = ? UNION "
                                 "SELECT c.id, u.id, ?, ?, ? FROM conversations c, users u "
                                 "WHERE c.id = ? AND u.id = ?")},
    [SQL_START] = {"start", "n",
                   SAME("SELECT COALESCE(MIN(seq), 0) FROM messages WHERE conversation = ?")},
    [SQL_ENDS_PADDED] = {"ends", "nnnn",
                         SAME("SELECT c.id, COALESCE(m.seq, 0), COALESCE(m.time_ms, 0), c.kind "
                              "FROM conversations c LEFT JOIN messages m "
                              "ON m.conversation = c.id AND m.seq = (SELECT MAX(e.seq) "
                              "FROM messages e WHERE e.conversation = c.id) "
                              "WHERE c.id IN " IDS_16)},
    /* SQLite's write transaction has the whole database to itself. */
    [SQL_ENDS_LOCK_PADDED] = {"ends lock",
                              "n",
                              {NULL, "SELECT id FROM conversations WHERE id IN " IDS_16
                                     " ORDER BY id FOR UPDATE"}},
    [SQL_KEYS_PADDED] = {"keys", "ntnnn",
                         SAME("SELECT sender, ckey, conversation, seq, time_ms FROM messages "
                              "WHERE " KEY_16)},

    [SQL_CHECK_DENSE] = {"check dense", "tnnn",
                         SAME("SELECT c.name, COUNT(*), MIN(m.seq), MAX(m.seq) FROM messages m "
                              "JOIN conversations c ON c.id = m.conversation "
                              "GROUP BY c.id, c.name HAVING COUNT(*) < MAX(m.seq) - MIN(m.seq) + 1 "
                              "ORDER BY c.id LIMIT 100")},
    [SQL_CHECK_CURSORS] = {"check cursors", "ttnn",
                           SAME("SELECT d.name, c.name, k.seq, " END_OF(
                               "k.conversation") " FROM cursors k JOIN devices d ON d.id = "
                                                 "k.device JOIN conversations c "
                                                 "ON c.id = k.conversation WHERE k.seq > " END_OF(
                                                     "k.conversation") " LIMIT 100")},
    [SQL_CHECK_MEMBERS] = {"check members", "ttnn",
                           SAME("SELECT u.userid, c.name, b.since, " END_OF(
                               "b.conversation") " FROM members b JOIN users u ON u.id = b.user "
                                                 "JOIN conversations c ON c.id = b.conversation "
                                                 "WHERE b.since > " END_OF(
                                                     "b.conversation") " LIMIT 100")},
    [SQL_CHECK_INBOXES] = {"check inboxes", "t",
                           SAME("SELECT u.userid FROM users u LEFT JOIN conversations c "
                                "ON c.id = u.inbox AND c.kind = 2 AND c.name = u.userid "
                                "LEFT JOIN members b ON b.conversation = u.inbox "
                                "AND b.user = u.id "
                                "WHERE c.id IS NULL OR b.user IS NULL LIMIT 100")},
    [SQL_CHECK_ROOMS] = {"check rooms", "t",
                         SAME("SELECT c.name FROM conversations c "
                              "LEFT JOIN rooms r ON r.conversation = c.id "
                              "WHERE c.kind = 1 AND r.number IS NULL LIMIT 100")},
    [SQL_CHECK_KEYS] = {"check keys", "t",
                        SAME("SELECT userid FROM users WHERE userid_key = '' UNION ALL "
                             "SELECT c.name FROM rooms r JOIN conversations c "
                             "ON c.id = r.conversation WHERE r.name_key = '' LIMIT 100")},

    /* A database file is opened so that nobody else can have it open. */
    [SQL_OTHERS] = {"others",
                    "n",
                    {NULL, "SELECT COUNT(*) FROM information_schema.processlist "
                           "WHERE db = DATABASE() AND id <> CONNECTION_ID()"}},
    [SQL_IS_EMPTY] = {"is empty", "n",
                      SAME("SELECT NOT EXISTS (SELECT 1 FROM conversations WHERE kind <> 0) "
                           "AND NOT EXISTS (SELECT 1 FROM users) "
                           "AND NOT EXISTS (SELECT 1 FROM messages)")},
    [SQL_LAST_IDS] = {"last ids", "nnnn", {LAST_IDS(LAST_ID_SQLITE), LAST_IDS(LAST_ID_MYSQL)}},
    [SQL_CONVERSATIONS_CLEAR] = {"conversations clear", "", SAME("DELETE FROM conversations")},
    [SQL_EXPORT_CONVERSATIONS] = {"export conversations", "nnt",
                                  SAME("SELECT " CONVERSATION_FIELDS
                                       " FROM conversations ORDER BY id")},
    [SQL_EXPORT_USERS] = {"export users", "ntttnnnnn",
                          SAME("SELECT " USER_FIELDS " FROM users ORDER BY id")},
    [SQL_EXPORT_ROOMS] = {"export rooms", "nntnnn",
                          SAME("SELECT " ROOM_FIELDS " FROM rooms ORDER BY number")},
    [SQL_EXPORT_DEVICES] = {"export devices", "nntn",
                            SAME("SELECT " DEVICE_FIELDS " FROM devices ORDER BY id")},
    [SQL_EXPORT_MESSAGES] = {"export messages", "nnnnnnntttt",
                             SAME("SELECT " MESSAGE_FIELDS
                                  " FROM messages ORDER BY conversation, seq")},
    [SQL_EXPORT_MEMBERS] = {"export members", "nnnn",
                            SAME("SELECT " MEMBER_FIELDS
                                 " FROM members ORDER BY conversation, user")},
    [SQL_EXPORT_INVITATIONS] = {"export invitations", "nnnn",
                                SAME("SELECT " INVITATION_FIELDS
                                     " FROM invitations ORDER BY conversation, user")},
    [SQL_EXPORT_CURSORS] = {"export cursors", "nnn",
                            SAME("SELECT device, conversation, seq FROM cursors "
                                 "ORDER BY device, conversation")},
    IMPORT(CONVERSATIONS, "conversations", CONVERSATION_FIELDS, "(?, ?, ?)"),
    IMPORT(USERS, "users", USER_FIELDS ", name_key, userid_key",
           "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"),
    IMPORT(ROOMS, "rooms", ROOM_FIELDS ", name_key", "(?, ?, ?, ?, ?, ?, ?)"),
    IMPORT(DEVICES, "devices", DEVICE_FIELDS, "(?, ?, ?, ?)"),
    IMPORT(MEMBERS, "members", MEMBER_FIELDS, "(?, ?, ?, ?)"),
    IMPORT(INVITATIONS, "invitations", INVITATION_FIELDS, "(?, ?, ?, ?)"),
    /* As SQL_WHISPER_INSERT does it for one. */
    [SQL_IMPORT_WHISPERS] = {"import whispers", "",
                             SAME("INSERT INTO whispers (room, user, time_ms, conversation, seq) "
                                  "SELECT c.id, u.id, m.time_ms, m.conversation, m.seq "
                                  "FROM messages m JOIN conversations c ON c.id = m.context "
                                  "JOIN users u ON u.inbox = m.conversation WHERE m.kind = 0 UNION "
                                  "SELECT c.id, u.id, m.time_ms, m.conversation, m.seq "
                                  "FROM messages m JOIN conversations c ON c.id = m.context "
                                  "JOIN users u ON u.id = m.sender WHERE m.kind = 0")},
};

const struct sql_statement *sql_statement(enum sql_id id)
{
    assert(id < SQL_IDS && statements[id].name != NULL);
    return &statements[id];
}
