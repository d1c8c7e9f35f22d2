/* Signing on without being a device: see sending.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/modes/sending.h"

#include "client/client.h"
#include "client/folder.h"
#include "client/output.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static void notice(void *userdata, const char *line)
{
    output_notice(line);
}

static int open_account(const struct settings *settings, struct sending *sending)
{
    const struct account_hooks hooks = {.notice = notice};
    char *path = NULL, text[512], reason[128];
    int r = settings_state_path(settings, "sessions", &path);

    if (r == 0)
        r = sending->folder = folder_make(path);
    if (r >= 0)
        r = account_open(settings, sending->trust, V2_NO_DEVICE, sending->folder,
                         &sending->account);
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

int sending_open(const struct settings *settings, struct sending *ret)
{
    char *error = NULL;

    *ret = (struct sending){.folder = -1};
    if (trust_open(settings, &ret->trust, &error) < 0) {
        output_notice(error ? error : "out of memory");
        free(error);
        return EXIT_USAGE;
    }
    if (open_account(settings, ret) < 0) {
        sending_close(ret);
        return EXIT_NOT_KEPT;
    }
    return EXIT_DONE;
}

void sending_close(struct sending *sending)
{
    account_close(sending->account);
    trust_close(sending->trust);
    folder_close_fd(&sending->folder);
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
