/* Who this process is when it receives: see receiving.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/receiving.h"

#include "client/client.h"
#include "client/output.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static void tell(const char *what, const char *path, int error)
{
    char text[512], reason[128];

    snprintf(text, sizeof(text), "%s cannot be kept in %s: %s", what,
             path ? path : "a folder for its state",
             error == EUSERS ? "too many multichats receive at a time"
                             : strerror_r(error, reason, sizeof(reason)));
    output_notice(text);
}

static int open_device(const struct settings *settings, struct receiving *receiving)
{
    char *path = NULL;
    int r = settings_state_path(settings, "devices", &path);

    if (r == 0)
        r = device_open(path, &receiving->device);
    if (r == 0)
        r = cursors_open(receiving->device.folder, &receiving->cursors);
    if (r < 0)
        tell("what was shown", path, -r);
    free(path);
    return r < 0 ? EXIT_SYSTEM : EXIT_DONE;
}

/* An account's notice, before there is a screen. */
static void notice(void *userdata, const char *line)
{
    output_notice(line);
}

static int open_account(const struct settings *settings, struct receiving *receiving)
{
    const struct account_hooks hooks = {.notice = notice};
    char *error = NULL;
    int r;

    if (trust_open(settings, &receiving->trust, &error) < 0) {
        output_notice(error ? error : "out of memory");
        free(error);
        return EXIT_USAGE;
    }
    r = account_open(settings, receiving->trust, receiving->device.name, receiving->device.folder,
                     &receiving->account);
    if (r < 0) {
        tell("the session", receiving->device.name, -r);
        return EXIT_SYSTEM;
    }
    account_set_hooks(receiving->account, &hooks);
    return EXIT_DONE;
}

int receiving_open(const struct settings *settings, struct receiving *ret)
{
    int code;

    *ret = (struct receiving){0};
    code = open_device(settings, ret);
    if (code == EXIT_DONE)
        code = open_account(settings, ret);
    if (code != EXIT_DONE)
        receiving_close(ret);
    return code;
}

void receiving_close(struct receiving *receiving)
{
    account_close(receiving->account);
    trust_close(receiving->trust);
    cursors_close(receiving->cursors);
    device_close(&receiving->device);
    *receiving = (struct receiving){0};
}
