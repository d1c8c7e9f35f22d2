/* The input thread: see input.h. The loop and its ends are here.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/input.h"

#include "client/arriving.h"
#include "client/asking.h"
#include "client/client.h"
#include "client/folder.h"
#include "client/modes/sending.h"
#include "client/password.h"
#include "client/posting.h"
#include "client/terminal.h"
#include "util/clock.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define OUTBOX_AHEAD    64                  /* lines read from a pipe before the server has them */
#define GIVE_UP_US      (30 * USEC_PER_SEC) /* after the end of input */
#define LAST_ATTEMPT_US (2 * USEC_PER_SEC)  /* when the user ends the program */
#define ADOPT_US        (60 * USEC_PER_SEC)
#define SHOW_AGAIN_US   USEC_PER_SEC /* what could not be shown, or written down */
#define WORDS_MAX       1024         /* bytes of something that is told */

enum {
    FD_STOP,
    FD_WAKE,
    FD_INPUT,
    FD_SENDER,
    FD_OUTPUT,
    FD_COUNT,
};

/* -- what is told ----------------------------------------------------------------------------- */

static void tell(struct input *input, struct window *window, enum view_tone tone,
                 const char *format, va_list args) PRINTF_LIKE(4, 0);

static void tell(struct input *input, struct window *window, enum view_tone tone,
                 const char *format, va_list args)
{
    char text[WORDS_MAX];

    vsnprintf(text, sizeof(text), format, args);
    if (!window)
        window = windows_current(&input->windows);
    input->view->class->tell(input->view, window, tone, text);
}

void input_tell(struct input *input, struct window *window, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    tell(input, window, VIEW_INFO, format, args);
    va_end(args);
}

void input_refuse(struct input *input, struct window *window, const char *format, ...)
{
    va_list args;

    input->refused++;
    va_start(args, format);
    tell(input, window, VIEW_ERROR, format, args);
    va_end(args);
}

void input_print(struct input *input, const char *lines)
{
    input->view->class->print(input->view, windows_current(&input->windows), lines);
}

/* -- windows ---------------------------------------------------------------------------------- */

void input_know(struct input *input, struct window *window)
{
    if (!window->known) {
        window->read_ms = notebook_get(&input->read, bytes_of(window->name));
        screen_set_read(window->shown, window->read_ms);
    }
    window->known = true;
}

void input_mark_read(struct input *input)
{
    struct window *window = windows_current(&input->windows);
    uint64_t newest = screen_newest_ms(window->shown);

    if (newest == 0 || newest < window->read_ms || input->unshown)
        return;
    window->read_ms = newest;
    (void)!notebook_set(&input->read, bytes_of(window->name), newest); /* a courtesy */
}

void input_switch(struct input *input, struct window *window)
{
    struct window *before = windows_current(&input->windows);

    if (input->full_screen)
        input_mark_read(input);
    if (windows_switch(&input->windows, window) && input->full_screen) {
        screen_set_read(before->shown, before->read_ms); /* no news when he comes back */
        (void)!notebook_save(&input->read);
    }
    if (input->full_screen)
        asking_enter(input, window);
    input->view->class->switched(input->view);
}

void input_close_window(struct input *input, struct window *window)
{
    bool current = window == windows_current(&input->windows);

    if (current && input->full_screen)
        input_mark_read(input);
    windows_close(&input->windows, window);
    if (current)
        input_switch(input, windows_current(&input->windows));
}

/* -- beginning and end ------------------------------------------------------------------------ */

/* Where what was read and who is ignored is kept. Without it nothing is. */
static int open_notebooks(struct input *input)
{
    char *path = NULL;
    int r;

    if (settings_state_path(&input->invocation->settings, "windows", &path) == 0)
        input->folder = folder_make(path);
    free(path);
    r = notebook_open(&input->read, input->folder, "read");
    return r < 0 ? r : notebook_open(&input->ignored, input->folder, "ignored");
}

/* At a terminal more signals concern the program. */
static int watch_terminal_signals(int stop_fd)
{
    static const int signals[] = {SIGWINCH, SIGTSTP, SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
        sigaddset(&set, signals[i]);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0 ||
        signalfd(stop_fd, &set, SFD_CLOEXEC | SFD_NONBLOCK) < 0)
        return -errno;
    return 0;
}

/* The full screen, or, where there is no terminal for that, line mode. */
static int open_view(struct input *input)
{
    int r = input->terminal ? watch_terminal_signals(input->stop_fd) : 0;

    if (r == 0 && input->terminal && !input->invocation->lines) {
        input->full_screen = true;
        input->view = view_screen_new(input);
        r = input->view ? input->view->class->open(input->view) : -ENOMEM;
        if (r != -ENOTSUP)
            return r;
        view_free(input->view);
        input->full_screen = false;
        r = 0;
    }
    input->view = view_line_new(input);
    if (r == 0)
        r = input->view ? input->view->class->open(input->view) : -ENOMEM;
    return r;
}

int input_init(struct input *input, const struct invocation *invocation, struct session *session,
               struct account *account, struct outbox *outbox, int stop_fd)
{
    int r;

    *input = (struct input){
        .invocation = invocation,
        .session = session,
        .account = account,
        .outbox = outbox,
        .folder = -1,
        .stop_fd = stop_fd,
        .terminal = terminal_usable(),
        .give_up_at = UINT64_MAX,
        .adopt_at = clock_monotonic_us() + ADOPT_US,
        .last = COURIER_STORED,
    };
    list_init(&input->asked);
    lines_init(&input->lines, CLIENT_TEXT_MAX + V2_RECIPIENT_MAX + 8);
    r = courier_init(&input->courier, account, outbox, posting_settled, input);
    if (r == 0)
        r = notify_init(&input->notify, invocation->settings.notify);
    if (r == 0)
        r = exchange_new(&input->exchange);
    if (r == 0)
        r = windows_init(&input->windows, 24, 80);
    if (r == 0)
        r = open_notebooks(input);
    if (r < 0)
        return r;
    courier_set_exchange(&input->courier, input->exchange);
    return open_view(input);
}

void input_deinit(struct input *input)
{
    view_free(input->view);
    (void)!notebook_save(&input->read);
    notebook_close(&input->read);
    notebook_close(&input->ignored);
    folder_close_fd(&input->folder);
    windows_deinit(&input->windows);
    exchange_free(input->exchange);
    asking_end(input);
    courier_deinit(&input->courier);
    notify_deinit(&input->notify);
    echo_deinit(&input->echo);
    lines_deinit(&input->lines);
    free(input->pasted);
    free(input->name);
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

/* -- the loop --------------------------------------------------------------------------------- */

/* Lines of a pipe are read only as fast as the server takes them, and not while something that one
 * of them has asked for may change what the next one means. */
static bool wants_lines(const struct input *input)
{
    return !input->ended && !input->lines_wait &&
           (input->terminal ||
            (outbox_count(input->outbox) < OUTBOX_AHEAD && exchange_count(input->exchange) == 0));
}

/* Lines are there that can be taken at once. */
static bool has_lines(const struct input *input)
{
    if (input->lines_wait)
        return outbox_has_room(input->outbox, CLIENT_TEXT_MAX) &&
               exchange_count(input->exchange) == 0;
    return input->pasted && outbox_count(input->outbox) < OUTBOX_AHEAD;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static int time_left(const struct input *input, uint64_t now)
{
    uint64_t due = courier_due(&input->courier);

    if (has_lines(input))
        return 0;
    due = earlier(earlier(due, input->adopt_at), input->give_up_at);
    if (input->linger_until > 0)
        due = earlier(due, input->linger_until);
    if (input->unshowable)
        due = earlier(due, now + SHOW_AGAIN_US);
    return clock_poll_ms(due, now);
}

/* SIGTSTP: stops, and takes the terminal up again when it goes on. */
static void suspend(struct input *input)
{
    input->view->class->pause(input->view);
    kill(getpid(), SIGSTOP);
    input->view->class->resume(input->view);
}

static void take_signal(struct input *input)
{
    const struct view_class *view = input->view->class;
    struct signalfd_siginfo info;

    while (read(input->stop_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo == SIGWINCH)
            view->resized(input->view);
        else if (info.ssi_signo == SIGTSTP)
            suspend(input);
        else if (info.ssi_signo != SIGINT || !view->interrupted || !view->interrupted(input->view))
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
    notify_turn(&input->notify);
}

/* True while messages or questions have no answer. */
static bool is_busy(const struct input *input)
{
    return outbox_count(input->outbox) > 0 ||
           (!input->terminal && exchange_count(input->exchange) > 0);
}

/* Whether the time has come to end, once no more lines come. */
static void consider_end(struct input *input, uint64_t now)
{
    if (input->unshown)
        input->stop = true;
    if (!input->ended || input->stop)
        return;
    if (!is_busy(input)) {
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
    input->view->class->pause(input->view);
    if (password_supply(input->account, input->invocation->password_fd, input->stop_fd) ==
        -ECANCELED)
        input->stop = true;
    input->view->class->resume(input->view);
}

static void take_input(struct input *input, bool readable)
{
    if (readable)
        input->view->class->read(input->view);
    else if (has_lines(input))
        posting_take_lines(input);
}

/* All that a turn does once what waits for it is known. */
static void act(struct input *input, const struct pollfd fds[FD_COUNT])
{
    struct addr server;
    uint64_t now;

    take_input(input, fds[FD_INPUT].revents);
    arriving_show(input);
    now = clock_monotonic_us();
    keep_going(input, now);
    courier_turn(&input->courier, session_server(input->session, &server) ? &server : NULL,
                 fds[FD_SENDER].revents, now);
    consider_refusal(input);
    arriving_show(input);
    consider_end(input, now);
    if (input->view->class->finish)
        input->view->class->finish(input->view);
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

    if (poll(fds, ARRAY_SIZE(fds), time_left(input, clock_monotonic_us())) < 0)
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
    act(input, fds);
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
    if (input->full_screen)
        asking_begin(input);
    while (!input->stop)
        turn(input);
    arriving_show(input);
    if (input->full_screen)
        input_mark_read(input);
    input->view->class->close(input->view);
    posting_say_goodbye(input);
    return exit_code(input);
}
