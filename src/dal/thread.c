/* A storage thread: keeps a connection, takes requests, carries them out, hands them back.
 *
 * While the database is away it goes on trying, 0.1 s to 5 s apart, refuses what comes
 * (UNAVAILABLE) and answers pings. A request whose transaction was lost before its commit is tried
 * again on a new connection if one can be had at once. One that was lost in its commit is
 * `uncertain`: it stays, through any number of attempts, until it can be found out whether it took
 * effect.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "dal/dal-private.h"
#include "dal/log-ids.h"

#include "util/clock.h"
#include "util/log.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define DELAY_MIN_US (100 * USEC_PER_MSEC)
#define DELAY_MAX_US (5 * USEC_PER_SEC)

/* Connections a request may be lost with before it is refused: it may itself be the reason. */
#define ATTEMPTS_MAX 3

/* Deadlocks and lock time-outs in a row before a request is refused. */
#define RETRIES_MAX 10
#define RETRIES_US  (3 * USEC_PER_SEC)

/* Writes in one transaction. */
#define GROUP_MAX 64

/* -- finishing --------------------------------------------------------------------------------- */

void thread_finish(struct storage_thread *thread, struct request *request, enum dal_outcome outcome)
{
    request->outcome = outcome;
    list_move(&thread->finished, &request->link);
}

/* Refuses everything whose fate is known. */
static void refuse_certain(struct storage_thread *thread)
{
    LIST_FOREACH_SAFE (link, &thread->todo) {
        struct request *request = LIST_ENTRY(link, struct request, link);
        if (!request->uncertain)
            thread_finish(thread, request, DAL_UNAVAILABLE);
    }
}

static bool any_certain(const struct storage_thread *thread)
{
    LIST_FOREACH (link, &thread->todo) {
        if (!LIST_ENTRY(link, struct request, link)->uncertain)
            return true;
    }
    return false;
}

/* -- connection -------------------------------------------------------------------------------- */

static uint64_t random_below(uint64_t limit)
{
    uint64_t random;

    if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != sizeof(random))
        random = clock_monotonic_us();
    return random % limit;
}

/* Doubles with each failure in a row; the first new attempt is made at once. Between a half and
 * the whole of it, so that servers that lost the same database do not come back as one. */
static uint64_t next_delay(unsigned failures)
{
    uint64_t delay = DELAY_MIN_US;

    if (failures == 0)
        return 0;
    while (--failures > 0 && delay < DELAY_MAX_US)
        delay *= 2;
    if (delay > DELAY_MAX_US)
        delay = DELAY_MAX_US;
    delay = delay / 2 + random_below(delay / 2 + 1);
    return delay < DELAY_MIN_US ? DELAY_MIN_US : delay;
}

void thread_pause(unsigned attempt)
{
    uint64_t us = random_below((attempt + 1) * 5 * USEC_PER_MSEC);
    struct timespec time = {.tv_nsec = (long)us * 1000};

    (void)nanosleep(&time, NULL);
}

static void lend(struct storage_thread *thread, struct sql_connection *connection)
{
    struct dal *dal = dal_instance();

    pthread_mutex_lock(&dal->lock);
    thread->borrowed = connection;
    pthread_mutex_unlock(&dal->lock);
}

static void close_connection(struct storage_thread *thread)
{
    if (thread->connection == NULL)
        return;
    lend(thread, NULL);
    dal_instance()->driver->close(thread->connection);
    thread->connection = NULL;
    if (thread->writer != NULL)
        writer_forget(thread->writer);
}

static void set_down(struct storage_thread *thread, const char *reason)
{
    struct dal *dal = dal_instance();

    pthread_mutex_lock(&dal->lock);
    thread->up = false;
    snprintf(thread->fault, sizeof(thread->fault), "%s", reason);
    dal_state_moved(dal);
    pthread_mutex_unlock(&dal->lock);
}

static void note_schema(struct dal *dal, const struct schema_versions *versions)
{
    dal->schema.now = versions->now;
    if (!dal->schema_seen || versions->before < versions->now)
        dal->schema.before = versions->before;
    dal->schema_seen = true;
}

static void set_up(struct storage_thread *thread, const struct schema_versions *versions)
{
    struct dal *dal = dal_instance();
    const struct sql_connection *connection = thread->connection;
    bool warn;

    pthread_mutex_lock(&dal->lock);
    warn = connection->caution[0] != '\0' && strcmp(dal->caution, connection->caution) != 0;
    snprintf(dal->server, sizeof(dal->server), "%s", connection->server);
    snprintf(dal->caution, sizeof(dal->caution), "%s", connection->caution);
    note_schema(dal, versions);
    if (thread->connected_before)
        dal->reconnects++;
    thread->up = true;
    thread->fault[0] = '\0';
    dal_state_moved(dal);
    pthread_mutex_unlock(&dal->lock);
    thread->connected_before = true;
    if (warn)
        log_catalogued(LOG_WARNING, MESSAGE_NOT_DURABLE, "storage is not durable: %s",
                       connection->caution);
}

static void failed_to_connect(struct storage_thread *thread, const char *reason)
{
    close_connection(thread);
    thread->retry_at = clock_monotonic_us() + next_delay(++thread->failures);
    set_down(thread, reason);
}

static void set_migrating(struct storage_thread *thread, uint64_t since)
{
    struct dal *dal = dal_instance();

    pthread_mutex_lock(&dal->lock);
    thread->migrating_since = since;
    pthread_mutex_unlock(&dal->lock);
}

/* On a connection of its own, whose statements may take long: indexes of a large store are made. */
static enum sql_status migrate_schema(struct storage_thread *thread,
                                      struct schema_versions *versions)
{
    struct dal *dal = dal_instance();
    struct sql_connection *migrator = NULL;
    char *error = thread->connection->error;
    enum sql_status status = dal->driver->open(&dal->config, SQL_CHECKER, &migrator, error);

    if (status != SQL_OK)
        return status;
    set_migrating(thread, clock_monotonic_us());
    lend(thread, migrator);
    status = schema_prepare(migrator, true, versions);
    lend(thread, thread->connection);
    memcpy(error, migrator->error, sizeof(migrator->error));
    dal->driver->close(migrator);
    set_migrating(thread, 0);
    return status;
}

static enum sql_status prepare_schema(struct storage_thread *thread,
                                      struct schema_versions *versions)
{
    const struct dal *dal = dal_instance();
    enum sql_status status = schema_prepare(thread->connection, false, versions);

    if (status == SQL_FAILED && dal->config.migrate &&
        versions->now < schema_known(dal->driver->dialect))
        return migrate_schema(thread, versions);
    return status;
}

static void connect_now(struct storage_thread *thread)
{
    struct dal *dal = dal_instance();
    struct schema_versions versions = {0};
    char error[256] = "";

    if (dal->driver->open(&dal->config, thread->role, &thread->connection, error) != SQL_OK) {
        failed_to_connect(thread, error);
        return;
    }
    lend(thread, thread->connection);
    if (prepare_schema(thread, &versions) != SQL_OK) {
        snprintf(error, sizeof(error), "%s", thread->connection->error);
        pthread_mutex_lock(&dal->lock);
        note_schema(dal, &versions);
        pthread_mutex_unlock(&dal->lock);
        failed_to_connect(thread, error);
        return;
    }
    set_up(thread, &versions);
}

void thread_lost(struct storage_thread *thread, struct list *requests)
{
    char reason[sizeof(thread->connection->error)];
    uint64_t delay = next_delay(thread->failures++);

    snprintf(reason, sizeof(reason), "%s", thread->connection->error);
    LIST_FOREACH_SAFE (link, requests) {
        struct request *request = LIST_ENTRY(link, struct request, link);
        if (++request->attempts >= ATTEMPTS_MAX && !request->uncertain)
            thread_finish(thread, request, DAL_UNAVAILABLE);
    }
    thread_put_back(thread, requests);
    close_connection(thread);
    thread->retry_at = clock_monotonic_us() + delay;
    /* At first it is tried again at once, and only if that fails is it an outage. */
    if (delay > 0)
        set_down(thread, reason);
    else
        log_debug("storage: connection lost: %s", reason);
}

void thread_fault(struct storage_thread *thread, const char *what, const char *reason)
{
    struct dal *dal = dal_instance();
    char fault[sizeof(thread->fault)] = "";

    if (what == NULL)
        thread->failures = 0;
    else
        snprintf(fault, sizeof(fault), "%s: %s", what, reason);
    /* Only this thread writes it, so it may be compared without the lock. */
    if (strcmp(fault, thread->fault) == 0)
        return;
    pthread_mutex_lock(&dal->lock);
    memcpy(thread->fault, fault, sizeof(fault));
    dal_state_moved(dal);
    pthread_mutex_unlock(&dal->lock);
}

/* -- carrying out ------------------------------------------------------------------------------ */

/* One request on its own outside a transaction: everything that only reads. */
static void run_read(struct storage_thread *thread, struct request *request)
{
    struct list alone = LIST_INIT(alone);
    enum sql_status status = SQL_RETRY;
    uint64_t since = clock_monotonic_us();

    list_move(&alone, &request->link);
    for (unsigned tries = 0; status == SQL_RETRY && thread_may_retry(tries, since); tries++)
        status = request->kind->execute(thread->connection, request);
    if (status == SQL_LOST) {
        thread_lost(thread, &alone);
        return;
    }
    if (status == SQL_OK)
        thread_fault(thread, NULL, NULL);
    else
        thread_fault(thread, request->kind->name, thread->connection->error);
    thread_finish(thread, request, status == SQL_OK ? request->outcome : DAL_UNAVAILABLE);
}

/* On a connection of its own, because its statements may take longer than others may wait. */
static void run_check(struct storage_thread *thread, struct request *request)
{
    struct dal *dal = dal_instance();
    struct sql_connection *checker = NULL;
    char error[256];
    enum sql_status status = dal->driver->open(&dal->config, SQL_CHECKER, &checker, error);

    if (status == SQL_OK) {
        lend(thread, checker);
        status = request->kind->execute(checker, request);
        lend(thread, thread->connection);
        snprintf(error, sizeof(error), "%s", checker->error);
        dal->driver->close(checker);
    }
    if (status != SQL_OK)
        log_warning("storage: the check could not be finished: %s", error);
    thread_finish(thread, request, status == SQL_OK ? request->outcome : DAL_UNAVAILABLE);
}

/* All of `group` in one transaction. When its commit is lost, those that changed something become
 * uncertain; what the others found out holds anyway. */
static enum sql_status run_transaction(struct storage_thread *thread, struct list *group)
{
    const struct sql_driver *driver = dal_instance()->driver;
    enum sql_status status = driver->begin(thread->connection, true);

    for (struct list *link = group->next; status == SQL_OK && link != group; link = link->next) {
        struct request *request = LIST_ENTRY(link, struct request, link);
        status = request->kind->execute(thread->connection, request);
    }
    if (status != SQL_OK)
        return status;
    status = driver->commit(thread->connection);
    LIST_FOREACH_SAFE (link, group) {
        struct request *request = LIST_ENTRY(link, struct request, link);
        if (request->logged)
            writer_forget(thread->writer);
        if (status == SQL_LOST && request->outcome == DAL_OK)
            request->uncertain = true;
        else if (status == SQL_OK || status == SQL_LOST)
            thread_finish(thread, request, request->outcome);
    }
    return status;
}

static void refuse_group(struct storage_thread *thread, struct list *group,
                         enum dal_outcome outcome)
{
    LIST_FOREACH_SAFE (link, group) {
        struct request *request = LIST_ENTRY(link, struct request, link);
        if (!request->uncertain || outcome == DAL_REFUSED)
            thread_finish(thread, request, outcome);
    }
    /* What is uncertain has to wait for a database that works. */
    if (!list_empty(group))
        thread_lost(thread, group);
}

void thread_halve(struct storage_thread *thread, struct list *requests, unsigned count)
{
    LIST_FOREACH (link, requests)
        LIST_ENTRY(link, struct request, link)->together = count / 2;
    thread_put_back(thread, requests);
}

void thread_put_back(struct storage_thread *thread, struct list *requests)
{
    list_splice(requests, &thread->todo);
    list_splice(&thread->todo, requests);
}

/* True if the same again makes sense: after a duplicate or a parent that is gone, because another
 * process was faster, the look before the change finds it. */
static bool may_repeat(enum sql_status status)
{
    return status == SQL_RETRY || status == SQL_DUPLICATE || status == SQL_NO_PARENT;
}

static void group_failed(struct storage_thread *thread, struct list *group, unsigned count,
                         enum sql_status status)
{
    bool refused = status == SQL_REFUSED || status == SQL_DUPLICATE || status == SQL_NO_PARENT;

    if (status == SQL_LOST) {
        thread_lost(thread, group);
    } else if (refused && count > 1) {
        thread_halve(thread, group, count);
    } else if (refused) {
        refuse_group(thread, group, DAL_REFUSED);
    } else {
        thread_fault(thread, LIST_FIRST(group, struct request, link)->kind->name,
                     thread->connection->error);
        refuse_group(thread, group, DAL_UNAVAILABLE);
    }
}

bool thread_may_retry(unsigned tries, uint64_t since)
{
    return tries < RETRIES_MAX && clock_monotonic_us() - since < RETRIES_US;
}

static void run_group(struct storage_thread *thread, struct list *group, unsigned count)
{
    uint64_t since = clock_monotonic_us();
    enum sql_status status = SQL_RETRY;

    for (unsigned tries = 0; may_repeat(status) && thread_may_retry(tries, since); tries++) {
        if (tries > 0)
            thread_pause(tries);
        status = run_transaction(thread, group);
        if (status == SQL_OK) {
            thread_fault(thread, NULL, NULL);
            return;
        }
        if (status != SQL_LOST && thread_rollback(thread) == SQL_LOST)
            status = SQL_LOST;
    }
    group_failed(thread, group, count, status);
}

enum sql_status thread_rollback(struct storage_thread *thread)
{
    struct sql_connection *connection = thread->connection;
    char error[sizeof(connection->error)];
    enum sql_status status;

    snprintf(error, sizeof(error), "%s", connection->error);
    status = connection->driver->rollback(connection);
    if (status != SQL_LOST)
        snprintf(connection->error, sizeof(connection->error), "%s", error);
    return status;
}

unsigned thread_take(struct storage_thread *thread, struct list *to, bool stores, unsigned max)
{
    unsigned count = 0;

    while (count < max && !list_empty(&thread->todo)) {
        struct request *request = LIST_FIRST(&thread->todo, struct request, link);
        if ((request->kind->side == REQUEST_STORE) != stores)
            break;
        if (request->together != 0 && request->together < max)
            max = request->together;
        if (count >= max)
            break;
        list_move(to, &request->link);
        count++;
    }
    return count;
}

static void run_writes(struct storage_thread *thread)
{
    struct list group = LIST_INIT(group);
    unsigned count = thread_take(thread, &group, false, GROUP_MAX);

    run_group(thread, &group, count);
}

static void work(struct storage_thread *thread)
{
    struct request *request = LIST_FIRST(&thread->todo, struct request, link);

    switch (request->kind->side) {
    case REQUEST_READ:
        run_read(thread, request);
        break;
    case REQUEST_CHECK:
        run_check(thread, request);
        break;
    case REQUEST_WRITE:
        run_writes(thread);
        break;
    case REQUEST_STORE:
        writer_store(thread->writer);
        break;
    }
}

/* -- taking ------------------------------------------------------------------------------------ */

/* Under the lock. */
static bool has_ping(const struct dal *dal, uint64_t bit)
{
    LIST_FOREACH (link, &dal->pings) {
        if ((LIST_ENTRY(link, struct ping, request.link)->waiting_for & bit) != 0)
            return true;
    }
    return false;
}

/* Under the lock, which it leaves for the round trip to the database. */
static void answer_pings(struct dal *dal, struct storage_thread *thread)
{
    if (!has_ping(dal, UINT64_C(1) << thread->index))
        return;
    pthread_mutex_unlock(&dal->lock);
    if (thread->connection != NULL && dal->driver->ping(thread->connection) == SQL_LOST) {
        struct list none = LIST_INIT(none);
        thread_lost(thread, &none);
        connect_now(thread);
    } else {
        thread->failures = 0;
    }
    pthread_mutex_lock(&dal->lock);
    dal_settle_pings(dal, thread, thread->connection != NULL);
}

/* Under the lock: a reader without connection leaves the work to those that have one. */
static bool may_read(const struct dal *dal, const struct storage_thread *thread)
{
    if (thread->connection != NULL)
        return true;
    for (unsigned i = dal->writer_count; i < dal->thread_count; i++) {
        if (dal->threads[i].up && &dal->threads[i] != thread)
            return false;
    }
    return true;
}

/* Under the lock. */
static void take_requests(struct dal *dal, struct storage_thread *thread)
{
    list_splice(&thread->todo, &thread->queue);
    if (thread->role == SQL_READER && list_empty(&thread->todo) && !list_empty(&dal->reads) &&
        may_read(dal, thread))
        list_move(&thread->todo, dal->reads.next);
    thread->checking = !list_empty(&thread->todo) &&
                       LIST_FIRST(&thread->todo, struct request, link)->kind->side == REQUEST_CHECK;
}

/* Under the lock: sleeps until it is signalled, `until` (0 for ever) or the end of closing. */
static void sleep_until(struct dal *dal, struct storage_thread *thread, uint64_t until)
{
    struct timespec time;

    if (dal->closing && (until == 0 || dal->close_by < until))
        until = dal->close_by;
    if (until == 0) {
        pthread_cond_wait(&thread->wake, &dal->lock);
        return;
    }
    time.tv_sec = (time_t)(until / USEC_PER_SEC);
    time.tv_nsec = (long)(until % USEC_PER_SEC) * 1000;
    (void)pthread_cond_timedwait(&thread->wake, &dal->lock, &time);
}

/* While closing there is no time for long delays: what is uncertain should be found out. */
static void hasten(struct storage_thread *thread)
{
    uint64_t soon = clock_monotonic_us() + DELAY_MIN_US;

    if (thread->retry_at > soon)
        thread->retry_at = soon;
}

/* Waits for something to do: requests to carry out or refuse, or the time to connect. False when
 * the thread is to end. */
static bool wait_for_work(struct dal *dal, struct storage_thread *thread)
{
    bool go_on = true;

    pthread_mutex_lock(&dal->lock);
    for (;;) {
        uint64_t until;
        answer_pings(dal, thread);
        take_requests(dal, thread);
        if (dal->closing)
            hasten(thread);
        until = thread->connection != NULL ? 0 : thread->retry_at;
        go_on =
            !(dal->closing && (list_empty(&thread->todo) || clock_monotonic_us() >= dal->close_by));
        if (!go_on ||
            (thread->connection != NULL ? !list_empty(&thread->todo)
                                        : any_certain(thread) || clock_monotonic_us() >= until))
            break;
        sleep_until(dal, thread, until);
    }
    pthread_mutex_unlock(&dal->lock);
    return go_on;
}

static void end(struct dal *dal, struct storage_thread *thread)
{
    while (!list_empty(&thread->todo)) {
        struct request *request = LIST_FIRST(&thread->todo, struct request, link);
        thread_finish(thread, request, request->uncertain ? DAL_UNCERTAIN : DAL_UNAVAILABLE);
    }
    close_connection(thread);
    if (dal->driver->thread_end != NULL)
        dal->driver->thread_end();
    dal_finish(dal, &thread->finished);
    pthread_mutex_lock(&dal->lock);
    thread->up = false;
    thread->ended = true;
    pthread_cond_signal(&dal->thread_ended);
    pthread_mutex_unlock(&dal->lock);
}

/* As `ps -L` and debuggers show it. */
static void name_thread(const struct storage_thread *thread)
{
    char name[16];

    snprintf(name, sizeof(name), "%s-%u", thread->role == SQL_WRITER ? "writer" : "reader",
             thread->index % 100);
    pthread_setname_np(pthread_self(), name);
}

void *storage_thread_main(void *argument)
{
    struct storage_thread *thread = argument;
    struct dal *dal = dal_instance();

    name_thread(thread);
    if (dal->driver->thread_begin != NULL)
        dal->driver->thread_begin();
    do {
        /* A request that was lost with the last connection is refused if this does not succeed. */
        if (thread->connection == NULL && clock_monotonic_us() >= thread->retry_at)
            connect_now(thread);
        if (thread->connection == NULL)
            refuse_certain(thread);
        else if (!list_empty(&thread->todo))
            work(thread);
        dal_finish(dal, &thread->finished);
    } while (wait_for_work(dal, thread));
    end(dal, thread);
    return NULL;
}
