/* The command line: see options.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/options.h"

#include "client/password.h"
#include "client/trust.h"
#include "util/clock.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#define ASKING     (MODE_ROOMS | MODE_WHO | MODE_HISTORY | MODE_UNREAD | MODE_JOIN | MODE_PART)
#define EVERYWHERE (MODE_LINE | MODE_SEND | MODE_RECV | MODE_PASSWD | ASKING)
#define LONG_ID    256 /* getopt's number of the first row; below it are letters */

/* The values options have that no file holds; judged as those of a file are. */
struct run_values {
    uint64_t password_fd, new_password_fd, count, last, timeout_us, linger_us;
    char *new_password_file;
};

#define RUN(member) offsetof(struct run_values, member)

static const struct config_key run_keys[] = {
    {.path = "password_fd",
     .type = CONFIG_NUMBER,
     .offset = RUN(password_fd),
     .fallback = "0",
     .max = INT_MAX},
    {.path = "new_password_fd",
     .type = CONFIG_NUMBER,
     .offset = RUN(new_password_fd),
     .fallback = "0",
     .max = INT_MAX},
    {.path = "new_password_file",
     .type = CONFIG_PATH,
     .offset = RUN(new_password_file),
     .fallback = "/",
     .min = 1},
    {.path = "last",
     .type = CONFIG_NUMBER,
     .offset = RUN(last),
     .fallback = "1",
     .min = 1,
     .max = 1ULL << 48},
    {.path = "count",
     .type = CONFIG_NUMBER,
     .offset = RUN(count),
     .fallback = "1",
     .min = 1,
     .max = 1ULL << 48},
    {.path = "timeout",
     .type = CONFIG_NUMBER,
     .offset = RUN(timeout_us),
     .fallback = "1",
     .min = 1,
     .max = 31536000,
     .scale = USEC_PER_SEC,
     .unit = "seconds"},
    {.path = "linger",
     .type = CONFIG_NUMBER,
     .offset = RUN(linger_us),
     .fallback = "0",
     .max = 31536000,
     .scale = USEC_PER_SEC,
     .unit = "seconds"},
};

static const struct config_table run_table = {.keys = run_keys, .count = ARRAY_SIZE(run_keys)};

enum option_id {
    OPTION_CONFIG,
    OPTION_USER,
    OPTION_SERVER,
    OPTION_POLL_PORT,
    OPTION_WRITE_PORT,
    OPTION_LISTEN,
    OPTION_PASSWORD_FILE,
    OPTION_PASSWORD_COMMAND,
    OPTION_PASSWORD_FD,
    OPTION_NEW_PASSWORD_FILE,
    OPTION_NEW_PASSWORD_FD,
    OPTION_TLS_CA,
    OPTION_TLS_CERTIFICATE,
    OPTION_TLS_KEY,
    OPTION_NO_TLS,
    OPTION_ROOM,
    OPTION_FILE,
    OPTION_WAIT,
    OPTION_DAY,
    OPTION_FROM,
    OPTION_TO,
    OPTION_LAST,
    OPTION_NUMBER,
    OPTION_LINGER,
    OPTION_FOLLOW,
    OPTION_EXEC,
    OPTION_NOTICES,
    OPTION_COUNT,
    OPTION_TIMEOUT,
    OPTION_JSON,
    OPTION_VERBOSE,
    OPTION_LINE,
    OPTION_HELP,
    OPTION_VERSION,
    OPTION_IDS,
};

static const struct option_row {
    const char *name;
    const char *argument;             /* as --help shows it; NULL: takes none */
    const struct config_table *table; /* whose key it sets; NULL: none */
    const char *key;
    unsigned modes; /* where it may stand */
    const char *help;
    const char *flag; /* the value it sets when it takes no argument */
    const char *word; /* an argument that is no path; NULL: the key's type says what it is */
} rows[] = {
    [OPTION_CONFIG] = {"config", "FILE", NULL, NULL, EVERYWHERE,
                       "read FILE instead of ~/.config/multichat/config"},
    [OPTION_USER] = {"user", "ID", &settings_table, "user", EVERYWHERE, "userid"},
    [OPTION_SERVER] = {"server", "HOST", &settings_table, "server", EVERYWHERE,
                       "name or address of the server"},
    [OPTION_POLL_PORT] = {"poll-port", "N", &settings_table, "poll_port", EVERYWHERE,
                          "its UDP port for polls"},
    [OPTION_WRITE_PORT] = {"write-port", "N", &settings_table, "write_port", EVERYWHERE,
                           "its TCP port for messages"},
    [OPTION_LISTEN] = {"listen", "ADDR", &settings_table, "listen", EVERYWHERE,
                       "where to listen for messages; none: nowhere"},
    [OPTION_PASSWORD_FILE] = {"password-file", "FILE", &settings_table, "password_file", EVERYWHERE,
                              "the password is the first line of FILE"},
    [OPTION_PASSWORD_COMMAND] = {"password-command", "CMD", &settings_table, "password_command",
                                 EVERYWHERE, "it is the first line the shell command prints"},
    [OPTION_PASSWORD_FD] = {"password-fd", "N", &run_table, "password_fd", EVERYWHERE,
                            "it is the first line of descriptor N"},
    [OPTION_NEW_PASSWORD_FILE] = {"new-password-file", "FILE", &run_table, "new_password_file",
                                  MODE_PASSWD, "the new password is the first line of FILE"},
    [OPTION_NEW_PASSWORD_FD] = {"new-password-fd", "N", &run_table, "new_password_fd", MODE_PASSWD,
                                "it is the first line of descriptor N"},
    [OPTION_TLS_CA] = {"tls-ca", "FILE", &settings_table, "tls.ca", EVERYWHERE,
                       "verify the server's certificate by the CAs in FILE, or \"system\"",
                       .word = TRUST_SYSTEM},
    [OPTION_TLS_CERTIFICATE] = {"tls-certificate", "FILE", &settings_table, "tls.certificate",
                                EVERYWHERE, "own certificate, for servers that ask for one"},
    [OPTION_TLS_KEY] = {"tls-key", "FILE", &settings_table, "tls.key", EVERYWHERE, "its key"},
    [OPTION_NO_TLS] = {"no-tls", NULL, &settings_table, "tls.use", EVERYWHERE,
                       "send everything in clear, the password too", .flag = "false"},
    [OPTION_ROOM] = {"room", "ROOM", NULL, NULL, MODE_SEND | MODE_HISTORY,
                     "to or of that room; its # may be left out"},
    [OPTION_FILE] = {"file", "FILE", NULL, NULL, MODE_SEND,
                     "the text is what FILE holds; -: standard input"},
    [OPTION_WAIT] = {"wait", NULL, NULL, NULL, MODE_SEND,
                     "end when the receiver has acknowledged the message"},
    [OPTION_DAY] = {"day", "DAY", NULL, NULL, MODE_HISTORY,
                    "of that day: 2026-11-21, today, yesterday"},
    [OPTION_FROM] = {"from", "TIME", NULL, NULL, MODE_HISTORY,
                     "not what was before: a day, \"DAY 12:34\", or 12:34"},
    [OPTION_TO] = {"to", "TIME", NULL, NULL, MODE_HISTORY, "not what was later, in the same forms"},
    [OPTION_LAST] = {"last", "N", &run_table, "last", MODE_HISTORY, "no more than the last N"},
    [OPTION_NUMBER] = {"number", "N[-M]", NULL, NULL, MODE_HISTORY,
                       "number N, N to M, or from N on"},
    [OPTION_LINGER] = {"linger", "S", &run_table, "linger", MODE_LINE,
                       "stay S seconds after the end of standard input"},
    [OPTION_FOLLOW] = {"follow", NULL, NULL, NULL, MODE_RECV, "go on when nothing waits any more"},
    [OPTION_EXEC] = {"exec", "CMD", NULL, NULL, MODE_RECV,
                     "run the shell command for each message; acknowledge when it succeeds"},
    [OPTION_NOTICES] = {"notices", NULL, NULL, NULL, MODE_RECV,
                        "with --exec: also when somebody joins, leaves, is renamed …"},
    [OPTION_COUNT] = {"count", "N", &run_table, "count", MODE_RECV, "end after N messages"},
    [OPTION_TIMEOUT] = {"timeout", "S", &run_table, "timeout",
                        MODE_LINE | MODE_SEND | MODE_RECV | ASKING,
                        "recv: end after S seconds; else how long to try"},
    [OPTION_JSON] = {"json", NULL, NULL, NULL, MODE_RECV | (ASKING & ~MODE_PART),
                     "one JSON object a line"},
    [OPTION_VERBOSE] = {"verbose", NULL, NULL, NULL, MODE_LINE | MODE_RECV,
                        "tell how messages arrive when that changes"},
    [OPTION_LINE] = {"line", NULL, NULL, NULL, MODE_LINE,
                     "at a terminal: line by line, not on the full screen"},
    [OPTION_HELP] = {"help", NULL, NULL, NULL, EVERYWHERE, "show this; also -h"},
    [OPTION_VERSION] = {"version", NULL, NULL, NULL, EVERYWHERE, "show the version"},
};

/* What the first operand of a mode is. */
enum first {
    FIRST_NONE,
    FIRST_RECIPIENT, /* --room may stand in its place */
    FIRST_ROOM,      /* its # may be left out */
};

static const struct mode_row {
    const char *word; /* NULL: without a word */
    enum mode mode;
    enum first first;
    int operands_min, operands_max;
    const char *usage;
} modes[] = {
    {NULL, MODE_LINE, FIRST_NONE, 0, 0, "multichat [OPTIONS]"},
    {"send", MODE_SEND, FIRST_RECIPIENT, 1, 2,
     "multichat send TO|--room ROOM [TEXT|--file FILE] [--wait]"},
    {"recv", MODE_RECV, FIRST_NONE, 0, 0,
     "multichat recv [--follow] [--exec CMD] [--count N] [--timeout S] [--json]"},
    {"rooms", MODE_ROOMS, FIRST_NONE, 0, 0, "multichat rooms [--json]"},
    {"who", MODE_WHO, FIRST_ROOM, 0, 1, "multichat who [ROOM] [--json]"},
    {"history", MODE_HISTORY, FIRST_RECIPIENT, 0, 1,
     "multichat history [TO|--room ROOM] [--day DAY|--from TIME --to TIME|--number N-M] [--last N] "
     "[--json]"},
    {"unread", MODE_UNREAD, FIRST_NONE, 0, 0, "multichat unread [--json]"},
    {"join", MODE_JOIN, FIRST_ROOM, 1, 1, "multichat join ROOM"},
    {"part", MODE_PART, FIRST_ROOM, 1, 1, "multichat part ROOM"},
    {"passwd", MODE_PASSWD, FIRST_NONE, 0, 0, "multichat passwd"},
};

_Static_assert(ARRAY_SIZE(rows) == OPTION_IDS, "each option has its row");

static int complain(char **ret_error, const char *format, ...) PRINTF_LIKE(2, 3);

static int complain(char **ret_error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    if (vasprintf(ret_error, format, args) < 0)
        *ret_error = NULL;
    va_end(args);
    return *ret_error ? -EINVAL : -ENOMEM;
}

/* Collects the argument of each option that is given; "" for one without. */
static int collect(int argc, char *argv[], const char *given[OPTION_IDS], char **ret_error)
{
    struct option longs[OPTION_IDS + 1] = {0};
    int id;

    for (int i = 0; i < OPTION_IDS; i++)
        longs[i] = (struct option){
            .name = rows[i].name,
            .has_arg = rows[i].argument ? required_argument : no_argument,
            .val = i + LONG_ID,
        };
    optind = 0; /* getopt's way to begin afresh */
    while ((id = getopt_long(argc, argv, ":h", longs, NULL)) != -1) {
        const char *what = argv[optind - 1];
        if (id == ':')
            return complain(ret_error, "%s needs a value; see --help", what);
        if (id == 'h')
            id = OPTION_HELP + LONG_ID;
        if (id == '?' && optopt > ' ' && optopt < 127)
            return complain(ret_error,
                            "-%c is no option; see --help (-- goes before a text that begins "
                            "with -)",
                            optopt);
        if (id == '?')
            return complain(ret_error, "%s is no option; see --help", what);
        given[id - LONG_ID] = optarg ? optarg : "";
    }
    return 0;
}

/* The row of the word that the operands begin with, or NULL. */
static const struct mode_row *find_mode(const char *word)
{
    for (size_t i = 1; i < ARRAY_SIZE(modes); i++)
        if (strcmp(word, modes[i].word) == 0)
            return &modes[i];
    return NULL;
}

/* "#lobby" of "lobby" too; freed by the caller. */
static char *room_name(const char *name)
{
    char *room = NULL;

    if (name[0] == '#' || strcmp(name, "*") == 0)
        return strdup(name);
    return asprintf(&room, "#%s", name) < 0 ? NULL : room;
}

/* What is behind the command word. 0 or -errno. */
static int take_operands(const struct mode_row *row, int argc, char *argv[], const char *room,
                         struct invocation *invocation, char **ret_error)
{
    int instead = room && row->first == FIRST_RECIPIENT;

    if (argc + instead < row->operands_min || argc + instead > row->operands_max)
        return complain(ret_error, "usage: %s%s", row->usage,
                        row->operands_max > 1 && argc + instead > row->operands_max
                            ? "; TEXT is one argument, so quote it"
                            : "");
    if (!instead && argc > 0) {
        room = row->first == FIRST_ROOM ? argv[0] : NULL;
        invocation->to = room ? room_name(room) : strdup(argv[0]);
    } else if (instead) {
        invocation->to = room_name(room);
    }
    if (argc + instead > 1)
        invocation->text = argv[argc - 1];
    return argc + instead > 0 && !invocation->to ? -ENOMEM : 0;
}

static int take_mode(int argc, char *argv[], const char *room, struct invocation *invocation,
                     char **ret_error)
{
    const struct mode_row *row = &modes[0];
    int first = optind;

    if (first < argc) {
        row = find_mode(argv[first]);
        if (!row)
            return complain(ret_error, "there is no command \"%s\"; see --help", argv[first]);
        first++;
    }
    invocation->mode = row->mode;
    return take_operands(row, argc - first, argv + first, room, invocation, ret_error);
}

/* A path as the user gave it is relative to where he is; in a file it has to be absolute. */
static char *absolute(const char *path)
{
    char *cwd, *result = NULL;

    cwd = getcwd(NULL, 0);
    if (cwd && asprintf(&result, "%s/%s", cwd, path) < 0)
        result = NULL;
    free(cwd);
    return result;
}

/* What an option sets its key to; freed by the caller. */
static char *value_text(const struct option_row *row, const struct config_key *key,
                        const char *value)
{
    bool path = key->type == CONFIG_PATH || (row->word && strcmp(value, row->word) != 0);

    if (row->flag)
        return strdup(row->flag);
    return path && value[0] != '/' && value[0] != '\0' ? absolute(value) : strdup(value);
}

static int set_value(const struct option_row *row, const char *value, struct settings *settings,
                     struct run_values *run, char **ret_error)
{
    const struct config_key *key = config_table_find(row->table, row->key);
    void *values = row->table == &run_table ? (void *)run : (void *)settings;
    char origin[64], *text = value_text(row, key, value);
    int r;

    if (!text)
        return -ENOMEM;
    snprintf(origin, sizeof(origin), "--%s", row->name);
    r = config_table_set(row->table, values, row->key, text, origin, ret_error);
    free(text);
    return r;
}

static int apply(const char *given[OPTION_IDS], struct invocation *invocation, char **ret_error)
{
    struct run_values run = {0};
    int r = settings_load(given[OPTION_CONFIG], &invocation->settings, ret_error);

    invocation->placed = r > 0 || given[OPTION_SERVER];
    if (r > 0)
        r = 0;

    /* A password option on the command line outweighs whatever the file says. */
    if (r == 0 && given[OPTION_PASSWORD_COMMAND] && !given[OPTION_PASSWORD_FILE])
        r = config_table_set(&settings_table, &invocation->settings, "password_file", "", "",
                             ret_error);
    for (int i = 0; i < OPTION_IDS && r == 0; i++) {
        if (given[i] && !(rows[i].modes & invocation->mode))
            r = complain(ret_error, "--%s has no meaning here; see --help", rows[i].name);
        else if (given[i] && rows[i].table)
            r = set_value(&rows[i], given[i], &invocation->settings, &run, ret_error);
    }
    invocation->new_password_file = run.new_password_file;
    invocation->file = given[OPTION_FILE];
    if (r == 0 && invocation->file && invocation->text)
        r = complain(ret_error, "either a text or --file, not both");
    if (r == 0)
        r = settings_complete(&invocation->settings, ret_error);
    if (r < 0)
        return r;
    invocation->follow = given[OPTION_FOLLOW] != NULL;
    invocation->exec = given[OPTION_EXEC];
    invocation->notices = given[OPTION_NOTICES] != NULL;
    invocation->wait = given[OPTION_WAIT] != NULL;
    invocation->json = given[OPTION_JSON] != NULL;
    invocation->verbose = given[OPTION_VERBOSE] != NULL;
    invocation->lines = given[OPTION_LINE] != NULL;
    invocation->password_fd = given[OPTION_PASSWORD_FD] ? (int)run.password_fd : PASSWORD_FD_NONE;
    invocation->new_password_fd =
        given[OPTION_NEW_PASSWORD_FD] ? (int)run.new_password_fd : PASSWORD_FD_NONE;
    invocation->count = run.count;
    invocation->range.day = given[OPTION_DAY];
    invocation->range.from = given[OPTION_FROM];
    invocation->range.to = given[OPTION_TO];
    invocation->range.number = given[OPTION_NUMBER];
    invocation->range.last = run.last;
    invocation->timeout_us = run.timeout_us;
    invocation->linger_us = run.linger_us;
    return 0;
}

int options_parse(int argc, char *argv[], struct invocation *ret, char **ret_error)
{
    struct invocation invocation = {.password_fd = PASSWORD_FD_NONE,
                                    .new_password_fd = PASSWORD_FD_NONE};
    const char *given[OPTION_IDS] = {0};
    int r;

    *ret_error = NULL;
    r = collect(argc, argv, given, ret_error);
    if (r < 0)
        return r;
    if (given[OPTION_HELP] || given[OPTION_VERSION]) {
        invocation.mode = given[OPTION_HELP] ? MODE_HELP : MODE_VERSION;
        *ret = invocation;
        return 0;
    }
    r = take_mode(argc, argv, given[OPTION_ROOM], &invocation, ret_error);
    if (r == 0)
        r = apply(given, &invocation, ret_error);
    if (r < 0) {
        options_deinit(&invocation);
        return r;
    }
    *ret = invocation;
    return 0;
}

void options_deinit(struct invocation *invocation)
{
    settings_deinit(&invocation->settings);
    free(invocation->new_password_file);
    free(invocation->to);
}

/* Where an option may stand, unless that is everywhere: " (send, recv)". */
static void write_modes(FILE *out, unsigned where)
{
    const char *before = " (";

    if (where == EVERYWHERE)
        return;
    for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
        if (!(modes[i].mode & where))
            continue;
        fprintf(out, "%s%s", before, modes[i].word ? modes[i].word : "no command");
        before = ", ";
    }
    fputc(')', out);
}

void options_write_help(FILE *out)
{
    fputs("usage:\n", out);
    for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
        fprintf(out, "  %s\n", modes[i].usage);
    fputs("\noptions:\n", out);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char usage[40];
        snprintf(usage, sizeof(usage), "--%s %s", rows[i].name,
                 rows[i].argument ? rows[i].argument : "");
        fprintf(out, "  %-24s %s", usage, rows[i].help);
        write_modes(out, rows[i].modes);
        fputc('\n', out);
    }
    fputs("\nWithout a command word what is typed is sent, and what arrives is shown.\n"
          "See multichat(1).\n",
          out);
}
