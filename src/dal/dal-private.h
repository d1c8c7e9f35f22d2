/* The inside of the storage unit: the one instance, its threads, and the lock between them and the
 * reactor thread.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "dal/dal.h"
#include "dal/driver.h"
#include "dal/request.h"
#include "dal/schema.h"
#include "util/list.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Writers and readers together: a ping keeps one bit for each. */
#define DAL_THREADS_MAX 64

#define DAL_COMMITS_KEPT 1024

struct writer;

struct storage_thread {
    pthread_t id;
    bool started;
    unsigned index; /* its bit in a ping */
    enum sql_role role;
    pthread_cond_t wake; /* on the monotonic clock */

    /* Under dal.lock. */
    struct list queue;               /* a writer's own; readers share dal.reads */
    struct sql_connection *borrowed; /* what dal_close() may interrupt */
    bool up;
    bool checking;            /* busy for minutes on purpose: pings need not wait for it */
    uint64_t migrating_since; /* monotonic microseconds, 0: it is not; soon the same */
    bool ended;
    char fault[256]; /* why it is not up, or what fails though it is; "" for nothing */

    /* Its own. */
    struct sql_connection *connection; /* NULL while the database is away */
    struct list todo;                  /* taken and not finished, in order */
    struct list finished;              /* to be handed back */
    unsigned failures;                 /* in a row: they set the delay before the next attempt */
    uint64_t retry_at;                 /* monotonic microseconds */
    bool connected_before;
    struct writer *writer; /* messages; NULL in a reader */
};

struct dal {
    const struct sql_driver *driver;
    struct dal_config config; /* strings are its own */
    struct storage_thread threads[DAL_THREADS_MAX];
    unsigned thread_count, writer_count; /* the writers come first */

    /* The reactor thread's own. */
    struct list pending[DAL_THREADS_MAX]; /* for each writer, since the last flush */
    struct list held;                     /* writes that wait behind a fence, in order */
    unsigned writing;                     /* writes handed to writers and not delivered */
    unsigned fences;                      /* of these, fenced ones */
    unsigned outstanding;                 /* everything submitted and not delivered */
    unsigned ping_count;
    bool closing_here;
    void (*changed)(void *userdata);
    void *changed_userdata;

    int event;
    pthread_mutex_t lock;
    /* Under the lock. */
    pthread_cond_t thread_ended;
    bool closing;
    uint64_t close_by; /* monotonic microseconds */
    struct list reads;
    struct list done;
    struct list pings;
    bool signalled;     /* the eventfd is readable */
    bool state_changed; /* `changed` has to run */
    bool outage;        /* logged, and not over */
    bool was_up;
    char server[64];
    char caution[160];
    char trouble[256];
    struct schema_versions schema;
    bool schema_seen;
    uint64_t commits, messages, reconnects;
    uint32_t commit_us[DAL_COMMITS_KEPT];
};

/* The seam for tests: dal_open() with a driver that need not be compiled in. */
MUST_USE int dal_open_driver(const struct dal_config *config, const struct sql_driver *driver,
                             char **ret_error);

/* The driver of that name; NULL: it is not compiled in. */
const struct sql_driver *dal_driver(const char *name);

/* A ping: one for all threads, each of which takes its bit away. Under dal.lock. */
struct ping {
    struct request request;
    uint64_t waiting_for;
};

/* -- what the threads need of the instance (all take the lock themselves unless said) ---------- */

extern const struct request_kind request_kind_store, request_kind_ping;

/* Hands finished requests back to the reactor thread. */
void dal_finish(struct dal *dal, struct list *finished);

/* Under the lock: pings do not wait for this thread any more. */
void dal_settle_pings(struct dal *dal, const struct storage_thread *thread, bool connected);

/* Under the lock: makes dal_fd() readable. */
void dal_signal(struct dal *dal);

/* Under the lock: `up` or `fault` of a thread changed; logs the beginning and end of an outage. */
void dal_state_moved(struct dal *dal);

/* A commit of `messages` messages took `us` microseconds. */
void dal_committed(struct dal *dal, size_t messages, uint64_t us);

/* -- thread.c ---------------------------------------------------------------------------------- */

void *storage_thread_main(void *thread);

/* Moves a request to the finished ones. */
void thread_finish(struct storage_thread *thread, struct request *request,
                   enum dal_outcome outcome);

/* The connection is lost: closes it, puts `requests` back at the head of what is to do (those that
 * were lost too often are finished as UNAVAILABLE), and sets when to connect again. */
void thread_lost(struct storage_thread *thread, struct list *requests);

/* Puts requests back at the head of what is to do. */
void thread_put_back(struct storage_thread *thread, struct list *requests);

/* The same for a transaction of `count` in which some request was refused: they are tried again in
 * transactions of half the size, until the guilty one is alone. */
void thread_halve(struct storage_thread *thread, struct list *requests, unsigned count);

/* Moves requests of one sort from the head of what is to do to `to`; returns how many. */
unsigned thread_take(struct storage_thread *thread, struct list *to, bool stores, unsigned max);

/* True while a transaction that met a deadlock may be tried again. */
bool thread_may_retry(unsigned tries, uint64_t since);

/* Rolls back and keeps the reason in words for which it was necessary. */
enum sql_status thread_rollback(struct storage_thread *thread);

/* A statement failed for a reason that is the database's own; NULL when things work again. */
void thread_fault(struct storage_thread *thread, const char *what, const char *reason);

/* Waits a moment before a deadlock or a lock time-out is tried again. */
void thread_pause(unsigned attempt);

/* -- writer.c ---------------------------------------------------------------------------------- */

MUST_USE int writer_new(struct storage_thread *thread, struct writer **ret);
void writer_free(struct writer *writer);

/* Stores the messages at the head of the thread's `todo` as one transaction. */
void writer_store(struct writer *writer);

/* Forgets what it knows of the ends of conversations. */
void writer_forget(struct writer *writer);

/* The one instance, for writer.c and thread.c. */
struct dal *dal_instance(void);
