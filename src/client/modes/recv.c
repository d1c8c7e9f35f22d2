/* `multichat recv`: messages to standard output, as lines or as JSON, for scripts.
 *
 * A message counts as shown when write(2) has taken all of it; then the receiver acknowledges it,
 * also when it was the last and the program is about to end.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/client.h"
#include "client/crew.h"
#include "client/entry.h"
#include "client/modes/modes.h"
#include "client/modes/sending.h"
#include "client/output.h"
#include "client/password.h"
#include "client/printable.h"
#include "client/show.h"
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
    uint64_t texts; /* shown: messages, whispers and announcements */
    int code;       /* enum exit_code, or -1 while it goes on */
};

/* What is written for an entry, freed by the caller: a line, or "" for what is passed over; NULL
 * without memory. */
static char *make_line(const struct recv *recv, const struct v2_frame *entry, bool again)
{
    bool own = bytes_is(entry->userid, recv->invocation->settings.user);
    char *json, *line = NULL;

    if (!recv->invocation->json)
        return printable_message(entry, own, again, time(NULL));
    json = entry_json(entry, again, recv->json_flags);
    if (json && asprintf(&line, "%s\n", json) < 0)
        line = NULL;
    free(json);
    return line;
}

/* A show_fn. */
static int show(void *userdata, const struct v2_frame *msg, bool again, bool *ret_touched)
{
    struct recv *recv = userdata;
    char *line;
    int r;

    if (!entry_kind(msg))
        return 0;
    line = make_line(recv, msg, again);
    if (!line)
        return -ENOMEM;
    r = output_write(STDOUT_FILENO, bytes_of(line), recv->stop_fd, ret_touched);
    free(line);
    recv->texts += r == 0 && entry_is_text(msg);
    return r;
}

static void give_up(struct recv *recv, const char *what, int error, enum exit_code code)
{
    char text[256], reason[128];

    snprintf(text, sizeof(text), "%s: %s; the message was not acknowledged", what,
             strerror_r(-error, reason, sizeof(reason)));
    output_notice(text);
    recv->code = code;
}

static void show_messages(struct recv *recv)
{
    while (recv->code < 0) {
        int error;
        enum show_result result = show_next(recv->session, show, recv, &error);
        switch (result) {
        case SHOW_NOTHING:
            return;
        case SHOW_SKIPPED:
            break;
        case SHOW_SHOWN:
            if (recv->invocation->count > 0 && recv->texts == recv->invocation->count)
                recv->code = EXIT_DONE;
            break;
        case SHOW_FAILED:
            if (error == -ECANCELED)
                return; /* a signal: the loop sees it */
            give_up(recv, "standard output", error, EXIT_OUTPUT);
            break;
        case SHOW_UNKEPT:
            give_up(recv, "what was shown cannot be written down", error, EXIT_SYSTEM);
            break;
        }
    }
}

/* What the account wants of this thread. */
static void serve_account(struct recv *recv)
{
    struct account *account = recv->session->receiving->account;

    if (account_password_wanted(account))
        (void)!password_supply(account, recv->invocation->password_fd, recv->stop_fd);
    if (recv->code < 0 && account_refusal(account) != ACCOUNT_WELCOME)
        recv->code = sending_exit_code(account_refusal(account)); /* the user has been told */
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

    if (now >= deadline) {
        recv->code = EXIT_TIME_OUT;
        return;
    }
    if (poll(fds, ARRAY_SIZE(fds), clock_poll_ms(deadline, now)) <= 0)
        return;
    if (fds[0].revents) {
        recv->code = recv->invocation->count > 0 ? EXIT_TIME_OUT : EXIT_DONE;
        return;
    }
    if (fds[1].revents)
        session_woken(recv->session, SESSION_INPUT);
    show_notices(recv->session);
    show_messages(recv);
    serve_account(recv);
    if (recv->code < 0 && fds[2].revents) {
        output_notice("standard output was closed");
        recv->code = EXIT_OUTPUT;
    }
}

static int receive(struct recv *recv, struct receiving *receiving)
{
    const struct invocation *invocation = recv->invocation;
    uint64_t deadline = UINT64_MAX;
    struct crew crew;

    if (invocation->timeout_us > 0)
        deadline = clock_monotonic_us() + invocation->timeout_us;
    if (crew_start(&crew, &invocation->settings, receiving, invocation->verbose) < 0) {
        output_notice("cannot start the threads");
        return EXIT_SYSTEM;
    }
    recv->session = &crew.session;
    while (recv->code < 0)
        turn(recv, deadline);
    show_notices(&crew.session);
    crew_end(&crew);
    return recv->code;
}

int run_recv(const struct invocation *invocation, int stop_fd)
{
    struct recv recv = {
        .invocation = invocation,
        .stop_fd = stop_fd,
        /* Harmless on a terminal, readable in a file. */
        .json_flags = JSON_COMPACT | (isatty(STDOUT_FILENO) ? JSON_ENSURE_ASCII : 0),
        .code = -1,
    };
    struct receiving receiving;
    int code = receiving_open(&invocation->settings, &receiving);

    if (code != EXIT_DONE)
        return code;
    if (password_prepare(receiving.account, invocation->password_fd, stop_fd) < 0)
        code = EXIT_USAGE;
    else
        code = receive(&recv, &receiving);
    receiving_close(&receiving);
    return code;
}
