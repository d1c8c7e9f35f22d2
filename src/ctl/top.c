/* top: who is connected and what the daemon is doing, again and again in the same place.
 *
 * A daemon that goes is waited for: it comes back after a restart, and the picture with it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/top.h"
#include "ctl/ask.h"
#include "ctl/terminal.h"
#include "util/clock.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define REFRESH_US  USEC_PER_SEC
#define KEY_REPAINT '\f' /* Ctrl-L */

struct top {
    struct ctl *ctl;
    struct terminal terminal;
    int signals;
    json_t *status, *clients; /* NULL while the daemon does not answer */
    char *trouble;            /* why it does not, or NULL */
    uint64_t due_us;          /* when to ask again */
    bool over;
};

static void forget(struct top *top)
{
    json_decref(top->status);
    json_decref(top->clients);
    top->status = top->clients = NULL;
}

/* -- asking ----------------------------------------------------------------------------------- */

static int ask_status(struct ctl *ctl, json_t **ret_answer)
{
    return ask(ctl, json_pack("{s:s}", "verb", "status"), ret_answer);
}

/* As many as there is room for, those first for whom most waits. */
static json_t *first_clients(void)
{
    unsigned lines, columns, limit = 1;

    terminal_size(&lines, &columns);
    if (lines > TOP_TITLE_LINES)
        limit = lines - TOP_TITLE_LINES;
    if (limit > ADMIN_PAGE_MAX)
        limit = ADMIN_PAGE_MAX;
    return json_pack("{s:s,s:s,s:i}", "verb", "clients", "order", "waiting", "limit", (int)limit);
}

static int refresh(struct top *top)
{
    struct ctl *ctl = top->ctl;

    forget(top);
    free(top->trouble);
    top->trouble = NULL;
    int code = ask_status(ctl, &top->status);
    if (code == EXIT_OK)
        code = ask(ctl, first_clients(), &top->clients);
    if (code != EXIT_OK) {
        forget(top);
        session_close(ctl);
    }
    top->due_us = clock_monotonic_us() + REFRESH_US;
    return code;
}

/* -- showing ---------------------------------------------------------------------------------- */

static void print_trouble(FILE *stream, const struct top *top)
{
    print_clean(stream, top->trouble ? top->trouble : "the daemon does not answer");
    fputs("\n\nIt is tried again every second; q or Ctrl-C ends this.\n", stream);
}

static void paint(struct top *top)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);

    if (!stream)
        return;
    if (top->clients)
        top_print(stream, top->status, top->clients);
    else
        print_trouble(stream, top);
    if (fclose(stream) == 0)
        terminal_paint(text, top->clients ? TOP_TITLE_LINES - 1 : UINT32_MAX);
    free(text);
}

/* -- keys and signals ------------------------------------------------------------------------- */

static int watch_signals(void)
{
    static const int watched[] = {SIGINT, SIGTERM, SIGHUP, SIGTSTP, SIGCONT, SIGWINCH};
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < ARRAY_SIZE(watched); i++)
        sigaddset(&set, watched[i]);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void take_signal(struct top *top)
{
    struct signalfd_siginfo info;

    if (read(top->signals, &info, sizeof(info)) != sizeof(info))
        return;
    if (info.ssi_signo == SIGTSTP) {
        terminal_end(&top->terminal);
        raise(SIGSTOP);
    } else if (info.ssi_signo == SIGCONT) {
        terminal_begin(&top->terminal);
        paint(top);
    } else if (info.ssi_signo == SIGWINCH) {
        top->due_us = 0; /* more or fewer clients fit */
    } else {
        top->over = true;
    }
}

static void take_key(struct top *top)
{
    char key;
    ssize_t got = read(STDIN_FILENO, &key, 1);

    if (got == 0)
        top->terminal.has_keys = false;
    else if (got == 1 && (key == 'q' || key == 'Q'))
        top->over = true;
    else if (got == 1 && (key == ' ' || key == KEY_REPAINT))
        top->due_us = 0;
}

static void wait_for_something(struct top *top)
{
    struct pollfd entries[] = {
        {.fd = top->signals, .events = POLLIN},
        {.fd = top->terminal.has_keys ? STDIN_FILENO : -1, .events = POLLIN},
    };

    if (poll(entries, ARRAY_SIZE(entries), clock_poll_ms(top->due_us, clock_monotonic_us())) <= 0)
        return;
    if (entries[0].revents)
        take_signal(top);
    if (entries[1].revents)
        take_key(top);
}

/* -- the command ------------------------------------------------------------------------------ */

/* The first answer decides whether there is anything to look at. */
static int run_live(struct ctl *ctl)
{
    struct top top = {.ctl = ctl, .signals = -1};
    int code = refresh(&top);

    if (code == EXIT_OK && (top.signals = watch_signals()) < 0)
        code = print_failure(ctl, EXIT_UNREACHABLE, "internal", "%s", strerror(errno));
    if (code == EXIT_OK) {
        ctl->told = &top.trouble;
        terminal_begin(&top.terminal);
        paint(&top);
        while (!top.over) {
            wait_for_something(&top);
            if (top.over || clock_monotonic_us() < top.due_us)
                continue;
            (void)!refresh(&top);
            paint(&top);
        }
        terminal_end(&top.terminal);
        ctl->told = NULL;
        close(top.signals);
    }
    forget(&top);
    free(top.trouble);
    return code;
}

static int run_once(struct ctl *ctl)
{
    json_t *status = NULL, *clients = NULL;
    int code = ask_status(ctl, &status);

    if (code == EXIT_OK)
        code = ask_pages(ctl, json_pack("{s:s}", "verb", "clients"), "clients", &clients);
    if (code == EXIT_OK) {
        const json_t *rows = json_object_get(clients, "clients");
        json_object_set_new(clients, "count", json_integer((json_int_t)json_array_size(rows)));
        if (ctl->options.json) {
            json_object_update(status, clients);
            print_json(status);
        } else {
            top_print(stdout, status, clients);
        }
    }
    json_decref(status);
    json_decref(clients);
    return code;
}

int command_top(struct ctl *ctl)
{
    bool once = ctl->options.once || ctl->options.json || !terminal_usable();

    return once ? run_once(ctl) : run_live(ctl);
}
