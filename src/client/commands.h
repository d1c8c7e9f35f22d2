/* The commands at a terminal, in line mode and on the full screen: what a typed line means.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/attributes.h"
#include "util/bytes.h"

#include <stdio.h>

/* What stands behind a command's name. */
enum command_shape {
    COMMAND_ALONE,
    COMMAND_WORD,       /* WORD */
    COMMAND_MAYBE_WORD, /* [WORD] */
    COMMAND_WORDS,      /* WORD [WORD] */
    COMMAND_WORD_TEXT,  /* WORD TEXT */
    COMMAND_MAYBE_TEXT, /* [TEXT] */
};

/* X(symbol, name, another name or NULL, shape, arguments as shown, help) */
#define COMMAND_TABLE(X)                                                                           \
    X(JOIN, "join", "j", COMMAND_WORD, "#ROOM", "enter a room; it is made if there is none")       \
    X(PART, "part", "leave", COMMAND_MAYBE_WORD, "[#ROOM]", "leave a room for good")               \
    X(MSG, "msg", NULL, COMMAND_WORD_TEXT, "TO TEXT",                                              \
      "send it to a user, a #room, or * (everyone)")                                               \
    X(WHISPER, "whisper", "!whisper", COMMAND_WORD_TEXT, "USER TEXT",                              \
      "say it in this room to USER alone")                                                         \
    X(TO, "to", "query", COMMAND_MAYBE_WORD, "[TO]", "talk to a user, a #room or * from now on")   \
    X(NICK, "nick", "!change", COMMAND_WORD, "NAME",                                               \
      "change the name that others see; no blank in it")                                           \
    X(NAMES, "names", "!member", COMMAND_MAYBE_WORD, "[#ROOM]", "name the members of a room")      \
    X(WHO, "who", NULL, COMMAND_MAYBE_WORD, "[#ROOM]", "list the members, and who is here")        \
    X(TOPIC, "topic", NULL, COMMAND_MAYBE_TEXT, "[TEXT]",                                          \
      "show or set what this room is about; - clears")                                             \
    X(LIST, "list", "rooms", COMMAND_ALONE, "", "list the rooms of the server")                    \
    X(INVITE, "invite", NULL, COMMAND_WORDS, "USER [#ROOM]", "invite USER to a room")              \
    X(KICK, "kick", "remove", COMMAND_WORDS, "USER [#ROOM]",                                       \
      "put USER out of a room; for operators")                                                     \
    X(ACCESS, "access", NULL, COMMAND_WORDS, "open|closed",                                        \
      "let in anyone, or whom a member invites")                                                   \
    X(HISTORY, "history", NULL, COMMAND_MAYBE_TEXT, "[WHAT]",                                      \
      "show today, yesterday, 2026-11-21; 50: the last; 10-20")                                    \
    X(SEARCH, "search", NULL, COMMAND_MAYBE_TEXT, "[TEXT]", "find it upwards; alone: further up")  \
    X(IGNORE, "ignore", NULL, COMMAND_MAYBE_WORD, "[USER]",                                        \
      "hide what USER says from now on; alone: list whom")                                         \
    X(UNIGNORE, "unignore", NULL, COMMAND_WORD, "USER", "hide no more; /history has the rest")     \
    X(WIN, "win", "window", COMMAND_MAYBE_WORD, "[N|NAME|close]",                                  \
      "go to a window; alone: list; close: this one")                                              \
    X(CLEAR, "clear", NULL, COMMAND_ALONE, "", "empty this window; the history stays")             \
    X(STATUS, "status", NULL, COMMAND_ALONE, "", "tell how this client and the server stand")      \
    X(HELP, "help", NULL, COMMAND_MAYBE_WORD, "[COMMAND|keys]",                                    \
      "name the commands; tell one, or the keys")                                                  \
    X(QUIT, "quit", "exit", COMMAND_ALONE, "", "end multichat")

enum command_kind {
    COMMAND_SAY, /* no command: text for where one is; "//x" says "/x" */
#define X(symbol, name, other, shape, arguments, help) COMMAND_##symbol,
    COMMAND_TABLE(X)
#undef X
        COMMAND_COUNT
};

struct command {
    enum command_kind kind;
    struct bytes word;   /* empty where there is none, as the others */
    struct bytes second; /* of two words */
    struct bytes text;   /* without blanks around it, but for what is sent */
};

/* Parses a line without its newline; the parts point into it. 0 or -EINVAL with the reason in
 * words (static). */
MUST_USE int command_parse(struct bytes line, struct command *ret, const char **ret_reason);

/* The name behind the slash, or "" for text. */
const char *command_name(enum command_kind kind);

/* The command of that name, its slash or '!' left out or not; -ENOENT. */
MUST_USE int command_find(struct bytes name);

/* All commands, briefly, and what else there is to know; or what `kind` does, in a line. */
void command_write_help(FILE *out);
void command_write_usage(FILE *out, enum command_kind kind);
