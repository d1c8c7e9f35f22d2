/* A server for tests of what speaks over a link: scripted by the test, in the same thread, plain.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "../io/support.h"
#include "client/account.h"
#include "home.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define KEY_DIGITS "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define SERVER_MS  1700000000000 /* the server's time */

static struct peer {
    struct settings settings;
    struct trust *trust;
    struct account *account;
    int folder, listener, fd;
    struct addr addr;
    char heard[1 << 17]; /* what came, without what was taken */
    size_t len;
    char told[2048]; /* lines for the user, each with a newline */
    unsigned wanted;
} peer;

static inline void peer_notice(void *userdata, const char *line)
{
    strcat(strcat(peer.told, line), "\n");
}

static inline void peer_wanted(void *userdata)
{
    peer.wanted++;
}

/* Trust and account, by the settings as they are. */
static inline int peer_open(void)
{
    const struct account_hooks hooks = {.notice = peer_notice, .wanted = peer_wanted};
    char *error = NULL;

    if (trust_open(&peer.settings, &peer.trust, &error) < 0 ||
        account_open(&peer.settings, peer.trust, "laptop", peer.folder, &peer.account) < 0)
        return -1;
    account_set_hooks(peer.account, &hooks);
    return 0;
}

static inline int peer_setup(bool tls)
{
    memset(&peer, 0, sizeof(peer));
    peer.fd = -1;
    if (home_make() < 0 || config_table_init(&settings_table, &peer.settings) < 0)
        return -1;
    free(peer.settings.user);
    peer.settings.user = strdup("alice");
    peer.settings.tls.use = tls;
    peer.folder = open(home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    peer.listener = listen_somewhere(0, &peer.addr);
    return peer_open();
}

static inline int peer_teardown(void)
{
    account_close(peer.account);
    trust_close(peer.trust);
    if (peer.fd >= 0)
        close(peer.fd);
    if (peer.listener >= 0)
        close(peer.listener);
    close(peer.folder);
    settings_deinit(&peer.settings);
    return home_remove();
}

static inline void peer_await(int fd, short events)
{
    struct pollfd ready = {.fd = fd, .events = events};

    assert_int_equal(poll(&ready, 1, 20000), 1);
}

static inline void peer_accept(void)
{
    assert_int_equal(peer.fd, -1);
    peer_await(peer.listener, POLLIN);
    peer.fd = accept(peer.listener, NULL, NULL);
    assert_true(peer.fd >= 0);
    /* What was said is there then. */
    assert_int_equal(setsockopt(peer.fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)), 0);
    peer.len = 0;
}

static inline void peer_hang_up(void)
{
    close(peer.fd);
    peer.fd = -1;
}

/* The next frame, without its ETX; valid until the next call. */
static inline const char *peer_frame(void)
{
    static char frame[1 << 17];
    char *end;

    while (!(end = memchr(peer.heard, '\003', peer.len))) {
        peer_await(peer.fd, POLLIN);
        ssize_t n = recv(peer.fd, peer.heard + peer.len, sizeof(peer.heard) - peer.len, 0);
        assert_true(n > 0);
        peer.len += (size_t)n;
    }
    size_t len = (size_t)(end - peer.heard);
    memcpy(frame, peer.heard, len);
    frame[len] = '\0';
    peer.len -= len + 1;
    memmove(peer.heard, end + 1, peer.len);
    return frame;
}

/* True if nothing has been said that was not taken. */
static inline bool peer_heard_nothing(void)
{
    char byte;

    return peer.len == 0 && recv(peer.fd, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

/* Says `text`, an ETX after it. */
static inline void peer_say(const char *text)
{
    char frame[1024];
    int len = snprintf(frame, sizeof(frame), "%s\003", text);

    assert_int_equal(send(peer.fd, frame, (size_t)len, MSG_NOSIGNAL), len);
}

#define PEER_WELCOME(session) "welcome:" session ":" KEY_DIGITS ":1700000000000:3:Alice"
