/* What carries the bytes of a connection: TCP as it is, or TLS over it. Which of them can be left
 * to the first byte that arrives.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "io/connection.h"
#include "io/tls.h"

/* Embedded in its owner. */
struct carrier {
    int fd;                       /* the owner's */
    enum connection_carrier kind; /* CONNECTION_DETECT until it is known */
    struct tls_context *context;  /* NULL for plain */
    struct tls_session *session;  /* once it is known to be TLS */
    uint32_t reading, writing;    /* events that reading or opening, and writing, wait for */
};

/* `context` (NULL with CONNECTION_PLAIN) is referred to. */
void carrier_init(struct carrier *carrier, int fd, enum connection_carrier kind,
                  struct tls_context *context);
void carrier_deinit(struct carrier *carrier);

/* Finds out what it is: true once that is known. */
bool carrier_detect(struct carrier *carrier);
/* Shakes hands, once it is known what it is: 1 when bytes can be read and written, 0 while it waits
 * for `reading`, -EPROTO with carrier_error() or another -errno. */
MUST_USE int carrier_open(struct carrier *carrier);

/* Like recv(2) and send(2), with -errno; see tls_session_read(). Before it is open, plain. */
MUST_USE ssize_t carrier_read(struct carrier *carrier, char *data, size_t size);
MUST_USE ssize_t carrier_write(struct carrier *carrier, struct bytes bytes);

/* Tells the peer that no more will be written (close_notify; nothing in plain): 0, -EAGAIN while it
 * waits for `writing`, or another -errno. */
MUST_USE int carrier_farewell(struct carrier *carrier);

/* True if TLS carries it, or is about to. */
static inline bool carrier_secure(const struct carrier *carrier)
{
    return carrier->kind == CONNECTION_TLS;
}

/* Bytes can be read that the descriptor does not tell of. */
bool carrier_pending(const struct carrier *carrier);
/* Part of something that can only be read whole has arrived. */
bool carrier_begun(const struct carrier *carrier);

/* True if the handshake was cut short by a ticket. */
bool carrier_resumed(const struct carrier *carrier);

/* Bytes of memory beside the struct. */
size_t carrier_memory(const struct carrier *carrier);
/* Why it failed, in words. */
const char *carrier_error(const struct carrier *carrier);
