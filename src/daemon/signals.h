/* Signals as events of the loop: blocked in every thread, read from a signalfd.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "io/loop.h"

struct signals {
    struct loop *loop;
    struct loop_source source;
    int fd;
    void (*callback)(void *userdata, int signo);
    void *userdata;
};

/* Blocks SIGTERM, SIGINT and SIGHUP for this thread and those it starts later, ignores SIGPIPE,
 * and has `callback` called from the loop. 0 or -errno. */
MUST_USE int signals_init(struct signals *signals, struct loop *loop,
                          void (*callback)(void *userdata, int signo), void *userdata);

/* Harmless on a zeroed struct. The signals stay blocked. */
void signals_deinit(struct signals *signals);
