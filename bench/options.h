/* The command line: one table of options, one of modes.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/addr.h"
#include "util/attributes.h"

#include <stdbool.h>
#include <stdint.h>

/* Who writes to whom. */
enum pattern {
    PATTERN_MIXED,    /* half to any other user, half to a room of the writer's */
    PATTERN_PARTNERS, /* each writer to one user who does not write, always the same */
    PATTERN_ROUND,    /* to all users who do not write, one after the other */
    PATTERN_EVERYONE, /* to everyone */
    PATTERN_ROOM,     /* to a room of the writer's */
    PATTERN_NONE,     /* nobody writes */
};

struct mode {
    const char *name;
    const char *help;
    enum pattern pattern;
    bool sign_on_first; /* each user receives a message of his own before the run begins */
    bool poll_later;    /* users poll only after all has been written */
    /* What the options are where they are not given. */
    uint64_t writers, rate, seconds, count, window;
};

struct options {
    const struct mode *mode;
    struct addr polls, writes, listen;
    const char *users, *rooms;
    uint64_t user_count;    /* of the file's users; 0: all */
    uint64_t writers;       /* users who write, each over a connection of his own */
    uint64_t rate;          /* messages a second in all; 0: as fast as the window allows */
    uint64_t seconds;       /* of writing; 0: until `count` */
    uint64_t count;         /* messages in all; 0: until `seconds` are over */
    uint64_t window;        /* messages of one writer that may wait for their answers */
    uint64_t size;          /* bytes of a text */
    uint64_t poll_interval; /* milliseconds */
    uint64_t drain;         /* seconds without a delivery after which the rest counts as lost */
    uint64_t seed;
    uint64_t protocol; /* the version of it that is spoken */
    bool tls, attach;  /* version 2 */
    uint64_t pid;      /* of the daemon; 0: not measured */
    bool json;
    bool tolerate_repeats; /* a server that was killed may deliver again what it could not note */
};

enum options_result {
    OPTIONS_RUN,
    OPTIONS_DONE,  /* help or version was printed */
    OPTIONS_WRONG, /* what is wrong was printed */
};

MUST_USE enum options_result options_parse(int argc, char **argv, struct options *ret);
