/* What a process costs, from /proc.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/attributes.h"

#include <stdint.h>
#include <sys/types.h>

struct process_cost {
    uint64_t resident; /* bytes */
    uint64_t cpu_us;   /* user and system time */
};

/* 0 or -errno. */
MUST_USE int process_cost(pid_t pid, struct process_cost *ret);
