/* See memory-store.h. Rows are kept in arrays with room for what one input can ask; what does not
 * fit any more is answered as by a storage that is away.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "memory-store.h"

#include "fuzz.h"
#include "memory-tables.h"
#include "util/list.h"

#include <errno.h>

struct request {
    struct list link;
    bool in_order; /* a write: not before those that were asked before it */
    void (*run)(struct request *request, enum memory_fault fault);
    union {
        dal_done_fn done;
        dal_account_fn account;
        dal_user_fn user;
        dal_users_fn users;
        dal_members_fn members;
        dal_room_fn room;
        dal_renamed_fn renamed;
        dal_sent_fn sent;
        dal_history_fn history;
        dal_device_fn device;
        dal_conversation_fn conversation;
        dal_rooms_fn rooms;
        dal_stored_fn stored;
        dal_place_fn place;
        dal_messages_fn messages;
        dal_findings_fn findings;
        password_verified_fn verified;
        password_hashed_fn hashed;
    } callback;
    void *userdata;
    enum dal_outcome (*change)(struct request *request); /* of a write without a result */
    char first[256], second[256];                        /* names, or a hash and a password */
    uint64_t id, after;
    size_t bytes;
    unsigned max;
    bool flag;
    struct device_cursor *cursors; /* owned */
    size_t cursor_count;
    struct message *message;
    struct dal_room_order order; /* its texts are in first, second and topic */
    struct dal_history history;
    char topic[TOPIC_MAX_BYTES + 1];
};

static struct list waiting = LIST_INIT(waiting);
static size_t waiting_count;

/* -- the queue -------------------------------------------------------------------------------- */

static void copy_text(char *to, size_t size, struct bytes text)
{
    size_t len = text.len < size ? text.len : size - 1;

    if (len > 0)
        memcpy(to, text.data, len);
    to[len] = '\0';
}

static struct request *ask(void (*run)(struct request *, enum memory_fault), bool in_order,
                           struct bytes first, struct bytes second, void *userdata)
{
    struct request *request = calloc(1, sizeof(*request));

    MUST(request);
    request->run = run;
    request->in_order = in_order;
    request->userdata = userdata;
    copy_text(request->first, sizeof(request->first), first);
    copy_text(request->second, sizeof(request->second), second);
    list_append(&waiting, &request->link);
    waiting_count++;
    return request;
}

static const struct bytes none = {0};

size_t memory_store_waiting(void)
{
    return waiting_count;
}

/* True unless it is a write behind another one. */
static bool may_be_next(const struct request *request)
{
    if (!request->in_order)
        return true;
    for (struct list *link = waiting.next; link != &request->link; link = link->next)
        if (CONTAINER_OF(link, struct request, link)->in_order)
            return false;
    return true;
}

void memory_store_run(unsigned pick, enum memory_fault fault)
{
    unsigned eligible = 0;

    for (struct list *link = waiting.next; link != &waiting; link = link->next)
        eligible += may_be_next(CONTAINER_OF(link, struct request, link));
    if (eligible == 0)
        return;
    pick %= eligible;
    for (struct list *link = waiting.next; link != &waiting; link = link->next) {
        struct request *request = CONTAINER_OF(link, struct request, link);
        if (!may_be_next(request) || pick-- > 0)
            continue;
        list_remove(link);
        waiting_count--;
        request->run(request, fault);
        message_unref(request->message);
        free(request->cursors);
        free(request);
        return;
    }
}

void memory_store_settle(void)
{
    while (waiting_count > 0)
        memory_store_run(0, MEMORY_FAULT_NONE);
}

void memory_store_reset(void)
{
    MUST(waiting_count == 0);
    tables_reset();
}

/* -- users ------------------------------------------------------------------------------------ */

static void answer_account(struct request *request, const struct user_row *user,
                           enum memory_fault fault)
{
    static struct account_rows rows;

    if (fault != MEMORY_FAULT_NONE)
        request->callback.account(request->userdata, DAL_UNAVAILABLE, NULL);
    else if (!user)
        request->callback.account(request->userdata, DAL_MISSING, NULL);
    else
        request->callback.account(request->userdata, DAL_OK, tables_account(user, &rows));
}

static void run_account_find(struct request *request, enum memory_fault fault)
{
    answer_account(request, tables_user(bytes_of(request->first)), fault);
}

int dal_account_find(struct bytes userid, dal_account_fn callback, void *userdata)
{
    ask(run_account_find, false, userid, none, userdata)->callback.account = callback;
    return 0;
}

static void run_account_find_id(struct request *request, enum memory_fault fault)
{
    answer_account(request, tables_user_by_id(request->id), fault);
}

int dal_account_find_id(uint64_t user, dal_account_fn callback, void *userdata)
{
    struct request *request = ask(run_account_find_id, false, none, none, userdata);

    request->callback.account = callback;
    request->id = user;
    return 0;
}

static void run_user_add(struct request *request, enum memory_fault fault)
{
    const char *conflict = NULL;
    struct user_row *user = NULL;
    enum dal_outcome outcome = DAL_UNAVAILABLE;

    if (fault == MEMORY_FAULT_NONE) {
        outcome = tables_add_user(request->first, request->second, &user);
        conflict = outcome == DAL_REFUSED ? "userid" : NULL;
    }
    request->callback.user(request->userdata, outcome, user ? &user->user : NULL, conflict);
}

int dal_user_add(struct bytes userid, struct bytes name, const char *password_hash,
                 dal_user_fn callback, void *userdata)
{
    struct request *request = ask(run_user_add, true, userid, bytes_of(password_hash), userdata);

    request->callback.user = callback;
    return 0;
}

/* A change whose outcome is all there is to tell. */
static void run_change(struct request *request, enum memory_fault fault)
{
    request->callback.done(request->userdata,
                           fault == MEMORY_FAULT_NONE ? request->change(request) : DAL_UNAVAILABLE);
}

static struct request *ask_change(enum dal_outcome (*change)(struct request *), struct bytes first,
                                  struct bytes second, dal_done_fn callback, void *userdata)
{
    struct request *request = ask(run_change, true, first, second, userdata);

    request->change = change;
    request->callback.done = callback;
    return request;
}

static enum dal_outcome change_password(struct request *request)
{
    struct user_row *user = tables_user(bytes_of(request->first));

    if (!user)
        return DAL_MISSING;
    copy_text(user->hash, sizeof(user->hash), bytes_of(request->second));
    user->user.auth_epoch++;
    return DAL_OK;
}

int dal_user_set_password(struct bytes userid, const char *password_hash, dal_done_fn callback,
                          void *userdata)
{
    (void)ask_change(change_password, userid, bytes_of(password_hash), callback, userdata);
    return 0;
}

static enum dal_outcome change_disabled(struct request *request)
{
    return memory_store_disable(request->first, request->flag) ? DAL_OK : DAL_MISSING;
}

int dal_user_set_disabled(struct bytes userid, bool disabled, dal_done_fn callback, void *userdata)
{
    ask_change(change_disabled, userid, none, callback, userdata)->flag = disabled;
    return 0;
}

static enum dal_outcome change_bulk(struct request *request)
{
    struct user_row *user = tables_user(bytes_of(request->first));

    if (!user)
        return DAL_MISSING;
    user->user.bulk = request->flag;
    return DAL_OK;
}

int dal_user_set_bulk(struct bytes userid, bool bulk, dal_done_fn callback, void *userdata)
{
    ask_change(change_bulk, userid, none, callback, userdata)->flag = bulk;
    return 0;
}

static enum dal_outcome change_revoke(struct request *request)
{
    return memory_store_revoke(request->first) ? DAL_OK : DAL_MISSING;
}

int dal_user_revoke(struct bytes userid, dal_done_fn callback, void *userdata)
{
    (void)ask_change(change_revoke, userid, none, callback, userdata);
    return 0;
}

static enum dal_outcome change_delete_user(struct request *request)
{
    return tables_delete_user(bytes_of(request->first)) ? DAL_OK : DAL_MISSING;
}

int dal_user_delete(struct bytes userid, dal_done_fn callback, void *userdata)
{
    (void)ask_change(change_delete_user, userid, none, callback, userdata);
    return 0;
}

static void run_user_list(struct request *request, enum memory_fault fault)
{
    struct dal_member found[TABLE_USERS];
    struct user users[TABLE_USERS];
    size_t count = tables_list_users(NULL, request->second, request->max, found);

    for (size_t i = 0; i < count; i++)
        users[i] = found[i].user;
    if (fault != MEMORY_FAULT_NONE)
        request->callback.users(request->userdata, DAL_UNAVAILABLE, NULL, 0);
    else
        request->callback.users(request->userdata, DAL_OK, users, count);
}

int dal_user_list(struct bytes after, unsigned max, dal_users_fn callback, void *userdata)
{
    struct request *request = ask(run_user_list, false, none, after, userdata);

    request->callback.users = callback;
    request->max = max;
    return 0;
}

static void run_member_list(struct request *request, enum memory_fault fault)
{
    struct dal_member found[TABLE_USERS];
    size_t count = tables_list_users(request->first, request->second, request->max, found);
    bool missing = !tables_conversation(bytes_of(request->first));

    if (fault != MEMORY_FAULT_NONE)
        request->callback.members(request->userdata, DAL_UNAVAILABLE, NULL, 0);
    else
        request->callback.members(request->userdata, missing ? DAL_MISSING : DAL_OK, found, count);
}

int dal_member_list(struct bytes room, struct bytes after, unsigned max, dal_members_fn callback,
                    void *userdata)
{
    struct request *request = ask(run_member_list, false, room, after, userdata);

    request->callback.members = callback;
    request->max = max;
    return 0;
}

static void run_rename(struct request *request, enum memory_fault fault)
{
    struct message *notices[TABLE_MEMBERS];
    uint64_t places[TABLE_MEMBERS];
    size_t count = 0;
    bool changed = false, again = false;
    enum dal_outcome outcome = DAL_UNAVAILABLE;

    if (fault == MEMORY_FAULT_NONE)
        outcome = tables_rename(request->id, request->first, &changed);
    if (changed && request->message) {
        char key[MESSAGE_KEY_MAX + 1];
        size_t wanted = tables_places(request->id, places);
        for (size_t i = 0; i < wanted; i++) {
            struct message notice = *request->message;
            notice.conversation = places[i];
            (void)snprintf(key, sizeof(key), "%.*s:%llx", BYTES_ARG(request->message->key),
                           (unsigned long long)places[i]);
            notice.key = bytes_of(key);
            MUST(message_new(&notice, &notices[count]) == 0);
            if (tables_store_message(notices[count], &again) == DAL_OK)
                count++;
            else
                message_unref(notices[count]);
        }
    }
    const struct user_row *row = tables_user_by_id(request->id);
    request->callback.renamed(request->userdata, outcome, outcome == DAL_OK ? &row->user : NULL,
                              outcome == DAL_REFUSED ? "display name" : NULL, notices, count);
    for (size_t i = 0; i < count; i++)
        message_unref(notices[i]);
}

int dal_user_rename(uint64_t user, struct bytes name, struct message *notice,
                    dal_renamed_fn callback, void *userdata)
{
    struct request *request = ask(run_rename, true, name, none, userdata);

    request->callback.renamed = callback;
    request->id = user;
    request->message = notice ? message_ref(notice) : NULL;
    return 0;
}

/* -- devices ---------------------------------------------------------------------------------- */

static void run_device_add(struct request *request, enum memory_fault fault)
{
    uint64_t device = 0;
    enum dal_outcome outcome = DAL_UNAVAILABLE;

    if (fault == MEMORY_FAULT_NONE)
        outcome = tables_add_device(request->id, request->first, &device);
    for (size_t i = 0; outcome == DAL_OK && i < request->cursor_count; i++) {
        request->cursors[i].device = device;
        tables_store_cursor(&request->cursors[i]);
    }
    request->callback.device(request->userdata, outcome, device);
}

static void keep_cursors(struct request *request, const struct device_cursor *cursors, size_t count)
{
    request->cursors = calloc(count, sizeof(*cursors));
    MUST(request->cursors || count == 0);
    if (count > 0)
        memcpy(request->cursors, cursors, count * sizeof(*cursors));
    request->cursor_count = count;
}

int dal_device_add(uint64_t user, struct bytes name, const struct device_cursor *cursors,
                   size_t cursor_count, dal_device_fn callback, void *userdata)
{
    struct request *request = ask(run_device_add, true, name, none, userdata);

    request->callback.device = callback;
    request->id = user;
    keep_cursors(request, cursors, cursor_count);
    return 0;
}

static enum dal_outcome change_device_name(struct request *request)
{
    return tables_rename_device(request->id, request->first);
}

int dal_device_rename(uint64_t device, struct bytes name, dal_done_fn callback, void *userdata)
{
    ask_change(change_device_name, name, none, callback, userdata)->id = device;
    return 0;
}

static enum dal_outcome change_delete_device(struct request *request)
{
    return tables_delete_device(request->after, request->id) ? DAL_OK : DAL_MISSING;
}

int dal_device_delete(uint64_t user, uint64_t device, dal_done_fn callback, void *userdata)
{
    struct request *request = ask_change(change_delete_device, none, none, callback, userdata);

    request->after = user;
    request->id = device;
    return 0;
}

static enum dal_outcome change_nothing(struct request *request)
{
    return DAL_OK;
}

int dal_devices_seen(const uint64_t *devices, size_t count, uint64_t seen_ms, dal_done_fn callback,
                     void *userdata)
{
    MUST(count == 0 || devices);
    (void)ask_change(change_nothing, none, none, callback, userdata);
    return 0;
}

static enum dal_outcome change_cursors(struct request *request)
{
    for (size_t i = 0; i < request->cursor_count; i++)
        tables_store_cursor(&request->cursors[i]);
    return DAL_OK;
}

int dal_cursors_store(const struct device_cursor *cursors, size_t count, dal_done_fn callback,
                      void *userdata)
{
    keep_cursors(ask_change(change_cursors, none, none, callback, userdata), cursors, count);
    return 0;
}

/* -- rooms ------------------------------------------------------------------------------------ */

static void answer_conversation(struct request *request, enum dal_outcome outcome)
{
    const struct conversation_row *row = tables_conversation(bytes_of(request->first));

    request->callback.conversation(request->userdata, outcome,
                                   outcome == DAL_OK ? &row->record : NULL);
}

static void run_conversation_find(struct request *request, enum memory_fault fault)
{
    bool found = tables_conversation(bytes_of(request->first));

    answer_conversation(request, fault != MEMORY_FAULT_NONE ? DAL_UNAVAILABLE
                                 : found                    ? DAL_OK
                                                            : DAL_MISSING);
}

int dal_conversation_find(struct bytes name, dal_conversation_fn callback, void *userdata)
{
    ask(run_conversation_find, false, name, none, userdata)->callback.conversation = callback;
    return 0;
}

static void run_room_add(struct request *request, enum memory_fault fault)
{
    answer_conversation(request, fault != MEMORY_FAULT_NONE ? DAL_UNAVAILABLE
                                                            : tables_add_room(request->first));
}

int dal_room_add(struct bytes name, dal_conversation_fn callback, void *userdata)
{
    ask(run_room_add, true, name, none, userdata)->callback.conversation = callback;
    return 0;
}

static enum dal_outcome change_delete_room(struct request *request)
{
    return tables_delete_room(bytes_of(request->first)) ? DAL_OK : DAL_MISSING;
}

int dal_room_delete(struct bytes name, dal_done_fn callback, void *userdata)
{
    (void)ask_change(change_delete_room, name, none, callback, userdata);
    return 0;
}

static void run_room_list(struct request *request, enum memory_fault fault)
{
    struct room_record rooms[TABLE_CONVERSATIONS];
    size_t count = tables_list_rooms(request->id, request->first, request->max, rooms);

    if (fault != MEMORY_FAULT_NONE)
        request->callback.rooms(request->userdata, DAL_UNAVAILABLE, NULL, 0);
    else
        request->callback.rooms(request->userdata, DAL_OK, rooms, count);
}

int dal_room_list(uint64_t by, struct bytes after, unsigned max, dal_rooms_fn callback,
                  void *userdata)
{
    struct request *request = ask(run_room_list, false, after, none, userdata);

    request->callback.rooms = callback;
    request->id = by;
    request->max = max;
    return 0;
}

/* Stores the notice of an order that has changed something. */
static void tell(struct request *request, struct dal_room_result *result)
{
    struct message notice = *request->message;
    bool again = false;

    notice.conversation = result->room.conversation.id;
    if (request->order.verb == ROOM_INVITE) {
        notice.context = notice.conversation;
        notice.conversation = result->user.inbox;
        notice.room = bytes_of(result->room.conversation.name);
    }
    MUST(message_new(&notice, &result->notice) == 0);
    if (tables_store_message(result->notice, &again) != DAL_OK) {
        message_unref(result->notice);
        result->notice = NULL;
    }
}

static void run_order(struct request *request, enum memory_fault fault)
{
    struct dal_room_result result = {.refusal = ROOM_FINE};
    enum dal_outcome outcome = DAL_UNAVAILABLE;

    if (fault == MEMORY_FAULT_NONE)
        outcome = tables_order(&request->order, &result);
    if (outcome == DAL_OK && result.changed && request->message)
        tell(request, &result);
    request->callback.room(request->userdata, outcome, &result);
    message_unref(result.notice);
}

int dal_room_do(const struct dal_room_order *order, dal_room_fn callback, void *userdata)
{
    struct request *request =
        ask(run_order, order->verb != ROOM_LOOK, order->room, order->userid, userdata);

    request->callback.room = callback;
    copy_text(request->topic, sizeof(request->topic), order->topic);
    request->order = *order;
    request->order.room = bytes_of(request->first);
    request->order.userid = bytes_of(request->second);
    request->order.topic = bytes_of(request->topic);
    request->message = order->notice ? message_ref(order->notice) : NULL;
    return 0;
}

/* -- messages --------------------------------------------------------------------------------- */

static void run_message_store(struct request *request, enum memory_fault fault)
{
    bool again = false;
    enum dal_outcome outcome = DAL_UNAVAILABLE;

    if (fault != MEMORY_FAULT_AWAY)
        outcome = tables_store_message(request->message, &again);
    if (fault == MEMORY_FAULT_UNCERTAIN && outcome == DAL_OK)
        outcome = DAL_UNCERTAIN;
    request->callback.stored(request->userdata, outcome, request->message, again);
}

int dal_message_store(struct message *message, dal_stored_fn callback, void *userdata)
{
    struct request *request = ask(run_message_store, true, none, none, userdata);

    request->callback.stored = callback;
    request->message = message_ref(message);
    return 0;
}

static void run_message_find(struct request *request, enum memory_fault fault)
{
    const struct message *message = tables_message(request->id, bytes_of(request->first));

    if (fault != MEMORY_FAULT_NONE)
        request->callback.place(request->userdata, DAL_UNAVAILABLE, 0, 0, 0);
    else if (message)
        request->callback.place(request->userdata, DAL_OK, message->conversation, message->seq,
                                message->time_ms);
    else
        request->callback.place(request->userdata, DAL_MISSING, 0, 0, 0);
}

int dal_message_find(uint64_t sender, struct bytes key, dal_place_fn callback, void *userdata)
{
    struct request *request = ask(run_message_find, false, key, none, userdata);

    request->callback.place = callback;
    request->id = sender;
    return 0;
}

static void run_messages_read(struct request *request, enum memory_fault fault)
{
    struct message *messages[TABLE_MESSAGES];
    size_t count = 0;
    enum dal_outcome outcome = DAL_UNAVAILABLE;

    if (fault == MEMORY_FAULT_NONE)
        outcome = tables_read_messages(request->id, request->after, request->max, request->bytes,
                                       messages, &count);
    request->callback.messages(request->userdata, outcome, messages, count);
}

int dal_messages_read(uint64_t conversation, uint64_t after, unsigned max_count, size_t max_bytes,
                      dal_messages_fn callback, void *userdata)
{
    struct request *request = ask(run_messages_read, false, none, none, userdata);

    request->callback.messages = callback;
    request->id = conversation;
    request->after = after;
    request->max = max_count;
    request->bytes = max_bytes;
    return 0;
}

static void run_message_sent(struct request *request, enum memory_fault fault)
{
    struct message *messages[TABLE_MESSAGES];
    size_t count = 0;
    enum dal_outcome outcome = DAL_UNAVAILABLE;
    const char *receiver = NULL;

    if (fault == MEMORY_FAULT_NONE)
        outcome = tables_read_messages(request->id, request->after - 1, 1, 1, messages, &count);
    if (outcome == DAL_OK && (count == 0 || messages[0]->sender != request->max ||
                              !(receiver = tables_owner(request->id))))
        outcome = DAL_MISSING;
    request->callback.sent(request->userdata, outcome, outcome == DAL_OK ? receiver : NULL, 0);
}

int dal_message_sent(uint64_t sender, uint64_t conversation, uint64_t seq, dal_sent_fn callback,
                     void *userdata)
{
    struct request *request = ask(run_message_sent, false, none, none, userdata);

    request->callback.sent = callback;
    request->id = conversation;
    request->after = seq;
    request->max = (unsigned)sender;
    return 0;
}

static void run_history(struct request *request, enum memory_fault fault)
{
    struct message *found[TABLE_MESSAGES];
    size_t count = 0;

    if (fault == MEMORY_FAULT_NONE)
        count = tables_history(&request->history, found);
    struct dal_place next = {0, 0, 0};
    if (count > 0 && request->history.by_number)
        next.seq = found[0]->seq - 1;
    else if (count > 0)
        next = (struct dal_place){found[0]->time_ms, found[0]->conversation, found[0]->seq};
    request->callback.history(request->userdata,
                              fault == MEMORY_FAULT_NONE ? DAL_OK : DAL_UNAVAILABLE, found, count,
                              count == request->history.max_count ? &next : NULL);
}

int dal_history(const struct dal_history *history, dal_history_fn callback, void *userdata)
{
    struct request *request = ask(run_history, false, none, none, userdata);

    MUST(history->max_count > 0 && history->max_count <= TABLE_MESSAGES);
    request->callback.history = callback;
    request->history = *history;
    return 0;
}

/* -- the rest --------------------------------------------------------------------------------- */

static void run_check(struct request *request, enum memory_fault fault)
{
    static const char *const findings[] = {"a finding", "another one"};

    request->callback.findings(request->userdata,
                               fault == MEMORY_FAULT_NONE ? DAL_OK : DAL_UNAVAILABLE, findings,
                               fault == MEMORY_FAULT_NONE ? 2 : 0);
}

int dal_check(dal_findings_fn callback, void *userdata)
{
    ask(run_check, false, none, none, userdata)->callback.findings = callback;
    return 0;
}

void dal_flush(void)
{
}

void dal_status(struct dal_status *ret)
{
    *ret = (struct dal_status){.driver = "memory", .up = true, .queued = (unsigned)waiting_count};
}

const char *dal_outcome_name(enum dal_outcome outcome)
{
    static const char *const names[] = {"ok", "missing", "refused", "unavailable", "uncertain"};

    return names[outcome];
}

/* -- passwords -------------------------------------------------------------------------------- */

struct password_pool {
    struct password_cost cost;
};

struct password_pool *memory_pool(void)
{
    static struct password_pool pool;

    return &pool;
}

static void run_verify(struct request *request, enum memory_fault fault)
{
    request->callback.verified(
        request->userdata,
        fault != MEMORY_FAULT_NONE ? -ENOMEM : strcmp(request->first, request->second) == 0);
}

int password_pool_verify(struct password_pool *pool, const char *hash, struct bytes password,
                         password_verified_fn callback, void *userdata)
{
    char hashed[256] = "hash:";

    copy_text(hashed + 5, sizeof(hashed) - 5, password);
    ask(run_verify, false, bytes_of(hash ? hash : ""), bytes_of(hashed), userdata)
        ->callback.verified = callback;
    return 0;
}

static void run_hash(struct request *request, enum memory_fault fault)
{
    request->callback.hashed(request->userdata, fault == MEMORY_FAULT_NONE ? request->first : NULL);
}

int password_pool_hash(struct password_pool *pool, struct bytes password,
                       password_hashed_fn callback, void *userdata)
{
    char hashed[256] = "hash:";

    copy_text(hashed + 5, sizeof(hashed) - 5, password);
    ask(run_hash, false, bytes_of(hashed), none, userdata)->callback.hashed = callback;
    return 0;
}
