/* What the files of the logic unit share: its objects and who may do what to them.
 *
 *   account       a user in memory: his password's fingerprint, his memberships, his devices
 *   conversation  a log in memory: the number of its last message and its recent tail
 *   subscription  that an account is a member of a conversation
 *   device        where an account receives; a cursor per subscription and a state
 *
 * An account is loaded by the first who needs it and leaves the memory when nobody has used it for
 * a while. It never leaves while it is pinned (a request, a result of storage or a push may still
 * come back to it). A conversation lives while an account is a member or a write is under way.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "bll/backlog.h"
#include "bll/bll.h"
#include "bll/session.h"
#include "dal/dal.h"
#include "proto/error.h"
#include "util/hash.h"
#include "util/list.h"
#include "util/peercount.h"

enum account_state {
    ACCOUNT_LOADING, /* storage has been asked; requests wait */
    ACCOUNT_READY,
    ACCOUNT_MISSING, /* no such user; lives until the requests that wait are denied */
};

/* Requests that wait for the same, in order. */
struct request_queue {
    struct list requests; /* struct request.by_queue */
    unsigned count;
};

struct account;

/* Who has something to do that waits for an account to be loaded. */
struct waiter {
    struct list by_account; /* in account->waiters */
    /* `account` is READY, or MISSING; or storage could not say: UNAVAILABLE. */
    void (*arrived)(struct waiter *waiter, struct account *account, enum dal_outcome outcome);
};

struct account {
    UT_hash_handle hh;    /* in bll.accounts, by userid */
    UT_hash_handle by_id; /* in bll.accounts_by_id, while `id` is not 0 */
    struct list by_use;
    struct list by_staleness;     /* on bll.stale while it is to be loaded anew */
    struct list by_leaving;       /* on bll.leaving while it gets the last of a room it has left */
    struct request_queue waiting; /* for loading, then for the slow hash */
    struct list waiters;          /* struct waiter: for loading, in order */
    struct list devices;          /* struct device.by_account */
    struct list links;            /* struct bll_link.by_account */
    struct subscription *subscriptions;
    unsigned subscription_count;
    unsigned device_count;
    unsigned pins;
    uint64_t id;
    uint64_t inbox; /* conversation id */
    uint64_t used_us;
    char *name;
    char *password_hash;
    uint8_t fingerprint[PASSWORD_FINGERPRINT_LEN];
    enum account_state state;
    struct verification *verification; /* a slow hash is being computed, or NULL */
    struct passwd *passwd;             /* its user is changing the password, or NULL */
    bool known;                        /* `fingerprint` is that of the right password */
    uint32_t auth_epoch;
    struct bucket sends;
    struct bucket dials;
    struct bucket changes, requests;
    bool disabled;
    bool bulk;  /* the right to send without limits of rate */
    bool stale; /* changed in storage after what is known was read there */
    uint8_t userid_len;
    char userid[];
};

struct subscription {
    struct account *account;
    struct conversation *conversation;
    struct list by_conversation;
    uint64_t since;
    uint64_t until;   /* 0: a member; else he has left, and still gets what there is up to this */
    uint64_t left_us; /* when */
};

struct conversation {
    UT_hash_handle hh; /* in bll.conversations, by id */
    struct list subscriptions;
    struct tail_entry **tail; /* ring of the newest messages, without gap */
    unsigned tail_size, tail_first, tail_count;
    unsigned references;
    uint64_t id;
    uint64_t end;    /* number of the last message, as far as this process knows */
    uint64_t number; /* of a room, the small one; else 0 */
    enum conversation_kind kind;
    char *folded; /* its name, where it is a room */
    char name[];
};

/* The last message of the conversation that is for the account. */
static inline uint64_t subscription_end(const struct subscription *subscription)
{
    return subscription->until ? subscription->until : subscription->conversation->end;
}

/* A message in the tail of its conversation. */
struct tail_entry {
    struct list by_age;
    struct conversation *conversation;
    struct message *message;
    uint64_t kept_us; /* since when */
};

enum device_state {
    DEVICE_MAKING,    /* storage is giving it an id */
    DEVICE_QUIET,     /* absent, or nothing to deliver */
    DEVICE_READY,     /* present, to be pushed or dialled to: on bll.ready */
    DEVICE_READING,   /* version 1: a page of its backlog is being read */
    DEVICE_PUSHING,   /* version 1: a push is under way */
    DEVICE_DIALLING,  /* version 2: a connection is being made, or has to be proven */
    DEVICE_STREAMING, /* version 2: its messages flow over a connection */
    DEVICE_RESTING,   /* the last try failed: waits for a later poll */
    DEVICE_STATES
};

struct cursor {
    uint64_t acked;  /* last message acknowledged */
    uint64_t sent;   /* last message written to its stream; never less than `acked` */
    uint64_t stored; /* what storage has */
};

/* How far a connection to a version 2 device has come. */
enum stream_stage {
    STREAM_DIALLING, /* the outlet was asked to make it */
    STREAM_PROVING,  /* it is open, and has to be proven */
    STREAM_ATTACHED, /* messages flow: the device's own */
    STREAM_PUSHED,   /* messages flow: one that we made */
    STREAM_STAGES
};

/* Of a version 1 device, which is its endpoint. */
struct device_v1 {
    struct message *current;    /* being pushed */
    size_t offset, next_offset; /* of the part being pushed and the one after it */
    bool swapped;               /* the port's bytes are swapped */
    bool order_known;           /* a push got through, so `swapped` is right */
    bool other_tried;           /* both orders have been tried for this push */
    bool refused;               /* nobody listened there at the last try */
    bool unnamed;               /* storage knows it by the endpoint before this one */
};

/* Of a version 2 device, which has a name. */
struct device_v2 {
    struct stream *stream; /* while STREAMING */
    struct stream *dial;   /* being made or to be proven; beside an attached stream too */
    uint64_t poll_ms;      /* the time of its last poll, which must move on */
    uint8_t nonce[SESSION_NONCE_LEN]; /* of the session it polled with */
};

/* Whether a version 2 device's listener can be reached. */
enum device_reach {
    REACH_UNKNOWN, /* the endpoint is new: to be tried */
    REACH_PROVEN,  /* it proved itself when it was last connected to */
    REACH_FAILED,  /* it did not, or may not be connected to */
};

struct device {
    struct account *account;
    struct list by_account;
    struct list by_poll;    /* on bll.present while it is present */
    struct list by_state;   /* on bll.ready while READY */
    struct list by_dirt;    /* on bll.dirty or bll.saving while a cursor is not stored */
    struct cursor *cursors; /* parallel to account->subscriptions */
    struct backlog backlog; /* what has been read from storage */
    uint64_t id;            /* 0 while MAKING */
    uint64_t polled_us;     /* or was last seen otherwise */
    uint64_t present_us;    /* since when it is present */
    uint64_t rest_until_us;
    struct addr endpoint; /* its address and the port as the poll told it */
    union {
        struct device_v1 v1;
        struct device_v2 v2;
    };
    unsigned paged; /* the subscription that was read for last */
    enum device_state state;
    enum device_reach reach; /* version 2 */
    uint8_t failures;        /* in a row; bounded */
    bool secure;             /* version 2: its session was made over TLS */
    bool reading;            /* version 2: a page of its backlog is being read */
    bool gone;               /* freed when what is under way has come back */
    char name[];             /* version 2: as its hello told it; version 1: empty */
};

static inline bool device_is_v2(const struct device *device)
{
    return device->name[0] != '\0';
}

/* It polled lately, or messages flow to it. */
static inline bool device_present(const struct device *device)
{
    return list_linked(&device->by_poll) || (device_is_v2(device) && device->v2.stream);
}

/* A password being checked against the account's hash; it may have another one by the end. */
struct verification {
    struct bll *bll;
    struct account *account; /* pinned */
    uint8_t fingerprint[PASSWORD_FINGERPRINT_LEN];
    bool outdated; /* the account's password was changed meanwhile */
};

/* A connection: see bll.h. */
struct bll_link {
    struct bll *bll;
    struct list by_account; /* on account->links once signed on */
    void *connection;       /* as the outlet knows it */
    struct addr from;
    struct account *account; /* who signed on, pinned; or NULL */
    struct device *device;   /* with which device, or NULL */
    struct stream *stream;   /* if messages flow over it, or it has to be proven first */
    struct session session;  /* once signed on */
    uint64_t joined_us;      /* since when */
    unsigned owed;           /* what may still come back to it */
    struct list awaits;      /* struct await */
    unsigned await_count;
    unsigned asks;           /* that are under way */
    struct list waiting;     /* frames that came since, struct waiting_frame */
    struct list by_wakening; /* on bll.awake once they may go on */
    unsigned waiting_count;
    size_t waiting_bytes;
    bool writer;  /* it speaks version 1 */
    bool signing; /* a hello or a resume is under way */
    bool secure;
    bool closed; /* freed once nothing is owed */
};

enum request_kind {
    REQUEST_POLL,   /* version 1 */
    REQUEST_WRITE,  /* version 1 */
    REQUEST_HELLO,  /* version 2, as the rest */
    REQUEST_RESUME, /* waits for the account alone */
    REQUEST_PASSWD,
    REQUEST_KINDS
};

/* Something that waits for an account's sign-on. */
struct request {
    struct list by_queue;
    struct request_queue *queue;
    enum request_kind kind;
    struct addr from;
    uint16_t port;          /* of a poll */
    void *reply;            /* of all others */
    struct bll_link *link;  /* version 2: held */
    struct session session; /* of a resume */
    struct bytes userid;    /* of the caller's request alone; the account has it */
    struct bytes password;  /* what follows is in `data` */
    struct bytes recipient, text;
    struct bytes device;
    struct bytes new_password;
    size_t data_len;
    char data[];
};

/* A message as a frame, kept for the next one who gets it. */
struct built_frame {
    uint64_t conversation, seq;
    struct bytes bytes; /* in `data` */
    char *data;
    size_t size;
};

struct bll {
    struct bll_config config;
    struct network *networks; /* those of `config`, owned */
    struct bll_outlet outlet;
    struct password_pool *pool;
    struct metrics *metrics;
    struct account *accounts;
    struct account *accounts_by_id;
    struct seek *seeks;         /* accounts that are being loaded by their id */
    struct list sought_in_vain; /* those of them that found nobody, oldest first */
    uint64_t changes;           /* that storage was told of, of all accounts together */
    struct conversation *conversations;
    struct awaited *awaited;       /* inboxes of which acknowledgements are awaited */
    struct list by_use;            /* accounts, longest unused first */
    struct list awake;             /* links whose frames may go on */
    struct list stale;             /* accounts that could not be loaded anew yet */
    struct list leaving;           /* accounts with subscriptions that come to their end */
    struct list present;           /* devices, longest since their poll first */
    struct list ready;             /* devices */
    struct list makings;           /* devices on their way into storage */
    struct list flowing;           /* streams that may be able to send more */
    struct list stalled;           /* streams held up by something else than their receiver */
    struct list awaiting;          /* streams whose peer owes something, longest first */
    struct list idling;            /* push connections without traffic, longest first */
    struct built_frame built;      /* the message that was sent for last */
    struct list dirty;             /* devices with cursors to store */
    struct list saving;            /* devices whose cursors are being stored */
    struct device_cursor *storing; /* those cursors, while storage is busy with them; else NULL */
    size_t storing_count;
    struct list aged;          /* tail entries, oldest first */
    struct peercount *signons; /* requests of each address that wait */
    struct peercount *polls;   /* those of them that are polls */
    struct rate_table *signon_rates, *failure_rates, *send_rates; /* by address */
    size_t tail_bytes;
    uint64_t device_states[DEVICE_STATES];
    uint64_t stream_stages[STREAM_STAGES];
    uint64_t present_count;
    uint64_t started_us, started_ms;
    uint64_t stalled_us;             /* when those held up were last looked at */
    uint64_t saved_us;               /* when cursors were last given to storage */
    uint64_t key_epoch, key_counter; /* make the keys of version 1 messages */
    uint8_t fingerprint_key[PASSWORD_FINGERPRINT_LEN];
    bool quiesced;
};

/* -- bll.c ------------------------------------------------------------------------------------ */

uint64_t bll_now(const struct bll *bll);
/* Answers a frame, or ends it with an error whose words are `reason` (NULL: the code's own). */
void bll_answer_ack(struct bll *bll, void *reply);
void bll_answer_error(struct bll *bll, void *reply, enum proto_error error, const char *reason);
/* Counts a write that is refused so. */
void bll_count_refusal(struct bll *bll, enum proto_error error);
/* As bll_answer_error(), uncounted, and the connection is closed. */
void bll_refuse_v1(struct bll *bll, void *reply, enum proto_error error);
/* What is answered when storage did not do what it was asked for, or did not take it (-EAGAIN,
 * -ENOMEM). */
enum proto_error bll_outcome_error(enum dal_outcome outcome);
enum proto_error bll_submit_error(int error);
/* True if version 1 is served to `from`; if version 2 is without TLS. */
bool bll_serves(const struct bll *bll, const struct addr *from);
bool bll_serves_plain(const struct bll *bll, const struct addr *from);

/* Says how long to wait, in milliseconds; returns `reason`. */
#define LIMITED_REASON_MAX 80
const char *bll_limited_reason(uint64_t wait_us, char reason[LIMITED_REASON_MAX]);

/* -- dispatch.c ------------------------------------------------------------------------------- */

/* A frame of version 1, or of none. */
void v1_frame(struct bll *bll, const struct addr *from, struct bytes frame, void *reply);

/* -- account.c -------------------------------------------------------------------------------- */

/* The account in memory, or NULL; counts as use. */
struct account *account_find(struct bll *bll, struct bytes userid);
/* The account, being loaded if it is not in memory. 0, -EAGAIN, -ENOMEM. */
MUST_USE int account_get(struct bll *bll, struct bytes userid, struct account **ret);
struct bytes account_userid(const struct account *account);
/* The place of a conversation among the memberships, or -1. */
int account_subscription(const struct account *account, uint64_t conversation);
/* The same if it is a member now. */
int account_membership(const struct account *account, uint64_t conversation);
/* The same of a room that is called so, "#name" or "#number", regardless of case and the like. Its
 * place, -ENOENT, -ENOMEM. */
MUST_USE int account_room(const struct account *account, struct bytes room);
/* The account in memory with that user's id, or NULL. Is no use. */
struct account *account_by_id(struct bll *bll, uint64_t user);
void account_pin(struct account *account);
void account_unpin(struct bll *bll, struct account *account);
/* Frees it if it is MISSING and nothing waits any more. */
void account_settle(struct bll *bll, struct account *account);
/* Frees accounts nobody has used for long; a bounded number a call. */
void accounts_forget(struct bll *bll, uint64_t now);
void accounts_free(struct bll *bll);
/* For the files that load: an account of which nothing but the userid is known, LOADING; NULL
 * without memory. */
struct account *account_new(struct bll *bll, struct bytes userid);
/* Makes it known by its user's id: 0 or -ENOMEM; or by none. */
MUST_USE int account_identify(struct bll *bll, struct account *account, uint64_t id);
void account_drop_id(struct bll *bll, struct account *account);
void account_use(struct bll *bll, struct account *account);
void subscriptions_free(struct bll *bll, struct subscription *subscriptions, unsigned count);

/* -- loading.c -------------------------------------------------------------------------------- */

/* Asks storage: from now on it is LOADING. 0, -EAGAIN, -ENOMEM. */
MUST_USE int account_load(struct bll *bll, struct account *account);
/* What storage had to say of it; whatever waited for that goes on. */
void account_arrive(struct bll *bll, struct account *account, enum dal_outcome outcome,
                    const struct dal_account *stored);
/* Something about it was changed in storage. */
void account_outdate(struct bll *bll, struct account *account);
/* `arrived` is called when the account, which is LOADING, has been loaded. */
void account_wait(struct account *account, struct waiter *waiter,
                  void (*arrived)(struct waiter *waiter, struct account *account,
                                  enum dal_outcome outcome));
/* Whoever waits for it goes on. */
void account_tell_waiters(struct account *account, enum dal_outcome outcome);
/* Tries again to load what could not be loaded anew; a bounded number a call. */
void accounts_refresh(struct bll *bll);

/* -- membership.c ------------------------------------------------------------------------------ */

/* The account has become a member in storage. */
void membership_begin(struct bll *bll, struct account *account,
                      const struct membership *membership);
/* Ends the membership that a notice tells the end of. Devices that are present still get it. */
void membership_noted(struct bll *bll, const struct message *notice);
/* Forgets those of which nothing is left to get, or not in time. */
void memberships_settle(struct bll *bll, uint64_t now);
/* The account's subscriptions are others now: its streams are told. */
void memberships_changed(struct bll *bll, struct account *account);

/* -- seek.c ----------------------------------------------------------------------------------- */

/* The account of that user if it is in memory: 0, and it is READY; counts as use. -EINPROGRESS: it
 * is being loaded from now on, or was already; -ENOENT: there was none when it was last looked for,
 * which is remembered for a while; -EAGAIN, -ENOMEM. */
MUST_USE int account_get_id(struct bll *bll, uint64_t user, struct account **ret);
/* Where requests wait for what is -EINPROGRESS. */
struct request_queue *account_queue(struct bll *bll, uint64_t user);
void seeks_expire(struct bll *bll, uint64_t now);
void seeks_free(struct bll *bll);

/* -- signon.c --------------------------------------------------------------------------------- */

/* True if `password` is known to be the right one of a user who may sign on. */
bool signon_known(const struct bll *bll, const struct account *account, struct bytes password);
/* Takes a request in, to be granted, denied or dropped later: it waits for what is slow. Returns 0,
 * or why it cannot be taken: -EAGAIN (a limit), -ENOMEM. */
MUST_USE int signon_wait(struct bll *bll, const struct request *request);
/* The same for a resume, whose account is being loaded by its id. */
MUST_USE int signon_wait_id(struct bll *bll, const struct request *request);
/* The account has been loaded or a password verified: deals with the requests that wait. */
void signon_advance(struct bll *bll, struct account *account);
/* The account's password is another one: what is known of it, or being found out, holds no more. */
void signon_outdate(struct account *account);
/* Ends every request that waits there: who can be answered is answered `error`. */
void signon_abandon(struct bll *bll, struct request_queue *queue, enum proto_error error);
/* Those that wait in `from` wait in `to` from now on, behind the others. */
void signon_move(struct request_queue *to, struct request_queue *from);

/* -- conversation.c --------------------------------------------------------------------------- */

/* The conversation with one reference more; made if need be. NULL: no memory. */
struct conversation *conversation_get(struct bll *bll, const struct conversation_record *record);
/* NULL: it is not in memory. Borrowed. */
struct conversation *conversation_find(struct bll *bll, uint64_t id);
struct conversation *conversation_ref(struct conversation *conversation);
void conversation_unref(struct bll *bll, struct conversation *conversation);
/* `message` has been committed: it joins the tail, and who is present is delivered to. */
void conversation_committed(struct bll *bll, struct conversation *conversation,
                            struct message *message);
/* It has messages up to `seq` in storage: who is present and behind is delivered to. */
void conversation_reaches(struct bll *bll, struct conversation *conversation, uint64_t seq);
/* Message number `seq` if it is in the tail, else NULL. Borrowed. */
struct message *conversation_recent(const struct conversation *conversation, uint64_t seq);
/* Lets the oldest go until no more than `limit` bytes are kept. */
void tail_shrink(struct bll *bll, size_t limit);
/* Lets go what has been kept for longer than a device counts as present. */
void tail_expire(struct bll *bll, uint64_t now);

/* -- device.c --------------------------------------------------------------------------------- */

/* The account's devices become those that storage has; what they have acknowledged stays. 0 or
 * -ENOMEM. */
MUST_USE int devices_update(struct bll *bll, struct account *account,
                            const struct dal_account *stored);
/* NULL: it has none of that id (any more). */
struct device *device_by_id(const struct account *account, uint64_t id);

/* `device` is NULL if there is none; then `error` says why. */
typedef void (*device_found_fn)(void *userdata, struct device *device, enum proto_error error);

/* The account's version 2 device of that name. Where there is none it is made, in the place of the
 * one that has been absent for longest if there are bll_config.devices_max of them: the first of an
 * account begins where its memberships do, a further one where the furthest is. May call back
 * before it returns. The account is pinned meanwhile. */
void device_find(struct bll *bll, struct account *account, struct bytes name,
                 device_found_fn callback, void *userdata);
/* It is no more: its sessions end. Freed now, or when what is under way has come back. */
void device_retire(struct bll *bll, struct device *device);
/* Something that was under way has come back. True: the device was gone and is freed now. */
bool device_settle(struct bll *bll, struct device *device);
/* One more version 1 device of the account, which storage gives an id. NULL: not now. It begins no
 * earlier than `beside`; without it, where its memberships began. */
struct device *device_make(struct bll *bll, struct account *account, const struct addr *endpoint,
                           const struct device *beside);
/* The same for a device that has cursors already. */
void device_begin_beside(struct bll *bll, struct device *device, const struct device *beside);
/* The furthest of the devices for which `wanted` holds, or NULL. */
struct device *device_furthest(const struct account *account,
                               bool (*wanted)(const struct device *));
/* What storage knows the version 1 device of that endpoint by; returns the length. */
size_t device_endpoint_name(const struct addr *endpoint, char name[DEVICE_NAME_MAX + 1]);
/* Frees it; it must not be pushing, reading or being made. */
void device_free(struct bll *bll, struct device *device);

/* -- presence.c ------------------------------------------------------------------------------- */

/* A poll of a user who has signed on. */
void presence_poll(struct bll *bll, struct account *account, const struct addr *from,
                   uint16_t port);
/* A signed poll that was accepted, which tells `endpoint` to be where the device listens. */
void presence_signed_poll(struct bll *bll, struct device *device, const struct addr *endpoint,
                          const struct session *session);
/* It is about to be present for another reason than before, if any. */
void presence_begin(const struct bll *bll, struct device *device);
/* Counts as present no more. */
void presence_leave(struct bll *bll, struct device *device);
/* The device a message from `from` was sent with: the account's only one at that address, or NULL
 * where that cannot be told. */
const struct device *presence_origin(const struct account *account, const struct addr *from);
/* None of its devices is present any more, until it polls again. */
void presence_end(struct bll *bll, struct account *account);
void presence_sweep(struct bll *bll, uint64_t now);

/* -- delivery.c ------------------------------------------------------------------------------- */

/* The one way a device changes its state. */
void device_move(struct bll *bll, struct device *device, enum device_state state);
/* If it is quiet, present, and something waits for it, it becomes ready. */
void delivery_consider(struct bll *bll, struct device *device);
/* Starts what can be started. */
void delivery_run(struct bll *bll);
/* An absent device that is at rest keeps nothing but a message of which a part has arrived. */
void delivery_settle(struct device *device);
/* Forgets the page and the message being pushed. */
void delivery_reset(struct device *device);
/* A try has failed: nothing more before a poll that comes late enough. */
void delivery_rest(struct bll *bll, struct device *device);
/* `message` has arrived. */
void delivery_acknowledge(struct bll *bll, struct device *device, struct message *message);
/* True if there is a message that was not sent to it yet. */
bool delivery_waits(const struct device *device);
/* The message that the device is sent next, or NULL; borrowed. If one that comes before has to be
 * read first, `*ret_missing` is its subscription, else -1. */
struct message *delivery_next(struct device *device, int *ret_missing);
/* Reads a page of its subscription number `index`, from where it is. 0, or -errno. */
MUST_USE int delivery_read(struct bll *bll, struct device *device, unsigned index);
/* True for what the device does not get: what it has said to many itself (but what somebody writes
 * to himself he wants to get), and what its version cannot tell. */
bool delivery_passes_over(const struct device *device, const struct message *message);

enum delivery_start {
    DELIVERY_STARTED,
    DELIVERY_PASSED_OVER, /* its host has its share */
    DELIVERY_NO_MORE,     /* nobody can be connected to now */
};

/* -- push1.c ---------------------------------------------------------------------------------- */

/* Starts the push of what is the ready device's current message. */
enum delivery_start push1_start(struct bll *bll, struct device *device);

/* -- entry.c ----------------------------------------------------------------------------------- */

/* A message of the conversation of that name as the frame it is delivered in. Borrowed. */
struct v2_frame entry_frame(const struct message *message, struct bytes conversation);

/* -- cursors.c -------------------------------------------------------------------------------- */

/* The device has acknowledged `seq` of its subscription number `index`. */
void cursor_advance(struct bll *bll, struct device *device, unsigned index, uint64_t seq);
/* Gives storage what has changed, unless it is still busy with the last. */
void cursors_save(struct bll *bll);

/* -- write.c ---------------------------------------------------------------------------------- */

struct write;

/* A version 1 message of a user who has signed on: finds whom it is for and stores it; `reply` is
 * answered later. */
void write_message(struct bll *bll, struct account *sender, const struct addr *from, void *reply,
                   struct bytes recipient, struct bytes text);
/* The same for version 2. Signed on. */
void send_frame(struct bll_link *link, const struct v2_frame *frame, void *reply);
/* What the link's user, whose display name is `name`, has done, for those whom it concerns; storage
 * says where it goes. 0 or -ENOMEM. */
MUST_USE int notice_new(struct bll_link *link, enum message_kind kind, struct bytes name,
                        struct bytes text, struct message **ret);
/* Takes what a message costs its sender and his address: 0, or the microseconds until it could be
 * taken. */
MUST_USE uint64_t send_pay(struct bll *bll, struct account *sender, const struct addr *from);

/* -- link.c: connections ---------------------------------------------------------------------- */

/* What an error is about that is about no frame in particular. */
#define LINK_NO_KEY "-"

/* While it is held the link is not freed, though it may close. */
void link_hold(struct bll_link *link);
void link_release(struct bll_link *link);
/* True if its frames that are of no version are refused as version 2 does. */
bool link_speaks_v2(const struct bll_link *link);
/* Answers a version 2 frame. */
void link_answer(struct bll_link *link, void *reply, const struct v2_frame *frame);
/* Writes a frame that nobody asked for, behind the answers that are owed. */
void link_tell(struct bll_link *link, const struct v2_frame *frame);
/* Refuses it: err:<code>:<key or verb>:<reason>. `reason` NULL: the code's own words. */
void link_refuse(struct bll_link *link, void *reply, enum proto_error error, struct bytes about,
                 const char *reason);
/* The same in the code's own words, and the connection is closed. */
void link_refuse_last(struct bll_link *link, void *reply, enum proto_error error,
                      struct bytes about);
/* err:limited, which says how long to wait. */
void link_refuse_limited(struct bll_link *link, void *reply, struct bytes about, uint64_t wait_us);
/* Signs `device` (NULL: none) of `account` on over the link. */
void link_join(struct bll_link *link, struct account *account, struct device *device,
               const struct session *session);
/* The account's links whose session holds no more (another epoch, disabled, gone) are told so, and
 * closed. */
void links_end(struct bll *bll, struct account *account);
/* The same for all that are signed on with a device that is about to go. */
void links_end_device(struct bll *bll, struct device *device);
/* The same for all there are, and those that are being made: no session holds any more. */
void links_end_all(struct bll *bll);

/* -- verbs.c ---------------------------------------------------------------------------------- */

/* The hello or resume that was under way has been answered: what waited behind it may go on. */
void link_decided(struct bll_link *link);
/* Carries out what waited so. */
void links_go_on(struct bll *bll);
/* Ends what waits so: the connection is over. */
void link_drop_waiting(struct bll_link *link);

/* -- hello.c ---------------------------------------------------------------------------------- */

void hello_frame(struct bll_link *link, const struct v2_frame *frame, void *reply);
void resume_frame(struct bll_link *link, const struct v2_frame *frame, void *reply);
/* The password of a hello was right. */
void hello_grant(struct bll *bll, struct account *account, const struct request *request);
/* The account of a resume is known, READY or MISSING. */
void resume_decide(struct bll *bll, struct account *account, const struct request *request);
/* A hello, resume or passwd is refused. A password that was wrong costs its address a failure. */
void signon_refuse(struct bll *bll, const struct request *request, enum proto_error error);
/* The link's session, as the answer to `reply`. */
void link_welcome(struct bll_link *link, void *reply);

/* -- passwd.c --------------------------------------------------------------------------------- */

void passwd_frame(struct bll_link *link, const struct v2_frame *frame, void *reply);
/* The old password was right. */
void passwd_grant(struct bll *bll, struct account *account, const struct request *request);
/* The account has been loaded, or is gone: if its password is the one that was being set, the link
 * it was asked for on gets a session that holds. */
void passwd_arrive(struct bll *bll, struct account *account);
/* At the end of all. */
void passwd_abandon(struct bll *bll, struct account *account);

/* -- signed-poll.c ---------------------------------------------------------------------------- */

/* A poll2 datagram. Writes its answer to `answer` and returns the length of it; 0: none. */
size_t signed_poll(struct bll *bll, const struct addr *from, struct bytes datagram, char *answer,
                   size_t size);

/* -- dial.c: whether version 2 devices can be reached ------------------------------------------ */

/* Ports below 1024 are never connected to. */
bool dial_allows_port(uint16_t port);
/* The session that polled, and the endpoint it told: another than before has to prove itself. */
void dial_aim(struct bll *bll, struct device *device, const struct addr *endpoint,
              const struct session *session);
/* It is not known any more where the device listens. */
void dial_forget(struct bll *bll, struct device *device);
/* True if a connection is to be made: for what waits, or to learn whether it can be. */
bool dial_wanted(const struct bll *bll, const struct device *device);
/* Begins to make it for a device that is READY, or attached. */
enum delivery_start dial_start(struct bll *bll, struct device *device);
/* An attached device has polled: tries to reach it, if it is time to. */
void dial_probe(struct bll *bll, struct device *device);
/* What came over a link that has to be proven first is no proof: closes it without a word. */
void dial_reject(struct bll_link *link, void *reply);
/* What the device's poll is answered. */
enum v2_state dial_state(const struct device *device);

/* -- stream.c: messages to version 2 devices, over an attached or a proven connection ---------- */

void stream_attach(struct bll_link *link, const struct v2_frame *frame, void *reply);
void stream_detach(struct bll_link *link, const struct v2_frame *frame, void *reply);
void stream_proof(struct bll_link *link, const struct v2_frame *frame, void *reply);
void stream_ack(struct bll_link *link, const struct v2_frame *frame, void *reply);
/* Its link is over: what was not acknowledged waits again. Frees it, off the link; takes NULL. */
void stream_end(struct bll *bll, struct stream *stream);
/* The device goes: ends what flows to it, and what is under way to it. */
void stream_drop(struct bll *bll, struct device *device);
/* The account's memberships are others now. */
void stream_resubscribe(struct bll *bll, struct device *device);
/* Ends those whose peer does not answer, and push connections without traffic. */
void streams_sweep(struct bll *bll, uint64_t now);

/* -- flow.c: what is sent over streams --------------------------------------------------------- */

/* There may be more to send. */
void stream_consider(struct stream *stream);
/* A page for its device has been read; or, not `there`, could not be. */
void stream_page_read(struct stream *stream, bool there);
/* The output of its connection has drained. */
void stream_drained(struct stream *stream);
/* True if all there was has been sent and acknowledged. */
bool stream_is_quiet(const struct stream *stream);
/* `message`, just committed to the device's subscription number `index`, goes out at once if it is
 * all that waits. False: messages do not flow to the device, or more waits. */
bool stream_offer(struct bll *bll, struct device *device, unsigned index,
                  const struct message *message);
/* Sends what the windows take. */
void streams_run(struct bll *bll);

/* -- rooms.c, members.c, names.c, history.c, unread.c: what is asked for beside messages --------
 */

/* join, part, look, topic, access, invite, remove */
void room_frame(struct bll_link *link, const struct v2_frame *frame, void *reply);
void rooms_frame(struct bll_link *link, const struct v2_frame *frame, void *reply);
void who_frame(struct bll_link *link, const struct v2_frame *frame, void *reply);
void nick_frame(struct bll_link *link, const struct v2_frame *frame, void *reply);
void history_frame(struct bll_link *link, const struct v2_frame *frame, void *reply);
void unread_frame(struct bll_link *link, const struct v2_frame *frame, void *reply);

/* -- await.c ----------------------------------------------------------------------------------- */

void await_frame(struct bll_link *link, const struct v2_frame *frame, void *reply);
/* A device has acknowledged the conversation up to `seq`. */
void awaits_acknowledged(struct bll *bll, uint64_t conversation, uint64_t seq);
/* The link is over. */
void awaits_drop(struct bll_link *link);
