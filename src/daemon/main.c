/* multichatd: options, the process's own setup, exit codes.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "admin/admin.h"
#include "config/daemon-config.h"
#include "daemon/identity.h"
#include "daemon/server.h"
#include "daemon/settings.h"
#include "util/hash.h"
#include "util/log.h"

#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#define EXIT_USAGE 2

enum action {
    ACTION_SERVE,
    ACTION_CHECK,
    ACTION_VERSION,
    ACTION_HELP,
    ACTION_WRONG,
};

struct options {
    const char *config; /* NULL for the default place */
    enum action action;
};

static const struct option table[] = {
    {"config", required_argument, NULL, 'c'},
    {"check", no_argument, NULL, 'k'},
    {"version", no_argument, NULL, 'V'},
    {"help", no_argument, NULL, 'h'},
    {0},
};

static const char help[] = "usage: multichatd [--config FILE] [--check]\n"
                           "\n"
                           "  -c, --config FILE  read FILE instead of " DAEMON_CONFIG_FILE "\n"
                           "  -k, --check        check the configuration and exit\n"
                           "  -V, --version      show the version and exit\n"
                           "  -h, --help         show this and exit\n";

static struct options parse(int argc, char **argv)
{
    struct options options = {0};
    int c;
    while ((c = getopt_long(argc, argv, "c:kVh", table, NULL)) != -1) {
        switch (c) {
        case 'c':
            options.config = optarg;
            break;
        case 'k':
            options.action = ACTION_CHECK;
            break;
        case 'V':
            options.action = ACTION_VERSION;
            break;
        case 'h':
            options.action = ACTION_HELP;
            break;
        default:
            options.action = ACTION_WRONG;
            return options;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "multichatd: unexpected argument: %s\n", argv[optind]);
        options.action = ACTION_WRONG;
    }
    return options;
}

/* Loads the configuration or says on standard error why not. */
static int load(const struct options *options, struct daemon_config *ret)
{
    char *error = NULL;
    int r = daemon_config_load(options->config, ret, &error);
    if (r < 0)
        settings_log_mistakes(error);
    free(error);
    return r;
}

static int check(const struct options *options)
{
    struct daemon_config config;
    char *error = NULL;
    if (load(options, &config) < 0)
        return EX_CONFIG;
    int r = identity_check(&config, &error);
    daemon_config_deinit(&config);
    if (r < 0)
        settings_log_mistakes(error);
    free(error);
    if (r < 0)
        return EX_CONFIG;
    if (options->config == NULL && access(DAEMON_CONFIG_FILE, F_OK) < 0)
        puts(DAEMON_CONFIG_FILE ": ok (it is not there: all defaults)");
    else
        printf("%s: ok\n", options->config != NULL ? options->config : DAEMON_CONFIG_FILE);
    return EXIT_SUCCESS;
}

/* Every connection and push is a descriptor: take as many as the system lets us. */
static void raise_descriptor_limit(const struct daemon_config *config)
{
    struct rlimit limit;
    uint64_t wanted = config->limits.connections + 2 * config->limits.pushes + 128;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    if (limit.rlim_cur < wanted) {
        limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
        if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
            log_warning("the limit of open files cannot be raised: %s", strerror(errno));
    }
    if (limit.rlim_cur < wanted)
        log_warning("open files are limited to %llu, and limits.connections and limits.pushes "
                    "want %llu",
                    (unsigned long long)limit.rlim_cur, (unsigned long long)wanted);
}

/* Buffers last for a turn, and the next one takes as many again. To give their pages back to the
 * system each time costs a quarter of the processor time of a message to many. */
static void keep_some_memory(void)
{
    (void)mallopt(M_TRIM_THRESHOLD, 4 << 20);
    (void)mallopt(M_TOP_PAD, 256 << 10);
    (void)mallopt(M_MMAP_THRESHOLD, 1 << 20);
}

static int serve(const struct options *options)
{
    struct daemon_config config;
    struct server *server;
    if (load(options, &config) < 0)
        return EX_CONFIG;
    log_set_level(daemon_config_priority(&config));
    keep_some_memory();
    raise_descriptor_limit(&config);
    umask(S_IRWXG | S_IRWXO); /* what is written here is nobody else's business */
    hash_setup();
    admin_setup();
    if (server_new(&config, options->config, &server) < 0)
        return EXIT_FAILURE;
    int r = server_run(server);
    server_free(server);
    if (r == 0)
        log_notice("stopped");
    return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    log_setup("multichatd");
    struct options options = parse(argc, argv);
    switch (options.action) {
    case ACTION_SERVE:
        return serve(&options);
    case ACTION_CHECK:
        return check(&options);
    case ACTION_VERSION:
        puts("multichatd " PACKAGE_VERSION);
        return EXIT_SUCCESS;
    case ACTION_HELP:
        fputs(help, stdout);
        return EXIT_SUCCESS;
    case ACTION_WRONG:
        break;
    }
    fputs(help, stderr);
    return EXIT_USAGE;
}
