/* A driver that is SQLite until it is told to fail: the n-th call ends with a given status, and
 * after a lost connection it can refuse new ones for a while.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "dal/driver.h"

#include <stdbool.h>

struct fault_plan {
    int countdown;          /* calls that still succeed; negative: no fault any more */
    enum sql_status status; /* what the call after them ends with */
    bool commits_only;      /* only commits count */
    bool takes_effect;      /* a commit that fails has taken effect nevertheless */
    unsigned refused_opens; /* connections refused after the fault */
};

extern const struct sql_driver driver_faulty;

/* Takes effect at once. */
void faulty_plan(const struct fault_plan *plan);

/* True if the planned fault has happened. */
bool faulty_happened(void);
