/* Telling the user by a command of his: see notify.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/notify.h"

#include "client/hook.h"
#include "client/shell.h"
#include "util/clock.h"
#include "util/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define TEXT_MAX 400 /* bytes; it is meant for a line on a desktop, and a pipe takes it at once */

int notify_init(struct notify *notify, const char *command)
{
    *notify = (struct notify){0};
    /* What it has to say would stand across the screen. */
    if (command[0] && asprintf(&notify->command, "exec 2>/dev/null\n%s", command) < 0)
        return -ENOMEM;
    return 0;
}

void notify_deinit(struct notify *notify)
{
    free(notify->command);
}

void notify_turn(struct notify *notify)
{
    if (notify->child > 0 && waitpid(notify->child, NULL, WNOHANG) != 0)
        notify->child = 0;
}

void notify_call(struct notify *notify, const struct v2_frame *entry)
{
    uint64_t now = clock_monotonic_us();
    int fds[2];

    notify_turn(notify);
    if (!notify->command || notify->child > 0 || now < notify->next_at)
        return;
    if (pipe2(fds, O_CLOEXEC) < 0)
        return;
    (void)!write(fds[1], entry->text.data, utf8_prefix(entry->text, TEXT_MAX));
    if (hook_start(notify->command, entry, false, fds[0], SHELL_NULL, &notify->child) < 0)
        notify->child = 0;
    close(fds[0]);
    close(fds[1]);
    notify->next_at = now + USEC_PER_SEC;
}
