/* Listeners of version 2, and the connections the server makes to them: proven, then read and
 * acknowledged.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/v2.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define LISTEN_BACKLOG 64

struct push {
    struct list link; /* on v2->pushes */
    struct user *user;
    struct stream *stream;
};

static void push_end(struct push *push)
{
    list_remove(&push->link);
    stream_close(push->stream);
    free(push);
}

static void ended(void *userdata, const char *reason)
{
    (void)reason;
    push_end(userdata);
}

static void frame(void *userdata, const struct v2_frame *frame)
{
    struct push *push = userdata;
    struct v2_frame proof;

    if (v2_take_entry(push->user, frame) || frame->verb != V2_VERB_PUSH)
        return;
    if (!member_prove(&push->user->member, frame, &proof) || stream_say(push->stream, &proof) < 0)
        push_end(push);
}

static void paused(void *userdata)
{
    struct push *push = userdata;

    if (member_acknowledge(&push->user->member, push->stream) < 0)
        push_end(push);
}

static int push_begin(struct user *user, int fd)
{
    struct push *push = calloc(1, sizeof(*push));
    const struct stream_handler handler = {
        .frame = frame, .paused = paused, .ended = ended, .userdata = push};
    int r;

    if (!push)
        return -ENOMEM;
    push->user = user;
    r = stream_adopt(user->v2->loop, fd, user->v2->tls, &handler, &push->stream);
    if (r < 0) {
        free(push);
        return r;
    }
    list_init(&push->link);
    list_append(&user->v2->pushes, &push->link);
    return 0;
}

static void listener_ready(void *userdata, uint32_t events)
{
    struct user *user = userdata;
    int fd;

    (void)events;
    while ((fd = accept4(user->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
        if (push_begin(user, fd) < 0)
            close(fd);
}

int push_socket(const struct v2 *v2, int type)
{
    struct sockaddr_storage sa;
    struct addr any_port = v2->options->listen;
    int fd = socket(any_port.family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), r;
    socklen_t len;

    if (fd < 0)
        return -errno;
    any_port.port = 0;
    len = addr_to_sockaddr(&any_port, &sa);
    if (bind(fd, (struct sockaddr *)&sa, len) == 0)
        return fd;
    r = -errno;
    close(fd);
    return r;
}

int push_listen(struct user *user)
{
    struct sockaddr_storage sa;
    socklen_t len = sizeof(sa);
    struct addr addr;
    int r;

    user->fd = push_socket(user->v2, SOCK_STREAM);
    if (user->fd < 0)
        return user->fd;
    if (listen(user->fd, LISTEN_BACKLOG) < 0 ||
        getsockname(user->fd, (struct sockaddr *)&sa, &len) < 0)
        return -errno;
    r = addr_from_sockaddr((struct sockaddr *)&sa, len, &addr);
    if (r < 0)
        return r;
    user->port = addr.port;
    return loop_add(user->v2->loop, &user->listener, user->fd, EPOLLIN, listener_ready, user);
}

void push_deinit(struct user *user)
{
    if (user->fd < 0)
        return;
    loop_remove(user->v2->loop, &user->listener);
    close(user->fd);
}

void pushes_end(struct v2 *v2)
{
    LIST_FOREACH_SAFE (link, &v2->pushes)
        push_end(LIST_ENTRY(link, struct push, link));
}
