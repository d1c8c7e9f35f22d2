/* The poller and receiver threads' beginning and end: see crew.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/crew.h"

#include "client/poller.h"
#include "client/receiver.h"

#include <signal.h>

/* Starts both threads, which inherit the caller's signal mask. */
static int start_threads(struct crew *crew)
{
    int r = -pthread_create(&crew->receiver, NULL, receiver_main, &crew->session);

    if (r < 0)
        return r;
    r = -pthread_create(&crew->poller, NULL, poller_main, &crew->session);
    if (r < 0) {
        session_stop(&crew->session);
        pthread_join(crew->receiver, NULL);
    }
    return r;
}

static void on_notice(void *userdata, const char *text)
{
    session_notice(userdata, "%s", text);
}

static void on_password_wanted(void *userdata)
{
    session_wake(userdata, SESSION_INPUT);
}

int crew_start(struct crew *crew, const struct settings *settings, struct receiving *receiving,
               bool chatty)
{
    const struct account_hooks hooks = {
        .notice = on_notice, .wanted = on_password_wanted, .userdata = &crew->session};
    sigset_t all, before;
    int r = session_init(&crew->session, settings, receiving, chatty);

    if (r < 0)
        return r;
    account_set_hooks(receiving->account, &hooks);
    if (cursors_damage(receiving->cursors) > 0)
        session_notice(
            &crew->session,
            "what was shown before was damaged on the disk; messages may be shown again");
    /* All of them, also those the input thread blocks later: else the system hands those to a
     * thread that does not read the signalfd. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    r = start_threads(crew);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (r < 0)
        session_deinit(&crew->session);
    return r;
}

void crew_end(struct crew *crew)
{
    session_stop(&crew->session);
    pthread_join(crew->poller, NULL);
    pthread_join(crew->receiver, NULL);
    session_deinit(&crew->session);
}
