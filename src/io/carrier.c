/* Carriers. The first byte is looked at and left where it is (MSG_PEEK), for TLS to read.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/carrier.h"

#include <assert.h>
#include <errno.h>
#include <sys/socket.h>

void carrier_init(struct carrier *carrier, int fd, enum connection_carrier kind,
                  struct tls_context *context)
{
    assert(kind == CONNECTION_PLAIN || context != NULL);
    *carrier = (struct carrier){.fd = fd,
                                .kind = kind,
                                .context = context != NULL ? tls_context_ref(context) : NULL,
                                .reading = EPOLLIN,
                                .writing = EPOLLOUT};
}

void carrier_deinit(struct carrier *carrier)
{
    tls_session_free(carrier->session);
    tls_context_unref(carrier->context);
    carrier->session = NULL;
    carrier->context = NULL;
}

/* An end or an error is for the reading to find. */
bool carrier_detect(struct carrier *carrier)
{
    unsigned char first;
    if (carrier->kind != CONNECTION_DETECT)
        return true;
    ssize_t count = recv(carrier->fd, &first, 1, MSG_PEEK | MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    carrier->kind = count > 0 && first == TLS_FIRST_BYTE ? CONNECTION_TLS : CONNECTION_PLAIN;
    return true;
}

static int shake_hands(struct carrier *carrier)
{
    int r = 0;
    if (carrier->session == NULL)
        r = tls_session_new(carrier->context, carrier->fd, NULL, &carrier->session);
    if (r == 0)
        r = tls_session_handshake(carrier->session);
    carrier->reading = r == 0 ? tls_session_events(carrier->session) : (uint32_t)EPOLLIN;
    return r;
}

int carrier_open(struct carrier *carrier)
{
    assert(carrier->kind != CONNECTION_DETECT);
    return carrier_secure(carrier) ? shake_hands(carrier) : 1;
}

ssize_t carrier_read(struct carrier *carrier, char *data, size_t size)
{
    if (carrier->session == NULL) {
        ssize_t count = recv(carrier->fd, data, size, MSG_DONTWAIT);
        return count < 0 ? -errno : count;
    }
    ssize_t count = tls_session_read(carrier->session, data, size);
    carrier->reading = count == -EAGAIN ? tls_session_events(carrier->session) : (uint32_t)EPOLLIN;
    return count;
}

ssize_t carrier_write(struct carrier *carrier, struct bytes bytes)
{
    if (carrier->session == NULL) {
        ssize_t count = send(carrier->fd, bytes.data, bytes.len, MSG_NOSIGNAL | MSG_DONTWAIT);
        return count < 0 ? -errno : count;
    }
    ssize_t count = tls_session_write(carrier->session, bytes);
    carrier->writing = count == -EAGAIN ? tls_session_events(carrier->session) : (uint32_t)EPOLLOUT;
    return count;
}

int carrier_farewell(struct carrier *carrier)
{
    if (carrier->session == NULL)
        return 0;
    int r = tls_session_shutdown(carrier->session);
    carrier->writing = r == -EAGAIN ? tls_session_events(carrier->session) : (uint32_t)EPOLLOUT;
    return r;
}

bool carrier_pending(const struct carrier *carrier)
{
    return carrier->session != NULL && tls_session_pending(carrier->session);
}

bool carrier_begun(const struct carrier *carrier)
{
    return carrier->session != NULL && tls_session_begun(carrier->session);
}

bool carrier_resumed(const struct carrier *carrier)
{
    return carrier->session != NULL && tls_session_resumed(carrier->session);
}

size_t carrier_memory(const struct carrier *carrier)
{
    return carrier->session != NULL ? tls_session_memory(carrier->session) : 0;
}

const char *carrier_error(const struct carrier *carrier)
{
    return carrier->session != NULL ? tls_session_error(carrier->session) : "no memory";
}
