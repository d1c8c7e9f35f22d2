/* Rows in the order of what names them, so that what is given twice is seen by a look at the one
 * before, and what is referred to is found by bisection.
 *
 * What was deleted leaves traces on purpose: senders, devices and rooms of messages, makers of
 * rooms and those who invited need not be there.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "dal/import-check.h"

#include "model/conversation.h"
#include "model/message.h"
#include "util/utf8.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH_MAX   255
#define DEVICE_MAX 96
#define TEXT_MAX   65536 /* the most that limits.text can be */

/* A conversation, user or device; what is of no use to one of them stays 0. */
struct entry {
    uint64_t id, line;
    uint64_t owner; /* of an inbox: the user, once he is known; of a device: its user */
    uint64_t end;   /* number of a conversation's last message */
    enum conversation_kind kind; /* of a conversation */
    bool complete;               /* a room has its number, an inbox its member */
    char name[NAME_MAX_BYTES + 2];
};

struct entries {
    struct entry *items;
    size_t count, room;
};

struct import_check {
    struct dal_next_ids next;
    struct entries conversations, users, devices;
    struct entry *conversation; /* of the last message */
    bool has_everyone;
    enum dal_table table;
    uint64_t last[2]; /* what names the last row of this table */
    bool any;         /* there is one */
    char words[256];
};

PRINTF_LIKE(2, 3)
static const char *refuse(struct import_check *check, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(check->words, sizeof(check->words), format, arguments);
    va_end(arguments);
    return check->words;
}

/* -- what has been given ----------------------------------------------------------------------- */

static int compare(const void *key, const void *item)
{
    uint64_t id = *(const uint64_t *)key, other = ((const struct entry *)item)->id;

    return id < other ? -1 : id > other;
}

static struct entry *find(const struct entries *entries, uint64_t id)
{
    if (entries->count == 0)
        return NULL;
    return bsearch(&id, entries->items, entries->count, sizeof(*entries->items), compare);
}

/* NULL: no memory. */
static struct entry *add(struct entries *entries, uint64_t id, uint64_t line)
{
    if (entries->count == entries->room) {
        size_t room = entries->room == 0 ? 64 : 2 * entries->room;
        struct entry *items = reallocarray(entries->items, room, sizeof(*items));
        if (items == NULL)
            return NULL;
        entries->items = items;
        entries->room = room;
    }
    struct entry *entry = &entries->items[entries->count++];
    *entry = (struct entry){.id = id, .line = line};
    return entry;
}

static const char *add_id(struct import_check *check, struct entries *entries, uint64_t id,
                          uint64_t next, uint64_t line, struct entry **ret)
{
    if (id >= next)
        return refuse(check, "its id is not below %" PRIu64 ", which comes next", next);
    *ret = add(entries, id, line);
    return *ret == NULL ? "no memory" : NULL;
}

struct bytes import_check_room(const struct import_check *check, uint64_t conversation)
{
    return bytes_of(find(&check->conversations, conversation)->name + 1);
}

bool import_check_is_inbox(const struct import_check *check, uint64_t conversation)
{
    return find(&check->conversations, conversation)->kind == CONVERSATION_INBOX;
}

/* -- texts --------------------------------------------------------------------------------------
 */

static const char *check_name(struct import_check *check, const char *what, struct bytes name)
{
    const char *refusal = name_refusal(name);

    return refusal == NULL ? NULL : refuse(check, "its %s: %s", what, refusal);
}

/* Characters that no text of ours has: NUL and ETX end frames. */
static const char *check_text(struct import_check *check, const char *what, struct bytes text,
                              size_t min, size_t max)
{
    if (text.len < min || text.len > max)
        return refuse(check, "its %s has %zu bytes; allowed are %zu to %zu", what, text.len, min,
                      max);
    if (!utf8_valid(text) || memchr(text.data, '\0', text.len) || memchr(text.data, 3, text.len))
        return refuse(check, "its %s holds a character that is not allowed", what);
    return NULL;
}

/* -- rows ---------------------------------------------------------------------------------------
 */

typedef const char *(*row_fn)(struct import_check *check, const struct dal_value *row,
                              uint64_t line);

static const char *check_conversation_name(struct import_check *check, enum conversation_kind kind,
                                           struct bytes name)
{
    switch (kind) {
    case CONVERSATION_EVERYONE:
        if (!bytes_is(name, "*"))
            return "everyone's conversation is \"*\"";
        if (check->has_everyone)
            return "everyone has a conversation already";
        check->has_everyone = true;
        return NULL;
    case CONVERSATION_ROOM:
        if (name.len == 0 || name.data[0] != '#')
            return "the name of a room begins with \"#\"";
        return check_name(check, "name", (struct bytes){name.data + 1, name.len - 1});
    case CONVERSATION_INBOX:
        return check_name(check, "name", name);
    }
    return "it is of no kind";
}

static const char *check_conversation(struct import_check *check, const struct dal_value *row,
                                      uint64_t line)
{
    enum conversation_kind kind = (enum conversation_kind)row[1].number;
    const char *trouble = check_conversation_name(check, kind, row[2].text);
    struct entry *entry = NULL;

    if (trouble == NULL)
        trouble = add_id(check, &check->conversations, row[0].number, check->next.conversation,
                         line, &entry);
    if (trouble != NULL)
        return trouble;
    entry->kind = kind;
    entry->complete = kind == CONVERSATION_EVERYONE;
    memcpy(entry->name, row[2].text.data, row[2].text.len);
    return NULL;
}

static const char *check_inbox(struct import_check *check, const struct dal_value *row)
{
    struct entry *inbox = find(&check->conversations, row[8].number);

    if (inbox == NULL || inbox->kind != CONVERSATION_INBOX || inbox->owner != 0 ||
        !bytes_is(row[1].text, inbox->name))
        return refuse(check, "conversation %" PRIu64 " is not his inbox", row[8].number);
    inbox->owner = row[0].number;
    return NULL;
}

static const char *check_user(struct import_check *check, const struct dal_value *row,
                              uint64_t line)
{
    const char *trouble = check_name(check, "userid", row[1].text);
    struct entry *entry = NULL;

    if (trouble == NULL)
        trouble = check_name(check, "name", row[2].text);
    if (trouble == NULL)
        trouble = check_text(check, "password hash", row[3].text, 1, HASH_MAX);
    if (trouble == NULL && row[4].number > UINT32_MAX)
        trouble = "its auth_epoch is too large";
    if (trouble == NULL)
        trouble = check_inbox(check, row);
    if (trouble == NULL)
        trouble = add_id(check, &check->users, row[0].number, check->next.user, line, &entry);
    return trouble;
}

static const char *check_room(struct import_check *check, const struct dal_value *row,
                              uint64_t line)
{
    struct entry *room = find(&check->conversations, row[1].number);
    const char *refusal = topic_refusal(row[2].text);

    if (row[0].number >= check->next.room)
        return refuse(check, "its number is not below %" PRIu64 ", which comes next",
                      check->next.room);
    if (room == NULL || room->kind != CONVERSATION_ROOM)
        return refuse(check, "conversation %" PRIu64 " is no room", row[1].number);
    if (room->complete)
        return refuse(check, "room %s has a number already", room->name);
    if (refusal != NULL)
        return refuse(check, "its topic: %s", refusal);
    room->complete = true;
    return NULL;
}

static const char *check_device(struct import_check *check, const struct dal_value *row,
                                uint64_t line)
{
    const char *trouble = check_text(check, "name", row[2].text, 1, DEVICE_MAX);
    struct entry *entry = NULL;

    if (trouble == NULL && find(&check->users, row[1].number) == NULL)
        trouble = refuse(check, "there is no user %" PRIu64, row[1].number);
    if (trouble == NULL)
        trouble = add_id(check, &check->devices, row[0].number, check->next.device, line, &entry);
    return trouble;
}

/* A log may have lost its beginning, but nothing else. */
static const char *check_number(struct import_check *check, uint64_t conversation, uint64_t seq)
{
    if (check->conversation == NULL || check->conversation->id != conversation)
        check->conversation = find(&check->conversations, conversation);
    if (check->conversation == NULL)
        return refuse(check, "there is no conversation %" PRIu64, conversation);
    if (check->conversation->end != 0 && seq != check->conversation->end + 1)
        return refuse(check, "message %" PRIu64 " of the conversation follows on %" PRIu64, seq,
                      check->conversation->end);
    if (seq == 0)
        return "the first message is 1";
    check->conversation->end = seq;
    return NULL;
}

static const char *check_message(struct import_check *check, const struct dal_value *row,
                                 uint64_t line)
{
    bool by_administrator = bytes_is(row[7].text, "*") && row[3].number == 0;
    const char *trouble = check_number(check, row[0].number, row[1].number);

    if (trouble == NULL && !by_administrator)
        trouble = check_name(check, "userid", row[7].text);
    if (trouble == NULL && !by_administrator)
        trouble = check_name(check, "name", row[8].text);
    if (trouble == NULL)
        trouble = check_text(check, "key", row[9].text, 1, MESSAGE_KEY_MAX);
    if (trouble == NULL)
        trouble = check_text(check, "text", row[10].text, 0, TEXT_MAX);
    return trouble;
}

/* Of a row whose first field is a conversation, and the second a user. */
static const char *check_pair(struct import_check *check, const struct dal_value *row,
                              struct entry **ret)
{
    *ret = find(&check->conversations, row[0].number);
    if (*ret == NULL)
        return refuse(check, "there is no conversation %" PRIu64, row[0].number);
    if (find(&check->users, row[1].number) == NULL)
        return refuse(check, "there is no user %" PRIu64, row[1].number);
    return NULL;
}

static const char *check_member(struct import_check *check, const struct dal_value *row,
                                uint64_t line)
{
    struct entry *conversation = NULL;
    const char *trouble = check_pair(check, row, &conversation);

    if (trouble != NULL)
        return trouble;
    if (row[2].number > conversation->end)
        return refuse(check, "it is since message %" PRIu64 " of %s, which ends at %" PRIu64,
                      row[2].number, conversation->name, conversation->end);
    if (row[3].number != 0 && conversation->kind != CONVERSATION_ROOM)
        return "only rooms have operators";
    if (conversation->kind != CONVERSATION_INBOX)
        return NULL;
    if (conversation->owner != row[1].number)
        return refuse(check, "%s is the inbox of somebody else", conversation->name);
    conversation->complete = true;
    return NULL;
}

static const char *check_invitation(struct import_check *check, const struct dal_value *row,
                                    uint64_t line)
{
    struct entry *conversation = NULL;
    const char *trouble = check_pair(check, row, &conversation);

    if (trouble == NULL && conversation->kind != CONVERSATION_ROOM)
        trouble = refuse(check, "%s is no room", conversation->name);
    return trouble;
}

static const char *check_cursor(struct import_check *check, const struct dal_value *row,
                                uint64_t line)
{
    const struct entry *conversation = find(&check->conversations, row[1].number);

    if (find(&check->devices, row[0].number) == NULL)
        return refuse(check, "there is no device %" PRIu64, row[0].number);
    if (conversation == NULL)
        return refuse(check, "there is no conversation %" PRIu64, row[1].number);
    if (row[2].number > conversation->end)
        return refuse(check, "it is at message %" PRIu64 " of %s, which ends at %" PRIu64,
                      row[2].number, conversation->name, conversation->end);
    return NULL;
}

/* How many of the first fields name a row, and what else there is to look at. */
static const struct table_check {
    unsigned keys;
    row_fn row;
} table_checks[DAL_TABLES] = {
    [DAL_CONVERSATIONS] = {1, check_conversation},
    [DAL_USERS] = {1, check_user},
    [DAL_ROOMS] = {1, check_room},
    [DAL_DEVICES] = {1, check_device},
    [DAL_MESSAGES] = {2, check_message},
    [DAL_MEMBERS] = {2, check_member},
    [DAL_INVITATIONS] = {2, check_invitation},
    [DAL_CURSORS] = {2, check_cursor},
};

/* -- all of it ----------------------------------------------------------------------------------
 */

struct import_check *import_check_new(const struct dal_next_ids *next)
{
    struct import_check *check = calloc(1, sizeof(*check));

    if (check != NULL)
        check->next = *next;
    return check;
}

void import_check_free(struct import_check *check)
{
    if (check == NULL)
        return;
    free(check->conversations.items);
    free(check->users.items);
    free(check->devices.items);
    free(check);
}

static const char *check_order(struct import_check *check, enum dal_table table,
                               const struct dal_value *row)
{
    unsigned keys = table_checks[table].keys;
    uint64_t second = keys == 2 ? row[1].number : 0;

    if (table < check->table)
        return refuse(check, "it stands behind a %s", dal_table_shape(check->table)->name);
    if (table > check->table)
        check->any = false;
    check->table = table;
    if (row[0].number == 0)
        return "its first number is 0";
    if (check->any && (row[0].number < check->last[0] ||
                       (row[0].number == check->last[0] && second <= check->last[1])))
        return "it does not come after the one before";
    check->last[0] = row[0].number;
    check->last[1] = second;
    check->any = true;
    return NULL;
}

const char *import_check_row(struct import_check *check, enum dal_table table,
                             const struct dal_value *values, uint64_t line)
{
    const char *trouble = check_order(check, table, values);

    return trouble != NULL ? trouble : table_checks[table].row(check, values, line);
}

const char *import_check_end(struct import_check *check, uint64_t *ret_line)
{
    *ret_line = 0;
    if (!check->has_everyone)
        return "there is no conversation of everyone";
    for (size_t i = 0; i < check->conversations.count; i++) {
        const struct entry *entry = &check->conversations.items[i];
        if (entry->complete)
            continue;
        *ret_line = entry->line;
        if (entry->kind == CONVERSATION_ROOM)
            return refuse(check, "room %s has no number", entry->name);
        return refuse(check, "inbox %s has no user who is its member", entry->name);
    }
    return NULL;
}
