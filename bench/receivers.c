/* Listening, polling, and reading each push to its end, as the original client does.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/receivers.h"

#include "proto/v1.h"
#include "util/list.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define TICK_US        2000
#define LISTEN_BACKLOG 64
#define ACCEPTS_A_TURN 16
#define POLLS_A_TICK   4096
/* One byte more than a push may have, so that a longer one is noticed. */
#define PAYLOAD_MAX (V1_PUSH_MAX + 1)

struct user {
    struct receivers *receivers;
    uint32_t index;
    int fd;
    uint16_t port;
    struct loop_source source;
};

/* A push connection that is being read. */
struct intake {
    struct list link;
    struct loop_garbage garbage;
    struct loop_source source;
    struct user *user;
    int fd;
    size_t len;
    char payload[PAYLOAD_MAX];
};

struct receivers {
    struct loop *loop;
    struct receivers_config config;
    receivers_fn callback;
    void *userdata;
    struct user *users;
    struct list intakes;
    int poll_fd;
    struct loop_timer tick;
    uint64_t started_us;
    uint64_t polls; /* due so far and sent */
};

/* -- pushes ----------------------------------------------------------------------------------- */

static void intake_destroy(void *object)
{
    free(object);
}

static void intake_end(struct intake *intake)
{
    loop_remove(intake->user->receivers->loop, &intake->source);
    close(intake->fd);
    list_remove(&intake->link);
    loop_free_later(intake->user->receivers->loop, &intake->garbage, intake_destroy, intake);
}

static void intake_ready(void *userdata, uint32_t events)
{
    struct intake *intake = userdata;
    struct receivers *receivers = intake->user->receivers;
    ssize_t n;

    (void)events;
    do {
        n = recv(intake->fd, intake->payload + intake->len, PAYLOAD_MAX - intake->len, 0);
        if (n > 0)
            intake->len += (size_t)n;
    } while (n > 0 && intake->len < PAYLOAD_MAX);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n >= 0)
        receivers->callback(receivers->userdata, intake->user->index,
                            (struct bytes){.data = intake->payload, .len = intake->len});
    intake_end(intake);
}

static int intake_begin(struct user *user, int fd)
{
    struct intake *intake = malloc(sizeof(*intake));

    if (!intake)
        return -ENOMEM;
    intake->user = user;
    intake->fd = fd;
    intake->len = 0;
    intake->source = (struct loop_source){.fd = -1};
    if (loop_add(user->receivers->loop, &intake->source, fd, EPOLLIN, intake_ready, intake) < 0) {
        free(intake);
        return -ENOMEM;
    }
    list_init(&intake->link);
    list_append(&user->receivers->intakes, &intake->link);
    return 0;
}

static void user_ready(void *userdata, uint32_t events)
{
    struct user *user = userdata;

    (void)events;
    for (int i = 0; i < ACCEPTS_A_TURN; i++) {
        int fd = accept4(user->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        if (intake_begin(user, fd) < 0)
            close(fd);
    }
}

/* -- polls ------------------------------------------------------------------------------------ */

static int poll_once(struct receivers *receivers, const struct user *user)
{
    const struct roster_user *who = &receivers->config.roster->users[user->index];
    struct v1_poll poll = {
        .userid = bytes_of(who->userid),
        .password = bytes_of(who->password),
        .port = user->port,
    };
    char datagram[V1_POLL_MAX];
    long len = v1_build_poll(&poll, datagram, sizeof(datagram));

    if (len < 0)
        return (int)len;
    /* A server that is away answers with ICMP; the poll is lost, as UDP may lose it. */
    if (send(receivers->poll_fd, datagram, (size_t)len, 0) < 0 && errno == EAGAIN)
        return -EAGAIN;
    return 0;
}

static void tick(void *userdata)
{
    struct receivers *receivers = userdata;
    size_t count = receivers->config.roster->user_count;
    uint64_t now = loop_now(receivers->loop);
    uint64_t due = (now - receivers->started_us) * count / receivers->config.interval_us;

    for (int i = 0; i < POLLS_A_TICK && receivers->polls < due; i++) {
        if (poll_once(receivers, &receivers->users[receivers->polls % count]) < 0)
            break;
        receivers->polls++;
    }
    if (loop_timer_set(receivers->loop, &receivers->tick, now + TICK_US) < 0)
        abort(); /* its place in the heap was there before */
}

int receivers_start(struct receivers *receivers)
{
    receivers->started_us = loop_now(receivers->loop);
    return loop_timer_set(receivers->loop, &receivers->tick, receivers->started_us);
}

uint64_t receivers_polls(const struct receivers *receivers)
{
    return receivers->polls;
}

/* -- setting up ------------------------------------------------------------------------------- */

static int bound_socket(const struct addr *listen, int type)
{
    struct sockaddr_storage sa;
    struct addr any_port = *listen;
    int fd = socket(listen->family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    socklen_t len;

    if (fd < 0)
        return -errno;
    any_port.port = 0;
    len = addr_to_sockaddr(&any_port, &sa);
    if (bind(fd, (struct sockaddr *)&sa, len) < 0) {
        int error = -errno;
        close(fd);
        return error;
    }
    return fd;
}

static int user_listen(struct receivers *receivers, struct user *user)
{
    struct sockaddr_storage sa;
    socklen_t len = sizeof(sa);
    struct addr addr;
    int r;

    user->fd = bound_socket(&receivers->config.listen, SOCK_STREAM);
    if (user->fd < 0)
        return user->fd;
    if (listen(user->fd, LISTEN_BACKLOG) < 0 ||
        getsockname(user->fd, (struct sockaddr *)&sa, &len) < 0)
        return -errno;
    r = addr_from_sockaddr((struct sockaddr *)&sa, len, &addr);
    if (r < 0)
        return r;
    user->port = addr.port;
    return loop_add(receivers->loop, &user->source, user->fd, EPOLLIN, user_ready, user);
}

static int poll_socket(struct receivers *receivers)
{
    struct sockaddr_storage sa;
    socklen_t len = addr_to_sockaddr(&receivers->config.polls, &sa);

    receivers->poll_fd = bound_socket(&receivers->config.listen, SOCK_DGRAM);
    if (receivers->poll_fd < 0)
        return receivers->poll_fd;
    return connect(receivers->poll_fd, (struct sockaddr *)&sa, len) < 0 ? -errno : 0;
}

int receivers_new(struct loop *loop, const struct receivers_config *config, receivers_fn callback,
                  void *userdata, struct receivers **ret)
{
    struct receivers *receivers = calloc(1, sizeof(*receivers));
    size_t count = config->roster->user_count;
    int r;

    if (!receivers)
        return -ENOMEM;
    *receivers = (struct receivers){
        .loop = loop, .config = *config, .callback = callback, .userdata = userdata, .poll_fd = -1};
    list_init(&receivers->intakes);
    loop_timer_init(&receivers->tick, tick, receivers);
    receivers->users = calloc(count, sizeof(*receivers->users));
    r = receivers->users ? poll_socket(receivers) : -ENOMEM;
    for (size_t i = 0; receivers->users && i < count; i++)
        receivers->users[i] = (struct user){
            .receivers = receivers, .index = (uint32_t)i, .fd = -1, .source = {.fd = -1}};
    for (size_t i = 0; r == 0 && i < count; i++)
        r = user_listen(receivers, &receivers->users[i]);
    if (r < 0) {
        receivers_free(receivers);
        return r;
    }
    *ret = receivers;
    return 0;
}

void receivers_free(struct receivers *receivers)
{
    if (!receivers)
        return;
    loop_timer_cancel(receivers->loop, &receivers->tick);
    LIST_FOREACH_SAFE (link, &receivers->intakes)
        intake_end(LIST_ENTRY(link, struct intake, link));
    for (size_t i = 0; receivers->users && i < receivers->config.roster->user_count; i++) {
        if (receivers->users[i].fd < 0)
            continue;
        loop_remove(receivers->loop, &receivers->users[i].source);
        close(receivers->users[i].fd);
    }
    if (receivers->poll_fd >= 0)
        close(receivers->poll_fd);
    free(receivers->users);
    free(receivers);
}
