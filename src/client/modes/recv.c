/* `multichat recv`: messages to standard output, as lines or as JSON, for scripts; or each to a
 * command.
 *
 * A message counts as shown when write(2) has taken all of it, or the command has ended well; then
 * the receiver acknowledges it, also when it was the last and the program is about to end.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/client.h"
#include "client/crew.h"
#include "client/entry.h"
#include "client/folder.h"
#include "client/hook.h"
#include "client/modes/draining.h"
#include "client/modes/modes.h"
#include "client/modes/sending.h"
#include "client/output.h"
#include "client/password.h"
#include "client/printable.h"
#include "client/shell.h"
#include "client/show.h"
#include "util/clock.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct recv {
    const struct invocation *invocation;
    struct session *session;
    int stop_fd;
    size_t json_flags;
    struct draining *draining; /* NULL: it does not end because nothing waits */
    uint64_t texts;            /* shown: messages, whispers and announcements */
    int status;                /* of the last command, as waitpid(2) tells it */
    int code;                  /* enum exit_code, or -1 while it goes on */
};

/* A line for an entry, freed by the caller, or "" for what is passed over; NULL without memory. */
static char *make_line(const struct recv *recv, const struct v2_frame *entry, bool again)
{
    bool own = bytes_is(entry->userid, recv->invocation->settings.user);

    if (recv->invocation->json)
        return entry_json(entry, again, recv->json_flags);
    return printable_message(entry, own, again, time(NULL));
}

static int write_entry(struct recv *recv, const struct v2_frame *entry, bool again,
                       bool *ret_touched)
{
    char *line = make_line(recv, entry, again);
    int r;

    if (!line)
        return -ENOMEM;
    r = output_write(STDOUT_FILENO, bytes_of(line), recv->stop_fd, ret_touched);
    free(line);
    return r;
}

/* -- commands -----------------------------------------------------------------------------------
 */

/* A file without a name that holds what a command is to read: the descriptor or -errno. */
static int make_input(const struct v2_frame *entry, bool json, bool again)
{
    char *line = json ? entry_json(entry, again, JSON_COMPACT) : NULL;
    struct bytes text = line ? bytes_of(line) : entry->text;
    bool ends = text.len > 0 && text.data[text.len - 1] == '\n';
    int fd = json && !line ? -1 : memfd_create("message", MFD_CLOEXEC), r = 0;

    if (fd < 0) {
        r = json && !line ? -ENOMEM : -errno;
        free(line);
        return r;
    }
    r = folder_write(fd, text);
    if (r == 0 && !ends)
        r = folder_write(fd, bytes_of("\n"));
    free(line);
    if (r == 0 && lseek(fd, 0, SEEK_SET) < 0)
        r = -errno;
    if (r < 0)
        close(fd);
    return r < 0 ? r : fd;
}

/* Runs the command for an entry and waits for its end, whatever comes meanwhile: what it has begun
 * is not to be left half done. */
static int run_command(struct recv *recv, const struct v2_frame *entry, bool again,
                       bool *ret_touched)
{
    const struct invocation *invocation = recv->invocation;
    int in = make_input(entry, invocation->json, again), r;
    pid_t child;

    if (in < 0)
        return in;
    r = hook_start(invocation->exec, entry, again, in, SHELL_INHERIT, &child);
    close(in);
    if (r < 0)
        return r;
    *ret_touched = true;
    while (waitpid(child, &recv->status, 0) < 0 && errno == EINTR)
        ;
    return recv->status == 0 ? 0 : -ECHILD;
}

static void tell_status(struct recv *recv)
{
    bool ended = WIFEXITED(recv->status);
    char text[128];

    snprintf(text, sizeof(text), "the command ended %s %d; the message was not acknowledged",
             ended ? "with status" : "by signal",
             ended ? WEXITSTATUS(recv->status) : WTERMSIG(recv->status));
    output_notice(text);
    recv->code = EXIT_COMMAND;
}

/* -- showing ------------------------------------------------------------------------------------
 */

/* A show_fn. */
static int show(void *userdata, const struct v2_frame *entry, bool again, bool *ret_touched)
{
    struct recv *recv = userdata;
    const struct invocation *invocation = recv->invocation;
    bool is_text = entry_is_text(entry);
    int r;

    if (!entry_kind(entry) || (invocation->exec && !is_text && !invocation->notices))
        return 0;
    r = invocation->exec ? run_command(recv, entry, again, ret_touched)
                         : write_entry(recv, entry, again, ret_touched);
    recv->texts += r == 0 && is_text;
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

static void show_failed(struct recv *recv, int error)
{
    if (error == -ECHILD)
        tell_status(recv);
    else if (error != -ECANCELED) /* a signal: the loop sees it */
        give_up(recv, recv->invocation->exec ? "the command" : "standard output", error,
                recv->invocation->exec ? EXIT_COMMAND : EXIT_OUTPUT);
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
        case SHOW_SHOWN:
            if (recv->draining)
                draining_handled(recv->draining);
            if (recv->invocation->count > 0 && recv->texts == recv->invocation->count)
                recv->code = EXIT_DONE;
            break;
        case SHOW_FAILED:
            show_failed(recv, error);
            return;
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

/* What of it there is, if it is there at all. */
static struct pollfd draining_fd(const struct recv *recv)
{
    return recv->draining ? draining_pollfd(recv->draining) : (struct pollfd){.fd = -1};
}

static void drain(struct recv *recv, short revents)
{
    if (!recv->draining || recv->code >= 0)
        return;
    draining_turn(recv->draining, revents, clock_monotonic_us());
    recv->code = recv->draining->code;
}

/* Waits for something and does it. `deadline` is monotonic, UINT64_MAX for none. */
static void turn(struct recv *recv, uint64_t deadline)
{
    struct pollfd fds[] = {
        {.fd = recv->stop_fd, .events = POLLIN},
        {.fd = recv->session->wake[SESSION_INPUT], .events = POLLIN},
        {.fd = STDOUT_FILENO}, /* only to learn that its reader has gone */
        draining_fd(recv),
    };
    uint64_t now = clock_monotonic_us();
    uint64_t due = recv->draining ? draining_due(recv->draining) : UINT64_MAX;

    if (now >= deadline) {
        recv->code = EXIT_TIME_OUT;
        return;
    }
    if (poll(fds, ARRAY_SIZE(fds), clock_poll_ms(due < deadline ? due : deadline, now)) < 0)
        return;
    if (fds[0].revents) {
        recv->code = recv->invocation->count > 0 ? EXIT_TIME_OUT : EXIT_DONE;
        return;
    }
    if (fds[1].revents)
        session_woken(recv->session, SESSION_INPUT);
    show_notices(recv->session);
    show_messages(recv);
    drain(recv, fds[3].revents);
    serve_account(recv);
    if (recv->code < 0 && fds[2].revents) {
        output_notice("standard output was closed");
        recv->code = EXIT_OUTPUT;
    }
}

static void receive_until(struct recv *recv, uint64_t deadline)
{
    while (recv->code < 0)
        turn(recv, deadline);
}

/* True if it is to end when nothing waits any more. */
static bool ends_by_itself(const struct invocation *invocation)
{
    return !invocation->follow && invocation->count == 0 && invocation->timeout_us == 0;
}

static void drain_and_receive(struct recv *recv)
{
    struct draining draining;

    if (draining_init(&draining, recv->session) < 0) {
        output_notice("no memory or descriptor is left");
        recv->code = EXIT_SYSTEM;
        return;
    }
    recv->draining = &draining;
    receive_until(recv, UINT64_MAX);
    draining_deinit(&draining);
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
    if (ends_by_itself(invocation))
        drain_and_receive(recv);
    else
        receive_until(recv, deadline);
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
