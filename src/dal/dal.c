/* The one instance of the storage unit, seen from the reactor thread: opening and closing, the
 * bound on what is under way, the way of a request to its thread and of its result back.
 *
 * Order: all writes but messages go to the first writer, messages to the writer of their
 * conversation. A fenced write (it touches a conversation that it knows by name only) waits until
 * the writes before it are done, and those after it wait for it; they are kept in `held` here, so
 * that no storage thread ever waits for another. With one writer its queue is order enough.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "dal/dal-private.h"

#include "util/clock.h"
#include "util/log.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* How long dal_close() lets the threads work before it fails what they are waiting for. */
#define CLOSE_US (3 * USEC_PER_SEC)

/* A caller pings once and waits; more at once is a bug that may not grow. */
#define PINGS_MAX 16

/* How long a ping waits for a thread that brings the schema up to date, which may take minutes. */
#define MIGRATION_US (5 * USEC_PER_SEC)

static struct dal *instance;

struct dal *dal_instance(void)
{
    return instance;
}

static const struct sql_driver *const drivers[] = {
#if HAVE_SQLITE
    &driver_sqlite,
#endif
#if HAVE_MYSQL
    &driver_mysql,
#endif
};

const char *const *dal_drivers(void)
{
    static const char *const names[] = {
#if HAVE_SQLITE
        "sqlite",
#endif
#if HAVE_MYSQL
        "mysql",
#endif
        NULL,
    };

    return names;
}

const char *dal_outcome_name(enum dal_outcome outcome)
{
    static const char *const names[] = {
        [DAL_OK] = "ok",
        [DAL_MISSING] = "missing",
        [DAL_REFUSED] = "refused",
        [DAL_UNAVAILABLE] = "unavailable",
        [DAL_UNCERTAIN] = "uncertain",
    };

    return names[outcome];
}

/* -- opening ----------------------------------------------------------------------------------- */

static int fail(char **ret_error, int error, const char *what)
{
    if (asprintf(ret_error, "%s: %s", what, strerror(-error)) < 0)
        *ret_error = NULL;
    return error;
}

static void config_deinit(struct dal_config *config)
{
    if (config->mysql_password != NULL)
        explicit_bzero((char *)config->mysql_password, strlen(config->mysql_password));
    free((char *)config->driver);
    free((char *)config->sqlite_path);
    free((char *)config->mysql_host);
    free((char *)config->mysql_socket);
    free((char *)config->mysql_database);
    free((char *)config->mysql_user);
    free((char *)config->mysql_password);
}

static int copy_string(const char **to)
{
    if (*to == NULL)
        return 0;
    *to = strdup(*to);
    return *to == NULL ? -ENOMEM : 0;
}

static int config_copy(struct dal_config *to, const struct dal_config *from)
{
    int error = 0;

    *to = *from;
    error |= copy_string(&to->driver);
    error |= copy_string(&to->sqlite_path);
    error |= copy_string(&to->mysql_host);
    error |= copy_string(&to->mysql_socket);
    error |= copy_string(&to->mysql_database);
    error |= copy_string(&to->mysql_user);
    error |= copy_string(&to->mysql_password);
    return error == 0 ? 0 : -ENOMEM;
}

static unsigned at_least_one(unsigned count, unsigned max)
{
    return count == 0 ? 1 : count > max ? max : count;
}

static void condition_init(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;

    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
}

static int threads_init(struct dal *dal)
{
    unsigned writers = at_least_one(dal->config.writers, DAL_THREADS_MAX / 2);
    unsigned readers = at_least_one(dal->config.readers, DAL_THREADS_MAX / 2);

    if (dal->driver->writers_max != 0 && writers > dal->driver->writers_max)
        writers = dal->driver->writers_max;
    for (unsigned i = 0; i < writers + readers; i++) {
        struct storage_thread *thread = &dal->threads[i];
        thread->index = i;
        thread->role = i < writers ? SQL_WRITER : SQL_READER;
        condition_init(&thread->wake);
        list_init(&thread->queue);
        list_init(&thread->todo);
        list_init(&thread->finished);
        list_init(&dal->pending[i]);
        dal->thread_count++;
        if (i < writers && writer_new(thread, &thread->writer) < 0)
            return -ENOMEM;
    }
    dal->writer_count = writers;
    return 0;
}

/* Signals belong to the reactor thread. */
static int threads_start(struct dal *dal)
{
    sigset_t all, before;
    int error = 0;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (unsigned i = 0; i < dal->thread_count && error == 0; i++) {
        struct storage_thread *thread = &dal->threads[i];
        error = -pthread_create(&thread->id, NULL, storage_thread_main, thread);
        thread->started = error == 0;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

static int instance_new(const struct dal_config *config, const struct sql_driver *driver)
{
    struct dal *dal = calloc(1, sizeof(*dal));

    if (dal == NULL)
        return -ENOMEM;
    instance = dal;
    dal->driver = driver;
    pthread_mutex_init(&dal->lock, NULL);
    condition_init(&dal->thread_ended);
    list_init(&dal->held);
    list_init(&dal->reads);
    list_init(&dal->done);
    list_init(&dal->pings);
    dal->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (dal->event < 0)
        return -errno;
    if (config_copy(&dal->config, config) < 0)
        return -ENOMEM;
    return threads_init(dal);
}

static void instance_free(struct dal *dal)
{
    for (unsigned i = 0; i < dal->thread_count; i++) {
        pthread_cond_destroy(&dal->threads[i].wake);
        writer_free(dal->threads[i].writer);
    }
    pthread_cond_destroy(&dal->thread_ended);
    pthread_mutex_destroy(&dal->lock);
    if (dal->event >= 0)
        close(dal->event);
    config_deinit(&dal->config);
    free(dal);
    instance = NULL;
}

int dal_open_driver(const struct dal_config *config, const struct sql_driver *driver,
                    char **ret_error)
{
    int error = 0;

    assert(instance == NULL);
    if (driver->setup != NULL)
        error = driver->setup();
    if (error < 0)
        return fail(ret_error, error, "the database's client library");
    error = instance_new(config, driver);
    if (error == 0) {
        error = threads_start(instance);
        if (error == 0)
            return 0;
        dal_close();
        return fail(ret_error, error, "storage threads");
    }
    if (instance != NULL)
        instance_free(instance);
    return fail(ret_error, error, "storage");
}

const struct sql_driver *dal_driver(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(drivers); i++) {
        if (strcmp(drivers[i]->name, name) == 0)
            return drivers[i];
    }
    return NULL;
}

int dal_open(const struct dal_config *config, char **ret_error)
{
    const struct sql_driver *driver = dal_driver(config->driver);

    if (driver != NULL)
        return dal_open_driver(config, driver, ret_error);
    if (asprintf(ret_error, "storage driver \"%s\" is not known, or not compiled in",
                 config->driver) < 0)
        *ret_error = NULL;
    return -EINVAL;
}

/* -- requests to the threads ------------------------------------------------------------------- */

void dal_flush(void)
{
    struct dal *dal = instance;
    bool any = false;

    for (unsigned i = 0; i < dal->writer_count; i++)
        any |= !list_empty(&dal->pending[i]);
    if (!any)
        return;
    pthread_mutex_lock(&dal->lock);
    for (unsigned i = 0; i < dal->writer_count; i++) {
        if (list_empty(&dal->pending[i]))
            continue;
        list_splice(&dal->threads[i].queue, &dal->pending[i]);
        pthread_cond_signal(&dal->threads[i].wake);
    }
    pthread_mutex_unlock(&dal->lock);
}

static void submit_read(struct dal *dal, struct request *request)
{
    pthread_mutex_lock(&dal->lock);
    list_append(&dal->reads, &request->link);
    for (unsigned i = dal->writer_count; i < dal->thread_count; i++)
        pthread_cond_signal(&dal->threads[i].wake);
    pthread_mutex_unlock(&dal->lock);
}

static void place_write(struct dal *dal, struct request *request)
{
    unsigned writer = (unsigned)(request->conversation % dal->writer_count);

    dal->writing++;
    if (request->kind->fenced)
        dal->fences++;
    list_append(&dal->pending[writer], &request->link);
}

static bool must_wait(const struct dal *dal, const struct request *request)
{
    return dal->writer_count > 1 &&
           (dal->fences > 0 || (request->kind->fenced && dal->writing > 0));
}

/* Lets go of what waits behind a fence. While the database is away it all goes, in whatever order,
 * to be refused. */
static void release_held(struct dal *dal, bool up)
{
    while (!list_empty(&dal->held)) {
        struct request *request = LIST_FIRST(&dal->held, struct request, link);
        if (up && must_wait(dal, request))
            return;
        list_remove(&request->link);
        place_write(dal, request);
    }
}

int dal_submit(struct request *request)
{
    struct dal *dal = instance;
    enum request_side side = request->kind->side;

    assert(dal != NULL);
    if (dal->closing_here || dal->outstanding >= dal->config.queue_max) {
        request_free(request);
        return -EAGAIN;
    }
    dal->outstanding++;
    if (side == REQUEST_READ || side == REQUEST_CHECK) {
        submit_read(dal, request);
        return 0;
    }
    if (!list_empty(&dal->held) || must_wait(dal, request))
        list_append(&dal->held, &request->link);
    else
        place_write(dal, request);
    /* Messages of one loop turn are to become one transaction; everything else is rare. */
    if (side != REQUEST_STORE)
        dal_flush();
    return 0;
}

/* -- results back ------------------------------------------------------------------------------ */

int dal_fd(void)
{
    return instance->event;
}

void dal_on_state(void (*changed)(void *userdata), void *userdata)
{
    instance->changed = changed;
    instance->changed_userdata = userdata;
}

static void deliver(struct dal *dal, struct request *request)
{
    if (request->kind == &request_kind_ping) {
        dal->ping_count--;
    } else {
        dal->outstanding--;
        if (request->kind->side == REQUEST_WRITE || request->kind->side == REQUEST_STORE)
            dal->writing--;
        if (request->kind->fenced)
            dal->fences--;
    }
    if (request->kind->deliver != NULL)
        request->kind->deliver(request);
    else
        request->done(request->userdata, request->outcome);
    request_free(request);
}

static void deliver_all(struct dal *dal, struct list *done)
{
    while (!list_empty(done)) {
        struct request *request = LIST_FIRST(done, struct request, link);
        list_remove(&request->link);
        deliver(dal, request);
    }
}

void dal_dispatch(void)
{
    struct dal *dal = instance;
    struct list done = LIST_INIT(done);
    bool changed, up;
    uint64_t count;

    pthread_mutex_lock(&dal->lock);
    if (dal->signalled && read(dal->event, &count, sizeof(count)) < 0)
        assert(errno == EAGAIN);
    dal->signalled = false;
    changed = dal->state_changed;
    dal->state_changed = false;
    up = dal->was_up;
    list_splice(&done, &dal->done);
    pthread_mutex_unlock(&dal->lock);

    if (changed && dal->changed != NULL)
        dal->changed(dal->changed_userdata);
    deliver_all(dal, &done);
    release_held(dal, up);
    dal_flush();
}

void dal_signal(struct dal *dal)
{
    uint64_t one = 1;

    if (dal->signalled)
        return;
    dal->signalled = true;
    /* The counter is below its maximum, so this cannot fail. */
    if (write(dal->event, &one, sizeof(one)) < 0)
        assert(errno == EAGAIN);
}

void dal_finish(struct dal *dal, struct list *finished)
{
    if (list_empty(finished))
        return;
    pthread_mutex_lock(&dal->lock);
    list_splice(&dal->done, finished);
    dal_signal(dal);
    pthread_mutex_unlock(&dal->lock);
}

static void deliver_ping(struct request *request)
{
    request->done(request->userdata, request->outcome);
}

const struct request_kind request_kind_ping = {.name = "ping", .deliver = deliver_ping};

void dal_settle_pings(struct dal *dal, const struct storage_thread *thread, bool connected)
{
    LIST_FOREACH_SAFE (link, &dal->pings) {
        struct ping *ping = LIST_ENTRY(link, struct ping, request.link);
        if (!connected)
            ping->request.outcome = DAL_UNAVAILABLE;
        ping->waiting_for &= ~(UINT64_C(1) << thread->index);
        if (ping->waiting_for == 0) {
            list_move(&dal->done, &ping->request.link);
            dal_signal(dal);
        }
    }
}

static bool is_long_migrating(const struct storage_thread *thread)
{
    return thread->migrating_since != 0 &&
           clock_monotonic_us() - thread->migrating_since > MIGRATION_US;
}

/* Under the lock: adds a ping for whoever can be expected to answer soon; of the others those
 * before it are told, too. */
static void place_ping(struct dal *dal, struct ping *ping)
{
    for (unsigned i = 0; i < dal->thread_count; i++) {
        if (dal->threads[i].checking)
            continue;
        ping->waiting_for |= UINT64_C(1) << i;
        pthread_cond_signal(&dal->threads[i].wake);
    }
    list_append(ping->waiting_for != 0 ? &dal->pings : &dal->done, &ping->request.link);
    if (ping->waiting_for == 0)
        dal_signal(dal);
    for (unsigned i = 0; i < dal->thread_count; i++) {
        if (is_long_migrating(&dal->threads[i]))
            dal_settle_pings(dal, &dal->threads[i], false);
    }
}

int dal_ping(dal_done_fn callback, void *userdata)
{
    struct dal *dal = instance;
    struct ping *ping;

    if (dal->closing_here || dal->ping_count >= PINGS_MAX)
        return -EAGAIN;
    ping = request_new(&request_kind_ping, sizeof(*ping), 0, userdata);
    if (ping == NULL)
        return -ENOMEM;
    ping->request.done = callback;
    ping->request.outcome = DAL_OK;
    dal->ping_count++;
    pthread_mutex_lock(&dal->lock);
    place_ping(dal, ping);
    pthread_mutex_unlock(&dal->lock);
    return 0;
}

/* -- closing ----------------------------------------------------------------------------------- */

static bool all_ended(const struct dal *dal)
{
    for (unsigned i = 0; i < dal->thread_count; i++) {
        if (dal->threads[i].started && !dal->threads[i].ended)
            return false;
    }
    return true;
}

/* Lets the threads finish until the deadline, then cuts short what they are waiting for. */
static void stop_threads(struct dal *dal)
{
    struct timespec deadline;

    pthread_mutex_lock(&dal->lock);
    dal->closing = true;
    dal->close_by = clock_monotonic_us() + CLOSE_US;
    deadline.tv_sec = (time_t)(dal->close_by / USEC_PER_SEC);
    deadline.tv_nsec = (long)(dal->close_by % USEC_PER_SEC) * 1000;
    for (unsigned i = 0; i < dal->thread_count; i++)
        pthread_cond_signal(&dal->threads[i].wake);
    while (!all_ended(dal)) {
        if (pthread_cond_timedwait(&dal->thread_ended, &dal->lock, &deadline) != ETIMEDOUT)
            continue;
        for (unsigned i = 0; i < dal->thread_count; i++) {
            if (dal->threads[i].borrowed != NULL)
                dal->driver->interrupt(dal->threads[i].borrowed);
        }
        break;
    }
    pthread_mutex_unlock(&dal->lock);
    for (unsigned i = 0; i < dal->thread_count; i++) {
        if (dal->threads[i].started)
            pthread_join(dal->threads[i].id, NULL);
    }
}

/* What no thread took, or that came out of a fence after they had ended. */
static void refuse_rest(struct dal *dal, struct list *rest)
{
    LIST_FOREACH (link, rest)
        LIST_ENTRY(link, struct request, link)->outcome = DAL_UNAVAILABLE;
    deliver_all(dal, rest);
}

/* What waits behind a fence gets its turn. */
static void drain_held(struct dal *dal)
{
    uint64_t now, until = clock_monotonic_us() + CLOSE_US;
    struct pollfd event = {.fd = dal->event, .events = POLLIN};

    while (!list_empty(&dal->held) && (now = clock_monotonic_us()) < until) {
        (void)poll(&event, 1, (int)((until - now) / USEC_PER_MSEC) + 1);
        dal_dispatch();
    }
}

static void finish_everything(struct dal *dal)
{
    stop_threads(dal);
    deliver_all(dal, &dal->done);
    for (unsigned i = 0; i < dal->thread_count; i++) {
        refuse_rest(dal, &dal->threads[i].queue);
        refuse_rest(dal, &dal->pending[i]);
    }
    refuse_rest(dal, &dal->held);
    refuse_rest(dal, &dal->reads);
    refuse_rest(dal, &dal->pings);
}

void dal_close(void)
{
    struct dal *dal = instance;

    if (dal == NULL)
        return;
    dal->closing_here = true;
    drain_held(dal);
    dal_flush();
    finish_everything(dal);
    instance_free(dal);
}
