/* A connection that was accepted: frames in, answers out, in order.
 *
 * Each frame gets a `struct reply`; whoever handles the frame owns it and ends it exactly once
 * with reply_send() or reply_drop(), at once or later, and may do so after the connection is gone.
 * Answers leave in the order of their frames whatever the order they are given in. While too many
 * answers are owed or too much output waits, no more is read. What end of stream leaves without
 * its ETX is a last frame. A connection that completes no frame within its idle time and owes no
 * answer is closed. Output gathers and is written once at the end of the turn.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "io/loop.h"
#include "util/addr.h"
#include "util/bytes.h"
#include "util/metrics.h"

struct connection;
struct reply;

struct connection_limits {
    size_t frame_max;  /* bytes of a frame without its ETX */
    size_t output_max; /* bytes of answers that may wait */
    unsigned owed_max; /* frames whose answer is still owed */
    uint64_t idle_us;  /* time for the next whole frame */
};

enum connection_refusal {
    CONNECTION_TOO_LONG, /* a frame over frame_max: answered, then closed */
    CONNECTION_IDLE,     /* nothing whole within idle_us: answered, then closed */
};

struct connection_handler {
    /* `frame` is valid during the call. */
    void (*frame)(void *userdata, const struct addr *from, struct bytes frame, struct reply *reply);
    /* Tells the peer why it is about to be closed, through `reply` (to be ended during the call).
     */
    void (*refuse)(void *userdata, const struct addr *from, enum connection_refusal why,
                   struct reply *reply);
    /* The connection was suspended: `fd` is the callee's now, and `input` (valid during the call)
     * is what has been read of it and not been used. `closed` follows. */
    void (*suspended)(void *userdata, const struct addr *from, int fd, struct bytes input);
    /* The connection is over and about to be freed. */
    void (*closed)(void *userdata, struct connection *connection, const struct addr *from);
    void *userdata;
};

/* Takes over `fd` on success. `limits` and `handler` are copied. 0 or -errno. */
MUST_USE int connection_new(struct loop *loop, int fd, const struct addr *from,
                            const struct connection_limits *limits,
                            const struct connection_handler *handler, struct metrics *metrics,
                            struct connection **ret);

/* Closes at once and frees at the end of the turn; `closed` is called. */
void connection_close(struct connection *connection);

/* Takes no more frames, sends the answers that are owed, then closes. Where the peer has gone
 * already, what it left behind, which is not much, is still taken: it will not come again. */
void connection_finish(struct connection *connection);

/* Takes no more frames, sends the answers that are owed, and then lets go of the descriptor with
 * what has been read of the next frame (handler.suspended, which must be set), so that a successor
 * can go on with it. A connection that is ending anyway, or whose peer has gone, ends. */
void connection_suspend(struct connection *connection);

/* Bytes of input a connection may have read and not used. */
static inline size_t connection_input_max(const struct connection_limits *limits)
{
    return limits->frame_max + 1; /* its ETX */
}

/* Goes on where a suspended connection stopped: `input` is taken as read from the peer first. 0,
 * -ENOBUFS if it is more than fits, -ENOMEM. Right after connection_new(). */
MUST_USE int connection_resume(struct connection *connection, struct bytes input);

/* True while an answer is owed or output waits. */
bool connection_busy(const struct connection *connection);

/* For the owner's list of connections. */
struct list *connection_link(struct connection *connection);
struct connection *connection_from_link(struct list *link);

/* Ends `reply` with `answer` (copied, whole with its ETX); `close`: the connection is closed after
 * it, and frames behind it are not handled. */
void reply_send(struct reply *reply, struct bytes answer, bool close);
/* Ends `reply` without an answer. */
void reply_drop(struct reply *reply, bool close);
