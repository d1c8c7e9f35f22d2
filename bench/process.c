/* Reading /proc/PID/stat (proc(5)).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/process.h"

#include "util/clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int process_cost(pid_t pid, struct process_cost *ret)
{
    char path[64], line[1024];
    unsigned long user, system;
    long pages;
    const char *fields;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    file = fopen(path, "re");
    if (!file)
        return -errno;
    fields = fgets(line, sizeof(line), file);
    fclose(file);
    /* The name in brackets may hold anything; fields are counted from behind it. */
    fields = fields ? strrchr(line, ')') : NULL;
    if (!fields || sscanf(fields + 1,
                          " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d %*d %*d "
                          "%*d %*d %*u %*u %ld",
                          &user, &system, &pages) != 3)
        return -EBADMSG;
    *ret = (struct process_cost){
        .resident = (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE),
        .cpu_us = (user + system) * USEC_PER_SEC / (uint64_t)sysconf(_SC_CLK_TCK),
    };
    return 0;
}
