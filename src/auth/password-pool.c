/* The password pool: a queue of jobs, threads that take them, a list of results.
 *
 * One mutex guards the queue, the results, the cost and `stopping`; it is never held while a hash
 * is computed or a callback runs. A job belongs to the queue, then to the thread that took it,
 * then to the results, then to password_pool_dispatch(). Its password is wiped as soon as it has
 * been hashed, and whatever else becomes of it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "auth/password-pool.h"

#include "util/list.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum job_kind {
    JOB_VERIFY,
    JOB_VERIFY_NOBODY, /* the same time, always the answer 0 */
    JOB_HASH,
};

struct job {
    struct list link;
    enum job_kind kind;
    password_verified_fn verified;
    password_hashed_fn hashed;
    void *userdata;
    int result;
    char hash[PASSWORD_HASH_MAX];
    size_t password_len;
    char password[];
};

struct password_pool {
    pthread_mutex_t mutex;
    pthread_cond_t wanted; /* the queue is not empty, or `stopping` */
    struct list queue;
    struct list results;
    unsigned queued;
    unsigned queue_max;
    struct password_cost cost;
    bool stopping;
    bool dispatching; /* used by the dispatching thread alone */
    int event_fd;
    unsigned thread_count;
    pthread_t threads[];
};

static void job_wipe(struct job *job)
{
    sodium_memzero(job->password, job->password_len);
}

static void job_free(struct job *job)
{
    job_wipe(job);
    free(job);
}

static void jobs_free(struct list *jobs)
{
    while (!list_empty(jobs)) {
        struct job *job = LIST_FIRST(jobs, struct job, link);
        list_remove(&job->link);
        job_free(job);
    }
}

static void job_run(struct job *job, const struct password_cost *cost)
{
    struct bytes password = {.data = job->password, .len = job->password_len};
    switch (job->kind) {
    case JOB_VERIFY:
        job->result = password_verify(job->hash, password);
        break;
    case JOB_VERIFY_NOBODY:
    case JOB_HASH:
        job->result = password_hash(cost, password, job->hash);
        break;
    }
    job_wipe(job);
}

/* Puts `job` among the results; the first one wakes the dispatching thread. Mutex held. */
static void hand_back(struct password_pool *pool, struct job *job)
{
    bool first = list_empty(&pool->results);
    list_append(&pool->results, &job->link);
    if (first) {
        int error = eventfd_write(pool->event_fd, 1);
        assert(error == 0);
        (void)error;
    }
}

static void *thread_main(void *userdata)
{
    struct password_pool *pool = userdata;
    pthread_mutex_lock(&pool->mutex);
    for (;;) {
        while (list_empty(&pool->queue) && !pool->stopping)
            pthread_cond_wait(&pool->wanted, &pool->mutex);
        if (pool->stopping)
            break;
        struct job *job = LIST_FIRST(&pool->queue, struct job, link);
        struct password_cost cost = pool->cost;
        list_remove(&job->link);
        pool->queued--;
        pthread_mutex_unlock(&pool->mutex);
        job_run(job, &cost);
        pthread_mutex_lock(&pool->mutex);
        hand_back(pool, job);
    }
    pthread_mutex_unlock(&pool->mutex);
    return NULL;
}

/* Signals are the main thread's business: the threads start with all of them blocked. */
static int start_threads(struct password_pool *pool, unsigned count)
{
    sigset_t all, before;
    int error = 0;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (error == 0 && pool->thread_count < count) {
        error = pthread_create(&pool->threads[pool->thread_count], NULL, thread_main, pool);
        if (error == 0) {
            pthread_setname_np(pool->threads[pool->thread_count], "password");
            pool->thread_count++;
        }
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -error;
}

int password_pool_new(unsigned threads, unsigned queue_max, const struct password_cost *cost,
                      struct password_pool **ret)
{
    assert(threads > 0 && queue_max > 0);
    struct password_pool *pool = calloc(1, sizeof *pool + threads * sizeof pool->threads[0]);
    if (pool == NULL)
        return -ENOMEM;
    pool->queue_max = queue_max;
    pool->cost = *cost;
    list_init(&pool->queue);
    list_init(&pool->results);
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->wanted, NULL);
    pool->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int error = pool->event_fd < 0 ? -errno : start_threads(pool, threads);
    if (error < 0) {
        password_pool_free(pool);
        return error;
    }
    *ret = pool;
    return 0;
}

void password_pool_free(struct password_pool *pool)
{
    if (pool == NULL)
        return;
    assert(!pool->dispatching);
    pthread_mutex_lock(&pool->mutex);
    pool->stopping = true;
    pthread_cond_broadcast(&pool->wanted);
    pthread_mutex_unlock(&pool->mutex);
    for (unsigned i = 0; i < pool->thread_count; i++)
        pthread_join(pool->threads[i], NULL);
    jobs_free(&pool->queue);
    jobs_free(&pool->results);
    pthread_cond_destroy(&pool->wanted);
    pthread_mutex_destroy(&pool->mutex);
    if (pool->event_fd >= 0)
        close(pool->event_fd);
    free(pool);
}

void password_pool_set_cost(struct password_pool *pool, const struct password_cost *cost)
{
    pthread_mutex_lock(&pool->mutex);
    pool->cost = *cost;
    pthread_mutex_unlock(&pool->mutex);
}

static int job_new(enum job_kind kind, struct bytes password, void *userdata, struct job **ret)
{
    struct job *job = calloc(1, sizeof *job + password.len);
    if (job == NULL)
        return -ENOMEM;
    list_init(&job->link);
    job->kind = kind;
    job->userdata = userdata;
    job->password_len = password.len;
    if (password.len > 0)
        memcpy(job->password, password.data, password.len);
    *ret = job;
    return 0;
}

/* Takes over `job`, also when it fails. */
static int enqueue(struct password_pool *pool, struct job *job)
{
    pthread_mutex_lock(&pool->mutex);
    bool full = pool->queued >= pool->queue_max;
    if (!full) {
        list_append(&pool->queue, &job->link);
        pool->queued++;
        pthread_cond_signal(&pool->wanted);
    }
    pthread_mutex_unlock(&pool->mutex);
    if (full)
        job_free(job);
    return full ? -EAGAIN : 0;
}

int password_pool_verify(struct password_pool *pool, const char *hash, struct bytes password,
                         password_verified_fn callback, void *userdata)
{
    struct job *job;
    size_t len = hash == NULL ? 0 : strlen(hash);
    /* No hash of ours is longer: nothing can match it, but that must not show in time. */
    bool nobody = hash == NULL || len >= PASSWORD_HASH_MAX;
    int error = job_new(nobody ? JOB_VERIFY_NOBODY : JOB_VERIFY, password, userdata, &job);
    if (error < 0)
        return error;
    job->verified = callback;
    if (!nobody)
        memcpy(job->hash, hash, len + 1);
    return enqueue(pool, job);
}

int password_pool_hash(struct password_pool *pool, struct bytes password,
                       password_hashed_fn callback, void *userdata)
{
    struct job *job;
    int error = job_new(JOB_HASH, password, userdata, &job);
    if (error < 0)
        return error;
    job->hashed = callback;
    return enqueue(pool, job);
}

unsigned password_pool_waiting(struct password_pool *pool)
{
    pthread_mutex_lock(&pool->mutex);
    unsigned waiting = pool->queued;
    pthread_mutex_unlock(&pool->mutex);
    return waiting;
}

int password_pool_fd(const struct password_pool *pool)
{
    return pool->event_fd;
}

static void call_back(const struct job *job)
{
    if (job->kind == JOB_HASH)
        job->hashed(job->userdata, job->result < 0 ? NULL : job->hash);
    else
        job->verified(job->userdata, job->result);
}

void password_pool_dispatch(struct password_pool *pool)
{
    struct list results = LIST_INIT(results);
    eventfd_t ignored;
    assert(!pool->dispatching);
    pthread_mutex_lock(&pool->mutex);
    (void)eventfd_read(pool->event_fd, &ignored);
    list_splice(&results, &pool->results);
    pthread_mutex_unlock(&pool->mutex);
    pool->dispatching = true;
    while (!list_empty(&results)) {
        struct job *job = LIST_FIRST(&results, struct job, link);
        list_remove(&job->link);
        call_back(job);
        job_free(job);
    }
    pool->dispatching = false;
}
