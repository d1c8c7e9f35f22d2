/* What the tests of the I/O unit share: a loop that is turned until something has happened, and
 * sockets of a peer that the test plays itself, on loopback, without blocking.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "io/loop.h"
#include "util/addr.h"
#include "util/bytes.h"
#include "util/clock.h"

#include <stdbool.h>

#define PATIENCE_US (20 * USEC_PER_SEC)

/* Turns `loop` until `condition` holds; fails the test if it takes too long. */
#define TURN_UNTIL(loop, condition)                                                                \
    do {                                                                                           \
        uint64_t patience_ends = clock_monotonic_us() + PATIENCE_US;                               \
        while (!(condition)) {                                                                     \
            if (clock_monotonic_us() > patience_ends)                                              \
                fail_msg("did not happen: %s", #condition);                                        \
            assert_int_equal(loop_turn((loop), 5 * USEC_PER_MSEC), 0);                             \
        }                                                                                          \
    } while (0)

/* Turns `loop` without waiting until all that has been sent to it on loopback has been read. */
void turn_some(struct loop *loop);

/* Turns `loop` for `duration_us` and returns how many turns that took: few, unless it spins. */
unsigned count_turns(struct loop *loop, uint64_t duration_us);
#define QUIET_TURNS 5

/* 127.0.0.1, port 0. */
struct addr loopback(void);
struct addr local_addr(int fd);
/* A listening socket on loopback, with the queue cut to `backlog` unless that is 0. */
int listen_somewhere(int backlog, struct addr *ret);
/* A connected pair; both ends are non-blocking and send at once. */
void tcp_pair(int *ret_server, int *ret_client, struct addr *ret_client_addr);
/* Connects to `to`; non-blocking afterwards. */
int connect_to(const struct addr *to);

/* Sends all of `bytes`; turns `loop` while the peer's buffers are full. */
void peer_send(struct loop *loop, int fd, struct bytes bytes);
/* Reads exactly what `text` says; turns `loop` meanwhile. */
void peer_expect(struct loop *loop, int fd, const char *text);
/* Reads to the end of the stream, which must be in order; the bytes read into `ret` (`size`),
 * the rest counted. */
size_t peer_read_all(struct loop *loop, int fd, char *ret, size_t size);
/* Fails unless the end of stream comes at once, in order. */
void peer_expect_end(struct loop *loop, int fd);
/* Closes with a reset. */
void peer_reset(int fd);
