/* The command line: a table of options, and what one invocation asks for.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "client/settings.h"
#include "util/attributes.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* What the program does; a set of them says where an option may stand. */
enum mode {
    MODE_LINE = 1 << 0, /* no command word */
    MODE_SEND = 1 << 1,
    MODE_RECV = 1 << 2,
    MODE_PASSWD = 1 << 3,
    MODE_ROOMS = 1 << 4,
    MODE_WHO = 1 << 5,
    MODE_HISTORY = 1 << 6,
    MODE_UNREAD = 1 << 7,
    MODE_JOIN = 1 << 8,
    MODE_PART = 1 << 9,
    MODE_HELP = 1 << 10,    /* --help */
    MODE_VERSION = 1 << 11, /* --version */
};

struct invocation {
    enum mode mode;
    struct settings settings;
    bool placed;      /* somebody has said where the server is: a file, or --server */
    char *to;         /* whom or which room it is about; NULL when it was not given */
    const char *text; /* of a message, argv's; NULL when it was not given */
    const char *file; /* where it is, argv's; "-": standard input; NULL when it was not given */
    bool json;
    bool wait;
    bool notices;
    bool follow;
    const char *exec; /* a command, argv's; NULL when it was not given */
    bool verbose;
    bool lines;              /* line mode, also where the full screen could be */
    int password_fd;         /* PASSWORD_FD_NONE when it was not given */
    int new_password_fd;     /* the same */
    char *new_password_file; /* NULL when it was not given */
    uint64_t count;          /* 0: any number */
    uint64_t timeout_us;     /* 0: not given */
    uint64_t linger_us;
    struct {
        const char *day, *from, *to, *number; /* as they were given, or NULL; argv's */
        uint64_t last;                        /* 0: not given */
    } range;
};

/* Reads the command line and the configuration file it asks for. `argv` must outlive the result,
 * which is freed with options_deinit(). 0; -EINVAL and the like with the reason in words (freed by
 * the caller, NULL only when memory is out). */
MUST_USE int options_parse(int argc, char *argv[], struct invocation *ret, char **ret_error);
void options_deinit(struct invocation *invocation);

/* What --help shows. */
void options_write_help(FILE *out);
