/* Who this process is when it receives: its device with what it has shown, whom it takes for the
 * server, and the account it signs on to. Opened before there are threads, closed after.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "client/account.h"
#include "client/cursors.h"
#include "client/device.h"
#include "client/settings.h"
#include "client/trust.h"
#include "util/attributes.h"

struct receiving {
    struct device device;
    struct cursors *cursors;
    struct trust *trust;
    struct account *account;
};

/* EXIT_DONE, or the exit code of what went wrong, which the user has been told. `settings` are
 * borrowed. */
MUST_USE int receiving_open(const struct settings *settings, struct receiving *ret);
/* Takes a zeroed struct. */
void receiving_close(struct receiving *receiving);
