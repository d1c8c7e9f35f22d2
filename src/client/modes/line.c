/* Line mode: puts together what it takes, runs it, and takes it apart.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/client.h"
#include "client/crew.h"
#include "client/input.h"
#include "client/modes/modes.h"
#include "client/output.h"
#include "client/password.h"
#include "client/receiving.h"
#include "client/terminal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static int open_outbox(const struct settings *settings, struct outbox **ret)
{
    char *folder = NULL, text[512], reason[128];
    int r = settings_state_path(settings, "outbox", &folder);

    if (r == 0)
        r = outbox_open(folder, settings->outbox.messages, settings->outbox.bytes, ret);
    if (r < 0) {
        snprintf(text, sizeof(text), "the outbox %s cannot be used: %s", folder ? folder : "",
                 strerror_r(-r, reason, sizeof(reason)));
        output_notice(text);
    }
    free(folder);
    return r;
}

/* With the threads running. */
static int run_input(const struct invocation *invocation, struct session *session,
                     struct account *account, struct outbox *outbox, int stop_fd)
{
    struct input input;
    int code = EXIT_SYSTEM;

    if (input_init(&input, invocation, session, account, outbox, stop_fd) == 0)
        code = input_run(&input);
    else
        output_notice("cannot take the terminal over");
    input_deinit(&input);
    return code;
}

/* With the outbox open. */
static int receive_and_send(const struct invocation *invocation, struct receiving *receiving,
                            struct outbox *outbox, int stop_fd)
{
    /* The full screen shows all the time how messages come. */
    bool chatty = invocation->verbose || (terminal_usable() && invocation->lines);
    struct crew crew;
    int code;

    if (password_prepare(receiving->account, invocation->password_fd, stop_fd) < 0)
        return EXIT_USAGE;
    if (crew_start(&crew, &invocation->settings, receiving, chatty) < 0) {
        output_notice("cannot start the threads");
        return EXIT_SYSTEM;
    }
    code = run_input(invocation, &crew.session, receiving->account, outbox, stop_fd);
    crew_end(&crew);
    return code;
}

int run_line(const struct invocation *invocation, int stop_fd)
{
    struct outbox *outbox = NULL;
    struct receiving receiving;
    int code;

    if (open_outbox(&invocation->settings, &outbox) < 0)
        return EXIT_NOT_KEPT;
    code = receiving_open(&invocation->settings, &receiving);
    if (code == EXIT_DONE) {
        code = receive_and_send(invocation, &receiving, outbox, stop_fd);
        receiving_close(&receiving);
    }
    outbox_close(outbox);
    return code;
}
