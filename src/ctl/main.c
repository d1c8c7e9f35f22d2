/* multichatctl(8): administration of multichat.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/ctl.h"
#include "util/hash.h"
#include "util/log.h"

#include <locale.h>
#include <signal.h>

int main(int argc, char **argv)
{
    setlocale(LC_ALL, "");
    signal(SIGPIPE, SIG_IGN);
    log_setup("multichatctl");
    log_set_level(LOG_ERR);
    hash_setup();
    admin_setup();
    return ctl_run(argc, argv);
}
