/* One run: command line, configuration, command, and everything closed again.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/print.h"
#include "ctl/session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int run_command(struct ctl *ctl)
{
    char *error = NULL;
    int result = daemon_config_load(ctl->options.config, &ctl->config, &error);

    if (result < 0) {
        int code =
            print_failure(ctl, EXIT_USAGE, "config", "%s", error ? error : strerror(-result));
        free(error);
        return code;
    }
    int code = ctl->command->run(ctl);
    session_close(ctl);
    daemon_config_deinit(&ctl->config);
    return code;
}

/* What could not be printed was not told: a full disk or a closed pipe is no success. */
static int close_output(int code)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    fprintf(stderr, "multichatctl: standard output: %s\n", strerror(errno));
    return code == EXIT_OK ? EXIT_USAGE : code;
}

int ctl_run(int argc, char **argv)
{
    struct ctl ctl = {0};
    int code = command_line_parse(&ctl, argc, argv);

    if (code < 0)
        return close_output(EXIT_OK);
    if (code != EXIT_OK)
        return code;
    return close_output(run_command(&ctl));
}
