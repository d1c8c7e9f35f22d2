/* The event loop: one epoll instance, timers, and work put off to the end of a turn.
 *
 * Contract. Everything runs on the thread that calls loop_run(). A turn is: wait; run the callback
 * of each ready source; run the timers that are due; run the deferred work, in the order it was
 * put off (work put off meanwhile runs in the same turn); free what loop_free_later() was given.
 * A source may be removed from any callback, its own included; no event of this turn reaches it
 * afterwards. Memory that a callback may still be looking at is freed with loop_free_later().
 * Level-triggered.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/attributes.h"
#include "util/list.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

struct loop;
struct loop_source;

typedef void (*loop_source_fn)(void *userdata, uint32_t events);
typedef void (*loop_fn)(void *userdata);

/* A descriptor that is watched. Embedded in its owner and zeroed there before its first use; not
 * to be touched from outside. */
struct loop_source {
    loop_source_fn callback; /* NULL while it is not watched */
    void *userdata;
    int fd;
    uint32_t events; /* asked for */
    uint32_t ready;  /* reported in this turn, while `pending` is linked */
    struct list pending;
};

/* One shot at a time. Embedded in its owner; loop_timer_init() first. */
struct loop_timer {
    loop_fn callback;
    void *userdata;
    uint64_t due_us;
    unsigned index; /* place in the heap + 1, 0 while it is not set */
};

/* Work put off to the end of the turn. Embedded in its owner; loop_deferred_init() first. */
struct loop_deferred {
    loop_fn callback;
    void *userdata;
    struct list link;
};

MUST_USE int loop_new(struct loop **ret);
/* All sources and timers must be gone or be abandoned; takes NULL. */
void loop_free(struct loop *loop);

/* Runs until loop_stop(); returns the code given there, or -errno if epoll fails. */
MUST_USE int loop_run(struct loop *loop);
void loop_stop(struct loop *loop, int code);

/* One turn, waiting at most `timeout_us` (UINT64_MAX: until something happens). For tests and
 * small tools. 0 or -errno. */
MUST_USE int loop_turn(struct loop *loop, uint64_t timeout_us);

/* Monotonic time at the beginning of this turn, microseconds. */
uint64_t loop_now(const struct loop *loop);

/* Watches `fd` for `events` (EPOLLIN, EPOLLOUT, …). The descriptor stays the caller's. */
MUST_USE int loop_add(struct loop *loop, struct loop_source *source, int fd, uint32_t events,
                      loop_source_fn callback, void *userdata);
MUST_USE int loop_change(struct loop *loop, struct loop_source *source, uint32_t events);
/* Before the descriptor is closed. Harmless on a source that is not watched. */
void loop_remove(struct loop *loop, struct loop_source *source);

void loop_timer_init(struct loop_timer *timer, loop_fn callback, void *userdata);
/* Sets or moves it to `due_us` (in loop_now() time). 0 or -ENOMEM. */
MUST_USE int loop_timer_set(struct loop *loop, struct loop_timer *timer, uint64_t due_us);
void loop_timer_cancel(struct loop *loop, struct loop_timer *timer);

void loop_deferred_init(struct loop_deferred *deferred, loop_fn callback, void *userdata);
/* Runs once however often it is asked for before it runs. */
void loop_defer(struct loop *loop, struct loop_deferred *deferred);
void loop_deferred_cancel(struct loop_deferred *deferred);

/* Runs `destroy(object)` when the turn is over. `link` is embedded in the object. */
struct loop_garbage {
    struct list link;
    loop_fn destroy;
    void *object;
};
void loop_free_later(struct loop *loop, struct loop_garbage *garbage, loop_fn destroy,
                     void *object);
