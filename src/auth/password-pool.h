/* A few threads that compute slow password hashes, so that the reactor never does.
 *
 * Requests go into a bounded queue; results come back through password_pool_fd() and are handed
 * out by password_pool_dispatch() on the thread that calls it. A callback never runs before the
 * call that asked for it has returned, and runs exactly once. Passwords are copied and wiped.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "auth/password.h"

struct password_pool;

/* `verified` is 1 or 0; an error is -errno. */
typedef void (*password_verified_fn)(void *userdata, int verified);
/* `hash` is valid during the call, NULL on failure. */
typedef void (*password_hashed_fn)(void *userdata, const char *hash);

/* Starts `threads` threads with a queue of `queue_max` requests. 0 or -errno. */
MUST_USE int password_pool_new(unsigned threads, unsigned queue_max,
                               const struct password_cost *cost, struct password_pool **ret);

/* Finishes what has been taken up, drops the rest without calling back, joins the threads.
 * Takes NULL. */
void password_pool_free(struct password_pool *pool);

/* The cost of hashes made from now on. */
void password_pool_set_cost(struct password_pool *pool, const struct password_cost *cost);

/* Verifies `password` against `hash`; with `hash` NULL computes a hash of the current cost all the
 * same and answers 0, so that an unknown user takes as long as a wrong password.
 * 0, -EAGAIN when the queue is full (the callback is not called), -ENOMEM. */
MUST_USE int password_pool_verify(struct password_pool *pool, const char *hash,
                                  struct bytes password, password_verified_fn callback,
                                  void *userdata);

MUST_USE int password_pool_hash(struct password_pool *pool, struct bytes password,
                                password_hashed_fn callback, void *userdata);

/* Requests that no thread has taken up yet. */
unsigned password_pool_waiting(struct password_pool *pool);

/* Becomes readable when there are results; an eventfd owned by the pool. */
int password_pool_fd(const struct password_pool *pool);
void password_pool_dispatch(struct password_pool *pool);
