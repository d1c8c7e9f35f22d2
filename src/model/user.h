/* A user as the store knows him.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "model/name.h"

#include <stdbool.h>
#include <stdint.h>

struct user {
    uint64_t id;    /* never given again */
    uint64_t inbox; /* id of the conversation that is his inbox */
    char userid[NAME_MAX_BYTES + 1];
    char name[NAME_MAX_BYTES + 1]; /* display name */
    uint64_t created_ms;
    uint32_t auth_epoch; /* goes up with each password change and revocation */
    bool disabled;
    bool bulk; /* may send without limits of rate */
};
