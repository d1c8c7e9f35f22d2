/* The connections of clients: accepted within limits, or made for a push (daemon/dials.h); over
 * each the logic unit has a link.
 *
 * They are kept in the order of their use. When there are as many as may be, or they take as much
 * memory as they may, the one that has been unused longest and owes nothing gives way to a new one,
 * and strangers before those who have signed on: a flood of connections displaces itself.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "bll/bll.h"
#include "daemon/settings.h"
#include "daemon/sockets.h"
#include "io/connection.h"
#include "io/listener.h"

struct dial;
struct served; /* one connection: what the logic unit knows it by */

enum connections_group {
    CONNECTIONS_STRANGERS,
    CONNECTIONS_SIGNED_ON,
    CONNECTIONS_GROUPS,
};

struct connections {
    struct loop *loop;
    struct bll *bll;
    struct metrics *metrics;
    struct tls_context *tls; /* for connections from now on */
    struct connection_settings settings;
    struct peercount *peers; /* of those that were accepted */
    struct rate_table *handshakes;
    struct listener *listeners[SOCKETS_MAX];
    unsigned listener_count;
    struct list open[CONNECTIONS_GROUPS]; /* the longest unused first */
    unsigned count;
    unsigned secure_count;    /* of them over TLS */
    size_t memory;            /* bytes they took when they were last looked at */
    unsigned suspended_count; /* given to the descriptor store */
};

/* `loop`, `bll` and `metrics` are borrowed, `tls` is referred to. Takes the sockets for writes over
 * from `sockets`. 0 or -errno; connections_deinit() in both cases. */
MUST_USE int connections_init(struct connections *connections, struct loop *loop, struct bll *bll,
                              struct metrics *metrics, const struct daemon_config *config,
                              struct tls_context *tls, struct sockets *sockets);

/* Closes what is still open, which is freed at the end of the turn: connections_free() then.
 * Harmless on a zeroed struct. */
void connections_deinit(struct connections *connections);
void connections_free(struct connections *connections);

/* New limits, and what is shown over TLS, hold for connections opened from now on; those of memory
 * and of how many there may be at once. */
void connections_configure(struct connections *connections, const struct daemon_config *config,
                           struct tls_context *tls);

/* Takes over `fd`, a connection that was made to `to` for `dial`, with TLS where that is `secure`:
 * dial_opened() and dial_over() follow. 0 or -errno (neither follows). */
MUST_USE int connections_take_dialled(struct connections *connections, int fd,
                                      const struct addr *to, bool secure, struct dial *dial);

/* Looks at the memory they take, and closes as many as are too much. About ten times a second. */
void connections_tick(struct connections *connections);

/* Accepts no more and takes no more frames, except over streams while acknowledgements may be on
 * their way; `late`: over these neither. Once its answers have left, each connection is closed; one
 * in clear over which nobody signed on goes to the service manager's descriptor store, where there
 * is one. To be called until all are closed. */
void connections_finish(struct connections *connections, bool late);

/* -- what the logic unit asks for, see struct bll_outlet ----------------------------------------
 */

void served_write(struct served *served, struct bytes frames);
void served_tell(struct served *served, struct bytes frames);
size_t served_waiting(const struct served *served);
void served_set_role(struct served *served, enum bll_link_role role);
void served_close(struct served *served);
