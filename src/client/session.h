/* What the three threads share, in one place: poller, receiver and input.
 *
 * One lock, `lock`, guards every field marked so; the others are constant while threads run. No
 * call to the system that can wait is made under it. Each thread sleeps in poll(2) and watches an
 * eventfd of its own, by which the others wake it.
 *
 * The mailbox. Only the input thread writes to the screen. The receiver leaves an arrival in the
 * mailbox and waits until the input thread has settled it: shown, or not shown. Only what was
 * shown is acknowledged. After session_stop() nothing is shown any more.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "client/settings.h"
#include "proto/v1.h"
#include "util/addr.h"
#include "util/attributes.h"
#include "util/list.h"

#include <pthread.h>
#include <stdbool.h>

#define SESSION_HOSTS_MAX   16 /* addresses of the server that are remembered */
#define SESSION_NOTICES_MAX 32 /* notices that wait; the oldest gives way */

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

/* A message on its way to the screen; the receiver's, who waits for it to be settled. */
struct arrival {
    struct list link;
    struct v1_push push;
    int fd;       /* its connection */
    bool settled; /* lock */
    bool shown;   /* lock; once settled */
};

/* A line of the program's own for the screen. */
struct notice {
    struct list link;
    char text[];
};

struct session {
    const struct settings *settings;
    const char *password;
    int wake[SESSION_THREADS]; /* eventfds */
    pthread_mutex_t lock;
    pthread_cond_t settled; /* an arrival was settled */

    bool stopping;                        /* lock */
    enum server_state server_state;       /* lock */
    unsigned recoveries;                  /* lock; how often the server came (back) */
    struct addr server;                   /* lock; family 0 until it is known; the write port */
    struct addr hosts[SESSION_HOSTS_MAX]; /* lock; all its addresses */
    size_t host_count;                    /* lock */
    struct addr bound;                    /* lock; where the receiver listens; family 0: nowhere */
    struct list arrivals;                 /* lock; struct arrival */
    struct list notices;                  /* lock; struct notice */
    unsigned notice_count;                /* lock */
};

/* `settings` and `password` are borrowed and must outlive the session. 0 or -errno. */
MUST_USE int session_init(struct session *session, const struct settings *settings,
                          const char *password);
/* No thread uses it any more. Harmless on a zeroed struct. */
void session_deinit(struct session *session);

/* Ends the session: wakes everybody, and settles what waits as not shown. */
void session_stop(struct session *session);
bool session_stopping(struct session *session);

/* Wakes a thread out of its poll(2); session_woken() is called by that thread to rearm. */
void session_wake(struct session *session, enum session_thread thread);
void session_woken(struct session *session, enum session_thread thread);

/* Poller: the server's addresses, the one to use first. */
void session_set_server(struct session *session, const struct addr *hosts, size_t count);
/* False while it is not known. */
bool session_server(struct session *session, struct addr *ret);
/* True if `from` is a host of the server. */
bool session_is_server(struct session *session, const struct addr *from);

/* Receiver: where it listens now. */
void session_set_bound(struct session *session, const struct addr *bound);
bool session_bound(struct session *session, struct addr *ret);

/* Anyone: the server answered, or could not be reached for `reason` (in words). A change is told
 * to the user once, and wakes poller and input. */
void session_report(struct session *session, enum server_state state, const char *reason);
/* The state, and in `ret_recoveries` (may be NULL) how often the server came back so far. */
enum server_state session_server_state(struct session *session, unsigned *ret_recoveries);

/* Leaves a line for the user. */
void session_notice(struct session *session, const char *format, ...) PRINTF_LIKE(2, 3);

/* Receiver: hands `push` to the screen and waits. True if it was shown. */
MUST_USE bool session_show(struct session *session, const struct v1_push *push, int fd);

/* Input: the oldest arrival or notice, or NULL. The arrival is the receiver's and must be settled;
 * the notice is freed by the caller. */
struct arrival *session_next_arrival(struct session *session);
void session_settle(struct session *session, struct arrival *arrival, bool shown);
struct notice *session_next_notice(struct session *session);
