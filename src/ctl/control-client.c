/* The client's end of the control socket: a line out, a line in, under a deadline.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/session.h"
#include "util/buffer.h"
#include "util/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int control_connect(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (strlen(path) >= sizeof(address.sun_path))
        return -ENAMETOOLONG;
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
        int error = -errno;
        close(fd);
        return error;
    }
    return fd;
}

/* Waits until `fd` is ready; 0, -ETIMEDOUT or another -errno. */
static int wait_ready(int fd, short events, uint64_t deadline_us)
{
    for (;;) {
        struct pollfd entry = {.fd = fd, .events = events};
        uint64_t now = clock_monotonic_us();
        if (now >= deadline_us)
            return -ETIMEDOUT;
        int ready = poll(&entry, 1, (int)((deadline_us - now) / USEC_PER_MSEC) + 1);
        if (ready > 0)
            return 0;
        if (ready < 0 && errno != EINTR)
            return -errno;
    }
}

static int send_line(int fd, const char *line, size_t len, uint64_t deadline_us)
{
    while (len > 0) {
        ssize_t sent = send(fd, line, len, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && (errno == EAGAIN || errno == EINTR)) {
            int error = wait_ready(fd, POLLOUT, deadline_us);
            if (error < 0)
                return error;
        } else if (sent < 0) {
            return errno == EPIPE ? -ECONNRESET : -errno;
        } else {
            line += sent;
            len -= (size_t)sent;
        }
    }
    return 0;
}

/* Reads up to the newline into `line`. */
static int receive_line(int fd, struct buffer *line, uint64_t deadline_us)
{
    for (;;) {
        char *space;
        long room = buffer_reserve(line, 16384, &space);
        if (room < 0)
            return room == -ENOBUFS ? -EBADMSG : (int)room;
        ssize_t got = recv(fd, space, (size_t)room, MSG_DONTWAIT);
        if (got == 0)
            return -ECONNRESET;
        if (got > 0) {
            buffer_commit(line, (size_t)got);
            if (memchr(space, '\n', (size_t)got))
                return 0;
            continue;
        }
        int error =
            errno == EAGAIN || errno == EINTR ? wait_ready(fd, POLLIN, deadline_us) : -errno;
        if (error < 0)
            return error;
    }
}

static int parse_answer(struct bytes line, json_t **ret_answer)
{
    const char *newline = memchr(line.data, '\n', line.len);
    json_t *answer = json_loadb(line.data, (size_t)(newline - line.data), 0, NULL);

    if (!json_is_object(answer)) {
        json_decref(answer);
        return -EBADMSG;
    }
    *ret_answer = answer;
    return 0;
}

int control_exchange(int fd, json_t *request, unsigned seconds, json_t **ret_answer)
{
    uint64_t deadline_us = clock_monotonic_us() + seconds * USEC_PER_SEC;
    char *text = json_dumps(request, JSON_COMPACT);
    struct buffer line;

    if (!text)
        return -ENOMEM;
    size_t len = strlen(text);
    text[len] = '\n'; /* in the place of the NUL: the length is known */
    int error = send_line(fd, text, len + 1, deadline_us);
    explicit_bzero(text, len);
    free(text);
    if (error < 0)
        return error;
    buffer_init(&line, ADMIN_ANSWER_MAX);
    error = receive_line(fd, &line, deadline_us);
    if (error == 0)
        error = parse_answer(buffer_peek(&line), ret_answer);
    buffer_deinit(&line);
    return error;
}
