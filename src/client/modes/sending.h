/* What a mode signs on with that receives nothing: it is no device, and all such runs of one user
 * at one server share a session. Or it asks in the name of the device that this user has here.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "client/account.h"
#include "client/device.h"
#include "client/settings.h"
#include "client/trust.h"
#include "util/attributes.h"

struct sending {
    struct trust *trust;
    struct account *account; /* its notices go to standard error */
    int folder;              /* where the session is kept */
    struct device device;    /* in whose name, if it is one's */
};

/* EXIT_DONE, or the exit code of what went wrong, which the user has been told. `settings` are
 * borrowed. */
MUST_USE int sending_open(const struct settings *settings, struct sending *ret);
/* The same in the name of the first device that the user has here, which somebody may be using. */
MUST_USE int sending_open_as_device(const struct settings *settings, struct sending *ret);
void sending_close(struct sending *sending);

/* The exit code for what an account was refused for. */
int sending_exit_code(enum account_refusal refusal);
