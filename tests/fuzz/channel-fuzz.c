/* Fuzzes the client's end of connections over real sockets: what a server, or somebody else, sends
 * in plain or over TLS, split in every way, comes out as the same frames; what is no frame and no
 * handshake breaks it, in words.
 *
 * The first four bytes of an input say how the rest is split, the fifth how it is carried: in
 * plain, as bytes of TLS itself, or by a TLS server of ours.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/channel.h"

#include "../lib/exact.h"
#include "fuzz.h"
#include "proto/frame.h"
#include "tls-pair.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define TURNS_MAX 20000

enum way { WAY_PLAIN, WAY_BYTES, WAY_SERVER, WAYS };

struct peer {
    int fd;
    struct tls_session *tls; /* or NULL */
};

static struct bytes expected; /* what is still to come of the stream */
static bool opened, over;

static void compare(struct bytes frame)
{
    const char *end = expected.len > 0 ? memchr(expected.data, FRAME_END, expected.len) : NULL;

    MUST(opened && end);
    size_t len = (size_t)(end - expected.data);
    MUST(bytes_equal(frame, (struct bytes){.data = expected.data, .len = len}));
    expected.data += len + 1;
    expected.len -= len + 1;
}

/* Takes everything that can be taken now. */
static void turn(struct channel *channel, bool comparable)
{
    struct bytes frame;

    for (unsigned turns = 0; !over; turns++) {
        MUST(turns < TURNS_MAX);
        switch (channel_turn(channel, turns == 0 ? POLLIN | POLLOUT : 0, &frame)) {
        case CHANNEL_WAITING:
            return;
        case CHANNEL_OPEN:
            MUST(!opened);
            opened = true;
            MUST(channel_write(channel, bytes_of("ping\003")) == 0);
            break;
        case CHANNEL_FRAME:
            if (comparable)
                compare(frame);
            break;
        case CHANNEL_CLOSED:
        case CHANNEL_BROKEN:
            MUST(channel->fd < 0 && channel->reason[0] != '\0');
            over = true;
        }
    }
}

static ssize_t peer_send(struct peer *peer, struct bytes bytes)
{
    if (peer->tls)
        return tls_session_write(peer->tls, bytes);
    ssize_t n = send(peer->fd, bytes.data, bytes.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    return n < 0 ? -errno : n;
}

static void shake_hands(struct channel *channel, struct peer *peer)
{
    for (unsigned turns = 0; tls_session_handshake(peer->tls) == 0; turns++) {
        MUST(turns < TURNS_MAX && !over);
        turn(channel, true);
    }
}

static void talk(struct channel *channel, struct peer *peer, struct bytes stream, uint64_t seed,
                 bool comparable)
{
    char data[256];

    for (unsigned turns = 0; stream.len > 0 && !over; turns++) {
        MUST(turns < TURNS_MAX);
        size_t piece = 1 + exact_random(&seed) % (seed % 4 == 0 ? 200 : 5);
        piece = piece < stream.len ? piece : stream.len;
        ssize_t sent = peer_send(peer, (struct bytes){.data = stream.data, .len = piece});
        if (sent < 0 && sent != -EAGAIN)
            break;
        if (sent > 0) {
            stream.data += sent;
            stream.len -= (size_t)sent;
        }
        turn(channel, comparable);
        if (!peer->tls)
            (void)!recv(peer->fd, data, sizeof(data), MSG_DONTWAIT);
    }
}

/* Two ends that are connected; ours has a name of its own, for a socket whose name is that of its
 * peer is one that was connected to itself. */
static void make_pair(int ends[2])
{
    const struct sockaddr_un any = {.sun_family = AF_UNIX};

    MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
    MUST(bind(ends[0], (const struct sockaddr *)&any, sizeof(any.sun_family)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct channel channel;
    struct peer peer = {0};
    uint64_t seed = 1;
    int ends[2];

    if (size < 5)
        return 0;
    for (size_t i = 0; i < 4; i++)
        seed = seed << 8 | data[i];
    enum way way = data[4] % WAYS;
    expected = fuzz_bytes(data + 5, size - 5);
    opened = over = false;
    make_pair(ends);
    peer.fd = ends[1];
    channel_init(&channel);
    MUST(channel_open(&channel, ends[0], way == WAY_PLAIN ? NULL : tls_pair_client(),
                      "localhost") == 0);
    if (way == WAY_SERVER) {
        MUST(tls_session_new(tls_pair_server(), peer.fd, NULL, &peer.tls) == 0);
        shake_hands(&channel, &peer);
    }
    turn(&channel, way != WAY_BYTES);
    talk(&channel, &peer, expected, seed, way != WAY_BYTES);
    if (peer.tls)
        (void)!tls_session_shutdown(peer.tls);
    tls_session_free(peer.tls);
    (void)close(peer.fd);
    turn(&channel, way != WAY_BYTES);
    MUST(over);
    /* Every frame that was whole has come out. */
    MUST(way == WAY_BYTES || expected.len == 0 || !memchr(expected.data, FRAME_END, expected.len));
    channel_close(&channel);
    return 0;
}
