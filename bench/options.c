/* Options and modes as tables.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/options.h"

#include "bench/ledger.h"
#include "util/cursor.h"

#include <getopt.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define TEXT_MAX 3800 /* with name and userid it still fits into one push */

static const struct mode modes[] = {
    {.name = "conserve",
     .help = "nothing lost, nothing twice, in order: direct messages and rooms at a steady rate",
     .pattern = PATTERN_MIXED,
     .sign_on_first = true,
     .writers = 50,
     .rate = 200,
     .seconds = 60,
     .window = 32},
    {.name = "one-to-one",
     .help = "each writer writes to a receiver of his own, as fast as the window allows",
     .pattern = PATTERN_PARTNERS,
     .sign_on_first = true,
     .writers = 10,
     .seconds = 10,
     .window = 32},
    {.name = "fan-out",
     .help = "a few writers write to everyone",
     .pattern = PATTERN_EVERYONE,
     .sign_on_first = true,
     .writers = 1,
     .seconds = 10,
     .window = 1},
    {.name = "room",
     .help = "a few writers write to rooms of theirs; told until when the last member has it",
     .pattern = PATTERN_ROOM,
     .sign_on_first = true,
     .writers = 1,
     .seconds = 10,
     .window = 1},
    {.name = "backlog",
     .help = "receivers poll only when all has been written, and take in what waits",
     .pattern = PATTERN_PARTNERS,
     .poll_later = true,
     .writers = 10,
     .count = 10000,
     .window = 32},
    {.name = "push",
     .help = "a few writers write to all others in turn: one push connection for each message",
     .pattern = PATTERN_ROUND,
     .sign_on_first = true,
     .writers = 10,
     .seconds = 10,
     .window = 32},
    {.name = "polls",
     .help = "users poll and nobody writes: what a poll costs",
     .pattern = PATTERN_NONE,
     .sign_on_first = true,
     .writers = 1,
     .seconds = 10,
     .window = 32},
};

enum kind {
    KIND_NUMBER,
    KIND_ADDRESS,
    KIND_TEXT,
    KIND_FLAG,
    KIND_HELP,
    KIND_VERSION,
};

struct option_row {
    const char *name;
    enum kind kind;
    size_t offset;
    uint64_t min, max;
    const char *argument;
    const char *help;
};

#define AT(member) offsetof(struct options, member)

static const struct option_row rows[] = {
    {"polls", KIND_ADDRESS, AT(polls), 0, 0, "ADDR:PORT",
     "where the server takes polls (127.0.0.1:9001)"},
    {"writes", KIND_ADDRESS, AT(writes), 0, 0, "ADDR:PORT",
     "where the server takes writes (127.0.0.1:9002)"},
    {"listen", KIND_ADDRESS, AT(listen), 0, 0, "ADDR:0",
     "address from which users poll and on which they listen (127.0.0.1:0)"},
    {"users", KIND_TEXT, AT(users), 0, 0, "FILE", "lines userid:password; needed"},
    {"rooms", KIND_TEXT, AT(rooms), 0, 0, "FILE", "lines #room userid userid ..."},
    {"protocol", KIND_NUMBER, AT(protocol), 1, 2, "N", "version of the protocol to speak (2)"},
    {"tls", KIND_FLAG, AT(tls), 0, 0, NULL, "encrypt; any certificate is taken"},
    {"attach", KIND_FLAG, AT(attach), 0, 0, NULL,
     "receive over connections that are kept, without polls and pushes"},
    {"user-count", KIND_NUMBER, AT(user_count), 0, 1000000, "N", "take the first N users only"},
    {"writers", KIND_NUMBER, AT(writers), 1, 100000, "N", "the first N users write"},
    {"rate", KIND_NUMBER, AT(rate), 0, 10000000, "N",
     "messages a second in all; 0: as fast as the window allows"},
    {"seconds", KIND_NUMBER, AT(seconds), 0, 86400, "N", "how long to write; 0: until --count"},
    {"count", KIND_NUMBER, AT(count), 0, INT32_MAX, "N", "how many messages; 0: until --seconds"},
    {"window", KIND_NUMBER, AT(window), 1, 4096, "N", "unanswered messages of one writer"},
    {"size", KIND_NUMBER, AT(size), LEDGER_TEXT_MIN, TEXT_MAX, "BYTES", "length of a text (100)"},
    {"poll-interval", KIND_NUMBER, AT(poll_interval), 1, 60000, "MS",
     "time between two polls of a user (1000)"},
    {"drain", KIND_NUMBER, AT(drain), 1, 3600, "SECONDS",
     "wait so long for a next delivery, and for the first connection (30)"},
    {"seed", KIND_NUMBER, AT(seed), 0, UINT32_MAX, "N", "of the choice of receivers (1)"},
    {"pid", KIND_NUMBER, AT(pid), 1, INT_MAX, "PID", "the daemon, to measure memory and time"},
    {"tolerate-repeats", KIND_FLAG, AT(tolerate_repeats), 0, 0, NULL,
     "for runs in which the server is killed: a repeated delivery is no failure"},
    {"json", KIND_FLAG, AT(json), 0, 0, NULL, "print the report as a JSON object"},
    {"help", KIND_HELP, 0, 0, 0, NULL, "print this and exit"},
    {"version", KIND_VERSION, 0, 0, 0, NULL, "print the version and exit"},
};

static void print_help(void)
{
    printf("usage: multichat-bench MODE --users FILE [OPTIONS]\n\nmodes:\n");
    for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
        printf("  %-12s %s\n", modes[i].name, modes[i].help);
    printf("\noptions:\n");
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char left[64];
        snprintf(left, sizeof(left), "--%s%s%s", rows[i].name, rows[i].argument ? " " : "",
                 rows[i].argument ? rows[i].argument : "");
        printf("  %-24s %s\n", left, rows[i].help);
    }
    printf("\nExit status: 0 passed, 1 failed, 2 usage, 3 the run could not be made.\n");
}

static bool set_number(const struct option_row *row, const char *text, uint64_t *ret)
{
    uint64_t value;

    if (bytes_to_u64(bytes_of(text), row->max, &value) < 0 || value < row->min) {
        fprintf(stderr, "multichat-bench: --%s: '%s': allowed are %llu to %llu\n", row->name, text,
                (unsigned long long)row->min, (unsigned long long)row->max);
        return false;
    }
    *ret = value;
    return true;
}

static bool set_address(const struct option_row *row, const char *text, struct addr *ret)
{
    if (addr_parse(text, ret) == 0)
        return true;
    fprintf(stderr, "multichat-bench: --%s: '%s' is no address: 127.0.0.1:9001 or [::1]:9001\n",
            row->name, text);
    return false;
}

static enum options_result set(struct options *options, const struct option_row *row,
                               const char *text)
{
    char *field = (char *)options + row->offset;
    bool right = true;

    switch (row->kind) {
    case KIND_NUMBER:
        right = set_number(row, text, (uint64_t *)(void *)field);
        break;
    case KIND_ADDRESS:
        right = set_address(row, text, (struct addr *)(void *)field);
        break;
    case KIND_TEXT:
        *(const char **)(void *)field = text;
        break;
    case KIND_FLAG:
        *(bool *)(void *)field = true;
        break;
    case KIND_HELP:
        print_help();
        return OPTIONS_DONE;
    case KIND_VERSION:
        printf("multichat-bench %s\n", PACKAGE_VERSION);
        return OPTIONS_DONE;
    }
    return right ? OPTIONS_RUN : OPTIONS_WRONG;
}

static enum options_result wrong(const char *what)
{
    fprintf(stderr, "multichat-bench: %s (see --help)\n", what);
    return OPTIONS_WRONG;
}

static bool set_mode(struct options *options, const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
        if (strcmp(modes[i].name, name) != 0)
            continue;
        options->mode = &modes[i];
        options->writers = modes[i].writers;
        options->rate = modes[i].rate;
        options->seconds = modes[i].seconds;
        options->count = modes[i].count;
        options->window = modes[i].window;
        return true;
    }
    return false;
}

static enum options_result read_options(int argc, char **argv, struct options *options)
{
    struct option longs[ARRAY_SIZE(rows) + 1] = {0};
    int index, c;

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        longs[i] = (struct option){
            .name = rows[i].name,
            .has_arg = rows[i].argument ? required_argument : no_argument,
        };
    while ((c = getopt_long(argc, argv, "", longs, &index)) != -1) {
        enum options_result result = c == 0 ? set(options, &rows[index], optarg) : OPTIONS_WRONG;
        if (result != OPTIONS_RUN)
            return result;
    }
    return optind == argc ? OPTIONS_RUN : wrong("one mode and options, nothing else");
}

static void set_defaults(struct options *options)
{
    *options =
        (struct options){.size = 100, .poll_interval = 1000, .drain = 30, .seed = 1, .protocol = 2};
    (void)!addr_parse("127.0.0.1:9001", &options->polls);
    (void)!addr_parse("127.0.0.1:9002", &options->writes);
    (void)!addr_parse("127.0.0.1:0", &options->listen);
}

enum options_result options_parse(int argc, char **argv, struct options *ret)
{
    struct options options;
    enum options_result result;

    set_defaults(&options);
    if (argc > 1 && argv[1][0] != '-') {
        if (!set_mode(&options, argv[1]))
            return wrong("there is no such mode");
        argv++;
        argc--;
    }
    result = read_options(argc, argv, &options);
    if (result != OPTIONS_RUN)
        return result;
    if (!options.mode)
        return wrong("a mode is missing");
    if (!options.users)
        return wrong("--users is missing");
    if (options.protocol == 1 && (options.tls || options.attach))
        return wrong("version 1 has neither --tls nor --attach");
    if (options.attach && options.mode->pattern == PATTERN_NONE)
        return wrong("with --attach nobody polls");
    if (options.seconds == 0 && options.count == 0)
        return wrong("one of --seconds and --count must not be 0");
    *ret = options;
    return OPTIONS_RUN;
}
