/* Running commands: see shell.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/shell.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Descriptor `target` of the child. An errno or 0. */
static int add_fd(posix_spawn_file_actions_t *actions, int fd, int target, int flags)
{
    if (fd == SHELL_INHERIT)
        return 0;
    if (fd == SHELL_NULL)
        return posix_spawn_file_actions_addopen(actions, target, "/dev/null", flags, 0);
    return posix_spawn_file_actions_adddup2(actions, fd, target);
}

static int spawn(char *const argv[], char *const environment[], int in, int out, pid_t *ret)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, defaults;
    int error;

    sigemptyset(&none);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    error = add_fd(&actions, in, STDIN_FILENO, O_RDONLY);
    if (error == 0)
        error = add_fd(&actions, out, STDOUT_FILENO, O_WRONLY);
    if (error == 0)
        error = posix_spawn(ret, "/bin/sh", &actions, &attributes, argv, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

int shell_start(const char *command, int in, int out, char *const environment[], pid_t *ret)
{
    char shell[] = "sh", option[] = "-c", *copy = strdup(command);
    char *const argv[] = {shell, option, copy, NULL};
    int error;

    if (!copy)
        return -ENOMEM;
    error = spawn(argv, environment ? environment : environ, in, out, ret);
    free(copy);
    return -error;
}
