/* What the two halves of a connection share: connection.c, its course, and reply.c, the answers
 * that are owed.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "io/carrier.h"
#include "io/connection.h"
#include "util/buffer.h"

enum connection_state {
    STATE_OPENING,
    STATE_OPEN,
    STATE_ENDING,
    STATE_LINGERING,
    STATE_CLOSED,
};

struct connection {
    struct loop *loop;
    struct loop_source source;
    struct loop_timer timer;
    struct loop_deferred settling;
    struct loop_garbage garbage;
    struct list link; /* the owner's */
    void *context;    /* the owner's */
    int fd;
    enum connection_state state;
    bool end_of_input; /* the peer will send no more */
    bool cut_off;      /* and the end did not come in order */
    bool unended;      /* the frame at hand is what it left without its ETX */
    bool deaf;         /* the peer will read no more */
    bool suspending;   /* is to be handed over, not closed, when it has ended */
    bool taking_leave; /* the carrier's farewell waits to be written */
    bool crowded;      /* more than output_max has been waiting */
    struct addr from;
    struct connection_limits limits;
    struct connection_handler handler;
    struct metrics *metrics;
    struct carrier carrier;
    struct buffer input;
    struct buffer output;
    size_t scanned;   /* for frame_cut() */
    struct list owed; /* struct reply */
    unsigned owed_count;
    size_t kept; /* bytes of answers that wait for their turn */
    size_t thrown_away;
    uint64_t used_us;
    uint64_t deadline_us;       /* for the next whole frame, or for the end; FOR_EVER */
    uint64_t frame_deadline_us; /* for the frame or handshake that was begun; FOR_EVER */
    uint64_t timer_us;          /* when the timer is set to, or FOR_EVER */
};

#define FOR_EVER UINT64_MAX

/* -- connection.c ----------------------------------------------------------------------------- */

/* Has the connection do, at the end of the turn, whatever follows from what has changed. */
void connection_settle_later(struct connection *connection);
/* Something cannot be written, and what comes after it would be taken for it: no more is, and the
 * connection ends. Not before the end of the turn, for the owner may be in the middle of something.
 */
void connection_break(struct connection *connection);
/* Appends to the output, or breaks the connection. */
void connection_put_out(struct connection *connection, struct bytes bytes);
/* Takes no more frames. */
void connection_end(struct connection *connection);
/* Gives it its idle time again. */
void connection_restart_clock(struct connection *connection);

/* -- reply.c ---------------------------------------------------------------------------------- */

/* The reply to the next frame, or NULL. */
struct reply *reply_new(struct connection *connection);
/* Forgets all that is owed; replies that have not been ended yet live on by themselves. */
void replies_disown(struct connection *connection);
/* Bytes of memory they take. */
size_t replies_memory(const struct connection *connection);
