/* The input thread of line mode: see input.h. The loop and its ends are here; what is typed and
 * what is shown is in input-lines.c.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/input.h"

#include "client/client.h"
#include "client/input-lines.h"
#include "client/modes/sending.h"
#include "client/password.h"
#include "client/terminal.h"
#include "util/clock.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define OUTBOX_AHEAD    64                  /* lines read from a pipe before the server has them */
#define GIVE_UP_US      (30 * USEC_PER_SEC) /* after the end of input */
#define LAST_ATTEMPT_US (2 * USEC_PER_SEC)  /* when the user ends the program */
#define ADOPT_US        (60 * USEC_PER_SEC)
#define SHOW_AGAIN_US   USEC_PER_SEC /* what could not be shown, or written down */

enum {
    FD_STOP,
    FD_WAKE,
    FD_INPUT,
    FD_SENDER,
    FD_OUTPUT,
    FD_COUNT,
};

int input_init(struct input *input, const struct invocation *invocation, struct session *session,
               struct account *account, struct outbox *outbox, int stop_fd)
{
    int r;

    *input = (struct input){
        .invocation = invocation,
        .session = session,
        .account = account,
        .outbox = outbox,
        .stop_fd = stop_fd,
        .terminal = terminal_usable(),
        .to = "*",
        .give_up_at = UINT64_MAX,
        .adopt_at = clock_monotonic_us() + ADOPT_US,
        .last = COURIER_STORED,
    };
    lines_init(&input->lines, CLIENT_TEXT_MAX + V2_RECIPIENT_MAX + 8);
    r = courier_init(&input->courier, account, outbox, input_settled, input);
    if (r == 0 && input->terminal)
        r = input_open_terminal(input);
    return r;
}

void input_deinit(struct input *input)
{
    if (input->terminal)
        terminal_close();
    courier_deinit(&input->courier);
    echo_deinit(&input->echo);
    lines_deinit(&input->lines);
}

void input_end(struct input *input, bool patient)
{
    uint64_t now = clock_monotonic_us(), patience = LAST_ATTEMPT_US;
    uint64_t timeout = input->invocation->timeout_us;

    if (patient)
        patience = timeout > 0 ? timeout : GIVE_UP_US;
    else if (session_server_state(input->session, NULL) == SERVER_AWAY)
        patience = 0;
    input->ended = true;
    if (now + patience < input->give_up_at)
        input->give_up_at = now + patience;
}

/* Lines are read only as fast as the server takes them, unless somebody types them. */
static bool wants_lines(const struct input *input)
{
    return !input->ended && !input->lines_wait &&
           (input->terminal || outbox_count(input->outbox) < OUTBOX_AHEAD);
}

static int time_left(const struct input *input, uint64_t now)
{
    uint64_t due = courier_due(&input->courier);

    if (input->lines_wait && outbox_has_room(input->outbox, CLIENT_TEXT_MAX))
        return 0;
    if (input->adopt_at < due)
        due = input->adopt_at;
    if (input->give_up_at < due)
        due = input->give_up_at;
    if (input->linger_until > 0 && input->linger_until < due)
        due = input->linger_until;
    if (input->unshowable && now + SHOW_AGAIN_US < due)
        due = now + SHOW_AGAIN_US;
    return clock_poll_ms(due, now);
}

static void take_signal(struct input *input)
{
    struct signalfd_siginfo info;

    while (read(input->stop_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo == SIGWINCH)
            terminal_resized();
        else if (info.ssi_signo == SIGTSTP)
            terminal_suspend();
        else
            input->stop = true;
    }
}

/* The server came back, or others left messages behind: off they go. */
static void keep_going(struct input *input, uint64_t now)
{
    unsigned recoveries;

    session_server_state(input->session, &recoveries);
    if (recoveries != input->recoveries) {
        input->recoveries = recoveries;
        input->adopt_at = now;
        if (input->last == COURIER_UNREACHABLE)
            courier_resume(&input->courier);
    }
    if (now >= input->adopt_at) {
        input->adopt_at = now + ADOPT_US;
        (void)!outbox_adopt(input->outbox); /* what fails now is for the next time */
    }
}

/* Whether the time has come to end, once no more lines come. */
static void consider_end(struct input *input, uint64_t now)
{
    if (input->unshown)
        input->stop = true;
    if (!input->ended || input->stop)
        return;
    if (outbox_count(input->outbox) == 0) {
        if (input->linger_until == 0)
            input->linger_until = now + (input->terminal ? 0 : input->invocation->linger_us);
        input->give_up_at = UINT64_MAX;
        input->stop = now >= input->linger_until;
    } else {
        input->stop = input->shut_out || now >= input->give_up_at;
    }
}

/* Who sits at the terminal and is not let in would type the password where a message is taken. */
static void consider_refusal(struct input *input)
{
    if (!input->terminal || account_refusal(input->account) != ACCOUNT_DENIED)
        return;
    input->shut_out = true;
    input->stop = true;
}

/* A connection waits for the password. Without it the account is refused, and the user told. */
static void supply_password(struct input *input)
{
    if (!account_password_wanted(input->account))
        return;
    terminal_pause();
    if (password_supply(input->account, input->invocation->password_fd, input->stop_fd) ==
        -ECANCELED)
        input->stop = true;
    terminal_resume();
}

static void turn(struct input *input)
{
    struct pollfd fds[FD_COUNT] = {
        [FD_STOP] = {.fd = input->stop_fd, .events = POLLIN},
        [FD_WAKE] = {.fd = input->session->wake[SESSION_INPUT], .events = POLLIN},
        [FD_INPUT] = {.fd = wants_lines(input) ? STDIN_FILENO : -1, .events = POLLIN},
        [FD_SENDER] = courier_pollfd(&input->courier),
        [FD_OUTPUT] = {.fd = input->terminal ? -1 : STDOUT_FILENO}, /* only its errors */
    };
    struct addr server;
    uint64_t now = clock_monotonic_us();

    if (poll(fds, ARRAY_SIZE(fds), time_left(input, now)) < 0)
        return; /* EINTR */
    if (fds[FD_STOP].revents)
        take_signal(input);
    if (input->stop)
        return;
    if (fds[FD_WAKE].revents)
        session_woken(input->session, SESSION_INPUT);
    supply_password(input);
    if (fds[FD_OUTPUT].revents)
        input->unshown = true;
    if (fds[FD_INPUT].revents)
        input_read(input);
    else if (input->lines_wait)
        input_take_lines(input);
    input_show(input);
    now = clock_monotonic_us();
    keep_going(input, now);
    courier_turn(&input->courier, session_server(input->session, &server) ? &server : NULL,
                 fds[FD_SENDER].revents, now);
    consider_refusal(input);
    input_show(input);
    consider_end(input, now);
}

static int exit_code(const struct input *input)
{
    if (input->unshown)
        return EXIT_OUTPUT;
    if (input->shut_out && (!input->terminal || account_refusal(input->account) == ACCOUNT_DENIED))
        return sending_exit_code(account_refusal(input->account));
    if (input->terminal)
        return EXIT_DONE;
    if (input->refused > 0)
        return EXIT_REFUSED;
    return outbox_count(input->outbox) > 0 ? EXIT_KEPT : EXIT_DONE;
}

int input_run(struct input *input)
{
    while (!input->stop)
        turn(input);
    input_show(input);
    input_say_goodbye(input);
    return exit_code(input);
}
