/* Running the user's command: see notify.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/notify.h"

#include "util/attributes.h"
#include "util/clock.h"
#include "util/utf8.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define TEXT_MAX 400 /* bytes of what is handed over; it is meant for a line on a desktop */
#define FIELDS   4

void notify_init(struct notify *notify, const char *command)
{
    *notify = (struct notify){.command = command};
}

void notify_deinit(struct notify *notify)
{
    notify_turn(notify); /* one that still runs is init's */
}

void notify_turn(struct notify *notify)
{
    if (notify->child > 0 && waitpid(notify->child, NULL, WNOHANG) != 0)
        notify->child = 0;
}

/* "NAME=text"; freed by the caller. */
static char *variable(const char *name, struct bytes text)
{
    char *line = NULL;

    text.len = utf8_prefix(text, TEXT_MAX);
    if (asprintf(&line, "%s=%.*s", name, BYTES_ARG(text)) < 0)
        return NULL;
    for (char *c = line; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = ' ';
    return line;
}

/* Runs it with nothing of the terminal. */
static pid_t run(const char *command, char *const environment[])
{
    char *const argv[] = {(char[]){"sh"}, (char[]){"-c"}, (char *)command, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    pid_t child;
    int r;

    sigemptyset(&none);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID);
    r = posix_spawn(&child, "/bin/sh", &actions, &attributes, argv, environment);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return r == 0 ? child : 0;
}

static pid_t run_with(const char *command, char *const variables[FIELDS])
{
    size_t count = 0;
    char **environment;
    pid_t child = 0;

    while (environ[count])
        count++;
    environment = calloc(count + FIELDS + 1, sizeof(*environment));
    if (!environment)
        return 0;
    /* The first of a name counts. */
    memcpy(environment, variables, FIELDS * sizeof(*environment));
    memcpy(environment + FIELDS, environ, count * sizeof(*environment));
    child = run(command, environment);
    free(environment);
    return child;
}

void notify_call(struct notify *notify, const struct notify_call *call)
{
    uint64_t now = clock_monotonic_us();
    char *variables[FIELDS];
    bool whole = true;

    notify_turn(notify);
    if (notify->command[0] == '\0' || notify->child > 0 || now < notify->next_at)
        return;
    variables[0] = variable("MULTICHAT_FROM", call->userid);
    variables[1] = variable("MULTICHAT_NAME", call->name);
    variables[2] = variable("MULTICHAT_PLACE", bytes_of(call->place));
    variables[3] = variable("MULTICHAT_TEXT", call->text);
    for (size_t i = 0; i < FIELDS; i++)
        whole = whole && variables[i];
    if (whole)
        notify->child = run_with(notify->command, variables);
    for (size_t i = 0; i < FIELDS; i++)
        free(variables[i]);
    notify->next_at = now + USEC_PER_SEC;
}
