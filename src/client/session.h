/* What the three threads share, in one place: poller, receiver and input.
 *
 * One lock, `lock`, guards every field marked so; the others are constant while threads run. No
 * call to the system that can wait is made under it. Each thread sleeps in poll(2) and watches an
 * eventfd of its own, by which the others wake it.
 *
 * The mailbox. Only the input thread writes to the screen. The receiver leaves a message in the
 * mailbox and goes on; the input thread shows it (client/show.h) and puts it back as settled, from
 * where the receiver takes it to acknowledge it. After session_stop() nothing is shown any more.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "client/receiving.h"
#include "client/settings.h"
#include "proto/v2.h"
#include "util/addr.h"
#include "util/attributes.h"
#include "util/list.h"

#include <pthread.h>
#include <stdbool.h>

#define SESSION_HOSTS_MAX    16        /* addresses of the server that are remembered */
#define SESSION_NOTICES_MAX  32        /* notices that wait; the oldest gives way */
#define SESSION_INCOMING_MAX (1 << 20) /* bytes of messages in the mailbox, about */

enum session_thread {
    SESSION_INPUT,
    SESSION_POLLER,
    SESSION_RECEIVER,
    SESSION_THREADS,
};

enum server_state {
    SERVER_UNKNOWN, /* nothing heard of it yet */
    SERVER_AWAY,
    SERVER_PRESENT,
};

/* How messages reach this client. */
enum reached_by {
    REACHED_BY_NOTHING, /* nothing is known of it yet */
    REACHED_BY_PUSHES,  /* the server connects to us when there is something */
    REACHED_BY_LINK,    /* over a connection that we keep */
};

/* Where the server can connect to. */
enum listening {
    LISTENING_UNSETTLED, /* not tried yet */
    LISTENING_NOWHERE,   /* not wanted, or not possible */
    LISTENING_BOUND,
};

/* A message, whisper or note (client/entry.h) on its way to the screen and back. */
struct incoming {
    struct list link;
    struct v2_frame msg; /* its parts are in `bytes` */
    char bytes[];
};

/* A line of the program's own for the screen. */
struct notice {
    struct list link;
    char text[];
};

struct session {
    const struct settings *settings;
    struct receiving *receiving; /* who we are; borrowed */
    bool chatty;                 /* the user is told how messages reach him when that changes */
    int wake[SESSION_THREADS];   /* eventfds */
    pthread_mutex_t lock;

    bool stopping;                        /* lock */
    enum server_state server_state;       /* lock */
    unsigned recoveries;                  /* lock; how often the server came (back) */
    bool doubted;                         /* lock; somebody wonders whether the server lives */
    struct addr server;                   /* lock; family 0 until it is known; the write port */
    struct addr hosts[SESSION_HOSTS_MAX]; /* lock; all its addresses */
    size_t host_count;                    /* lock */
    enum listening listening;             /* lock */
    struct addr bound;                    /* lock; where the receiver listens, if BOUND */
    char fingerprint[TLS_FINGERPRINT_TEXT_MAX]; /* lock; of the server; "": not seen, or no TLS */
    bool attach;                                /* lock; messages are to come over a link of ours */
    bool pushed;                /* lock; a connection of the server to us is in use */
    enum reached_by reached_by; /* lock */
    bool link_told;             /* lock; the user knows that it is by a link */
    struct list incoming;       /* lock; struct incoming, to be shown */
    struct list settled;        /* lock; struct incoming, to be acknowledged */
    size_t incoming_bytes;      /* lock; of those on both lists */
    struct list notices;        /* lock; struct notice */
    unsigned notice_count;      /* lock */
};

/* `settings` and `receiving` are borrowed and must outlive the session. 0 or -errno. */
MUST_USE int session_init(struct session *session, const struct settings *settings,
                          struct receiving *receiving, bool chatty);
/* No thread uses it any more. Harmless on a zeroed struct. */
void session_deinit(struct session *session);

/* Ends the session and wakes everybody. */
void session_stop(struct session *session);
bool session_stopping(struct session *session);

/* Wakes a thread out of its poll(2); session_woken() is called by that thread to rearm. */
void session_wake(struct session *session, enum session_thread thread);
void session_woken(struct session *session, enum session_thread thread);

/* -- the server ------------------------------------------------------------------------------- */

/* Poller: the server's addresses, the one to use first. */
void session_set_server(struct session *session, const struct addr *hosts, size_t count);
/* False while it is not known. */
bool session_server(struct session *session, struct addr *ret);
/* True if `from` is a host of the server, as far as its name tells. */
bool session_is_server(struct session *session, const struct addr *from);

/* Anyone: the server answered, or could not be reached for `reason` (in words). A change is told
 * to the user once, and wakes poller, receiver and input. */
void session_report(struct session *session, enum server_state state, const char *reason);
/* The state, and in `ret_recoveries` (may be NULL) how often the server came back so far. */
enum server_state session_server_state(struct session *session, unsigned *ret_recoveries);

/* Receiver: the certificate the server has shown. */
void session_set_fingerprint(struct session *session, const char *text);

/* Anyone: something failed, and the poller is to look whether the server lives. */
void session_doubt(struct session *session);
/* Poller: true if somebody doubted since the last call. */
bool session_doubted(struct session *session);

/* -- how messages come ------------------------------------------------------------------------ */

/* Receiver: where it listens now; NULL: nowhere. */
void session_set_bound(struct session *session, const struct addr *bound);
/* `ret` is set for LISTENING_BOUND. */
enum listening session_bound(struct session *session, struct addr *ret);

/* Poller, and the receiver when the server tells it: whether a link has to be attached. */
void session_set_attach(struct session *session, bool attach);
bool session_attach(struct session *session);

/* Receiver: whether a connection of the server is in use. */
void session_set_pushed(struct session *session, bool pushed);
bool session_pushed(struct session *session);

/* Poller: how the server reaches us, as it says. A change is told to the user. */
void session_set_reached_by(struct session *session, enum reached_by by);

/* -- the mailbox ------------------------------------------------------------------------------ */

/* Receiver: hands a message to the screen; it is copied, and dropped once the session stops. 0,
 * -ENOMEM. */
MUST_USE int session_deliver(struct session *session, const struct v2_frame *msg);
/* Receiver: true if no more is to be handed over for now; it is woken when that changes. */
bool session_full(struct session *session);
/* Receiver: moves what has been settled to `ret`, an empty list; it is freed by the caller. */
void session_take_settled(struct session *session, struct list *ret);

/* Input: the oldest message, or NULL; it is taken off the list, and settled or put back. */
struct incoming *session_next_incoming(struct session *session);
/* Input: it was shown, now or before, and may be acknowledged. */
void session_settle(struct session *session, struct incoming *incoming);
/* Input: it is to be the next again. */
void session_put_back(struct session *session, struct incoming *incoming);

/* Anyone: leaves a line for the user. */
void session_notice(struct session *session, const char *format, ...) PRINTF_LIKE(2, 3);
/* Input: the oldest notice, or NULL; freed by the caller. */
struct notice *session_next_notice(struct session *session);

/* The same in a word or two (static): "push", "attached", "no server" … */
const char *session_reach(struct session *session);

/* How this client stands, in lines for the user; freed by the caller. NULL without memory. */
MUST_USE char *session_describe(struct session *session);
