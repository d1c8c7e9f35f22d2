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
    bool is_operator, is_invited;       /* invited: not a member yet */
};

static struct user_row users[TABLE_USERS];
static struct conversation_row conversations[TABLE_CONVERSATIONS];
static struct device_row devices[TABLE_DEVICES];
static struct device_cursor cursors[TABLE_CURSORS]; /* device 0: no row */
static struct member_row members[TABLE_MEMBERS];
static struct message *messages[TABLE_MESSAGES]; /* in the order they were stored */
static size_t message_count;
static uint64_t last_id, last_number;

static struct conversation_row *add_conversation(const char *name, enum conversation_kind kind)
{
    for (size_t i = 0; i < TABLE_CONVERSATIONS; i++) {
        struct conversation_row *row = &conversations[i];
        if (row->record.id != 0)
            continue;
        *row = (struct conversation_row){.record = {.id = ++last_id, .kind = kind}};
        (void)snprintf(row->record.name, sizeof(row->record.name), "%s", name);
        if (kind == CONVERSATION_ROOM)
            row->record.number = ++last_number;
        return row;
    }
    return NULL;
}

static struct member_row *add_member(uint64_t conversation, uint64_t user, uint64_t since)
{
    for (size_t i = 0; i < TABLE_MEMBERS; i++) {
        if (members[i].conversation == 0) {
            members[i] = (struct member_row){conversation, user, since, false, false};
            return &members[i];
        }
    }
    return NULL;
}

void tables_reset(void)
{
    for (size_t i = 0; i < message_count; i++)
        message_unref(messages[i]);
    message_count = 0;
    last_id = last_number = 0;
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

/* Names are compared as they are: to tell look-alikes is the real store's business. */
struct conversation_row *tables_conversation(struct bytes name)
{
    uint64_t number = room_number(name);

    for (size_t i = 0; i < TABLE_CONVERSATIONS; i++) {
        const struct conversation_record *record = &conversations[i].record;
        if (record->id != 0 &&
            (number != 0 ? record->number == number : bytes_is(name, record->name)))
            return &conversations[i];
    }
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

static enum room_standing standing_of(const struct member_row *member)
{
    if (!member)
        return STANDING_NONE;
    if (member->is_invited)
        return STANDING_INVITED;
    return member->is_operator ? STANDING_OPERATOR : STANDING_MEMBER;
}

static bool is_member(const struct member_row *member)
{
    return standing_of(member) >= STANDING_MEMBER;
}

/* -- users ------------------------------------------------------------------------------------ */

const struct dal_account *tables_account(const struct user_row *user, struct account_rows *rows)
{
    size_t memberships = 0, found = 0, cursor_count = 0;

    for (size_t i = 0; i < TABLE_MEMBERS; i++)
        if (members[i].conversation != 0 && members[i].user == user->user.id &&
            is_member(&members[i]))
            rows->memberships[memberships++] =
                (struct membership){conversation_by_id(members[i].conversation)->record,
                                    members[i].since, members[i].is_operator};
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
                         struct dal_member found[TABLE_USERS])
{
    const struct conversation_row *row = room ? tables_conversation(bytes_of(room)) : NULL;
    size_t count = 0;

    while (count < max) {
        const struct user *next = NULL;
        for (size_t i = 0; i < TABLE_USERS; i++) {
            const struct user *user = &users[i].user;
            if (user->id == 0 || strcmp(user->userid, after) <= 0 ||
                (room && (!row || !is_member(find_member(row->record.id, user->id)))))
                continue;
            if (!next || strcmp(user->userid, next->userid) < 0)
                next = user;
        }
        if (!next)
            break;
        const struct member_row *member = row ? find_member(row->record.id, next->id) : NULL;
        found[count++] = (struct dal_member){*next, member && member->is_operator};
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

static void record_of(const struct conversation_row *row, uint64_t by, struct room_record *ret)
{
    *ret = (struct room_record){.conversation = row->record,
                                .access = row->access,
                                .standing = standing_of(find_member(row->record.id, by))};
    memcpy(ret->topic, row->topic, sizeof(ret->topic));
    for (size_t i = 0; i < TABLE_MEMBERS; i++)
        ret->members += members[i].conversation == row->record.id && !members[i].is_invited;
}

size_t tables_list_rooms(uint64_t by, const char *after, unsigned max,
                         struct room_record rooms[TABLE_CONVERSATIONS])
{
    size_t count = 0;

    while (count < max) {
        const struct conversation_row *next = NULL;
        for (size_t i = 0; i < TABLE_CONVERSATIONS; i++) {
            const struct conversation_row *row = &conversations[i];
            const struct conversation_record *record = &row->record;
            bool hidden = by != 0 && row->access == ROOM_CLOSED &&
                          standing_of(find_member(record->id, by)) == STANDING_NONE;
            if (record->id != 0 && record->kind == CONVERSATION_ROOM && !hidden &&
                strcmp(record->name, after) > 0 &&
                (!next || strcmp(record->name, next->record.name) < 0))
                next = row;
        }
        if (!next)
            break;
        record_of(next, by, &rooms[count++]);
        after = next->record.name;
    }
    return count;
}

/* What an order is about. */
struct matter {
    const struct dal_room_order *order;
    struct conversation_row *room;
    struct user_row *other; /* NULL: it names nobody */
    struct dal_room_result *result;
};

static void join(struct matter *matter)
{
    uint64_t room = matter->room->record.id;
    uint64_t user = matter->order->by != 0 ? matter->order->by : matter->other->user.id;
    struct member_row *member = find_member(room, user);

    if (!is_member(member) && !member && matter->order->by != 0 &&
        matter->room->access == ROOM_CLOSED) {
        matter->result->refusal = ROOM_IS_CLOSED;
        return;
    }
    matter->result->changed = !is_member(member);
    if (!member)
        member = add_member(room, user, 0);
    if (!member) {
        matter->result->refusal = ROOM_FULL;
        return;
    }
    if (matter->result->changed) {
        member->is_invited = false;
        member->is_operator = matter->result->made;
        member->since = matter->room->record.end;
    }
    matter->result->since = member->since;
}

static void drop_member(struct matter *matter, struct member_row *member,
                        enum dal_room_refusal refusal)
{
    matter->result->changed = is_member(member);
    if (is_member(member))
        member->conversation = 0;
    else
        matter->result->refusal = refusal;
}

static void invite(struct matter *matter)
{
    uint64_t room = matter->room->record.id, user = matter->other->user.id;

    if (find_member(room, user))
        return;
    struct member_row *member = add_member(room, user, 0);
    matter->result->changed = member;
    if (member)
        member->is_invited = true;
    else
        matter->result->refusal = ROOM_FULL;
}

static void change_role(struct matter *matter)
{
    struct member_row *member = find_member(matter->room->record.id, matter->other->user.id);

    if (!is_member(member)) {
        matter->result->refusal = ROOM_NO_MEMBER;
        return;
    }
    matter->result->changed = member->is_operator != matter->order->is_operator;
    member->is_operator = matter->order->is_operator;
}

static void carry_out(struct matter *matter)
{
    const struct dal_room_order *order = matter->order;
    uint64_t room = matter->room->record.id;

    switch (order->verb) {
    case ROOM_LOOK:
        break;
    case ROOM_JOIN:
        join(matter);
        break;
    case ROOM_PART:
        drop_member(matter, find_member(room, order->by), ROOM_NOT_MEMBER);
        break;
    case ROOM_TOPIC:
        matter->result->changed = !bytes_is(order->topic, matter->room->topic);
        MUST(order->topic.len <= TOPIC_MAX_BYTES);
        memcpy(matter->room->topic, order->topic.data, order->topic.len);
        matter->room->topic[order->topic.len] = '\0';
        break;
    case ROOM_ACCESS:
        matter->result->changed = matter->room->access != order->access;
        matter->room->access = order->access;
        break;
    case ROOM_INVITE:
        invite(matter);
        break;
    case ROOM_REMOVE:
        drop_member(matter, find_member(room, matter->other->user.id), ROOM_NO_MEMBER);
        break;
    case ROOM_ROLE:
        change_role(matter);
        break;
    }
}

static enum dal_room_refusal refusal_of(const struct matter *matter)
{
    static const enum room_standing needed[][2] = {
        [ROOM_LOOK] = {STANDING_NONE, STANDING_INVITED},
        [ROOM_JOIN] = {STANDING_NONE, STANDING_NONE},
        [ROOM_PART] = {STANDING_MEMBER, STANDING_MEMBER},
        [ROOM_TOPIC] = {STANDING_MEMBER, STANDING_OPERATOR},
        [ROOM_ACCESS] = {STANDING_OPERATOR, STANDING_OPERATOR},
        [ROOM_INVITE] = {STANDING_MEMBER, STANDING_OPERATOR},
        [ROOM_REMOVE] = {STANDING_OPERATOR, STANDING_OPERATOR},
        [ROOM_ROLE] = {STANDING_OPERATOR, STANDING_OPERATOR},
    };
    const struct dal_room_order *order = matter->order;
    enum room_standing standing = standing_of(find_member(matter->room->record.id, order->by));

    if (order->by == 0 || standing >= needed[order->verb][matter->room->access])
        return ROOM_FINE;
    if (order->verb == ROOM_LOOK)
        return ROOM_NO_ROOM;
    return standing < STANDING_MEMBER ? ROOM_NOT_MEMBER : ROOM_NOT_ALLOWED;
}

static struct conversation_row *find_or_make(const struct dal_room_order *order, bool *ret_made)
{
    struct conversation_row *row = tables_conversation(order->room);
    char name[NAME_MAX_BYTES + 2];

    if (row || !order->make || room_number(order->room) != 0 || order->room.len >= sizeof(name))
        return row && row->record.kind == CONVERSATION_ROOM ? row : NULL;
    (void)snprintf(name, sizeof(name), "%.*s", BYTES_ARG(order->room));
    *ret_made = true;
    return add_conversation(name, CONVERSATION_ROOM);
}

static enum dal_outcome outcome_of(enum dal_room_refusal refusal)
{
    if (refusal == ROOM_FINE)
        return DAL_OK;
    return refusal == ROOM_NO_ROOM || refusal == ROOM_NO_USER ? DAL_MISSING : DAL_REFUSED;
}

enum dal_outcome tables_order(const struct dal_room_order *order, struct dal_room_result *ret)
{
    struct matter matter = {.order = order, .result = ret};
    bool of_other = order->verb == ROOM_INVITE || order->verb == ROOM_REMOVE ||
                    order->verb == ROOM_ROLE || (order->verb == ROOM_JOIN && order->by == 0);

    matter.other = of_other ? tables_user(order->userid) : NULL;
    if (matter.other)
        ret->user = matter.other->user;
    else if (of_other)
        ret->refusal = ROOM_NO_USER;
    if (ret->refusal == ROOM_FINE)
        matter.room = find_or_make(order, &ret->made);
    if (ret->refusal == ROOM_FINE && !matter.room)
        ret->refusal = ROOM_NO_ROOM;
    if (ret->refusal == ROOM_FINE)
        ret->refusal = refusal_of(&matter);
    if (ret->refusal == ROOM_FINE)
        carry_out(&matter);
    if (matter.room && ret->refusal != ROOM_NO_ROOM)
        record_of(matter.room, order->by, &ret->room);
    return outcome_of(ret->refusal);
}

void memory_store_join(const char *room, const char *userid)
{
    const struct dal_room_order order = {
        .verb = ROOM_JOIN, .room = bytes_of(room), .userid = bytes_of(userid)};
    struct dal_room_result result = {.refusal = ROOM_FINE};

    MUST(tables_order(&order, &result) == DAL_OK && result.changed);
}

enum dal_outcome tables_rename(uint64_t user, const char *name, bool *ret_changed)
{
    struct user_row *row = tables_user_by_id(user);

    if (!row)
        return DAL_MISSING;
    for (size_t i = 0; i < TABLE_USERS; i++) {
        const struct user *other = &users[i].user;
        if (other->id != 0 && other->id != user &&
            (strcmp(other->userid, name) == 0 || strcmp(other->name, name) == 0))
            return DAL_REFUSED;
    }
    *ret_changed = strcmp(row->user.name, name) != 0;
    (void)snprintf(row->user.name, sizeof(row->user.name), "%s", name);
    return DAL_OK;
}

const char *tables_owner(uint64_t inbox)
{
    for (size_t i = 0; i < TABLE_USERS; i++)
        if (users[i].user.id != 0 && users[i].user.inbox == inbox)
            return users[i].user.userid;
    return NULL;
}

size_t tables_places(uint64_t user, uint64_t places[TABLE_MEMBERS])
{
    const struct user_row *row = tables_user_by_id(user);
    size_t count = 0;

    for (size_t i = 0; row && i < TABLE_MEMBERS; i++)
        if (members[i].conversation != 0 && members[i].user == user && is_member(&members[i]) &&
            members[i].conversation != row->user.inbox)
            places[count++] = members[i].conversation;
    return count;
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

/* What is before the place, or by number up to it. */
static bool is_in_range(const struct dal_history *history, const struct message *message)
{
    const struct dal_place *to = &history->to;

    if (history->by_number)
        return message->seq >= history->from && (to->seq == 0 || message->seq <= to->seq);
    if (message->time_ms < history->from)
        return false;
    if (to->time_ms == 0 || message->time_ms != to->time_ms)
        return to->time_ms == 0 || message->time_ms < to->time_ms;
    if (message->conversation != to->conversation)
        return message->conversation < to->conversation;
    return message->seq < to->seq;
}

static bool is_asked_for(const struct dal_history *history, const struct message *message)
{
    bool own = message->sender == history->reader && message->conversation == history->conversation;

    if (!is_in_range(history, message))
        return false;
    if (history->peer != 0)
        return message->context == 0 && (own || (message->sender == history->peer &&
                                                 message->conversation == history->inbox));
    return message->conversation == history->conversation;
}

size_t tables_history(const struct dal_history *history, struct message *found[TABLE_MESSAGES])
{
    size_t count = 0;

    for (size_t i = 0; i < message_count; i++) {
        if (!is_asked_for(history, messages[i]))
            continue;
        if (count == history->max_count)
            memmove(found, found + 1, --count * sizeof(found[0]));
        found[count++] = messages[i];
    }
    return count;
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
