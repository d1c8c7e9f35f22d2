/* A connection, accepted or made by us: frames in, answers out, in order; and frames out that
 * nobody asked for.
 *
 * Each frame gets a `struct reply`; whoever handles the frame owns it and ends it exactly once
 * with reply_send() or reply_drop(), at once or later, and may do so after the connection is gone.
 * Answers leave in the order of their frames whatever the order they are given in. While too many
 * answers are owed or too much output waits, no more is read. What end of stream leaves without
 * its ETX is a last frame. A connection that completes no frame within its idle time and owes no
 * answer is closed, and one that does not complete within its frame time a frame it has begun.
 * Output gathers and is written once at the end of the turn.
 *
 * What carries the bytes is plain TCP or TLS (io/tls.h), told by the first byte that arrives, or
 * said at the beginning. A handshake has the time of a frame, and one that fails ends the
 * connection without a word (but TLS's own).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "io/loop.h"
#include "io/tls.h"
#include "util/addr.h"
#include "util/bytes.h"
#include "util/metrics.h"

struct connection;
struct reply;

struct connection_limits {
    size_t frame_max;  /* bytes of a frame without its ETX */
    size_t output_max; /* bytes of answers that may wait */
    unsigned owed_max; /* frames whose answer is still owed */
    uint64_t idle_us;  /* time for the next whole frame; 0: for ever */
    uint64_t frame_us; /* from the first byte of a frame, or of a handshake, to its last; 0: any */
};

enum connection_carrier {
    CONNECTION_PLAIN,  /* TCP as it is */
    CONNECTION_DETECT, /* TLS if the first byte is TLS_FIRST_BYTE, else plain */
    CONNECTION_TLS,    /* TLS from the beginning */
};

enum connection_refusal {
    CONNECTION_TOO_LONG, /* a frame over frame_max: answered, then closed */
    CONNECTION_IDLE,     /* nothing whole within idle_us: answered, then closed */
    CONNECTION_SLOW,     /* a frame was begun and not completed within frame_us: the same */
};

struct connection_handler {
    /* The peer's first byte asks for TLS, whose handshake costs: false has it closed. May be NULL.
     */
    bool (*admit)(void *userdata, struct connection *connection);
    /* The carrier is known and its handshake done: before the first frame, and for a connection
     * that we made as soon as it can be written to. May be NULL. */
    void (*opened)(void *userdata, struct connection *connection, bool secure);
    /* `frame` is valid during the call. */
    void (*frame)(void *userdata, struct connection *connection, struct bytes frame,
                  struct reply *reply);
    /* connection_waiting() has fallen to half of output_max after it was above output_max. May be
     * NULL. */
    void (*drained)(void *userdata, struct connection *connection);
    /* Tells the peer why it is about to be closed, through `reply` (to be ended during the call).
     * Who never said a byte is refused without having been `opened`. */
    void (*refuse)(void *userdata, struct connection *connection, enum connection_refusal why,
                   struct reply *reply);
    /* The connection was suspended: `fd` is the callee's now, and `input` (valid during the call)
     * is what has been read of it and not been used. `closed` follows. */
    void (*suspended)(void *userdata, struct connection *connection, int fd, struct bytes input);
    /* The connection is over and about to be freed. */
    void (*closed)(void *userdata, struct connection *connection, const struct addr *from);
    void *userdata;
};

/* Takes over `fd` on success. `limits` and `handler` are copied, `tls` (a server context; may be
 * NULL with CONNECTION_PLAIN) is referred to. 0 or -errno. */
MUST_USE int connection_new(struct loop *loop, int fd, const struct addr *from,
                            enum connection_carrier carrier, struct tls_context *tls,
                            const struct connection_limits *limits,
                            const struct connection_handler *handler, struct metrics *metrics,
                            struct connection **ret);

/* Closes at once and frees at the end of the turn; `closed` is called. */
void connection_close(struct connection *connection);

/* Takes no more frames, sends the answers that are owed, then closes. Where the peer has gone
 * already, what it left behind, which is not much, is still taken: it will not come again. One that
 * is still shaking hands is closed at once. */
void connection_finish(struct connection *connection);

/* Takes no more frames, sends the answers that are owed, and then lets go of the descriptor with
 * what has been read of the next frame (handler.suspended, which must be set), so that a successor
 * can go on with it. A connection that is ending anyway, or whose peer has gone, ends; so does one
 * over TLS, whose keys cannot be handed over, once it has sent what is owed. */
void connection_suspend(struct connection *connection);

/* Bytes of input a connection may have read and not used. */
static inline size_t connection_input_max(const struct connection_limits *limits)
{
    return limits->frame_max + 1; /* its ETX */
}

/* Goes on where a suspended connection stopped: `input` is taken as read from the peer first. 0,
 * -ENOBUFS if it is more than fits, -ENOMEM. Right after connection_new(). */
MUST_USE int connection_resume(struct connection *connection, struct bytes input);

/* True while an answer is owed or output waits: such a connection is not given up for another. */
bool connection_busy(const struct connection *connection);

/* Appends `bytes`, whole frames that answer nothing, to the output; it is written at the end of the
 * turn. What is written to a connection that is ending goes nowhere. */
void connection_write(struct connection *connection, struct bytes bytes);
/* The same, but behind the answers that are owed by now. */
void connection_tell(struct connection *connection, struct bytes bytes);
/* Bytes of output that wait. */
size_t connection_waiting(const struct connection *connection);

/* Other limits from now on: after a sign-on, or when it is attached. */
void connection_set_limits(struct connection *connection, const struct connection_limits *limits);

/* Bytes of memory it takes now, its carrier's included (an estimate for TLS). */
size_t connection_memory(const struct connection *connection);
/* loop_now() when a whole frame last came in or went out. */
uint64_t connection_used_us(const struct connection *connection);

/* While `frame` is called: false if the stream ended in place of the frame's ETX, so that there is
 * no telling whether it is whole. */
bool connection_frame_ended(const struct connection *connection);

/* Whatever the owner wants to find again; NULL at first. */
void connection_set_context(struct connection *connection, void *context);
void *connection_context(const struct connection *connection);
const struct addr *connection_peer(const struct connection *connection);

/* For the owner's list of connections. */
struct list *connection_link(struct connection *connection);
struct connection *connection_from_link(struct list *link);

/* Ends `reply` with `answer` (copied, whole with its ETX); `close`: the connection is closed after
 * it, and frames behind it are not handled. */
void reply_send(struct reply *reply, struct bytes answer, bool close);
/* Ends `reply` without an answer. */
void reply_drop(struct reply *reply, bool close);
