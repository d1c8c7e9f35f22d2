/* Writing without being stuck: see output.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/output.h"

#include "client/printable.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

static int await_writable(int fd, int stop_fd)
{
    struct pollfd fds[] = {{.fd = fd, .events = POLLOUT}, {.fd = stop_fd, .events = POLLIN}};

    for (;;) {
        int r = poll(fds, ARRAY_SIZE(fds), -1);
        if (r < 0 && errno != EINTR)
            return -errno;
        if (r > 0 && fds[0].revents)
            return 0;
        if (r > 0 && fds[1].revents)
            return -ECANCELED;
    }
}

int output_write(int fd, struct bytes bytes, int stop_fd, bool *ret_touched)
{
    while (bytes.len > 0) {
        int r = await_writable(fd, stop_fd);
        if (r < 0)
            return r;
        /* A pipe that is ready has room for this much, and write(2) does not wait. */
        ssize_t n = write(fd, bytes.data, bytes.len < PIPE_BUF ? bytes.len : PIPE_BUF);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (n < 0)
            return -errno;
        if (ret_touched)
            *ret_touched = true;
        bytes.data += n;
        bytes.len -= (size_t)n;
    }
    return 0;
}

void output_notice(const char *text)
{
    char *line = NULL;
    size_t size;
    FILE *out = open_memstream(&line, &size);

    if (!out)
        return;
    fputs("multichat: ", out);
    printable_write(out, bytes_of(text), PRINTABLE_NAME);
    fputc('\n', out);
    if (fclose(out) == 0)
        (void)!write(STDERR_FILENO, line, size);
    free(line);
}
