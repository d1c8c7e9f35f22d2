/* multichatctl: what one run of it knows, and the parts it is made of.
 *
 * A run is one command: its row in the command table, its words and options, the configuration,
 * and the session through which it reaches the administrative verbs. Handlers return the exit
 * code. Everything said to people goes to standard error if it is trouble, else to standard
 * output; with --json standard output carries one JSON object and nothing else.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "admin/admin.h"
#include "config/daemon-config.h"

#include <stdbool.h>

/* Documented in multichatctl(8). */
enum exit_code {
    EXIT_OK = 0,
    EXIT_REFUSED = 1,     /* by the program that was asked; also: the check found something */
    EXIT_USAGE = 2,       /* the command line, the configuration, or a file they name */
    EXIT_UNREACHABLE = 3, /* daemon or storage is away, or too busy */
    EXIT_NO_DAEMON = 4,   /* no daemon is running and the command is about it */
};

/* Whom a command is carried out by. */
enum reach {
    REACH_ANY,     /* the daemon, or storage itself where no daemon runs */
    REACH_DAEMON,  /* the daemon alone */
    REACH_STORAGE, /* storage itself, whether a daemon runs or not */
};

/* X(bit, field, option, what its value is called or NULL, help) */
#define OPTION_TABLE(X)                                                                            \
    X(CONFIG, config, "config", "FILE", "the daemon's configuration")                              \
    X(JSON, json, "json", NULL, "print one JSON object")                                           \
    X(HELP, help, "help", NULL, "explain the command")                                             \
    X(VERSION, version, "version", NULL, "print the version")                                      \
    X(CONTROL, control, "socket", "PATH", "the daemon's control socket")                           \
    X(NAME, name, "name", "NAME", "the display name (default: the userid)")                        \
    X(PASSWORD_FILE, password_file, "password-file", "FILE", "read the password from FILE")        \
    X(PASSWORD_FD, password_fd, "password-fd", "N", "read the password from descriptor N")         \
    X(BATCH, batch, "batch", "FILE",                                                               \
      "add many: lines of userid:password[:name]; - is standard input")                            \
    X(REASON, reason, "reason", "TEXT", "what he is told")                                         \
    X(ALL, all, "all", NULL, "show what is 0, too, a line each")                                   \
    X(ONCE, once, "once", NULL, "print one picture and end")                                       \
    X(DRIVER, driver, "driver", "DRIVER", "sqlite or mysql (default: the configured one)")         \
    X(ADMIN_USER, admin_user, "admin-user", "U",                                                   \
      "mysql: the server's administrator (default: root)")                                         \
    X(ADMIN_PASSWORD_FILE, admin_password_file, "admin-password-file", "FILE",                     \
      "mysql: his password (default: none, the socket tells)")                                     \
    X(DATABASE, database, "database", "D", "mysql: the database")                                  \
    X(USER, user, "user", "U", "mysql: its user there")                                            \
    X(SERVER_SOCKET, server_socket, "socket", "S", "mysql: the server's local socket")             \
    X(SECRET_FILE, secret_file, "password-file", "FILE", "mysql: the file of his password")        \
    X(TO, to, "to", "DRIVER", "sqlite or mysql")

enum option_index {
#define X(symbol, field, name, value, help) OPTION_INDEX_##symbol,
    OPTION_TABLE(X)
#undef X
        OPTION_COUNT
};

enum option_bit {
#define X(symbol, field, name, value, help) OPTION_##symbol = 1U << OPTION_INDEX_##symbol,
    OPTION_TABLE(X)
#undef X
};

/* What was given; NULL for what was not, "" for an option without value. */
struct options {
#define X(symbol, field, name, value, help) const char *field;
    OPTION_TABLE(X)
#undef X
};

#define ARGUMENTS_MAX 5

struct ctl;

struct command {
    const char *words;     /* "user add" */
    const char *arguments; /* "USERID", as usage shows them */
    unsigned min, max;     /* how many */
    unsigned options;      /* option_bits it takes beside the general ones */
    enum reach reach;
    unsigned patience; /* seconds it waits for the daemon's answer */
    int (*run)(struct ctl *ctl);
    const char *help;
};

/* NULL-terminated by a row without words. */
extern const struct command command_table[];

struct session;

struct ctl {
    const struct command *command;
    struct options options;
    const char *arguments[ARGUMENTS_MAX]; /* NULL where none was given */
    struct daemon_config config;
    enum reach reach;        /* the command's, unless its arguments say otherwise */
    struct session *session; /* opened by the first request */
    char *
        *told; /* where the words of a failure go, in the place of the last; NULL: to the caller */
};

/* -- command-line.c --------------------------------------------------------------------------- */

/* Fills command, options and arguments. EXIT_OK, EXIT_USAGE (said why), or -1 when --help or
 * --version have been answered and nothing is left to do. */
MUST_USE int command_line_parse(struct ctl *ctl, int argc, char **argv);

/* -- run.c ------------------------------------------------------------------------------------ */

/* All of the program but its process-wide set-up. Returns the exit code. */
MUST_USE int ctl_run(int argc, char **argv);

/* -- the commands ----------------------------------------------------------------------------- */

int command_user_add(struct ctl *ctl);
int command_user_passwd(struct ctl *ctl);
int command_user_list(struct ctl *ctl);
int command_user_disable(struct ctl *ctl);
int command_user_enable(struct ctl *ctl);
int command_user_bulk(struct ctl *ctl);
int command_user_revoke(struct ctl *ctl);
int command_user_devices(struct ctl *ctl);
int command_user_forget(struct ctl *ctl);
int command_user_delete(struct ctl *ctl);
int command_room_add(struct ctl *ctl);
int command_room_delete(struct ctl *ctl);
int command_room_list(struct ctl *ctl);
int command_room_join(struct ctl *ctl);
int command_room_part(struct ctl *ctl);
int command_room_members(struct ctl *ctl);
int command_room_set(struct ctl *ctl);
int command_room_invite(struct ctl *ctl);
int command_rooms(struct ctl *ctl);
int command_status(struct ctl *ctl);
int command_top(struct ctl *ctl);
int command_kick(struct ctl *ctl);
int command_announce(struct ctl *ctl);
int command_db_init(struct ctl *ctl);
int command_db_migrate(struct ctl *ctl);
int command_db_check(struct ctl *ctl);
int command_db_copy(struct ctl *ctl);
int command_export(struct ctl *ctl);
int command_import(struct ctl *ctl);
int user_add_batch(struct ctl *ctl); /* user add --batch */
