/* What the tests of connections share: one connection at a time with a peer that the test plays,
 * and a handler that writes down what it is told.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "support.h"

#include "io/connection.h"

#define FRAME_MAX  1000
#define OUTPUT_MAX 4096
#define OWED_MAX   8
#define FRAMES_MAX 4096
#define LONG_US    (3600 * USEC_PER_SEC)
#define SHORT_US   (30 * USEC_PER_MSEC)

/* What the handler does with a frame. */
enum manner {
    ECHO,  /* answer "<frame>." at once */
    HOLD,  /* keep the reply for the test */
    HUGE,  /* answer at once with HUGE_LEN bytes */
    CLOSE, /* close the connection */
};
#define HUGE_LEN 100000

extern struct loop *loop;
extern struct metrics metrics;
extern struct connection *connection; /* NULL once it is closed */
extern int client;
extern struct addr client_addr;
extern enum manner manner;
extern unsigned frames;
extern char seen[65536]; /* frames, each followed by '|', or '/' if the stream ended first */
extern struct reply *held[FRAMES_MAX];
extern unsigned held_count;
extern unsigned refusals[3];
extern unsigned opened;
extern bool secure; /* said with `opened` */
extern unsigned drained;
extern unsigned closed;

extern const struct connection_handler handler;

/* A new pair of peer and connection, everything counted from 0. */
void start_with(enum manner how, enum connection_carrier carrier, struct tls_context *tls,
                const struct connection_limits *limits);
/* The same in plain. */
void start(enum manner how, unsigned owed_max, uint64_t idle_us);
void stop(void);

int setup(void **state);
int teardown(void **state);

/* The peer sends `text`. */
void say(const char *text);
void hang_up_sending(void);
/* Answers what was held. */
void answer_held(unsigned i, bool close);
