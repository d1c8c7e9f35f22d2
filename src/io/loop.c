/* The event loop: epoll, a binary heap of timers, deferred work, garbage.
 *
 * What one epoll_wait() reports is first put on the list `ready` and handed out from there, so that
 * removing a source is unlinking it, whoever does it and whenever. The heap is ordered by `due_us`;
 * timers due at the same microsecond run in no particular order.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/loop.h"

#include "util/clock.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#define EVENTS_MAX     256 /* sources a turn */
#define TIMERS_INITIAL 64

/* epoll reports these whether they are asked for or not. */
#define EVENTS_ALWAYS (EPOLLERR | EPOLLHUP)

struct loop {
    int epoll_fd;
    bool in_turn;
    bool in_timers;
    bool stopped;
    int code;
    uint64_t now_us;
    struct list ready;
    struct list deferred;
    struct list garbage;
    struct loop_timer **timers;
    unsigned timer_count;
    unsigned timer_room;
    struct epoll_event events[EVENTS_MAX];
};

int loop_new(struct loop **ret)
{
    struct loop *loop = calloc(1, sizeof *loop);
    if (loop == NULL)
        return -ENOMEM;
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll_fd < 0) {
        int error = -errno;
        free(loop);
        return error;
    }
    list_init(&loop->ready);
    list_init(&loop->deferred);
    list_init(&loop->garbage);
    loop->now_us = clock_monotonic_us();
    *ret = loop;
    return 0;
}

static void collect_garbage(struct loop *loop)
{
    while (!list_empty(&loop->garbage)) {
        struct loop_garbage *garbage = LIST_FIRST(&loop->garbage, struct loop_garbage, link);
        list_remove(&garbage->link);
        garbage->destroy(garbage->object);
    }
}

void loop_free(struct loop *loop)
{
    if (loop == NULL)
        return;
    assert(!loop->in_turn);
    collect_garbage(loop);
    while (!list_empty(&loop->deferred))
        list_remove(loop->deferred.next);
    for (unsigned i = 0; i < loop->timer_count; i++)
        loop->timers[i]->index = 0;
    free(loop->timers);
    close(loop->epoll_fd);
    free(loop);
}

uint64_t loop_now(const struct loop *loop)
{
    return loop->now_us;
}

/* -- sources */

int loop_add(struct loop *loop, struct loop_source *source, int fd, uint32_t events,
             loop_source_fn callback, void *userdata)
{
    struct epoll_event event = {.events = events, .data.ptr = source};
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
        return -errno;
    source->callback = callback;
    source->userdata = userdata;
    source->fd = fd;
    source->events = events;
    source->ready = 0;
    list_init(&source->pending);
    return 0;
}

int loop_change(struct loop *loop, struct loop_source *source, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = source};
    assert(source->callback != NULL);
    if (events == source->events)
        return 0;
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, source->fd, &event) < 0)
        return -errno;
    source->events = events;
    return 0;
}

void loop_remove(struct loop *loop, struct loop_source *source)
{
    if (source->callback == NULL)
        return;
    /* Fails only for a descriptor that epoll does not know, and then there is nothing to do. */
    (void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
    list_remove(&source->pending);
    source->callback = NULL;
}

/* Runs what is ready. What a callback has meanwhile stopped another source from asking for is not
 * delivered to it. */
static void run_sources(struct loop *loop, int count)
{
    for (int i = 0; i < count; i++) {
        struct loop_source *source = loop->events[i].data.ptr;
        source->ready = loop->events[i].events;
        list_append(&loop->ready, &source->pending);
    }
    while (!list_empty(&loop->ready)) {
        struct loop_source *source = LIST_FIRST(&loop->ready, struct loop_source, pending);
        list_remove(&source->pending);
        uint32_t events = source->ready & (source->events | EVENTS_ALWAYS);
        if (events != 0)
            source->callback(source->userdata, events);
    }
}

/* -- timers */

void loop_timer_init(struct loop_timer *timer, loop_fn callback, void *userdata)
{
    *timer = (struct loop_timer){.callback = callback, .userdata = userdata};
}

static void heap_put(struct loop *loop, unsigned place, struct loop_timer *timer)
{
    loop->timers[place] = timer;
    timer->index = place + 1;
}

/* Puts `timer` where it belongs at or above the free `place`. */
static void heap_up(struct loop *loop, unsigned place, struct loop_timer *timer)
{
    while (place > 0) {
        unsigned parent = (place - 1) / 2;
        if (loop->timers[parent]->due_us <= timer->due_us)
            break;
        heap_put(loop, place, loop->timers[parent]);
        place = parent;
    }
    heap_put(loop, place, timer);
}

/* Puts `timer` where it belongs at or below the free `place`. */
static void heap_down(struct loop *loop, unsigned place, struct loop_timer *timer)
{
    for (;;) {
        unsigned child = 2 * place + 1;
        if (child >= loop->timer_count)
            break;
        if (child + 1 < loop->timer_count &&
            loop->timers[child + 1]->due_us < loop->timers[child]->due_us)
            child++;
        if (timer->due_us <= loop->timers[child]->due_us)
            break;
        heap_put(loop, place, loop->timers[child]);
        place = child;
    }
    heap_put(loop, place, timer);
}

static void heap_place(struct loop *loop, unsigned place, struct loop_timer *timer)
{
    if (place > 0 && timer->due_us < loop->timers[(place - 1) / 2]->due_us)
        heap_up(loop, place, timer);
    else
        heap_down(loop, place, timer);
}

static int heap_grow(struct loop *loop)
{
    if (loop->timer_count < loop->timer_room)
        return 0;
    unsigned room = loop->timer_room == 0 ? TIMERS_INITIAL : 2 * loop->timer_room;
    struct loop_timer **timers = reallocarray(loop->timers, room, sizeof *timers);
    if (timers == NULL)
        return -ENOMEM;
    loop->timers = timers;
    loop->timer_room = room;
    return 0;
}

int loop_timer_set(struct loop *loop, struct loop_timer *timer, uint64_t due_us)
{
    /* A timer that is set to a time already past by a timer that runs now waits for the next turn:
     * otherwise the turn might never end. */
    if (loop->in_timers && due_us <= loop->now_us)
        due_us = loop->now_us + 1;
    if (timer->index == 0) {
        int error = heap_grow(loop);
        if (error < 0)
            return error;
        timer->due_us = due_us;
        heap_up(loop, loop->timer_count++, timer);
        return 0;
    }
    timer->due_us = due_us;
    heap_place(loop, timer->index - 1, timer);
    return 0;
}

void loop_timer_cancel(struct loop *loop, struct loop_timer *timer)
{
    if (timer->index == 0)
        return;
    unsigned place = timer->index - 1;
    struct loop_timer *last = loop->timers[--loop->timer_count];
    timer->index = 0;
    if (last != timer)
        heap_place(loop, place, last);
}

static void run_timers(struct loop *loop)
{
    loop->in_timers = true;
    while (loop->timer_count > 0 && loop->timers[0]->due_us <= loop->now_us) {
        struct loop_timer *timer = loop->timers[0];
        loop_timer_cancel(loop, timer);
        timer->callback(timer->userdata);
    }
    loop->in_timers = false;
}

/* -- work put off */

void loop_deferred_init(struct loop_deferred *deferred, loop_fn callback, void *userdata)
{
    deferred->callback = callback;
    deferred->userdata = userdata;
    list_init(&deferred->link);
}

void loop_defer(struct loop *loop, struct loop_deferred *deferred)
{
    if (!list_linked(&deferred->link))
        list_append(&loop->deferred, &deferred->link);
}

void loop_deferred_cancel(struct loop_deferred *deferred)
{
    list_remove(&deferred->link);
}

static void run_deferred(struct loop *loop)
{
    while (!list_empty(&loop->deferred)) {
        struct loop_deferred *deferred = LIST_FIRST(&loop->deferred, struct loop_deferred, link);
        list_remove(&deferred->link);
        deferred->callback(deferred->userdata);
    }
}

void loop_free_later(struct loop *loop, struct loop_garbage *garbage, loop_fn destroy, void *object)
{
    garbage->destroy = destroy;
    garbage->object = object;
    list_init(&garbage->link);
    list_append(&loop->garbage, &garbage->link);
}

/* -- turns */

/* How long epoll may wait: milliseconds, rounded up so that no turn comes just too early for the
 * timer it was waiting for; -1 for ever. */
static int wait_ms(const struct loop *loop, uint64_t timeout_us)
{
    if (!list_empty(&loop->deferred) || !list_empty(&loop->garbage))
        return 0;
    if (loop->timer_count > 0) {
        uint64_t now = clock_monotonic_us();
        uint64_t due = loop->timers[0]->due_us;
        uint64_t left = due > now ? due - now : 0;
        if (left < timeout_us)
            timeout_us = left;
    }
    if (timeout_us == UINT64_MAX)
        return -1;
    uint64_t ms = timeout_us / USEC_PER_MSEC + (timeout_us % USEC_PER_MSEC != 0);
    return ms > INT_MAX ? INT_MAX : (int)ms;
}

int loop_turn(struct loop *loop, uint64_t timeout_us)
{
    assert(!loop->in_turn);
    int count = epoll_wait(loop->epoll_fd, loop->events, EVENTS_MAX, wait_ms(loop, timeout_us));
    if (count < 0) {
        if (errno != EINTR)
            return -errno;
        count = 0;
    }
    loop->in_turn = true;
    loop->now_us = clock_monotonic_us();
    run_sources(loop, count);
    run_timers(loop);
    run_deferred(loop);
    collect_garbage(loop);
    loop->in_turn = false;
    return 0;
}

void loop_stop(struct loop *loop, int code)
{
    loop->stopped = true;
    loop->code = code;
}

int loop_run(struct loop *loop)
{
    while (!loop->stopped) {
        int error = loop_turn(loop, UINT64_MAX);
        if (error < 0)
            return error;
    }
    loop->stopped = false;
    return loop->code;
}
