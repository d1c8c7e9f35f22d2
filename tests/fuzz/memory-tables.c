/* See memory-tables.h. Ids are never given again; lists are in order because they are sought for
 * the next greater name each time.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "memory-tables.h"

#include "fuzz.h"
#include "memory-store.h"

#define EVERYONE "*"

struct device_row {
    struct device_record record; /* id 0: no row */
    uint64_t user;
};

struct member_row {
    uint64_t conversation, user, since; /* conversation 0: no row */
};

static struct user_row users[TABLE_USERS];
static struct conversation_row conversations[TABLE_CONVERSATIONS];
static struct device_row devices[TABLE_DEVICES];
static struct device_cursor cursors[TABLE_CURSORS]; /* device 0: no row */
static struct member_row members[TABLE_MEMBERS];
static struct message *messages[TABLE_MESSAGES]; /* in the order they were stored */
static size_t message_count;
static uint64_t last_id;

static struct conversation_row *add_conversation(const char *name, enum conversation_kind kind)
{
    for (size_t i = 0; i < TABLE_CONVERSATIONS; i++) {
        struct conversation_row *row = &conversations[i];
        if (row->record.id != 0)
            continue;
        *row = (struct conversation_row){.record = {.id = ++last_id, .kind = kind}};
        (void)snprintf(row->record.name, sizeof(row->record.name), "%s", name);
        return row;
    }
    return NULL;
}

static bool add_member(uint64_t conversation, uint64_t user, uint64_t since)
{
    for (size_t i = 0; i < TABLE_MEMBERS; i++) {
        if (members[i].conversation == 0) {
            members[i] = (struct member_row){conversation, user, since};
            return true;
        }
    }
    return false;
}

void tables_reset(void)
{
    for (size_t i = 0; i < message_count; i++)
        message_unref(messages[i]);
    message_count = 0;
    last_id = 0;
    memset(users, 0, sizeof(users));
    memset(conversations, 0, sizeof(conversations));
    memset(devices, 0, sizeof(devices));
    memset(cursors, 0, sizeof(cursors));
    memset(members, 0, sizeof(members));
    MUST(add_conversation(EVERYONE, CONVERSATION_EVERYONE));
}

/* -- finding ---------------------------------------------------------------------------------- */

struct user_row *tables_user(struct bytes userid)
{
    for (size_t i = 0; i < TABLE_USERS; i++)
        if (users[i].user.id != 0 && bytes_is(userid, users[i].user.userid))
            return &users[i];
    return NULL;
}

struct user_row *tables_user_by_id(uint64_t id)
{
    for (size_t i = 0; i < TABLE_USERS; i++)
        if (id != 0 && users[i].user.id == id)
            return &users[i];
    return NULL;
}

struct conversation_row *tables_conversation(struct bytes name)
{
    for (size_t i = 0; i < TABLE_CONVERSATIONS; i++)
        if (conversations[i].record.id != 0 && bytes_is(name, conversations[i].record.name))
            return &conversations[i];
    return NULL;
}

static struct conversation_row *conversation_by_id(uint64_t id)
{
    for (size_t i = 0; i < TABLE_CONVERSATIONS; i++)
        if (id != 0 && conversations[i].record.id == id)
            return &conversations[i];
    return NULL;
}

static struct device_row *device_by_id(uint64_t id)
{
    for (size_t i = 0; i < TABLE_DEVICES; i++)
        if (id != 0 && devices[i].record.id == id)
            return &devices[i];
    return NULL;
}

static struct member_row *find_member(uint64_t conversation, uint64_t user)
{
    for (size_t i = 0; i < TABLE_MEMBERS; i++)
        if (members[i].conversation == conversation && members[i].user == user)
            return &members[i];
    return NULL;
}

/* -- users ------------------------------------------------------------------------------------ */

const struct dal_account *tables_account(const struct user_row *user, struct account_rows *rows)
{
    size_t memberships = 0, found = 0, cursor_count = 0;

    for (size_t i = 0; i < TABLE_MEMBERS; i++)
        if (members[i].conversation != 0 && members[i].user == user->user.id)
            rows->memberships[memberships++] = (struct membership){
                conversation_by_id(members[i].conversation)->record, members[i].since};
    for (size_t i = 0; i < TABLE_DEVICES; i++)
        if (devices[i].record.id != 0 && devices[i].user == user->user.id)
            rows->devices[found++] = devices[i].record;
    for (size_t i = 0; i < TABLE_CURSORS; i++) {
        const struct device_row *device = device_by_id(cursors[i].device);
        if (device && device->user == user->user.id)
            rows->cursors[cursor_count++] = cursors[i];
    }
    rows->account = (struct dal_account){
        .user = user->user,
        .password_hash = user->hash,
        .memberships = rows->memberships,
        .membership_count = memberships,
        .devices = rows->devices,
        .device_count = found,
        .cursors = rows->cursors,
        .cursor_count = cursor_count,
    };
    return &rows->account;
}

enum dal_outcome tables_add_user(const char *userid, const char *hash, struct user_row **ret)
{
    if (tables_user(bytes_of(userid)))
        return DAL_REFUSED;
    for (size_t i = 0; i < TABLE_USERS; i++) {
        struct user_row *row = &users[i];
        if (row->user.id != 0)
            continue;
        struct conversation_row *inbox = add_conversation(userid, CONVERSATION_INBOX);
        if (!inbox)
            return DAL_UNAVAILABLE;
        const struct conversation_row *everyone = tables_conversation(bytes_of(EVERYONE));
        *row = (struct user_row){.user = {.id = ++last_id, .inbox = inbox->record.id}};
        (void)snprintf(row->user.userid, sizeof(row->user.userid), "%s", userid);
        (void)snprintf(row->user.name, sizeof(row->user.name), "%s", userid);
        (void)snprintf(row->hash, sizeof(row->hash), "%s", hash);
        if (!add_member(everyone->record.id, row->user.id, everyone->record.end) ||
            !add_member(inbox->record.id, row->user.id, 0))
            return DAL_UNAVAILABLE;
        *ret = row;
        return DAL_OK;
    }
    return DAL_UNAVAILABLE;
}

static void delete_conversation(struct conversation_row *row)
{
    for (size_t i = 0; i < TABLE_MEMBERS; i++)
        if (members[i].conversation == row->record.id)
            members[i].conversation = 0;
    row->record.id = 0;
}

bool tables_delete_user(struct bytes userid)
{
    struct user_row *row = tables_user(userid);

    if (!row)
        return false;
    (void)memory_store_forget_devices(row->user.userid);
    for (size_t i = 0; i < TABLE_MEMBERS; i++)
        if (members[i].user == row->user.id)
            members[i].conversation = 0;
    delete_conversation(conversation_by_id(row->user.inbox));
    row->user.id = 0;
    return true;
}

size_t tables_list_users(const char *room, const char *after, unsigned max,
                         struct user found[TABLE_USERS])
{
    const struct conversation_row *row = room ? tables_conversation(bytes_of(room)) : NULL;
    size_t count = 0;

    while (count < max) {
        const struct user *next = NULL;
        for (size_t i = 0; i < TABLE_USERS; i++) {
            const struct user *user = &users[i].user;
            if (user->id == 0 || strcmp(user->userid, after) <= 0 ||
                (room && (!row || !find_member(row->record.id, user->id))))
                continue;
            if (!next || strcmp(user->userid, next->userid) < 0)
                next = user;
        }
        if (!next)
            break;
        found[count++] = *next;
        after = next->userid;
    }
    return count;
}

void memory_store_add_user(const char *userid, const char *password)
{
    struct user_row *row;
    char hash[256];

    (void)snprintf(hash, sizeof(hash), "hash:%s", password);
    MUST(tables_add_user(userid, hash, &row) == DAL_OK);
}

bool memory_store_disable(const char *userid, bool disabled)
{
    struct user_row *row = tables_user(bytes_of(userid));

    if (row)
        row->user.disabled = disabled;
    return row;
}

bool memory_store_revoke(const char *userid)
{
    struct user_row *row = tables_user(bytes_of(userid));

    if (row)
        row->user.auth_epoch++;
    return row;
}

/* -- devices ---------------------------------------------------------------------------------- */

enum dal_outcome tables_add_device(uint64_t user, const char *name, uint64_t *ret)
{
    if (!tables_user_by_id(user))
        return DAL_MISSING;
    for (size_t i = 0; i < TABLE_DEVICES; i++)
        if (devices[i].record.id != 0 && devices[i].user == user &&
            strcmp(devices[i].record.name, name) == 0)
            return DAL_REFUSED;
    for (size_t i = 0; i < TABLE_DEVICES; i++) {
        struct device_row *row = &devices[i];
        if (row->record.id != 0)
            continue;
        *row = (struct device_row){.record = {.id = ++last_id}, .user = user};
        row->record.seen_ms = row->record.id;
        (void)snprintf(row->record.name, sizeof(row->record.name), "%s", name);
        *ret = row->record.id;
        return DAL_OK;
    }
    return DAL_UNAVAILABLE;
}

enum dal_outcome tables_rename_device(uint64_t device, const char *name)
{
    struct device_row *row = device_by_id(device);

    if (!row)
        return DAL_MISSING;
    for (size_t i = 0; i < TABLE_DEVICES; i++)
        if (&devices[i] != row && devices[i].record.id != 0 && devices[i].user == row->user &&
            strcmp(devices[i].record.name, name) == 0)
            return DAL_REFUSED;
    (void)snprintf(row->record.name, sizeof(row->record.name), "%s", name);
    return DAL_OK;
}

bool tables_delete_device(uint64_t user, uint64_t device)
{
    struct device_row *row = device_by_id(device);

    if (!row || row->user != user)
        return false;
    for (size_t i = 0; i < TABLE_CURSORS; i++)
        if (cursors[i].device == device)
            cursors[i].device = 0;
    row->record.id = 0;
    return true;
}

bool memory_store_forget_devices(const char *userid)
{
    struct user_row *row = tables_user(bytes_of(userid));
    bool any = false;

    for (size_t i = 0; row && i < TABLE_DEVICES; i++)
        if (devices[i].record.id != 0 && devices[i].user == row->user.id)
            any |= tables_delete_device(row->user.id, devices[i].record.id);
    return any;
}

void tables_store_cursor(const struct device_cursor *cursor)
{
    struct device_cursor *free_row = NULL;

    if (!device_by_id(cursor->device))
        return;
    for (size_t i = 0; i < TABLE_CURSORS; i++) {
        struct device_cursor *row = &cursors[i];
        if (row->device == cursor->device && row->conversation == cursor->conversation) {
            row->seq = row->seq > cursor->seq ? row->seq : cursor->seq;
            return;
        }
        if (row->device == 0 && !free_row)
            free_row = row;
    }
    if (free_row)
        *free_row = *cursor;
}

/* -- rooms ------------------------------------------------------------------------------------ */

enum dal_outcome tables_add_room(const char *name)
{
    if (tables_conversation(bytes_of(name)))
        return DAL_REFUSED;
    return add_conversation(name, CONVERSATION_ROOM) ? DAL_OK : DAL_UNAVAILABLE;
}

void memory_store_add_room(const char *room)
{
    MUST(tables_add_room(room) == DAL_OK);
}

bool tables_delete_room(struct bytes name)
{
    struct conversation_row *row = tables_conversation(name);

    if (!row || row->record.kind != CONVERSATION_ROOM)
        return false;
    delete_conversation(row);
    return true;
}

size_t tables_list_rooms(const char *after, unsigned max,
                         struct dal_room rooms[TABLE_CONVERSATIONS])
{
    size_t count = 0;

    while (count < max) {
        const struct conversation_record *next = NULL;
        for (size_t i = 0; i < TABLE_CONVERSATIONS; i++) {
            const struct conversation_record *record = &conversations[i].record;
            if (record->id != 0 && record->kind == CONVERSATION_ROOM &&
                strcmp(record->name, after) > 0 && (!next || strcmp(record->name, next->name) < 0))
                next = record;
        }
        if (!next)
            break;
        rooms[count] = (struct dal_room){.conversation = *next};
        for (size_t i = 0; i < TABLE_MEMBERS; i++)
            rooms[count].members += members[i].conversation == next->id;
        count++;
        after = next->name;
    }
    return count;
}

enum dal_outcome tables_join(struct bytes room, struct bytes userid)
{
    const struct conversation_row *row = tables_conversation(room);
    const struct user_row *user = tables_user(userid);

    if (!row || !user || row->record.kind != CONVERSATION_ROOM)
        return DAL_MISSING;
    if (find_member(row->record.id, user->user.id))
        return DAL_REFUSED;
    return add_member(row->record.id, user->user.id, row->record.end) ? DAL_OK : DAL_UNAVAILABLE;
}

void memory_store_join(const char *room, const char *userid)
{
    MUST(tables_join(bytes_of(room), bytes_of(userid)) == DAL_OK);
}

bool tables_part(struct bytes room, struct bytes userid)
{
    const struct conversation_row *row = tables_conversation(room);
    const struct user_row *user = tables_user(userid);
    struct member_row *member = row && user ? find_member(row->record.id, user->user.id) : NULL;

    if (member)
        member->conversation = 0;
    return member;
}

/* -- messages --------------------------------------------------------------------------------- */

const struct message *tables_message(uint64_t sender, struct bytes key)
{
    for (size_t i = 0; i < message_count; i++)
        if (messages[i]->sender == sender && bytes_equal(messages[i]->key, key))
            return messages[i];
    return NULL;
}

enum dal_outcome tables_store_message(struct message *message, bool *ret_again)
{
    struct conversation_row *row = conversation_by_id(message->conversation);
    const struct message *first;

    if (message->key.len > MESSAGE_KEY_MAX || message->userid.len > NAME_MAX_BYTES ||
        message->name.len > NAME_MAX_BYTES)
        return DAL_REFUSED;
    first = tables_message(message->sender, message->key);
    if (first) {
        message->conversation = first->conversation;
        message->seq = first->seq;
        message->time_ms = first->time_ms;
        *ret_again = true;
        return DAL_OK;
    }
    if (!row)
        return DAL_MISSING;
    if (message_count == TABLE_MESSAGES)
        return DAL_UNAVAILABLE;
    message->seq = ++row->record.end;
    message->time_ms = 1767225600000 + message_count;
    messages[message_count++] = message_ref(message);
    return DAL_OK;
}

enum dal_outcome tables_read_messages(uint64_t conversation, uint64_t after, unsigned max_count,
                                      size_t max_bytes, struct message *found[TABLE_MESSAGES],
                                      size_t *ret_count)
{
    size_t count = 0, bytes = 0;

    if (!conversation_by_id(conversation))
        return DAL_MISSING;
    for (size_t i = 0; i < message_count && count < max_count; i++) {
        if (messages[i]->conversation != conversation || messages[i]->seq <= after)
            continue;
        if (count > 0 && bytes >= max_bytes)
            break;
        bytes += messages[i]->text.len;
        found[count++] = messages[i];
    }
    *ret_count = count;
    return DAL_OK;
}
