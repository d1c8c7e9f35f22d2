/* The logic unit: sign-on, presence, conversations, delivery. It owns no descriptor and knows no
 * socket: datagrams and frames come in as bytes, answers and pushes leave through the outlet.
 *
 * Storage is reached through dal.h, slow password hashes through a password pool; both hand their
 * results back on the same thread.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "auth/password-pool.h"
#include "proto/error.h"
#include "util/addr.h"
#include "util/attributes.h"
#include "util/bytes.h"
#include "util/metrics.h"
#include "util/rate.h"

#include <stdbool.h>
#include <stdint.h>

struct bll;
struct message;

/* A connection as this unit sees it: who has signed on over it, and what it is used for. Made with
 * bll_link_new() when a connection opens (accepted, or one that the outlet was asked to dial), and
 * freed by bll_link_closed(). */
struct bll_link;

/* What a link has become: the outlet gives its connection other limits. */
enum bll_link_role {
    BLL_LINK_STRANGER,  /* nobody has signed on, or proved himself */
    BLL_LINK_WRITER,    /* version 1 is spoken, which signs on with each frame */
    BLL_LINK_SIGNED_ON, /* somebody has */
    BLL_LINK_STREAM,    /* messages flow over it: attached, or a push that was proven */
};

/* What the bytes of the port in a version 1 poll mean. */
enum port_order {
    PORT_ORDER_AUTO,    /* as it stands, and where that is refused, swapped */
    PORT_ORDER_HOST,    /* as it stands */
    PORT_ORDER_NETWORK, /* swapped */
};

/* The outcome of a push; mirrors io/pusher.h, which this unit does not know. */
enum bll_push {
    BLL_PUSH_DELIVERED,
    BLL_PUSH_REFUSED,
    BLL_PUSH_FAILED,
};

/* How a dialled connection failed. */
enum bll_dial {
    BLL_DIAL_REFUSED, /* nobody listens there */
    BLL_DIAL_FAILED,  /* unreachable, timed out, no handshake */
};

#define BLL_SECRET_LEN 32

/* Token buckets; a rate of 0 is no limit. */
struct bll_rates {
    struct rate signons_per_address;  /* hello and resume */
    struct rate failures_per_address; /* of them: those that were denied */
    struct rate sends_per_address;
    struct rate sends_per_user; /* not of users with the bulk right, nor the one before */
    struct rate dials_per_user; /* connections to endpoints that have not proven themselves */
    /* Neither of users with the bulk right: */
    struct rate changes_per_user;  /* to rooms, memberships and names */
    struct rate requests_per_user; /* for lists and history */
};

struct bll_config {
    const struct network *v1_networks; /* version 1 is served to these */
    size_t v1_network_count;
    enum port_order v1_port_order;
    const struct network *plain_networks; /* may do without TLS */
    size_t plain_network_count;
    const struct network *excluded_networks; /* are never connected to */
    size_t excluded_network_count;
    uint8_t secret[BLL_SECRET_LEN]; /* session keys come from it; another one ends them all */
    struct bll_rates rates;
    uint64_t poll_us;             /* how often version 2 clients are told to poll */
    uint64_t probe_us;            /* least time between two tries to reach an attached device */
    unsigned window_messages;     /* unacknowledged messages of one stream */
    size_t window_bytes;          /* bytes of them */
    uint64_t push_idle_us;        /* a push connection without traffic is closed after this */
    uint64_t push_deliver_us;     /* a stream is closed when nothing of what was sent has been
                                   * acknowledged for this long, as one that is not proven */
    size_t text_max;              /* bytes of a message's text */
    uint64_t present_us;          /* a device is present this long after a poll, and a
                                   * recent message is kept this long in memory */
    uint64_t forget_us;           /* an account nobody used for this long leaves the memory */
    uint64_t retry_us;            /* least time between a failed push and the next try */
    uint64_t cursor_flush_us;     /* cursors are stored at most this late */
    size_t tail_max;              /* bytes of recent messages kept in memory */
    unsigned devices_max;         /* devices a user may have at a time */
    unsigned signons_per_address; /* requests of one address that wait; half of it for polls */
    unsigned waiting_max;         /* requests of one account that may wait for its sign-on */
    bool rooms_by_anyone;         /* who joins a room that is not there makes it */
    unsigned rooms_max;           /* in all: users make no more */
    unsigned rooms_per_user;      /* memberships */
};

/* Where the unit's output goes. */
struct bll_outlet {
    /* Ends `reply`, which came with a frame: reply_send() of io/connection.h. An empty answer ends
     * it without one. */
    void (*reply)(void *userdata, void *reply, struct bytes answer, bool close);
    /* Starts a version 1 push of `payload` (copied) and later calls bll_pushed(bll, token, …).
     * 0, -EAGAIN (no more now), -EBUSY (no more to this host now), or another -errno. */
    int (*push)(void *userdata, const struct addr *to, struct bytes payload, void *token);
    /* Writes whole frames to a connection that nobody asked for (connection_write()). */
    void (*write)(void *userdata, void *connection, struct bytes frames);
    /* The same, but behind the answers that are owed there by now. */
    void (*tell)(void *userdata, void *connection, struct bytes frames);
    /* Bytes of output that wait there. */
    size_t (*waiting)(void *userdata, void *connection);
    void (*set_role)(void *userdata, void *connection, enum bll_link_role role);
    /* Closes it once what was written has left. bll_link_closed() follows, later. */
    void (*close)(void *userdata, void *connection);
    /* Makes a connection to a device's listener, `secure`: with TLS, we in the server's role. Later
     * bll_link_new() and bll_dialled(), or bll_dial_failed(). 0, -EAGAIN (no more now), -EBUSY (no
     * more to this host now), or another -errno. */
    int (*dial)(void *userdata, const struct addr *to, bool secure, void *token);
    /* Milliseconds since the epoch. */
    uint64_t (*real_ms)(void *userdata);
    /* Monotonic microseconds, the same through a loop turn. */
    uint64_t (*now)(void *userdata);
    /* bll_turn_end() is wanted at the end of this turn. */
    void (*wake)(void *userdata);
    void *userdata;
};

/* What `multichatctl status` shows. */
struct bll_status {
    uint64_t accounts; /* in memory */
    uint64_t devices;  /* known to them */
    uint64_t present;  /* that polled lately */
    uint64_t pushing;  /* pushes under way */
    uint64_t streams;  /* proven push connections that are open */
    uint64_t attached; /* devices that are attached */
    uint64_t waiting;  /* devices with something to deliver and no push under way */
    uint64_t tail_bytes;
};

/* How messages get to who is connected. */
enum bll_reach {
    BLL_REACH_POLLS,     /* he polls, and is connected to when there is something for him */
    BLL_REACH_PUSHED,    /* over a connection made to him */
    BLL_REACH_ATTACHED,  /* over one that he made */
    BLL_REACH_FAILED,    /* not: he polls and cannot be connected to */
    BLL_REACH_SIGNED_ON, /* not: he has a connection that is not for that */
};

/* What `multichatctl top` shows of one. */
struct bll_client {
    const char *userid;
    const char *device; /* "": it speaks version 1, or there is none */
    unsigned version;
    const char *address; /* with its port */
    enum bll_reach reach;
    uint64_t there_us; /* how long */
    uint64_t waiting;  /* messages his device has not acknowledged */
    const char *place; /* his among all */
};
typedef void (*bll_client_fn)(void *userdata, const struct bll_client *client);

struct bll_clients_query {
    const char *after; /* place; "": from the first */
    unsigned max;
    bool by_waiting; /* those for whom most waits; else in the order of their places */
};

/* dal_open() comes first. The configuration is copied, the rest borrowed. 0 or -ENOMEM. */
MUST_USE int bll_new(const struct bll_config *config, const struct bll_outlet *outlet,
                     struct password_pool *pool, struct metrics *metrics, struct bll **ret);

/* After dal_close() and once no push is under way. Takes NULL. */
void bll_free(struct bll *bll);

/* A new configuration, from now on. 0 or -ENOMEM (the old one stays). */
MUST_USE int bll_reconfigure(struct bll *bll, const struct bll_config *config);

/* A datagram from the poll port. Writes its answer, never longer than the datagram nor than `size`,
 * to `answer` and returns its length, 0 for none. */
size_t bll_datagram(struct bll *bll, const struct addr *from, struct bytes datagram, char *answer,
                    size_t size);

/* A connection has opened; `secure`: TLS carries it. `connection` is what the outlet knows it by. 0
 * or -ENOMEM. */
MUST_USE int bll_link_new(struct bll *bll, const struct addr *from, bool secure, void *connection,
                          struct bll_link **ret);

/* A frame from it; `reply` is ended through the outlet, now or later. */
void bll_link_frame(struct bll_link *link, struct bytes frame, void *reply);

/* What the end of the stream left, without the end of a frame: one of version 1, or part of one of
 * version 2, which is dropped. */
void bll_link_rest(struct bll_link *link, struct bytes rest, void *reply);

/* Its output has drained. */
void bll_link_drained(struct bll_link *link);

/* It is over; frees the link. Takes NULL. */
void bll_link_closed(struct bll_link *link);

/* True if nothing would be lost by closing it: nobody signed on, or nothing flows. */
bool bll_link_idle(const struct bll_link *link);

/* Why the I/O unit closes a connection, as the protocol says it: ends `reply`. `link` may be NULL.
 */
void bll_refuse(struct bll *bll, struct bll_link *link, enum proto_error error, void *reply);

/* What the outlet was asked to dial is open, and `link` made for it. */
void bll_dialled(struct bll *bll, void *token, struct bll_link *link);
void bll_dial_failed(struct bll *bll, void *token, enum bll_dial why);

/* A push the outlet started has ended. */
void bll_pushed(struct bll *bll, void *token, enum bll_push result);

/* Starts the pushes that have become possible, flushes storage. Once at the end of a loop turn. */
void bll_turn_end(struct bll *bll);

/* Housekeeping: retries, presence, forgetting, cursors. About ten times a second. */
void bll_tick(struct bll *bll);

/* Something about the user has been changed in storage: what is remembered is loaded anew. */
void bll_account_changed(struct bll *bll, struct bytes userid);

/* `message` was stored, by the administrator say: it flows at once to those who are present, and a
 * membership whose end it tells of ends. */
void bll_stored(struct bll *bll, struct message *message);

/* Closes the connections of a user who is signed on over them, telling each `reason`. True if there
 * were any. He may come back. */
bool bll_kick(struct bll *bll, struct bytes userid, const char *reason);

/* From now on no new message is pushed. What still comes in is stored, to be delivered after the
 * next start. */
void bll_quiesce(struct bll *bll);
/* Queues the cursors that are not stored yet; true once there are none. To be called again until
 * then, or until it has taken too long. */
bool bll_flush_cursors(struct bll *bll);

void bll_status(const struct bll *bll, struct bll_status *ret);

/* Calls `visit` for those who are connected, before it returns; what that is given is valid during
 * the call only. Returns how many are, or -ENOMEM. */
MUST_USE long bll_clients(const struct bll *bll, const struct bll_clients_query *query,
                          bll_client_fn visit, void *userdata);

/* How many members of a room, by its conversation's id, are present with a device at least. */
uint64_t bll_present_members(const struct bll *bll, uint64_t conversation);
