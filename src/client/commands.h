/* The commands of line mode: what a typed line means.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/attributes.h"
#include "util/bytes.h"

#include <stdio.h>

/* What is behind a command's name. */
enum command_shape {
    COMMAND_ALONE,
    COMMAND_TO_MAYBE, /* [TO] */
    COMMAND_TO_TEXT,  /* TO TEXT */
};

/* X(symbol, name, shape, arguments as shown, help) */
#define COMMAND_TABLE(X)                                                                           \
    X(MSG, "msg", COMMAND_TO_TEXT, "TO TEXT", "send TEXT to a user, a #room, or * for everyone")   \
    X(TO, "to", COMMAND_TO_MAYBE, "[TO]", "send lines to TO from now on; alone: tell who it is")   \
    X(STATUS, "status", COMMAND_ALONE, "", "tell how this client and the server stand")            \
    X(HELP, "help", COMMAND_ALONE, "", "show this")                                                \
    X(QUIT, "quit", COMMAND_ALONE, "", "end multichat")

enum command_kind {
    COMMAND_SAY, /* no command: text for the current recipient; "//x" says "/x" */
#define X(symbol, name, shape, arguments, help) COMMAND_##symbol,
    COMMAND_TABLE(X)
#undef X
        COMMAND_COUNT
};

struct command {
    enum command_kind kind;
    struct bytes to;   /* empty where there is none */
    struct bytes text; /* empty where there is none */
};

/* Parses a line without its newline; the parts point into it. 0 or -EINVAL with the reason in
 * words (static). */
MUST_USE int command_parse(struct bytes line, struct command *ret, const char **ret_reason);

/* One line for each command. */
void command_write_help(FILE *out);
