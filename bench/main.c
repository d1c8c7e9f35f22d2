/* multichat-bench: puts a server under load and checks that nothing is lost, repeated or out of
 * order.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/options.h"
#include "bench/report.h"
#include "bench/roster.h"
#include "bench/run.h"
#include "util/hash.h"
#include "util/log.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

enum exit_code {
    EXIT_PASSED = 0,
    EXIT_FAILED = 1,
    EXIT_WRONG_USAGE = 2,
    EXIT_NO_RUN = 3,
};

static void raise_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

static enum exit_code run(const struct options *options, const struct roster *roster)
{
    struct run_result result;
    struct run *run;
    enum exit_code code = EXIT_NO_RUN;
    int r;

    if (run_new(options, roster, &run) < 0)
        return EXIT_NO_RUN;
    r = run_go(run, &result);
    if (r < 0)
        fprintf(stderr, "multichat-bench: the run broke off: %s\n", strerror(-r));
    else
        code = report_print(options, roster, run_ledger(run), &result) ? EXIT_PASSED : EXIT_FAILED;
    run_free(run);
    return code;
}

int main(int argc, char **argv)
{
    struct options options;
    struct roster roster = {0};
    enum exit_code code = EXIT_NO_RUN;

    log_setup("multichat-bench");
    hash_setup();
    raise_descriptors();
    signal(SIGPIPE, SIG_IGN);
    switch (options_parse(argc, argv, &options)) {
    case OPTIONS_DONE:
        return EXIT_PASSED;
    case OPTIONS_WRONG:
        return EXIT_WRONG_USAGE;
    case OPTIONS_RUN:
        break;
    }
    if (roster_read_users(&roster, options.users, options.user_count) == 0 &&
        (!options.rooms || roster_read_rooms(&roster, options.rooms) == 0))
        code = run(&options, &roster);
    roster_deinit(&roster);
    return code;
}
