/* The poller and receiver threads' beginning and end: see crew.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/crew.h"

#include "client/poller.h"
#include "client/receiver.h"

int crew_start(struct crew *crew, const struct settings *settings, const char *password)
{
    int r = session_init(&crew->session, settings, password);

    if (r < 0)
        return r;
    r = -pthread_create(&crew->receiver, NULL, receiver_main, &crew->session);
    if (r == 0) {
        r = -pthread_create(&crew->poller, NULL, poller_main, &crew->session);
        if (r == 0)
            return 0;
        session_stop(&crew->session);
        pthread_join(crew->receiver, NULL);
    }
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
