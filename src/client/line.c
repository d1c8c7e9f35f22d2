/* Line mode: puts together what it takes, runs it, and takes it apart.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/client.h"
#include "client/crew.h"
#include "client/input.h"
#include "client/modes.h"
#include "client/output.h"

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
                     const char *password, struct outbox *outbox, int stop_fd)
{
    struct input input;
    int code = EXIT_SYSTEM;

    if (input_init(&input, invocation, session, password, outbox, stop_fd) == 0)
        code = input_run(&input);
    else
        output_notice("cannot take the terminal over");
    input_deinit(&input);
    return code;
}

int run_line(const struct invocation *invocation, const char *password, int stop_fd)
{
    struct outbox *outbox = NULL;
    struct crew crew;
    int code = EXIT_SYSTEM;

    if (open_outbox(&invocation->settings, &outbox) < 0)
        return EXIT_NOT_KEPT;
    if (crew_start(&crew, &invocation->settings, password) == 0) {
        code = run_input(invocation, &crew.session, password, outbox, stop_fd);
        crew_end(&crew);
    } else {
        output_notice("cannot start the threads");
    }
    outbox_close(outbox);
    return code;
}
