/* The socket the server connects to: see listening.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/listening.h"

#include "io/listener.h"
#include "util/clock.h"

#include <errno.h>
#include <unistd.h>

#define REBIND_US (2 * USEC_PER_SEC) /* after it failed */

void listening_init(struct listener *listener, struct session *session)
{
    *listener = (struct listener){.session = session, .fd = -1};
    if (!settings_listens(session->settings))
        session_set_bound(session, NULL);
}

static void unbind(struct listener *listener)
{
    if (listener->fd >= 0)
        close(listener->fd);
    listener->fd = -1;
}

void listening_deinit(struct listener *listener)
{
    unbind(listener);
}

static int bind_to(struct listener *listener, const struct addr *wanted)
{
    struct sockaddr_storage storage;
    socklen_t len = sizeof(storage);
    struct addr bound;
    int r;

    listener->fd = listener_bind(wanted);
    if (listener->fd < 0)
        return listener->fd;
    if (getsockname(listener->fd, (struct sockaddr *)&storage, &len) < 0)
        r = -errno;
    else
        r = addr_from_sockaddr((const struct sockaddr *)&storage, len, &bound);
    if (r < 0) {
        unbind(listener);
        return r;
    }
    session_set_bound(listener->session, &bound);
    return 0;
}

static void failed(struct listener *listener, int error)
{
    char text[ADDR_TEXT_MAX], reason[128];

    session_set_bound(listener->session, NULL);
    if (!listener->failure_told)
        session_notice(listener->session,
                       "cannot listen on %s (%s); receiving over a kept connection until that is "
                       "possible",
                       addr_format(&listener->wanted, text),
                       strerror_r(error, reason, sizeof(reason)));
    listener->failure_told = true;
}

void listening_keep(struct listener *listener, uint64_t now)
{
    struct addr server, wanted;
    int r;

    if (!settings_listens(listener->session->settings) ||
        !session_server(listener->session, &server))
        return;
    settings_listen_addr(listener->session->settings, &server, &wanted);
    if (listener->fd >= 0 && addr_equal(&wanted, &listener->wanted))
        return;
    if (now < listener->next_bind)
        return;
    unbind(listener);
    listener->wanted = wanted;
    listener->next_bind = now + REBIND_US;
    r = bind_to(listener, &wanted);
    if (r < 0)
        failed(listener, -r);
    else
        listener->failure_told = false;
}

uint64_t listening_due(const struct listener *listener)
{
    return listener->fd < 0 && listener->failure_told ? listener->next_bind : UINT64_MAX;
}
