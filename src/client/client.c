/* multichat(1): from the command line to the mode it asks for, and the cleaning up behind it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/client.h"

#include "client/modes/first-run.h"
#include "client/modes/modes.h"
#include "client/output.h"
#include "util/hash.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

/* The terminal speaks UTF-8 as the wire does, also where the locale does not say so. */
static void setup_locale(void)
{
    if (!setlocale(LC_CTYPE, "") || strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
        (void)setlocale(LC_CTYPE, "C.UTF-8");
    tzset();
}

/* Blocks the signals that end the program and turns them into a descriptor. */
static int setup_signals(void)
{
    sigset_t set;
    int fd;

    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGQUIT);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return -errno;
    fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return fd < 0 ? -errno : fd;
}

/* What runs each mode that has an account; the rest is told from the command line alone. */
static const struct {
    enum mode mode;
    int (*run)(const struct invocation *invocation, int stop_fd);
} runs[] = {
    {MODE_LINE, run_line},       {MODE_SEND, run_send},     {MODE_RECV, run_recv},
    {MODE_PASSWD, run_passwd},   {MODE_ROOMS, run_rooms},   {MODE_WHO, run_who},
    {MODE_HISTORY, run_history}, {MODE_UNREAD, run_unread}, {MODE_JOIN, run_join},
    {MODE_PART, run_part},
};

static int run_mode(const struct invocation *invocation, int stop_fd)
{
    int code = EXIT_USAGE;

    for (size_t i = 0; i < ARRAY_SIZE(runs); i++)
        if (runs[i].mode == invocation->mode)
            code = runs[i].run(invocation, stop_fd);
    return code;
}

static int run(struct invocation *invocation)
{
    int stop_fd = setup_signals(), code = EXIT_DONE;

    if (stop_fd < 0) {
        output_notice("cannot set up signals");
        return EXIT_SYSTEM;
    }
    if (first_run_wanted(invocation))
        code = first_run(invocation, stop_fd);
    if (code == EXIT_DONE)
        code = run_mode(invocation, stop_fd);
    close(stop_fd);
    return code;
}

int client_main(int argc, char *argv[])
{
    struct invocation invocation;
    char *error = NULL;
    int code = EXIT_DONE;

    setup_locale();
    hash_setup();
    if (options_parse(argc, argv, &invocation, &error) < 0) {
        output_notice(error ? error : "out of memory");
        free(error);
        return EXIT_USAGE;
    }
    free(error);
    if (invocation.mode == MODE_HELP)
        options_write_help(stdout);
    else if (invocation.mode == MODE_VERSION)
        printf("multichat %s\n", PACKAGE_VERSION);
    else
        code = run(&invocation);
    options_deinit(&invocation);
    if (fflush(stdout) != 0 && code == EXIT_DONE)
        code = EXIT_OUTPUT;
    return code;
}
