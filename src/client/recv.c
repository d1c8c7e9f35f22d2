/* `multichat recv`: messages to standard output, as lines or as JSON, for scripts.
 *
 * A message counts as shown when write(2) has taken all of it; then the receiver acknowledges it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/client.h"
#include "client/crew.h"
#include "client/modes.h"
#include "client/output.h"
#include "client/printable.h"
#include "util/clock.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

struct recv {
    const struct invocation *invocation;
    struct session *session;
    int stop_fd;
    size_t json_flags;
    uint64_t shown;
    int code; /* enum exit_code, or -1 while it goes on */
};

/* One object and a newline, freed by the caller; NULL without memory. */
static char *json_line(const struct v1_push *push, size_t flags)
{
    json_t *object = json_pack("{s:I, s:s%, s:s%, s:s%}", "time", (json_int_t)push->time_s, "from",
                               push->userid.data, push->userid.len, "name", push->name.data,
                               push->name.len, "text", push->text.data, push->text.len);
    char *dump = object ? json_dumps(object, flags) : NULL, *line = NULL;

    if (dump && asprintf(&line, "%s\n", dump) < 0)
        line = NULL;
    free(dump);
    json_decref(object);
    return line;
}

static int show(const struct recv *recv, const struct v1_push *push)
{
    char *line = recv->invocation->json ? json_line(push, recv->json_flags)
                                        : printable_message(push, false, time(NULL));
    int r;

    if (!line)
        return -ENOMEM;
    r = output_write(STDOUT_FILENO, bytes_of(line), recv->stop_fd);
    free(line);
    return r;
}

static void show_arrivals(struct recv *recv)
{
    struct arrival *arrival;
    char text[160], reason[128];

    while (recv->code < 0 && (arrival = session_next_arrival(recv->session))) {
        int r = show(recv, &arrival->push);
        session_settle(recv->session, arrival, r == 0);
        if (r == 0) {
            recv->shown++;
            if (recv->invocation->count > 0 && recv->shown == recv->invocation->count)
                recv->code = EXIT_DONE;
        } else if (r != -ECANCELED) {
            snprintf(text, sizeof(text), "standard output: %s; the message was not acknowledged",
                     strerror_r(-r, reason, sizeof(reason)));
            output_notice(text);
            recv->code = EXIT_OUTPUT;
        } else {
            return; /* a signal: the loop sees it */
        }
    }
}

static void show_notices(struct session *session)
{
    struct notice *notice;

    while ((notice = session_next_notice(session))) {
        output_notice(notice->text);
        free(notice);
    }
}

/* Waits for something and does it. `deadline` is monotonic, UINT64_MAX for none. */
static void turn(struct recv *recv, uint64_t deadline)
{
    struct pollfd fds[] = {
        {.fd = recv->stop_fd, .events = POLLIN},
        {.fd = recv->session->wake[SESSION_INPUT], .events = POLLIN},
        {.fd = STDOUT_FILENO}, /* only to learn that its reader has gone */
    };
    uint64_t now = clock_monotonic_us();
    int timeout = -1;

    if (now >= deadline) {
        recv->code = EXIT_TIME_OUT;
        return;
    }
    if (deadline != UINT64_MAX)
        timeout =
            (int)((deadline - now + 999) / 1000 > 60000 ? 60000 : (deadline - now + 999) / 1000);
    if (poll(fds, ARRAY_SIZE(fds), timeout) <= 0)
        return;
    if (fds[0].revents) {
        recv->code = recv->invocation->count > 0 ? EXIT_TIME_OUT : EXIT_DONE;
        return;
    }
    if (fds[1].revents)
        session_woken(recv->session, SESSION_INPUT);
    show_notices(recv->session);
    show_arrivals(recv);
    if (recv->code < 0 && (fds[2].revents & (POLLERR | POLLNVAL))) {
        output_notice("standard output was closed");
        recv->code = EXIT_OUTPUT;
    }
}

int run_recv(const struct invocation *invocation, const char *password, int stop_fd)
{
    struct crew crew;
    struct recv recv = {
        .invocation = invocation,
        .session = &crew.session,
        .stop_fd = stop_fd,
        /* Harmless on a terminal, readable in a file. */
        .json_flags = JSON_COMPACT | (isatty(STDOUT_FILENO) ? JSON_ENSURE_ASCII : 0),
        .code = -1,
    };
    uint64_t deadline = UINT64_MAX;

    if (invocation->timeout_us > 0)
        deadline = clock_monotonic_us() + invocation->timeout_us;
    if (crew_start(&crew, &invocation->settings, password) < 0) {
        output_notice("cannot start the threads");
        return EXIT_SYSTEM;
    }
    while (recv.code < 0)
        turn(&recv, deadline);
    show_notices(&crew.session);
    crew_end(&crew);
    return recv.code;
}
