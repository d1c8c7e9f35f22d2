/* Signals as events of the loop.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/signals.h"

#include <errno.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

static void ready(void *userdata, uint32_t events)
{
    struct signals *signals = userdata;
    struct signalfd_siginfo info;
    while (read(signals->fd, &info, sizeof info) == (ssize_t)sizeof info)
        signals->callback(signals->userdata, (int)info.ssi_signo);
}

int signals_init(struct signals *signals, struct loop *loop,
                 void (*callback)(void *userdata, int signo), void *userdata)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
        return -errno;
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        return -errno;
    *signals = (struct signals){.loop = loop, .fd = fd, .callback = callback, .userdata = userdata};
    int r = loop_add(loop, &signals->source, fd, EPOLLIN, ready, signals);
    if (r < 0) {
        close(fd);
        signals->loop = NULL;
    }
    return r;
}

void signals_deinit(struct signals *signals)
{
    if (signals->loop == NULL)
        return;
    loop_remove(signals->loop, &signals->source);
    close(signals->fd);
    signals->loop = NULL;
}
