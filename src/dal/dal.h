/* The storage unit: the one instance through which the process reaches its database.
 *
 * Everything is asynchronous: a call queues a request for a storage thread and returns; the
 * callback runs later, from dal_dispatch() on the caller's thread, exactly once, and never before
 * the call has returned. What a callback is given is valid during the callback only, unless it
 * says otherwise. All functions belong to one thread (the reactor's), except where they say so.
 *
 * A call returns 0, or -EAGAIN when the queue is full, or -ENOMEM; on an error the callback is
 * not called. The queue is bounded by dal_config.queue_max.
 *
 * Requests on the writer's side (everything that changes something) are carried out in the order
 * of the calls for one conversation; those on the reader's side in no particular order.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "model/conversation.h"
#include "model/device.h"
#include "model/message.h"
#include "model/user.h"
#include "util/attributes.h"
#include "util/bytes.h"

#include <stdbool.h>
#include <stdint.h>

/* How a request ended. */
enum dal_outcome {
    DAL_OK,
    DAL_MISSING,     /* what it is about does not exist */
    DAL_REFUSED,     /* a constraint forbids it: name taken, already a member */
    DAL_UNAVAILABLE, /* the database is away or broken; nothing was changed, try later */
    DAL_UNCERTAIN,   /* the connection died during the commit and dal_close() came before it could
                        be found out whether it took effect */
};

const char *dal_outcome_name(enum dal_outcome outcome);

struct dal_config {
    const char *driver;       /* "sqlite", "mysql", or a test's own */
    const char *sqlite_path;  /* file; its folder must exist */
    const char *mysql_host;   /* NULL or "" for the local socket */
    const char *mysql_socket; /* NULL or "" for the library's default */
    const char *mysql_database;
    const char *mysql_user;
    const char *mysql_password; /* may be NULL */
    unsigned mysql_port;        /* 0 for the default */
    unsigned writers;           /* threads; SQLite always uses one */
    unsigned readers;           /* threads */
    unsigned queue_max;         /* requests queued or under way at most */
    bool migrate;               /* bring an older schema up to date on connecting */
};

/* What the storage is doing, for STATUS= and `multichatctl status`. */
struct dal_status {
    const char *driver;
    char server[64];    /* product and version, "" before the first connection */
    bool up;            /* every storage thread has its connection */
    bool durable;       /* a commit is on disk when it is reported */
    char trouble[256];  /* why it is not up or not durable, in words; "" if all is well */
    int schema_version; /* of the database, 0 if not known */
    int schema_before;  /* what it was before this process migrated it; equal if it did not */
    int schema_known;   /* the newest this program knows */
    unsigned queued;    /* requests queued or under way */
    uint64_t commits;   /* transactions committed by the message writers */
    uint64_t messages;  /* messages they stored */
    uint64_t reconnects;
    uint64_t commit_us_p50, commit_us_p99; /* of the last 1024 commits; 0 before the first */
};

/* Drivers compiled in: a NULL-terminated list of names. */
const char *const *dal_drivers(void);

/* Starts the storage threads, which connect (and go on trying: 0.1 s to 5 s apart, jittered) by
 * themselves; a database that is away is no error. Copies the configuration. 0; -EINVAL (unknown
 * driver) or another -errno, with `*ret_error` (freed by the caller) in words. */
MUST_USE int dal_open(const struct dal_config *config, char **ret_error);

/* Carries out what is queued (for at most a few seconds), calls back everything that is left,
 * joins the threads. */
void dal_close(void);

/* Becomes readable when there are results. */
int dal_fd(void);

/* Runs the callbacks of what has finished. */
void dal_dispatch(void);

/* Hands the writers the messages queued since the last call; once per loop turn, so that what
 * arrived in one turn is one transaction. dal_dispatch() does it too, and any other write takes the
 * messages before it along. */
void dal_flush(void);

/* A snapshot. */
void dal_status(struct dal_status *ret);

/* `changed` runs from dal_dispatch() whenever `up` or `trouble` changes. NULL for nobody. */
void dal_on_state(void (*changed)(void *userdata), void *userdata);

typedef void (*dal_done_fn)(void *userdata, enum dal_outcome outcome);

/* A round trip through every storage thread: OK when all are connected, else UNAVAILABLE. It is
 * answered also while the database is away, and does not wait for a dal_check() under way, nor for
 * a migration that has gone on for some seconds when the next one is asked (UNAVAILABLE). Not
 * bounded by queue_max; at most 16 at once (-EAGAIN). */
MUST_USE int dal_ping(dal_done_fn callback, void *userdata);

/* -- users ------------------------------------------------------------------------------------ */

/* All that the logic unit needs to know of a user. */
struct dal_account {
    struct user user;
    const char *password_hash;
    const struct membership *memberships; /* everyone, inbox and rooms, with their current ends */
    size_t membership_count;
    const struct device_record *devices;
    size_t device_count;
    const struct device_cursor
        *cursors; /* of all his devices; where one is absent, `since` holds */
    size_t cursor_count;
};

/* `account` is NULL unless the outcome is OK. */
typedef void (*dal_account_fn)(void *userdata, enum dal_outcome outcome,
                               const struct dal_account *account);
MUST_USE int dal_account_find(struct bytes userid, dal_account_fn callback, void *userdata);

/* The same by the user's id. */
MUST_USE int dal_account_find_id(uint64_t user, dal_account_fn callback, void *userdata);

/* `conflict` says in words what a REFUSED is about ("userid", "display name"); else NULL. */
typedef void (*dal_user_fn)(void *userdata, enum dal_outcome outcome, const struct user *user,
                            const char *conflict);

/* Adds a user with an empty inbox, member of everyone's conversation from its present end on. Names
 * are unique by their folded form (util/utf8.h): neither userid nor display name may look like
 * those of somebody else. REFUSED: userid or name is taken. */
MUST_USE int dal_user_add(struct bytes userid, struct bytes name, const char *password_hash,
                          dal_user_fn callback, void *userdata);

/* Gives a user another display name. `notice` (or NULL) is a pattern of what is stored with it, in
 * everyone's conversation and each room of which he is a member: conversation, seq and time are
 * filled in, and ":<conversation>" is put behind its key, which leaves room for that. It is
 * referenced, as by dal_message_store(); the callback is given messages of their own, and may take
 * references. OK with none of them: it was his name. REFUSED: it is taken, `conflict` as above.
 * MISSING: no such user. */
typedef void (*dal_renamed_fn)(void *userdata, enum dal_outcome outcome, const struct user *user,
                               const char *conflict, struct message *const *notices, size_t count);
MUST_USE int dal_user_rename(uint64_t user, struct bytes name, struct message *notice,
                             dal_renamed_fn callback, void *userdata);

/* Stores a new hash and raises the auth epoch. MISSING: no such user. */
MUST_USE int dal_user_set_password(struct bytes userid, const char *password_hash,
                                   dal_done_fn callback, void *userdata);
MUST_USE int dal_user_set_disabled(struct bytes userid, bool disabled, dal_done_fn callback,
                                   void *userdata);

/* Gives or takes the right to send without limits of rate (user.bulk). */
MUST_USE int dal_user_set_bulk(struct bytes userid, bool bulk, dal_done_fn callback,
                               void *userdata);
/* Raises the auth epoch, which ends every session of the user. */
MUST_USE int dal_user_revoke(struct bytes userid, dal_done_fn callback, void *userdata);

/* Deletes a user, his inbox, devices and memberships. What he wrote to others stays. */
MUST_USE int dal_user_delete(struct bytes userid, dal_done_fn callback, void *userdata);

/* Users in order of userid (by bytes), at most `max` of them, after `after` (empty for the first).
 */
typedef void (*dal_users_fn)(void *userdata, enum dal_outcome outcome, const struct user *users,
                             size_t count);
MUST_USE int dal_user_list(struct bytes after, unsigned max, dal_users_fn callback, void *userdata);

/* -- devices and cursors ---------------------------------------------------------------------- */

typedef void (*dal_device_fn)(void *userdata, enum dal_outcome outcome, uint64_t device);

/* Adds a device with cursors (their `device` field is ignored). REFUSED: the user has one of that
 * name already. MISSING: no such user any more. */
MUST_USE int dal_device_add(uint64_t user, struct bytes name, const struct device_cursor *cursors,
                            size_t cursor_count, dal_device_fn callback, void *userdata);
/* Gives a device a new name and keeps its cursors. */
MUST_USE int dal_device_rename(uint64_t device, struct bytes name, dal_done_fn callback,
                               void *userdata);

/* Deletes a device of a user with its cursors. MISSING: he has none of that id. */
MUST_USE int dal_device_delete(uint64_t user, uint64_t device, dal_done_fn callback,
                               void *userdata);

/* These devices were seen at `seen_ms` (device_record.seen_ms), which never goes back. Those that
 * are gone are passed over. For many devices now and then: as cursors, it may be lost. */
MUST_USE int dal_devices_seen(const uint64_t *devices, size_t count, uint64_t seen_ms,
                              dal_done_fn callback, void *userdata);

/* Stores cursors; one never goes back. Cursors of devices that are gone are passed over. */
MUST_USE int dal_cursors_store(const struct device_cursor *cursors, size_t count,
                               dal_done_fn callback, void *userdata);

/* -- rooms ------------------------------------------------------------------------------------ */

/* A room is given as "#name", in which case it is found by the folded form (of several from before
 * names were compared so: by the very bytes, else the oldest), or as "#number". */

/* `record` is NULL unless OK. Of rooms, everyone's conversation ("*") and inboxes (userids). */
typedef void (*dal_conversation_fn)(void *userdata, enum dal_outcome outcome,
                                    const struct conversation_record *record);
MUST_USE int dal_conversation_find(struct bytes name, dal_conversation_fn callback, void *userdata);

/* Makes an open room without members. REFUSED: there is one that looks alike, or it is no name for
 * a room (model/name.h). */
MUST_USE int dal_room_add(struct bytes name, dal_conversation_fn callback, void *userdata);
MUST_USE int dal_room_delete(struct bytes name, dal_done_fn callback, void *userdata);

/* Those that user `by` may see (open ones, and where he is a member or invited; 0: all), in order
 * of name (by bytes), at most `max` of them, after `after` (empty for the first). */
typedef void (*dal_rooms_fn)(void *userdata, enum dal_outcome outcome,
                             const struct room_record *rooms, size_t count);
MUST_USE int dal_room_list(uint64_t by, struct bytes after, unsigned max, dal_rooms_fn callback,
                           void *userdata);

/* Members of a room, or of everyone's conversation ("*"), in order of userid. MISSING: no such
 * room. */
struct dal_member {
    struct user user;
    bool is_operator;
};
typedef void (*dal_members_fn)(void *userdata, enum dal_outcome outcome,
                               const struct dal_member *members, size_t count);
MUST_USE int dal_member_list(struct bytes room, struct bytes after, unsigned max,
                             dal_members_fn callback, void *userdata);

/* What is done with a room, and who may. */
enum dal_room_verb {
    ROOM_LOOK,   /* a closed one: members and invited */
    ROOM_JOIN,   /* a closed one: who was invited, whose invitation it uses up */
    ROOM_PART,   /* members */
    ROOM_TOPIC,  /* members; of a closed one its operators */
    ROOM_ACCESS, /* operators */
    ROOM_INVITE, /* members; into a closed one its operators */
    ROOM_REMOVE, /* operators; from one who is only invited the invitation, and nothing is changed
                  */
    ROOM_ROLE,   /* operators */
};

struct dal_room_order {
    enum dal_room_verb verb;
    uint64_t by; /* user id of who asks; 0: the administrator, who may everything */
    struct bytes room;
    struct bytes userid;     /* INVITE, REMOVE, ROLE; JOIN by 0: who is put in */
    struct bytes topic;      /* TOPIC; may be empty */
    enum room_access access; /* ACCESS */
    bool is_operator;        /* ROLE */
    bool make;               /* JOIN: make an open room if there is none; its maker is operator */
    uint64_t rooms_max;      /* JOIN: rooms in all; 0: any number */
    uint64_t rooms_per_user; /* JOIN by a user: his rooms, and those he made; INVITE: invitations
                                that wait for one user; 0: any number */

    /* Stored in the same transaction if something changes: in the room, or for INVITE in the inbox
     * of who is invited. Conversation, context, seq, time and room are filled in; it has a key, as
     * every message. Referenced as by dal_message_store(). NULL: nothing is. */
    struct message *notice;
};

/* Why nothing was done. */
enum dal_room_refusal {
    ROOM_FINE,
    ROOM_NO_ROOM,     /* MISSING: there is none, or nobody is to know */
    ROOM_NO_USER,     /* MISSING: nobody has that userid */
    ROOM_BAD_NAME,    /* there is none, and it is no name for a new one */
    ROOM_NOT_MEMBER,  /* who asks is none */
    ROOM_NOT_ALLOWED, /* who asks is no operator */
    ROOM_NO_MEMBER,   /* the other one is none */
    ROOM_IS_CLOSED,   /* JOIN: he is not invited */
    ROOM_FULL,        /* a limit is reached */
};

struct dal_room_result {
    enum dal_room_refusal refusal; /* REFUSED, if it does not say otherwise above */
    bool changed;            /* false: it was so before, and there is nothing to tell anybody */
    bool made;               /* JOIN: there was no such room */
    uint64_t since;          /* JOIN: of the membership, before the notice */
    struct room_record room; /* as it is now, for who asks; id 0: not found */
    struct user user;        /* whom `userid` names; id 0: nobody */
    struct message *notice;  /* as it was stored; the callback may take a reference. NULL: none */
};

/* `result` is never NULL. */
typedef void (*dal_room_fn)(void *userdata, enum dal_outcome outcome,
                            const struct dal_room_result *result);

/* One transaction. A user's is not in order with messages to the room that are on their way. */
MUST_USE int dal_room_do(const struct dal_room_order *order, dal_room_fn callback, void *userdata);

/* -- messages --------------------------------------------------------------------------------- */

/* `message` is the one that was handed over, with seq and time filled in if OK. If its key was
 * stored before by the same sender, OK too, with the seq, time and conversation of the first, and
 * `again` true. MISSING: there is no such conversation any more. REFUSED: it is not fit to be
 * stored (a key over MESSAGE_KEY_MAX, a name that is too long); the others are not its fault. */
typedef void (*dal_stored_fn)(void *userdata, enum dal_outcome outcome, struct message *message,
                              bool again);

/* Takes a reference to `message`, which nobody may touch before the callback. Not answered before
 * it is certain: while the fate of a commit is unknown, the request waits. */
MUST_USE int dal_message_store(struct message *message, dal_stored_fn callback, void *userdata);

/* Where the message is that `sender` stored with that key; MISSING: there is none. One that is
 * still on its way is not found. */
typedef void (*dal_place_fn)(void *userdata, enum dal_outcome outcome, uint64_t conversation,
                             uint64_t seq, uint64_t time_ms);
MUST_USE int dal_message_find(uint64_t sender, struct bytes key, dal_place_fn callback,
                              void *userdata);

/* Messages of `conversation` after `after`, in order, from the first on that there is: at most
 * `max_count`, and no more once `max_bytes` of text are reached (at least one if there is any). The
 * callback may take references to the messages. MISSING: there is no such conversation. */
typedef void (*dal_messages_fn)(void *userdata, enum dal_outcome outcome,
                                struct message *const *messages, size_t count);
MUST_USE int dal_messages_read(uint64_t conversation, uint64_t after, unsigned max_count,
                               size_t max_bytes, dal_messages_fn callback, void *userdata);

/* Whether a message that `sender` stored in somebody's inbox has come there. MISSING: there is no
 * such message. `receiver`: his userid, NULL unless OK. `acked`: the furthest stored cursor of his
 * devices in that inbox. */
typedef void (*dal_sent_fn)(void *userdata, enum dal_outcome outcome, const char *receiver,
                            uint64_t acked);
MUST_USE int dal_message_sent(uint64_t sender, uint64_t conversation, uint64_t seq,
                              dal_sent_fn callback, void *userdata);

/* A place in a history, which is in order of time, conversation and seq. */
struct dal_place {
    uint64_t time_ms, conversation, seq;
};

struct dal_history {
    uint64_t reader, inbox; /* user id of who reads, and his inbox */
    uint64_t conversation;  /* a room, everyone's, or the inbox of `peer` */
    uint64_t peer;          /* user id of the other; 0: it is no inbox */
    bool by_number;         /* the log of `conversation` alone, and no whispers */
    uint64_t from;          /* of a time in ms, or a number, on */
    struct dal_place to;    /* what is before this place (or this time alone); by number: `seq`, and
                               with it. All 0: open */
    unsigned max_count;
    size_t max_bytes; /* of text; one message is given at least, if there is any */
};

/* The newest messages of a range, oldest first: of a room with the whispers in it that the reader
 * sent or got, or of the dialogue of two users. The callback may take references. `next` is the
 * `to` for the page before; NULL: there is none. MISSING: there is no such conversation. */
typedef void (*dal_history_fn)(void *userdata, enum dal_outcome outcome,
                               struct message *const *messages, size_t count,
                               const struct dal_place *next);
MUST_USE int dal_history(const struct dal_history *history, dal_history_fn callback,
                         void *userdata);

/* -- administration --------------------------------------------------------------------------- */

/* Looks the whole database over: what the engine's own check says, the schema version, that every
 * conversation's numbers are dense and no cursor is beyond its end. `findings` are sentences; none
 * means that all is well. */
typedef void (*dal_findings_fn)(void *userdata, enum dal_outcome outcome,
                                const char *const *findings, size_t count);
MUST_USE int dal_check(dal_findings_fn callback, void *userdata);

/* One small step of retention: deletes messages from the beginnings of logs, of some conversations
 * after `after`, for a few milliseconds. The newest message of each stays. `next` is the `after` of
 * the next step; 0: all have been looked at. */
struct dal_prune {
    uint64_t after;     /* id of a conversation; 0: from the first on */
    uint64_t before_ms; /* what is older may go; 0: nothing for its age */
    uint64_t keep; /* of each conversation, what is behind so many newer ones may go; 0: nothing
                      for their number */
    unsigned max_rows;
};
typedef void (*dal_prune_fn)(void *userdata, enum dal_outcome outcome, uint64_t deleted,
                             uint64_t next);
MUST_USE int dal_prune(const struct dal_prune *prune, dal_prune_fn callback, void *userdata);

/* Makes database and user on a MySQL or MariaDB server, as its administrator. Synchronous, needs
 * no dal_open(). Running it again sets the password anew and changes nothing else. 0, or
 * DAL_PASSWORD_CHANGED where the user was there before and had another password, or -errno. */
#define DAL_PASSWORD_CHANGED 1
struct dal_provision {
    const char *admin_user;     /* NULL for "root" */
    const char *admin_password; /* NULL for the local socket's own authentication */
    const char *host, *socket;  /* as in dal_config */
    unsigned port;
    const char *database; /* letters, digits, '_' and '-', as `user` */
    const char *user;     /* made as 'user'@'localhost' */
    const char *password; /* its new one */
};
MUST_USE int dal_mysql_provision(const struct dal_provision *provision, char **ret_error);

/* -- a store as a whole ----------------------------------------------------------------------- */

/* Reading all of a store, and filling an empty one. Synchronous, on a connection of its own, which
 * needs no dal_open(). What is folded or gathered from the rest is not among the fields: it is made
 * anew. */

/* In the order in which they are read and have to be given; rows in the order of what names them:
 * the first field, of those with two ids (and of messages) the first two. */
enum dal_table {
    DAL_CONVERSATIONS,
    DAL_USERS,
    DAL_ROOMS,
    DAL_DEVICES,
    DAL_MESSAGES,
    DAL_MEMBERS,
    DAL_INVITATIONS,
    DAL_CURSORS,
    DAL_TABLES,
};

enum dal_type {
    DAL_NUMBER,
    DAL_FLAG, /* 0 or 1 */
    DAL_WORD, /* an index into `words` */
    DAL_TEXT,
};

struct dal_field {
    const char *name;
    enum dal_type type;
    const char *const *words; /* of a DAL_WORD; NULL-terminated */
};

#define DAL_FIELDS_MAX 11

struct dal_table_shape {
    const char *name; /* "user": what a row is */
    struct dal_field fields[DAL_FIELDS_MAX];
    unsigned field_count;
};

const struct dal_table_shape *dal_table_shape(enum dal_table table);

/* `text` of a DAL_TEXT, else `number`. */
struct dal_value {
    uint64_t number;
    struct bytes text;
};

/* The ids that will be given next: those of what was deleted are never given again. */
struct dal_next_ids {
    uint64_t conversation, user, room, device;
};

/* Gets the ids, then all rows, which are valid during the call. What is not 0 ends the export. */
struct dal_sink {
    int (*begin)(void *userdata, const struct dal_next_ids *next);
    int (*row)(void *userdata, enum dal_table table, const struct dal_value *values);
};

/* Reads everything as it is at one moment, whatever is written meanwhile. `alone`: only if nobody
 * else has the store open, and nobody may open a file while it lasts. 0, what the sink returned, or
 * with words -EBUSY (somebody has), -ECONNREFUSED (it cannot be opened), -EIO, -ENOMEM. */
MUST_USE int dal_export(const struct dal_config *config, bool alone, const struct dal_sink *sink,
                        void *userdata, char **ret_error);

/* Filling an empty store, which nobody else has open: all or nothing. The tables are made if they
 * are not there. */
struct dal_import;

/* -ENOTEMPTY: there is something in it; others as for dal_export(). */
MUST_USE int dal_import_begin(const struct dal_config *config, const struct dal_next_ids *next,
                              struct dal_import **ret, char **ret_error);

/* Looks a row over and takes it; `line` is where it stands. 0, or -EINVAL (a row that may not be),
 * -EIO or -ENOMEM, after which nothing more is taken. */
MUST_USE int dal_import_row(struct dal_import *import, enum dal_table table,
                            const struct dal_value *values, uint64_t line);

/* Ends it: everything is there, or on failure (as above) nothing. */
MUST_USE int dal_import_commit(struct dal_import *import);

/* What was wrong, in words, and the line it is about, which may be an earlier one; 0: none. */
const char *dal_import_trouble(const struct dal_import *import, uint64_t *ret_line);

/* Takes back what was not committed. Takes NULL. */
void dal_import_free(struct dal_import *import);
