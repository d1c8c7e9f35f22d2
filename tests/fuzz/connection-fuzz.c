/* Fuzzes connections over real sockets: what a peer sends, in plain or as TLS (told by the first
 * byte or known from the beginning), split in every way, comes out as the same frames and is
 * answered in order; what is no frame and no handshake does no harm.
 *
 * The first four bytes of an input say how the rest is split, the fifth in which of four ways it
 * is carried: its carrier is detected, it is taken for plain, or for TLS, or a TLS client of ours
 * carries it. With 0x10 in it replies are ended late, with 0x20 the connection is finished on our
 * side halfway, with 0x40 the peer does not read before its end.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/connection.h"

#include "../lib/exact.h"
#include "fuzz.h"
#include "proto/frame.h"
#include "tls-pair.h"
#include "util/hash.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define FRAME_BYTES_MAX 64
#define HELD_MAX        4
#define TURNS_MAX       10000

enum way {
    WAY_DETECT,
    WAY_PLAIN,
    WAY_TLS,
    WAY_CLIENT, /* detected, and it is TLS */
    WAYS
};

static struct loop *loop;
static struct metrics metrics;

static struct bytes expected; /* what is still to come of the stream, when it is known */
static bool comparable, ended, refused, late, closed;
static struct connection *connection;
static struct reply *held[HELD_MAX];
static unsigned held_count;

static void set_up_once(void)
{
    if (loop)
        return;
    hash_setup();
    MUST(loop_new(&loop) == 0);
}

/* -- what the connection tells ---------------------------------------------------------------- */

/* The next frame of the stream, cut the plain way; what the end leaves is a frame, too. */
static void compare(struct bytes frame)
{
    const char *end = expected.len > 0 ? memchr(expected.data, FRAME_END, expected.len) : NULL;
    size_t len = end ? (size_t)(end - expected.data) : expected.len;

    MUST(frame.len <= FRAME_BYTES_MAX);
    if (!comparable)
        return;
    MUST(bytes_equal(frame, (struct bytes){.data = expected.data, .len = len}));
    expected.data += len + (end ? 1 : 0);
    expected.len -= len + (end ? 1 : 0);
}

static void end_held(void)
{
    for (unsigned i = held_count; i > 0; i--)
        reply_send(held[i - 1], bytes_of("late\003"), false);
    held_count = 0;
}

static void on_frame(void *userdata, struct connection *from, struct bytes frame,
                     struct reply *reply)
{
    MUST(from == connection && !closed && !refused);
    compare(frame);
    if (bytes_is(frame, "goodbye")) {
        ended = true;
        reply_drop(reply, true);
    } else if (late && held_count < HELD_MAX) {
        held[held_count++] = reply;
    } else {
        reply_send(reply, bytes_of("answer\003"), false);
    }
}

static void on_refuse(void *userdata, struct connection *from, enum connection_refusal why,
                      struct reply *reply)
{
    MUST(why == CONNECTION_TOO_LONG && !refused);
    refused = true;
    reply_send(reply, bytes_of("refused\003"), true);
}

static void on_closed(void *userdata, struct connection *from, const struct addr *addr)
{
    MUST(from == connection && !closed);
    closed = true;
}

/* -- the peer --------------------------------------------------------------------------------- */

struct peer {
    int fd;
    struct tls_session *tls; /* or NULL */
};

static ssize_t peer_send(struct peer *peer, struct bytes bytes)
{
    if (peer->tls)
        return tls_session_write(peer->tls, bytes);
    ssize_t n = send(peer->fd, bytes.data, bytes.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    return n < 0 ? -errno : n;
}

static void peer_read(struct peer *peer)
{
    char data[4096];

    if (peer->tls)
        (void)!tls_session_read(peer->tls, data, sizeof(data));
    else
        (void)!recv(peer->fd, data, sizeof(data), MSG_DONTWAIT);
}

static void turn(void)
{
    MUST(loop_turn(loop, 0) == 0);
}

/* Sends it all, piece by piece, as long as the other side is there. */
static void talk(struct peer *peer, struct bytes stream, uint64_t seed, bool reads, bool finish)
{
    size_t half = stream.len / 2;

    for (unsigned turns = 0; stream.len > 0 && !closed; turns++) {
        MUST(turns < TURNS_MAX);
        size_t piece = 1 + exact_random(&seed) % (seed % 4 == 0 ? 200 : 5);
        ssize_t sent =
            peer_send(peer, (struct bytes){.data = stream.data,
                                           .len = piece < stream.len ? piece : stream.len});
        if (sent < 0 && sent != -EAGAIN)
            break;
        if (sent > 0) {
            stream.data += sent;
            stream.len -= (size_t)sent;
        }
        turn();
        if (reads)
            peer_read(peer);
        if (held_count == HELD_MAX)
            end_held();
        if (finish && stream.len < half && !closed)
            connection_finish(connection);
    }
}

static void hang_up(struct peer *peer)
{
    if (peer->tls)
        (void)!tls_session_shutdown(peer->tls);
    (void)shutdown(peer->fd, SHUT_WR);
    for (unsigned turns = 0; !closed; turns++) {
        MUST(turns < TURNS_MAX);
        turn();
        end_held();
        peer_read(peer);
        if (turns == 200) /* it may linger for what we have to say */
            (void)shutdown(peer->fd, SHUT_RDWR);
    }
    tls_session_free(peer->tls);
    (void)close(peer->fd);
    turn();
}

static void start(enum way way, struct peer *ret)
{
    static const struct connection_limits limits = {
        .frame_max = FRAME_BYTES_MAX, .output_max = 256, .owed_max = HELD_MAX};
    static const struct connection_handler handler = {
        .frame = on_frame, .refuse = on_refuse, .closed = on_closed};
    static const enum connection_carrier carriers[WAYS] = {
        [WAY_DETECT] = CONNECTION_DETECT,
        [WAY_PLAIN] = CONNECTION_PLAIN,
        [WAY_TLS] = CONNECTION_TLS,
        [WAY_CLIENT] = CONNECTION_DETECT,
    };
    struct addr from = {0};
    int ends[2];

    MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
    closed = refused = ended = false;
    held_count = 0;
    *ret = (struct peer){.fd = ends[1]};
    MUST(connection_new(loop, ends[0], &from, carriers[way], tls_pair_server(), &limits, &handler,
                        &metrics, &connection) == 0);
    if (way == WAY_CLIENT)
        MUST(tls_session_new(tls_pair_client(), ends[1], "localhost", &ret->tls) == 0);
}

static void shake_hands(struct peer *peer)
{
    for (unsigned turns = 0; tls_session_handshake(peer->tls) == 0; turns++) {
        MUST(turns < TURNS_MAX);
        turn();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct peer peer;
    uint64_t seed = 1;

    if (size < 5)
        return 0;
    set_up_once();
    for (size_t i = 0; i < 4; i++)
        seed = seed << 8 | data[i];
    enum way way = data[4] % WAYS;
    late = data[4] & 0x10;
    expected = fuzz_bytes(data + 5, size - 5);
    comparable = way == WAY_PLAIN || way == WAY_CLIENT ||
                 (way == WAY_DETECT && size > 5 && data[5] != TLS_FIRST_BYTE);
    start(way, &peer);
    if (peer.tls)
        shake_hands(&peer);
    talk(&peer, expected, seed, !(data[4] & 0x40), data[4] & 0x20);
    /* All of it has been taken, unless somebody has broken off. */
    hang_up(&peer);
    MUST(!comparable || refused || ended || (data[4] & 0x20) || expected.len == 0);
    return 0;
}
