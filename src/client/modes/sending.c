/* Signing on without being a device: see sending.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/modes/sending.h"

#include "client/client.h"
#include "client/folder.h"
#include "client/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

static void notice(void *userdata, const char *line)
{
    output_notice(line);
}

/* Where the session is, and by what name it is had. */
static int open_folder(const char *path, bool as_device, struct sending *sending)
{
    if (!as_device)
        return sending->folder = folder_make(path);
    int r = device_open_first(path, &sending->device);
    if (r == 0)
        r = sending->folder = fcntl(sending->device.folder, F_DUPFD_CLOEXEC, 0);
    return r < 0 ? r : 0;
}

static int open_account(const struct settings *settings, bool as_device, struct sending *sending)
{
    const struct account_hooks hooks = {.notice = notice};
    char *path = NULL, text[512], reason[128];
    int r = settings_state_path(settings, as_device ? "devices" : "sessions", &path);

    if (r == 0)
        r = open_folder(path, as_device, sending);
    if (r >= 0)
        r = account_open(settings, sending->trust, as_device ? sending->device.name : V2_NO_DEVICE,
                         sending->folder, &sending->account);
    if (r < 0) {
        snprintf(text, sizeof(text), "the session cannot be kept in %s: %s", path ? path : "",
                 strerror_r(-r, reason, sizeof(reason)));
        output_notice(text);
    } else {
        account_set_hooks(sending->account, &hooks);
    }
    free(path);
    return r < 0 ? r : 0;
}

static int open_as(const struct settings *settings, bool as_device, struct sending *ret)
{
    char *error = NULL;

    *ret = (struct sending){.folder = -1};
    if (trust_open(settings, &ret->trust, &error) < 0) {
        output_notice(error ? error : "out of memory");
        free(error);
        return EXIT_USAGE;
    }
    if (open_account(settings, as_device, ret) < 0) {
        sending_close(ret);
        return EXIT_NOT_KEPT;
    }
    return EXIT_DONE;
}

int sending_open(const struct settings *settings, struct sending *ret)
{
    return open_as(settings, false, ret);
}

int sending_open_as_device(const struct settings *settings, struct sending *ret)
{
    return open_as(settings, true, ret);
}

void sending_close(struct sending *sending)
{
    account_close(sending->account);
    trust_close(sending->trust);
    folder_close_fd(&sending->folder);
    device_close(&sending->device);
    *sending = (struct sending){.folder = -1};
}

int sending_exit_code(enum account_refusal refusal)
{
    static const int codes[] = {
        [ACCOUNT_WELCOME] = EXIT_DONE,
        [ACCOUNT_DENIED] = EXIT_REFUSED,
        [ACCOUNT_UNTRUSTED] = EXIT_UNTRUSTED,
        [ACCOUNT_NO_PASSWORD] = EXIT_USAGE,
    };

    return codes[refusal];
}
